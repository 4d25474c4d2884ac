"""Cells of a table as texts, times and counts; errors say where the cell is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.errors import InputError

AGAIN = "Export it again, and do not save it from a spreadsheet."
LARGEST = 10**17
"""Counts above it are refused, because sums of a hundred would not fit in 64 bits."""
DATE = (
    r"^\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Z][a-z]{2} \d{1,2},? \d{4}"
    r"|\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:[+-]\d\d:?\d\d|Z))?)?)\s*$"
)
"""The dates that X writes, in every language, and ISO 8601."""
_DAY_FIRST = r"^(?:1[3-9]|[23]\d)/"
"""A date of a column whose dates are day/month/year; any other column's are month/day/year."""
MOMENT = pa.timestamp("ms", tz="UTC")
TEXT = pa.large_string()
_UNKNOWN = pa.array(["", "-", "--", "–", "—", "n/a", "N/A", "NA", "null", "nan", "NaN", "<NA>",
                     "None", "NULL"], TEXT)  # fmt: skip
_NUMBER = r"^(?:\d+|\d{1,3}(?:[,\x{a0}\x{202f} ]\d{3})+)(?:\.(?:0{0,2}|0{4,})|,0{0,2})?$"
"""Not 1.000, which is 1 in some countries and 1000 in others."""
_FORMATS = ("%a, %b %d, %Y", "%a %b %d %Y", "%Y-%m-%d %H:%M %z", "%Y-%m-%d", "ISO8601",
            "%m/%d/%Y %H:%M", "%m/%d/%Y", "%b %d, %Y", "%d.%m.%Y %H:%M", "%d.%m.%Y")  # fmt: skip


@dataclass(eq=False)
class Cells:
    """The rows below a header, from a file of any form or from a frame.

    Parameters
    ----------
    name
        What the table is called in sentences: the file, or "the table".
    header
        The cells of its header, stripped.
    table
        The rows that are not empty: one column for each cell of the header, of any type.
    numbers
        The number of each row among those of the source, from 1.
    place
        Where a row is, in words, from its number: "line 5".
    notes
        Sentences about how it was read, without its name.
    marks
        What the source itself says of its figures: see `engagement_nb.metrics.About`.
    series
        Whether there is a row for each Tweet and hour or day; None if that is not known.
    problems
        What the source itself says is missing: rows for `engagement_nb.metrics.problems_frame`.
    extras
        Whether columns that are not used are kept beside the figures: those of a frame.
    several
        Whether it is one of several tables of a text file, as X's video files have.
    parts
        Where the rows of the second file and of each later one begin, if several were read as one.
    """

    name: str
    header: list[str]
    table: pa.Table
    numbers: np.ndarray
    place: Callable[[int], str]
    notes: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    series: bool | None = None
    problems: tuple[Mapping[str, str], ...] = ()
    extras: bool = False
    several: bool = False
    parts: Sequence[int] = ()
    _texts: dict[int, pa.ChunkedArray] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, at: int) -> pa.ChunkedArray:
        """One column as it is."""
        return self.table.column(at)

    def texts(self, at: int) -> pa.ChunkedArray:
        """One column as text, stripped, "" for a missing cell."""
        if at in self._texts:
            return self._texts[at]
        column = self.column(at)
        if pa.types.is_floating(column.type):
            column = pa.chunked_array([pa.array(_float_texts(column), TEXT)])
        elif pa.types.is_timestamp(column.type):
            column = pc.strftime(column, format="%Y-%m-%d %H:%M:%S")
        if column.type != TEXT:
            column = pc.cast(column, TEXT)
        column = pc.fill_null(column, "") if column.null_count else column
        self._texts[at] = pc.utf8_trim_whitespace(column)
        if self.column(at).type == TEXT:
            # Beside the column as it was, it would double the memory.
            self.table = self.table.set_column(at, f"{at}", self._texts[at])
        return self._texts[at]

    def where(self, row: int) -> str:
        """The source and the place of a row, in words."""
        return f"{self.name}, {self.place(int(self.numbers[row]))}"

    def keep(self, rows: np.ndarray) -> Cells:
        """The rows that a mask selects."""
        kept = self.table.filter(pa.array(rows))
        return replace(self, table=kept, numbers=self.numbers[rows])

    def filled(self) -> Cells:
        """The rows with anything in them."""
        if not len(self) or not self.header:
            return self
        if self.column(0).type != TEXT and not self.column(0).null_count:
            return self
        texts = self.texts(0)
        if pc.index(texts, pa.scalar("", TEXT)).as_py() < 0:
            return self
        full = (pc.not_equal(self.texts(i), "") for i in range(len(self.header)))
        rows = reduce(np.logical_or, (column.to_numpy() for column in full))
        return self if rows.all() else self.keep(rows)

    def moments(self, at: int) -> np.ndarray:
        """A column of dates or times, UTC, NaT for a cell that is none; datetime64[ms]."""
        column = self.column(at)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            unit = pa.timestamp("ms", tz=getattr(column.type, "tz", None))
            moments = pc.cast(column, unit, safe=False).to_numpy()
            return np.asarray(moments, "datetime64[ms]")
        texts = self.texts(at)
        different = pc.unique(texts)
        moments = _moments(different.to_pylist())
        return moments[np.asarray(pc.index_in(texts, different), np.intp)]

    def days(self, at: int) -> pa.Array:
        """A column of dates, UTC.

        Raises
        ------
        InputError
            A cell is not a date in one of X's formats.
        """
        read = self.moments(at)
        wrong = np.flatnonzero(np.isnat(read))
        if len(wrong):
            value = shown(self.texts(at)[int(wrong[0])].as_py())
            raise InputError(f"{self.where(wrong[0])}: {value} is not a date.", advice=AGAIN)
        return pa.array(read, MOMENT)

    def counts(self, at: int) -> pa.ChunkedArray:
        """A column of counts: see `whole_numbers`.

        Raises
        ------
        InputError
            A cell is not a whole number from 0 to `LARGEST`.
        """
        numbers = whole_numbers(self.column(at))
        if numbers is not None:
            return numbers
        kind = self.column(at).type
        if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
            said = shown(self.header[at], 60)
            raise InputError(
                f"{self.name}: the column {said} contains {kind}, not counts.",
                advice="Leave it out, or rename it.",
            )
        texts = self.texts(at).to_pylist()
        row, what = next(
            (row, what) for row, text in enumerate(texts) if (what := _why_no_count(text))
        )
        raise InputError(
            f"{self.where(row)}, column {shown(self.header[at], 60)}: {shown(texts[row])} {what}.",
            advice="Correct it, or leave the cell empty if the figure is not known.",
        )


def doubt(dates: pa.ChunkedArray) -> str:
    """A sentence on dates whose days could be months; "" if a column has none."""
    dates = pc.unique(dates)
    is_slashed = pc.match_substring_regex(dates, r"^\d{1,2}/\d{1,2}/")
    slashed = dates.filter(is_slashed)
    if not len(slashed):
        return ""
    others = dates.filter(pc.and_(pc.invert(is_slashed), pc.not_equal(dates, "")))
    first = shown(slashed[0].as_py())
    if len(others):
        other = shown(others[0].as_py())
        return f"has dates of two forms, {first} and {other}: a spreadsheet may have swapped some"
    told = pc.match_substring_regex(slashed, rf"{_DAY_FIRST}|^\d+/(?:1[3-9]|[23]\d)/")
    if pc.any(told).as_py():
        return ""
    return f"has dates such as {first}, which were read as month/day/year"


def shown(text: str, most: int = 30) -> str:
    """A cell in quotes as a sentence may show it: short, without signs that control a screen."""
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return f'"{plain[:most]}"'


def whole_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Whole numbers from 0, null for unknown cells; None if a cell is anything else."""
    kind = column.type
    try:
        if kind == pa.int64():
            numbers = column
        elif pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
            numbers = pc.cast(column, pa.int64())
        elif pa.types.is_floating(kind):
            known = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
            numbers = pc.cast(known, pa.int64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            numbers = _from_texts(column)
        else:
            return None
    except pa.ArrowInvalid:
        return None
    if numbers is None or not len(numbers):
        return numbers
    ends = pc.min_max(numbers)
    wrong = (ends["min"].as_py() or 0) < 0 or (ends["max"].as_py() or 0) > LARGEST
    return None if wrong else numbers


def _from_texts(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    # pyarrow takes 0x10 for 16.
    if not pc.any(pc.match_substring(column, "x", ignore_case=True)).as_py():
        try:
            # Most columns contain only digits.
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            pass
    texts = pc.utf8_trim_whitespace(pc.cast(column, TEXT))
    texts = pc.if_else(pc.is_in(texts, _UNKNOWN), pa.scalar(None, TEXT), texts)
    if not pc.all(pc.match_substring_regex(texts, _NUMBER), min_count=0).as_py():
        return None
    whole = pc.replace_substring_regex(texts, r"(?:\.0*|,0{0,2})$", "")
    return pc.cast(pc.replace_substring_regex(whole, r"[^\d]", ""), pa.int64())


def _why_no_count(text: str) -> str:
    """What is wrong with a cell of a column of counts; "" if nothing is."""
    if whole_numbers(pa.chunked_array([pa.array([text], TEXT)])) is not None:
        return ""
    if re.fullmatch(r"[-−]\s*\d[\d.,]*", text):
        return "is negative"
    large = text.isascii() and text.isdigit() and int(text[:40]) > LARGEST
    return f"is above {LARGEST:,}" if large else "is not a whole number"


def _float_texts(column: pa.ChunkedArray) -> list[str | None]:
    """Floats as texts: whole ones that a float holds exactly as digits, others as they are."""
    return [
        None if x is None or x != x else f"{x:.0f}" if x % 1 == 0 and abs(x) < 2**53 else repr(x)
        for x in column.to_pylist()
    ]


def decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rates and sums of money without their signs; null if a cell is anything else."""
    texts = pc.replace_substring_regex(column, r"[%$€£\s]", "")
    texts = pc.replace_substring_regex(texts, r"^(-?\d{1,3})[.,](\d{3}[.,]\d+)$", r"\1\2")
    texts = pc.replace_substring(texts, ",", ".")
    good = pc.match_substring_regex(texts, r"^-?(?:\d+\.?\d*|\.\d+)$")
    return pc.cast(pc.if_else(good, texts, pa.scalar(None, texts.type)), pa.float64())


def _moments(texts: list[str]) -> np.ndarray:
    read = np.full(len(texts), np.datetime64("NaT", "ms"))
    for layout in _FORMATS:
        left = np.flatnonzero(np.isnat(read))
        if not len(left):
            break
        if layout == "ISO8601":
            # A year and a month are no date, and pandas would take their first day.
            left = left[[len(texts[i]) > len("2025-01") for i in left]]
        if "/" in layout and any(re.match(_DAY_FIRST, texts[i]) for i in left):
            layout = layout.replace("%m/%d", "%d/%m")
        more = pd.to_datetime([texts[i] for i in left], format=layout, errors="coerce", utc=True)
        read[left] = more.tz_localize(None).to_numpy()
    return read
