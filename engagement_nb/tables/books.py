"""Spreadsheets (XLSX) as tables of text, one for each sheet."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from engagement_nb.errors import InputError
from engagement_nb.tables.cells import Cells, cell_text, column_of

_MOST_BYTES = 64 << 20
_MOST_CELLS = 4_000_000
_REFERENCE = re.compile(
    rb'<(?:c|dimension)\b[^>]*?\br(?:ef)?="(?:[A-Z]+\d+:)?([A-Z]{1,3})(\d{1,7})"'
)
_AS_CSV = "Save the sheet as CSV and give that file."


def book_tables(data: bytes, name: str) -> Iterator[Cells]:
    """The sheets of a spreadsheet that have rows.

    Raises
    ------
    InputError
        It is damaged, or has too many cells for memory.
    """
    _check_size(data, name)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = {title: book.get_sheet_by_name(title).to_python() for title in book.sheet_names}
    except (CalamineError, ValueError, OSError):
        raise InputError(
            f"{name} is a damaged spreadsheet, or one with a password.", advice=_AS_CSV
        ) from None
    filled = {title: rows for title, rows in sheets.items() if any(map(_has_cells, rows))}
    for title, rows in filled.items():
        yield _table(rows, f"{name}, sheet {title}" if len(filled) > 1 else name)
    if not filled:
        raise InputError(f"{name} has only empty sheets.", advice=_AS_CSV)


def _check_size(data: bytes, name: str) -> None:
    """Refuse a small file that unpacks to a large one, or has a cell far from all others."""
    too_large = InputError(f"{name} is too large for memory.", advice=_AS_CSV)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            left = _MOST_BYTES - sum(part.file_size for part in parts.infolist())
            if left < 0:
                raise too_large
            for part in parts.namelist():
                if part.startswith("xl/worksheets/") and part.endswith(".xml"):
                    wide = high = 0
                    with parts.open(part) as sheet:
                        for block in iter(lambda: sheet.read(1 << 20), b""):
                            for letters, digits in _REFERENCE.findall(block):
                                wide = max(wide, _column_number(letters))
                                high = max(high, int(digits))
                    if wide * high > _MOST_CELLS:
                        raise too_large
    except (ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError,
            RuntimeError, EOFError):  # fmt: skip
        raise InputError(f"{name} is a damaged spreadsheet.", advice=_AS_CSV) from None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _table(rows: list[list[Any]], name: str) -> Cells:
    """The rows below the first that has several cells: a title may stand above it."""
    filled = [i for i, row in enumerate(rows) if _has_cells(row)]
    header = next((i for i in filled if _has_cells(rows[i], 2)), filled[0])
    said = [cell_text(cell) for cell in rows[header]]
    body = [i for i in filled if i > header]
    columns = {f"{at}": column_of([rows[i][at] for i in body]) for at in range(len(said))}
    numbers = np.arange(1, len(body) + 1)
    return Cells(name, said, pa.table(columns), numbers, lambda n: f"row {body[n - 1] + 1}")


def _has_cells(row: list[Any], least: int = 1) -> bool:
    return sum(not isinstance(cell, str) or bool(cell.strip()) for cell in row) >= least
