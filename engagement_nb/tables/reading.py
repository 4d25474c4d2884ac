"""One file, open file or frame as tables, whatever its form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from engagement_nb.errors import InputError
from engagement_nb.tables.cells import Cells
from engagement_nb.tables.frames import frame_table, is_frame, parquet_table
from engagement_nb.tables.layouts import NotATableError
from engagement_nb.tables.pages import page_table
from engagement_nb.tables.table import (
    NoRowsError,
    OneTable,
    notes_on_columns,
    read_table_of,
    split,
)
from engagement_nb.tables.text import table_of_files, text_tables
from engagement_nb.tables.textfiles import as_utf8, read_file, read_stream
from engagement_nb.tables.threads import in_threads

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm",
            ".parquet", ".pq", ".js")  # fmt: skip
"""Files of a folder that are looked at, each also with ``.gz``."""
_AT_ONCE = 4 << 20
"""Bytes of small files that are read at once: many times faster than one by one."""
_ARCHIVE = re.compile(rb"\s*window\.YTD\.(\w+)")
_NOTES = {
    "windows-1252": ("is not UTF-8; the text was read as Windows-1252",),
    "damaged utf-8": ("contains broken characters; they were replaced",),
}


def read_source(source: Any, name: str) -> list[OneTable]:
    """The tables of a path, an open file, or a table in memory.

    Raises
    ------
    InputError
        It has no figures (`NotATableError`), no rows (`NoRowsError`), or a cell that cannot be
        read.
    """
    written = 0.0
    if is_frame(source):
        tables = [frame_table(source, name).filled()]
    elif isinstance(source, Path):
        data = read_file(source)
        written = source.stat().st_mtime
        tables = _tables(data, name)
    elif hasattr(source, "read"):
        tables = _tables(read_stream(source, name), name)
    else:
        raise InputError(
            f"Figures cannot be read from a {type(source).__name__}.",
            advice="Give a path, an open file or a DataFrame.",
        )
    read: list[OneTable] = []
    refused: list[InputError] = []
    for cells in tables:
        try:
            read.append(read_table_of(cells, written))
        except (NotATableError, NoRowsError) as error:
            refused.append(error)
    if not read:
        raise refused[0]
    for one in read:
        one.notes += notes_on_columns(one)
    read[0].notes += [
        f"has another table, which was left out: {one.what.rstrip('.')}" for one in refused
    ]
    return read


def read_files(paths: Sequence[Path]) -> Iterator[list[OneTable] | InputError]:
    """The tables of each file, or why there are none."""
    work = [partial(_read_group, group) for group in _groups(paths)]
    yield from chain.from_iterable(in_threads(work, min(8, len(paths) // 8)))


def _groups(paths: Sequence[Path]) -> list[Sequence[Path]]:
    """Neighbours that are small enough to be read at once."""
    size = sum(path.stat().st_size for path in paths)
    number = max(_AT_ONCE * len(paths) // max(size, 1), 1)
    return [paths[at : at + number] for at in range(0, len(paths), number)]


def _read_group(paths: Sequence[Path]) -> list[list[OneTable] | InputError]:
    if len(paths) > 1:
        with suppress(InputError, OSError):
            if read := _read_as_one(paths):
                return [[one] for one in read]
    tables: list[list[OneTable] | InputError] = []
    for path in paths:
        try:
            tables.append(read_source(path, str(path)))
        except InputError as error:
            tables.append(error)
    return tables


def _read_as_one(paths: Sequence[Path]) -> list[OneTable]:
    """Files by Post of X with the same columns, read at once; [] if one needs a word of its own."""
    texts: list[bytes] = []
    for path in paths:
        data, encoding = as_utf8(read_file(path), "")
        texts.append(data)
        if encoding != "utf-8" or sum(map(len, texts)) > 2 * _AT_ONCE:
            return []
    cells = table_of_files(texts)
    if cells is None:
        return []
    whole = read_table_of(cells)
    if whole.kind == "table" or whole.notes or whole.layout.checks or whole.layout.unused:
        return []
    files = [(str(path), path.stat().st_mtime) for path in paths]
    read = split(whole, cells.parts, files)
    for one in read:
        one.notes += notes_on_columns(one)
    return read


def _tables(data: bytes, name: str) -> list[Cells]:
    if data.startswith(b"PK\x03\x04") and b"xl/" in data:
        # Start-up time: few people have spreadsheets.
        from engagement_nb.tables.books import book_tables

        return [cells.filled() for cells in book_tables(data, name)]
    if data.startswith(b"PAR1"):
        return [parquet_table(data, name).filled()]
    data, encoding = as_utf8(data, name)
    start = data[:1000].lstrip()
    if match := _ARCHIVE.match(start):
        raise NotATableError(
            name,
            f"it is the file of {match[1].decode()} of an account archive, which has no impressions"
            " and no engagements",
            "Export the figures from X's analytics page. This file is good as a list of ids.",
        )
    if start[:1] in (b"[", b"{"):
        return [page_table(data, name)]
    notes = _NOTES.get(encoding, ())
    return [replace(cells, notes=notes) for cells in text_tables(data, name)]
