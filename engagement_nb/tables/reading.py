"""One file, open file or frame as tables, whatever its form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engagement_nb.errors import InputError
from engagement_nb.tables.cells import Cells
from engagement_nb.tables.frames import frame_table, is_frame, parquet_table
from engagement_nb.tables.layouts import Layout, NotATableError, video_kind, video_layout
from engagement_nb.tables.pages import page_table
from engagement_nb.tables.table import NoRowsError, OneTable, read_table_of
from engagement_nb.tables.text import text_tables
from engagement_nb.tables.textfiles import as_utf8, read_file, read_stream

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm",
            ".parquet", ".pq", ".js")  # fmt: skip
"""Files of a folder that are looked at, each also with ``.gz``."""
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
        tables: list[tuple[Cells, Layout | None]] = [(frame_table(source, name).filled(), None)]
    elif isinstance(source, Path):
        data = read_file(source)
        written = source.stat().st_mtime
        tables = _tables(data, name)
    else:
        tables = _tables(read_stream(source, name), name)
    read: list[OneTable] = []
    refused: list[InputError] = []
    for cells, layout in tables:
        try:
            read.append(read_table_of(cells, layout, written=written))
        except (NotATableError, NoRowsError) as error:
            refused.append(error)
    if not read:
        raise refused[0]
    for one in refused:
        read[0].notes.append(f"has another table, which was left out: {one.what}")
    return read


def _tables(data: bytes, name: str) -> list[tuple[Cells, Layout | None]]:
    if data.startswith(b"PK\x03\x04") and b"xl/" in data:
        # Start-up time: few people have spreadsheets.
        from engagement_nb.tables.books import book_tables

        return [(cells.filled(), None) for cells in book_tables(data, name)]
    if data.startswith(b"PK\x03\x04"):
        raise NotATableError(
            name,
            "it is a zip archive, not a table",
            "Unpack it, and give the file or the folder that is in it.",
        )
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise NotATableError(
            name, "it is a spreadsheet of the old form (xls)", "Save it as XLSX or CSV."
        )
    if data.startswith(b"%PDF"):
        raise NotATableError(
            name, "it is a PDF, which has no figures to read", "Export the figures as CSV."
        )
    if data.startswith(b"PAR1"):
        return [(parquet_table(data, name).filled(), None)]
    data, encoding = as_utf8(data, name)
    start = data[:1000].lstrip()
    if match := _ARCHIVE.match(start):
        raise NotATableError(
            name,
            f"it is the file of {match[1].decode()} of an account archive, which has no impressions"
            " and no engagements",
            "Export the figures from X's analytics page. This file is good as a list of ids.",
        )
    if start[:1] == b"<":
        raise NotATableError(name, "it is a web page", "Log in to X and export again.")
    if start[:1] in (b"[", b"{"):
        return [page_table(data, name)]
    return list(_with_layouts([*text_tables(data, name, _NOTES.get(encoding, ()))]))


def _with_layouts(tables: list[Cells]) -> Iterator[tuple[Cells, Layout | None]]:
    """The tables of a text file, with the layout where X's video files have it."""
    for cells in tables:
        if video_kind(cells.header):
            yield cells, video_layout(cells)
        elif len(tables) > 1:
            try:
                yield cells, video_layout(cells)
            except NotATableError:
                yield cells, None
        else:
            yield cells, None
