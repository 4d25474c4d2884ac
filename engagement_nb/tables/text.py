"""CSV and TSV files as tables of text: the one below a header, or both of a video file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from engagement_nb.apis.names import LABELS, column_name
from engagement_nb.errors import InputError
from engagement_nb.tables.cells import AGAIN, TEXT, Cells
from engagement_nb.tables.layouts import NotATableError, has_plain_header, video_kind

_HEAD = 1 << 20
"""Bytes within which the header must end."""
_PIECE = 8 << 20
"""Bytes that are parsed at once: no row is longer, and empty rows are dropped after each."""
_MOST_ODD = 1_000_000
"""Rows with another number of cells than the header, all of them empty."""
_FIRST_ROWS = 20
"""Rows in which a header is looked for below a title."""


def text_tables(data: bytes, name: str, notes: tuple[str, ...] = ()) -> Iterator[Cells]:
    """The tables of a text file.

    Parameters
    ----------
    data
        UTF-8 without a byte order mark.
    name
        The file, for sentences.
    notes
        Sentences about how it was read.

    Raises
    ------
    InputError
        Quotes do not match, a row has another number of cells than the header, or there is no
        header.
    """
    sample = re.split(rb"[\r\n]", data[: 1 << 16].lstrip(b"\r\n \t,;"), maxsplit=1)[0]
    delimiter = delimiter_of(sample.decode(errors="replace"))
    text = _Text(data, name, delimiter)
    ends = text.head_ends()
    text.check_quotes()
    first = next((i for i in range(len(ends)) if any(text.row(ends, i))), -1)
    if first < 0:
        raise NotATableError(name, "it has only empty rows")
    header = text.row(ends, first)
    if sum(map(bool, header)) > 1 and not video_kind(header):
        yield text.table(header, ends[first], notes)
        return
    # A title stands above a table of X's video files, and of many a spreadsheet.
    ends = text.head_ends(most=len(data)) if len(data) <= _PIECE else ends
    rows = text.rows(ends)
    filled = [i for i, row in enumerate(rows) if any(row)]
    below = [i for i in filled if sum(map(bool, rows[i])) > 2]
    titles = [i for i in filled if sum(map(bool, rows[i])) == 1 and i > filled[0]]
    headers = [i for i in below if video_kind(rows[i]) or i - 1 in titles or i - 1 == first]
    if not video_kind(rows[first]) and below:
        headers = sorted({below[0], *headers})
    if len(headers) > 1:
        for at, following in zip(headers, [*headers[1:], len(rows)], strict=True):
            stop = following - 1 if following - 1 in titles else following
            yield text.short_table(rows, at, stop, notes)
    else:
        first = headers[0] if headers else first
        yield text.table(rows[first], ends[first], notes)


def table_of_files(files: Sequence[bytes]) -> Cells | None:
    """The rows of files with one header as one table, or None if any needs a word of its own.

    Parameters
    ----------
    files
        Their text: UTF-8 without a byte order mark.

    Raises
    ------
    InputError
        As `text_tables`, but without the name of the file.
    """
    size = files[0].find(b"\n", 0, 1 << 16) + 1
    head = files[0][:size].decode(errors="replace")
    delimiter = delimiter_of(head)
    header = _cells_of(head, delimiter)
    if not has_plain_header(header) or not all(data.startswith(files[0][:size]) for data in files):
        return None
    bodies = [memoryview(data if data.endswith(b"\n") else data + b"\n") for data in files]
    data = b"".join(body[size:] for body in bodies)
    text = _Text(data, "", delimiter)
    text.check_quotes()
    try:
        cells, _ = text.parsed(header, 0, len(data), 0, 0, text.types(header))
    except _NotCountsError:
        return None
    # A row that began in one file and ended in another would hide the border between them.
    of_each = [data.count(b"\n") + (data[-1:] != b"\n") - 1 for data in files]
    lines = np.cumsum(of_each)
    column = cells.column([column_name(cell) for cell in header].index("text"))
    ends = np.cumsum(1 + pc.count_substring(column, "\n").to_numpy())
    parts = np.searchsorted(ends, lines) + 1
    whole = all(of_each) and parts[-1] == len(ends) and (ends[parts - 1] == lines).all()
    return replace(cells, parts=parts[:-1].tolist()) if whole else None


class _NotCountsError(Exception):
    """A column of metrics has a cell that is no plain number."""


def delimiter_of(line: str) -> str:
    """The delimiter that splits a header into most cells."""
    return max(",;\t", key=lambda sign: line.count(sign) and len(_cells_of(line, sign)))


def _cells_of(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


class _Text:
    """A text file."""

    def __init__(self, data: bytes, name: str, delimiter: str) -> None:
        self.data, self.name, self.delimiter = data, name, delimiter

    def split(self, row: bytes) -> list[str]:
        """The cells of a row."""
        try:
            return _cells_of(row.decode(errors="replace"), self.delimiter)
        except csv.Error:
            raise InputError(
                f"{self.name}: a cell of its first rows has more than 131,072 characters.",
                advice=AGAIN,
            ) from None

    def row(self, ends: list[int], at: int) -> list[str]:
        """The cells of one of the first rows."""
        return self.split(self.data[ends[at - 1] if at else 0 : ends[at]])

    def rows(self, ends: list[int]) -> list[list[str]]:
        """The cells of the first rows."""
        return [self.split(self.data[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    def head_ends(self, most: int = _FIRST_ROWS) -> list[int]:
        """Where each of the first rows ends."""
        size = 1 << 14
        while True:
            ends: list[int] = (_row_ends(self.data[:size]) + 1).tolist()
            if size >= len(self.data) and (not ends or ends[-1] < len(self.data)):
                ends.append(len(self.data))
            if len(ends) > most or size >= len(self.data):
                return ends[:most]
            if size >= _HEAD and most == _FIRST_ROWS:
                if ends:
                    return ends
                raise NotATableError(self.name, f"its first row is longer than {_HEAD >> 20} MB")
            size *= 8

    def check_quotes(self) -> None:
        """Refuse a quote that neither begins nor ends a cell. It could turn two rows into one."""
        beside = np.zeros(256, dtype=bool)
        beside[list(f'{self.delimiter}\r\n"'.encode())] = True
        seen = 0
        if b'"' not in self.data:
            return
        for at in range(0, len(self.data), 1 << 20):
            signs = np.frombuffer(self.data, np.uint8, min(1 << 20, len(self.data) - at), at)
            quotes = np.flatnonzero(signs == ord('"')) + at
            if not len(quotes):
                continue
            # Quotes open and close by turns; a doubled one within a cell closes and reopens it.
            outside = quotes + np.where((np.arange(len(quotes)) + seen) % 2 == 0, -1, 1)
            whole = np.frombuffer(self.data, np.uint8)
            edge = (outside < 0) | (outside >= len(self.data))
            good = edge | beside[whole.take(outside, mode="clip")]
            seen += len(quotes)
            if not good.all():
                self._refuse_quote(int(quotes[good.argmin()]))
        if seen % 2:
            self._refuse_quote(self.data.rfind(b'"'))

    def _refuse_quote(self, at: int) -> None:
        line = int(self._lines_until(at)[-1])
        raise InputError(
            f"{self.name}, line {line}: the quotes of this row do not match, or one is never"
            " closed.",
            advice=AGAIN,
        )

    def _lines_until(self, at: int) -> np.ndarray:
        """The line on which each row begins, up to the row with a byte."""
        signs = np.frombuffer(self.data, np.uint8, at)
        breaks = _breaks(signs)
        inside = np.searchsorted(np.flatnonzero(signs == ord('"')), breaks) % 2
        rows = np.flatnonzero(inside == 0)
        return np.append(1, rows + 2)

    def line(self, begin: int, number: int) -> int:
        """The line of a row by its number among the rows from a byte on, from 1."""
        ends, lines = 0, self.data.count(b"\n", 0, begin) or self.data.count(b"\r", 0, begin)
        for at, stop in self._pieces(begin):
            rows = _row_ends(self.data[at:stop])
            breaks = _breaks(np.frombuffer(self.data, np.uint8, stop - at, at))
            if ends + len(rows) >= number - 1:
                if number - 1 == ends:
                    return lines + 1
                return lines + int(np.searchsorted(breaks, rows[number - 2 - ends])) + 2
            ends, lines = ends + len(rows), lines + len(breaks)
        return lines + 1

    def _pieces(self, begin: int) -> Iterator[tuple[int, int]]:
        """Parts of the data that begin and end with a row."""
        while begin < len(self.data):
            stop = min(begin + _PIECE, len(self.data))
            if stop < len(self.data):
                ends = _row_ends(self.data[begin:stop])
                if not len(ends):
                    raise InputError(
                        f"{self.name}: a row has more than {_PIECE >> 20} MB.", advice=AGAIN
                    )
                stop = begin + int(ends[-1]) + 1
                stop += self.data[stop - 1 : stop + 1] == b"\r\n"
            yield begin, stop
            begin = stop

    def table(self, header: list[str], begin: int, notes: tuple[str, ...]) -> Cells:
        """The rows from a byte on."""
        try:
            return self._read(header, begin, notes, self.types(header))
        except _NotCountsError:
            # Some cells are no plain digits, so all are read and judged as text.
            return self._read(header, begin, notes, _schema(header))

    def _read(
        self, header: list[str], begin: int, notes: tuple[str, ...], schema: pa.Schema
    ) -> Cells:
        tables, numbers, before = [], [], 0
        for at, stop in self._pieces(begin):
            cells, rows = self.parsed(header, at, stop, before, begin, schema)
            tables.append(cells.table)
            numbers.append(cells.numbers)
            before += rows
        return Cells(
            self.name,
            header,
            pa.concat_tables(tables) if tables else schema.empty_table(),
            np.concatenate(numbers) if numbers else np.array([], dtype=np.int64),
            lambda number: f"line {self.line(begin, number)}",
            notes,
        )

    def types(self, header: list[str]) -> pa.Schema:
        """Integers for the columns of metrics, text for all others."""
        # pyarrow takes a cell of 0x10 for 16.
        signs = np.frombuffer(self.data, np.uint8)
        at = np.flatnonzero((signs | 32) == ord("x"))
        at = at[signs.take(at - 1, mode="wrap") == ord("0")]
        before = np.isin(
            signs.take(at - 2, mode="wrap"), list(f'{self.delimiter}" \t\r\n'.encode())
        )
        plain = not before.any()
        kinds = [pa.int64() if plain and column_name(cell) in LABELS else TEXT for cell in header]
        return pa.schema([(f"{i}", kind) for i, kind in enumerate(kinds)])

    def parsed(
        self, header: list[str], at: int, stop: int, before: int, begin: int, schema: pa.Schema
    ) -> tuple[Cells, int]:
        """The rows of a piece that are not empty, and how many rows it has."""
        wrong: list[tuple[int, int]] = []
        empty: list[int] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            if "".join(row.text.split()).strip(f'{self.delimiter}"'):
                wrong.append((row.number, row.actual_columns))
            else:
                empty.append(row.number)
            return "error" if len(wrong) > 1000 or len(empty) > _MOST_ODD else "skip"

        try:
            table = pa_csv.read_csv(
                pa.py_buffer(memoryview(self.data)[at:stop]),
                pa_csv.ReadOptions(
                    use_threads=False, block_size=stop - at + 1, column_names=schema.names
                ),
                pa_csv.ParseOptions(
                    delimiter=self.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=skip,
                ),
                pa_csv.ConvertOptions(
                    column_types=schema,
                    check_utf8=False,
                    null_values=["", "-"],
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            if not wrong and len(empty) <= _MOST_ODD and schema != _schema(header):
                raise _NotCountsError from None
            if not wrong:
                raise NotATableError(
                    self.name,
                    f"its rows have another number of cells than its header ({len(header)})",
                ) from None
        if wrong:
            line = self.line(begin, before + wrong[0][0])
            more = f", and {len(wrong) - 1:,} more rows are wrong too" if len(wrong) > 1 else ""
            raise InputError(
                f"{self.name}, line {line}: {wrong[0][1]} cells, but the header has"
                f" {len(header)}{more}.",
                advice=AGAIN,
            )
        rows = table.num_rows + len(empty)
        numbers = np.arange(before + 1, before + rows + 1)
        numbers = np.delete(numbers, [row - 1 for row in empty]) if empty else numbers
        return Cells(self.name, header, table, numbers, str).filled(), rows

    def short_table(
        self, rows: list[list[str]], header: int, stop: int, notes: tuple[str, ...]
    ) -> Cells:
        """One of several tables of a file: X's video files, whose rows may lack empty cells."""
        said = rows[header]
        while said and not said[-1]:
            said = said[:-1]
        body = [(i, row) for i, row in enumerate(rows[header + 1 : stop], header + 2) if any(row)]
        for line, row in body:
            if any(row[len(said) :]):
                raise InputError(
                    f"{self.name}, row {line}: {len(row)} cells, but the header has {len(said)}.",
                    advice=AGAIN,
                )
        columns = [
            pa.array([row[i] if i < len(row) else "" for _, row in body], TEXT)
            for i in range(len(said))
        ]
        table = pa.table(columns, schema=_schema(said))
        numbers = np.array([line for line, _ in body], dtype=np.int64)
        return Cells(self.name, said, table, numbers, lambda number: f"row {number}", notes)


def _schema(header: list[str]) -> pa.Schema:
    return pa.schema([(f"{i}", TEXT) for i in range(len(header))])


def _breaks(signs: np.ndarray) -> np.ndarray:
    """Where lines end. A CR and a LF are one line break."""
    ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r")))
    alone = signs.take(ends + 1, mode="clip") != ord("\n")
    return np.asarray(ends[(signs[ends] == ord("\n")) | alone])


def _row_ends(data: bytes) -> np.ndarray:
    """Where the rows of a piece end. A line break within quotes ends no row."""
    signs = np.frombuffer(data, np.uint8)
    breaks = _breaks(signs)
    quotes = np.flatnonzero(signs == ord('"'))
    return np.asarray(breaks[np.searchsorted(quotes, breaks) % 2 == 0]) if len(quotes) else breaks
