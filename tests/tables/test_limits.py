"""A small hostile file is refused in a sentence, in little memory and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_nb.errors import InputError
from engagement_nb.tables import read_table
from engagement_nb.tables.ids import read_ids

HEADER = b"Post id,Date,Post text,Post Link,Impressions,Likes,Engagements\n"
MEASURE = """
import resource, sys, time
from engagement_nb import EngagementError, read_ids, read_table
for argument in sys.argv[1:]:
    reader, path = argument.split(":", 1)
    begin = time.process_time()
    try:
        (read_ids if reader == "ids" else read_table)(path)
    except EngagementError as error:
        print(error, file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(peak, time.process_time() - begin)
"""
MANY = 1_050_000
HOSTILE = {
    "table:commas.csv": (b"", b",", 12 << 20, b""),
    "table:quotes.csv": (HEADER, b'"', 12 << 20, b""),
    "table:empty.csv": (HEADER, b",,,,,,\n", 1 << 20, b""),
    "table:dicts.json": (b"[", b"{},", MANY, b"{}]"),
    "ids:commas.csv": (b"", b",", 12 << 20, b""),
    "ids:empty.csv": (HEADER, b",,,,,,\n", MANY, b""),
    "ids:numbers.json": (b"[", b"1,", MANY, b"1]"),
    "ids:repeated.txt": (b"", b"1953800000000000001\n", MANY, b""),
}
"""Files by the reader and their name: the start, what is repeated how often, the end."""


def test_a_hostile_file_takes_under_a_gigabyte(tmp_path: Path) -> None:
    """One process measures all, so that the peak is that of the worst."""
    arguments = []
    for name, (head, block, times, tail) in HOSTILE.items():
        path = tmp_path / name.partition(":")[2]
        path.write_bytes(head + block * times + tail)
        arguments.append(name.replace(":", f":{tmp_path}/"))
    members = b",".join(b'{"engagements":1,"likes":1,"a%d":1}' % n for n in range(20_000))
    (tmp_path / "members.json").write_bytes(b"[" + members + b"]")
    arguments.append(f"table:{tmp_path}/members.json")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr
    for name, line in zip(arguments, done.stdout.splitlines(), strict=True):
        megabytes, seconds = line.split()
        assert int(megabytes) < 1000, name
        assert float(seconds) < 10, name


@pytest.mark.parametrize("above", ["", "Video overview,,,,,\n"])
def test_a_row_has_no_more_cells_than_one_of_a_spreadsheet(tmp_path: Path, above: str) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(f"{above}Post id,Engagements,Likes{',' * 20_000}\n1,2,3\n")
    with pytest.raises(InputError, match="row of 20,003 cells, and at most 16,384 are read"):
        read_table(path)


@pytest.mark.parametrize("value", ["x" * 20_000, 5])
def test_a_small_parquet_file_of_one_value_many_times_is_refused(
    tmp_path: Path, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dictionary keeps it in some kilobytes."""
    column = pa.DictionaryArray.from_arrays(
        pa.array([0] * 1_000_000, pa.int32()), pa.array([value])
    )
    names = [f"likes{n}" for n in range(60 if value == 5 else 1)]
    path = tmp_path / "figures.parquet"
    pq.write_table(pa.table(dict.fromkeys(names, column)), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="too large for memory"):
        read_table(path)


def test_bytes_are_the_content_of_a_list_and_not_numbers():
    assert read_ids(b"1060000000000000001\n1060000000000000002").ids == [
        "1060000000000000001", "1060000000000000002",
    ]  # fmt: skip
