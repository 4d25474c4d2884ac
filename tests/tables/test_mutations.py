"""A thousand damaged export files: each is read or refused in a sentence, and no row is lost."""

from __future__ import annotations

import csv
import io
import random

import pytest

from engagement_nb.errors import InputError
from engagement_nb.tables import Tables
from tests.tables import kinds
from tests.tables.export_files import write

FILES = 1000


def mutated(draw: random.Random) -> bytes:
    """A file of some kind with one to three random kinds of damage."""
    kind = draw.choice(["content", "classic", "daily", "overview"])
    head = draw.choice([kinds.header(kind), kinds.made_up(kind)])
    body = kinds.rows(kind, draw.randint(0, 12), seed=draw.randint(0, 99))
    text = kinds.text(head, body, draw.choice(",,,;\t"))
    data = ("\ufeff" * draw.randint(0, 1) + text).encode(draw.choice(["utf-8"] * 4 + ["utf-16"]))
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(8):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 2:
                data = (
                    data[:at]
                    + draw.choice([b'"', b",", b"\n", b"\r", b"\0", b"-", b"E+17"])
                    + data[at:]
                )
            case 3:
                data = data[:at] + data[at + draw.randint(1, 40) :]
            case 4:
                lines = data.splitlines(keepends=True)
                draw.shuffle(lines)
                data = b"".join(lines)
            case 5:
                data += data
            case 6:
                data = data.replace(b"\r\n", draw.choice([b"\n", b"\r\n\r\n", b"\r"]))
            case _:
                data = data.replace(b"0", draw.choice([b"", b"1.0", b"0,0", b"-", b"x"]), 3)
    return data


def test_a_thousand_damaged_files_are_read_or_refused_and_no_row_is_lost(tmp_path):
    draw = random.Random(13)
    said = []
    for number in range(FILES):
        path = write(tmp_path, mutated(draw), f"{number}.csv")
        try:
            exports = Tables(path)
            metrics, files = exports.metrics(), exports.files()
        except InputError as error:
            said.append((path.name, error.what))
            continue
        assert len(metrics) == files["used"].sum()
        named = len(metrics.problems)
        assert files["rows"].sum() == len(metrics) + files["repeated"].sum() + named
        assert files["rows"].sum() == rows_with_content(path)
    assert all(name in what and "\n" not in what for name, what in said)
    assert 0.2 < len(said) / FILES < 0.95


def rows_with_content(path) -> int:
    """Number of rows below the header that are not empty, counted by another reader."""
    data = path.read_bytes()
    text = (
        data.decode("utf-16")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff")
        else data.decode("utf-8-sig", "replace")
    )
    text = text.lstrip()
    first = text.replace("\r", "\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return sum(any(cell.strip() for cell in row) for row in rows[1:])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("number", ["{}", "{}.0", "{:,}", "{}.00"])
def test_dialects_and_forms_of_numbers_give_the_same_figures(tmp_path, separator, line_end, number):
    body = kinds.rows("content", 20)
    expected = [int(row[4]) for row in body]
    changed = [row[:4] + [number.format(int(cell)) for cell in row[4:]] for row in body]
    text = kinds.text(kinds.header("content"), changed, separator).replace("\r\n", line_end)
    frame = Tables(write(tmp_path, text)).metrics().frame
    assert frame["impressions"].tolist() == expected
