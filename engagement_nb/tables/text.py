"""CSV and TSV files as tables of text: the one below a header, or both of a video file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice, takewhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from engagement_nb.apis.names import LABELS, column_name
from engagement_nb.errors import InputError
from engagement_nb.tables.cells import AGAIN, TEXT, Cells
from engagement_nb.tables.layouts import NotATableError, has_date, video_kind

_HEAD = 1 << 20
"""Bytes within which the header must end."""
_PIECE = 8 << 20
"""Bytes that are parsed at once: no row is longer, and empty rows are dropped after each."""
_MOST_ODD = 1_000_000
"""Rows with another number of cells than the header, all of them empty."""
_MOST_CELLS = 16_384
"""Of a row, as in a spreadsheet. Each column of a table takes some kilobytes."""
_FIRST_ROWS = 20
"""Rows in which a header is looked for below a title."""


def text_tables(data: bytes, name: str) -> Iterator[Cells]:
    """The tables of a text file.

    Parameters
    ----------
    data
        UTF-8 without a byte order mark.
    name
        The file, for sentences.

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
        yield text.table(header, ends[first])
        return
    # A title stands above a table of X's video files, and of many a spreadsheet.
    ends = text.head_ends(len(data), _PIECE) if len(data) <= _PIECE else ends
    rows = [text.row(ends, i) for i in range(len(ends))]
    filled = [i for i, row in enumerate(rows) if any(row)]
    figures = [i for i in filled if has_date(rows[i])]
    below = [i for i in filled if sum(map(bool, rows[i])) > 2 and i not in {*figures}]
    titles = [i for i in filled if sum(map(bool, rows[i])) == 1]
    headers = [i for i in below if video_kind(rows[i]) or i - 1 in titles]
    if not video_kind(rows[first]) and below:
        headers = sorted({below[0], *headers})
    if headers and figures and figures[0] < headers[0]:
        raise InputError(
            f"{name}, row {figures[0] + 1}: a row with a date stands above the header.",
            advice="Write the header of each table above its rows.",
        )
    if len(headers) > 1:
        for at, following in zip(headers, [*headers[1:], len(rows)], strict=True):
            stop = following - 1 if following - 1 in titles else following
            above = _Text(data[: ends[stop - 1]], name, delimiter)
            yield replace(above.table(rows[at], ends[at]), several=True)
    else:
        first = headers[0] if headers else first
        yield text.table(rows[first], ends[first])


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
    names = [column_name(cell) for cell in header]
    if "text" not in names or not all(data.startswith(files[0][:size]) for data in files):
        return None
    bodies = [memoryview(data if data.endswith(b"\n") else data + b"\n") for data in files]
    text = _Text(b"".join(body[i and size :] for i, body in enumerate(bodies)), "", delimiter)
    text.check_quotes()
    cells = text.table(header, size)
    # A row that began in one file and ended in another would hide the border between them.
    of_each = [data.count(b"\n") + (data[-1:] != b"\n") - 1 for data in files]
    lines = np.cumsum(of_each)
    column = cells.column(names.index("text"))
    ends = np.cumsum(1 + pc.count_substring(column, "\n").to_numpy())
    parts = np.searchsorted(ends, lines) + 1
    whole = all(of_each) and parts[-1] == len(ends) and (ends[parts - 1] == lines).all()
    return replace(cells, parts=parts[:-1].tolist()) if whole else None


def delimiter_of(line: str) -> str:
    """The delimiter that splits a header into most cells."""
    return max(",;\t", key=lambda sign: line.count(sign) and len(_cells_of(line, sign)))


def _cells_of(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


class _Text:
    """A text file."""

    def __init__(self, data: bytes, name: str, delimiter: str) -> None:
        self.data, self.name, self.delimiter = data, name, delimiter

    def row(self, ends: list[int], at: int) -> list[str]:
        """The cells of one of the first rows."""
        row = self.data[ends[at - 1] if at else 0 : ends[at]].decode(errors="replace")
        try:
            cells = _cells_of(row, self.delimiter)
        except csv.Error:
            raise InputError(
                f"{self.name}: a cell of its first rows has more than 131,072 characters.",
                advice=AGAIN,
            ) from None
        if len(cells) > _MOST_CELLS:
            raise NotATableError(
                self.name,
                f"it has a row of {len(cells):,} cells, and at most {_MOST_CELLS:,} are read",
            )
        return cells

    def lines(self) -> Iterator[tuple[int, bool]]:
        """Where each line ends, and whether a row ends there: none does within quotes."""
        at, inside = 0, False
        for some in iter(partial(io.BytesIO(self.data).readline, _HEAD), b""):
            for line in some.splitlines(keepends=True):
                at += len(line)
                inside ^= line.count(b'"') % 2 == 1
                whole = line.endswith((b"\n", b"\r")) and not inside
                yield at, whole or at == len(self.data)

    def head_ends(self, most: int = _FIRST_ROWS, within: int = _HEAD) -> list[int]:
        """Where each of the first rows ends."""
        lines = takewhile(lambda line: line[0] <= within, self.lines())
        ends = list(islice((at for at, is_end in lines if is_end), most))
        if not ends:
            raise NotATableError(self.name, f"its first row is longer than {within >> 20} MB")
        return ends

    def line(self, begin: int, number: int) -> int:
        """The line of a row by its number among the rows from a byte on, from 1."""
        begins = True
        for line, (end, is_end) in enumerate(self.lines(), 1):
            if end > begin:
                number -= begins
                if not number:
                    return line
                begins = is_end
        return line + 1

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
                at = int(quotes[good.argmin()])
                closes = int(outside[good.argmin()]) > at
                self._refuse_quote(self.data.rfind(b'"', 0, at) if closes else at)
        if seen % 2:
            self._refuse_quote(self.data.rfind(b'"'))

    def _refuse_quote(self, at: int) -> None:
        line = 1 + max(self.data.count(sign, 0, at) for sign in (b"\n", b"\r"))
        raise InputError(
            f"{self.name}, line {line}: the quotes of this row do not match, or one is"
            " never closed.",
            advice=AGAIN,
        )

    def table(self, header: list[str], begin: int) -> Cells:
        """The rows from a byte on."""
        plain = _schema(header)
        types = self._types(header)
        try:
            return self._read(header, begin, types)
        except pa.ArrowInvalid:
            if types != plain:
                # Some cells are no plain digits, so all are read and judged as text.
                with suppress(pa.ArrowInvalid):
                    return self._read(header, begin, plain)
            raise InputError(
                f"{self.name}: a row has more than {_PIECE >> 20} MB.", advice=AGAIN
            ) from None

    def _types(self, header: list[str]) -> pa.Schema:
        """Integers for the columns of metrics, text for all others."""
        # pyarrow takes a cell of 0x10 for 16.
        may_be = b"0x" in self.data or b"0X" in self.data
        before = re.escape(f'{self.delimiter}" \t\r\n'.encode())
        plain = not (may_be and re.search(b"[" + before + b"]0[xX]", self.data))
        kinds = [pa.int64() if plain and column_name(cell) in LABELS else TEXT for cell in header]
        return pa.schema([(f"{i}", kind) for i, kind in enumerate(kinds)])

    def _read(self, header: list[str], begin: int, schema: pa.Schema) -> Cells:
        """The rows that are not empty; raises ArrowInvalid for cells that are not of a type."""
        wrong: list[tuple[int, int]] = []
        empty: list[int] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            if "".join(row.text.split()).strip(f'{self.delimiter}"'):
                wrong.append((row.number, row.actual_columns))
            else:
                empty.append(row.number - 1)
            return "error" if len(wrong) > 1000 or len(empty) > _MOST_ODD else "skip"

        tables, places, rows = [schema.empty_table()], [np.array([], dtype=np.int64)], 0
        try:
            for batch in self._batches(begin, schema, skip):
                of_batch = np.arange(rows, rows + len(batch))
                cells = Cells("", header, pa.Table.from_batches([batch]), of_batch, str).filled()
                tables.append(cells.table)
                places.append(cells.numbers)
                rows += len(batch)
        except pa.ArrowInvalid:
            if len(empty) > _MOST_ODD:
                raise NotATableError(
                    self.name,
                    f"its rows have another number of cells than its header ({len(header)})",
                ) from None
            if not wrong:
                raise
        if wrong:
            line = self.line(begin, wrong[0][0])
            more = f", and {len(wrong) - 1:,} more rows are wrong too" if len(wrong) > 1 else ""
            raise InputError(
                f"{self.name}, line {line}: {wrong[0][1]} cells, but the header has"
                f" {len(header)}{more}.",
                advice=AGAIN,
            )
        numbers = np.delete(np.arange(1, rows + len(empty) + 1), empty)[np.concatenate(places)]
        return Cells(
            self.name, header, pa.concat_tables(tables), numbers,
            lambda number: f"line {self.line(begin, number)}",
        )  # fmt: skip

    def _batches(
        self, begin: int, schema: pa.Schema, skip: Callable[[pa_csv.InvalidRow], str]
    ) -> Iterator[pa.RecordBatch]:
        if begin == len(self.data):
            return
        yield from pa_csv.open_csv(
            pa.py_buffer(memoryview(self.data)[begin:]),
            pa_csv.ReadOptions(use_threads=False, block_size=_PIECE, column_names=schema.names),
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


def _schema(header: list[str]) -> pa.Schema:
    return pa.schema([(f"{i}", TEXT) for i in range(len(header))])
