"""Cells of an export as ids, times and counts; errors name the line and the column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.times import FIRST_SNOWFLAKE_ID, SNOWFLAKE_EPOCH_MS
from engagement_nb.errors import InputError
from engagement_nb.ids import ROUNDED, rounded_share

AGAIN = "Export it again, and do not save it from a spreadsheet."
DATE = (
    r"^\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Z][a-z]{2} \d{1,2},? \d{4}"
    r"|\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?(?: ?[+-]\d{4})?)?)\s*$"
)
"""The dates that X writes, in every language: ``Sat, Aug 22, 2026``, ``2019-05-31 23:01 +0000``."""
MOMENT = pa.timestamp("ms", tz="UTC")
_UNKNOWN = ["", "-", "--", "–", "—", "n/a", "N/A", "NA", "null", "nan", "NaN"]
_NUMBER = r"^(?:\d+|\d{1,3}(?:[,\x{a0}\x{202f} ]\d{3})+)(?:\.0*|,0{0,2})?$"
_DATE_FORMATS = ("%a %b %d %Y", "%a, %b %d, %Y", "%Y-%m-%d %H:%M %z", "%Y-%m-%d")


@dataclass(frozen=True)
class Cells:
    """The rows below a header.

    Parameters
    ----------
    path
        The file.
    header
        The cells of its header, stripped.
    table
        The rows, all text, stripped; one column per cell of the header.
    lines
        The line of the file on which each row begins.
    """

    path: Path
    header: list[str]
    table: pa.Table
    lines: np.ndarray

    def column(self, at: int) -> pa.ChunkedArray:
        """One column, as text."""
        return self.table.column(at)

    def where(self, row: int) -> str:
        """The file and line of a row, in words."""
        return f"{self.path}, line {self.lines[row]}"

    def keep(self, rows: np.ndarray) -> Cells:
        """The rows that a mask selects."""
        kept = self.table.filter(pa.array(rows))
        return Cells(self.path, self.header, kept, self.lines[rows])

    def ids(self, at: int) -> tuple[pa.ChunkedArray, np.ndarray]:
        """A column of Tweet ids, as text and as numbers.

        Raises
        ------
        InputError
            A cell is not a Tweet id, or a spreadsheet rounded the ids.
        """
        guard = r"""^(?:=?["']+)(.*?)["']*$"""
        column = pc.replace_substring_regex(self.column(at), guard, r"\1")
        good = pc.match_substring_regex(column, r"^[1-9]\d{0,18}$")
        if not pc.all(good).as_py():
            row = pc.index(good, False).as_py()
            value = column[row].as_py()
            if ROUNDED.fullmatch(value):
                raise self._lost_ids(row, f"the Tweet id reads {value}")
            raise InputError(f'{self.where(row)}: "{value[:30]}" is not a Tweet id.', advice=AGAIN)
        try:
            numbers = pc.cast(column, pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            row = pc.index(column, pc.max(pc.filter(column, pc.equal(pc.utf8_length(column), 19))))
            raise InputError(
                f"{self.where(row.as_py())}: the Tweet id is above 2^63.", advice=AGAIN
            ) from None
        if rounded_share(numbers) > 0.5:
            raise self._lost_ids(0, f"the Tweet ids end in zeros (as {numbers[0]})")
        return column, numbers

    def _lost_ids(self, row: int, what: str) -> InputError:
        return InputError(
            f"{self.where(row)}: {what}: a spreadsheet rounded the ids of this file, so they are"
            " lost.",
            advice=AGAIN,
        )

    def posted(self, ids: np.ndarray, date: int | None) -> pa.Array:
        """Posting times from the ids, or from the date column for old ids without a time."""
        moments = ((ids >> 22) + SNOWFLAKE_EPOCH_MS).astype("datetime64[ms]")
        old = ids < FIRST_SNOWFLAKE_ID
        if old.any():
            moments[old] = np.datetime64("NaT")
            if date is not None:
                moments[old] = _dates(self.column(date).filter(pa.array(old)))
        return pa.array(moments, MOMENT)

    def days(self, at: int) -> pa.Array:
        """A column of dates, UTC.

        Raises
        ------
        InputError
            A cell is not a date in one of X's formats.
        """
        read = _dates(self.column(at))
        wrong = np.flatnonzero(np.isnat(read))
        if len(wrong):
            value = self.column(at)[int(wrong[0])].as_py()
            raise InputError(f'{self.where(wrong[0])}: "{value[:30]}" is not a date.', advice=AGAIN)
        return pa.array(read, MOMENT)

    def counts(self, at: int) -> pa.ChunkedArray:
        """A column of counts: see `whole_numbers`.

        Raises
        ------
        InputError
            A cell is not a whole number from 0 that fits into 64 bits.
        """
        numbers = whole_numbers(self.column(at))
        if numbers is not None:
            return numbers
        values = _with_nulls(self.column(at))
        row = pc.index(pc.match_substring_regex(values, _NUMBER), False).as_py()
        if row < 0:  # All are digits, so one number is too long for 64 bits.
            lengths = pc.utf8_length(values)
            row = pc.index(lengths, pc.max(lengths)).as_py()
        value = values[row].as_py()
        negative = re.fullmatch(r"[-−]\s*\d[\d.,]*", value)
        what = "is negative" if negative else "is not a whole number"
        raise InputError(
            f'{self.where(row)}, column "{self.header[at]}": "{value[:30]}" {what}.',
            advice=AGAIN,
        )


def whole_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Whole numbers from 0, null for unknown cells; None if a cell is anything else."""
    try:
        # Most columns contain only digits.
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        values = _with_nulls(column)
        if not pc.all(pc.match_substring_regex(values, _NUMBER), min_count=0).as_py():
            return None
        whole = pc.replace_substring_regex(values, r"(?:\.0*|,0{0,2})$", "")
        try:
            numbers = pc.cast(pc.replace_substring_regex(whole, r"[^\d]", ""), pa.int64())
        except pa.ArrowInvalid:
            return None
    return None if (pc.min(numbers).as_py() or 0) < 0 else numbers


def decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rates and sums of money without their signs; null if a cell is anything else."""
    texts = pc.replace_substring_regex(column, r"[%$€£\s]", "")
    texts = pc.replace_substring(texts, ",", ".")
    good = pc.match_substring_regex(texts, r"^-?(?:\d+\.?\d*|\.\d+)$")
    return pc.cast(pc.if_else(good, texts, pa.scalar(None, texts.type)), pa.float64())


def _with_nulls(column: pa.ChunkedArray) -> pa.ChunkedArray:
    unknown = pc.is_in(column, pa.array(_UNKNOWN, column.type))
    return pc.if_else(unknown, pa.scalar(None, column.type), column)


def _dates(column: pa.ChunkedArray) -> np.ndarray:
    texts = pd.Series(column.to_pylist(), dtype="object")
    read = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ms, UTC]")
    for layout in _DATE_FORMATS:
        found = pd.to_datetime(texts, format=layout, errors="coerce", utc=True)
        read = read.fillna(found.astype(read.dtype))
    return read.dt.tz_localize(None).to_numpy()
