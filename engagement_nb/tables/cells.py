"""Cells of a table as texts, times and counts; errors say where the cell is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.names import TRUTH, name_key
from engagement_nb.errors import InputError

AGAIN = "Export it again, and do not save it from a spreadsheet."
LARGEST = 10**17
"""Counts above it are refused, because sums of a hundred would not fit in 64 bits."""
_DAY_FIRST = r"^(?:1[3-9]|[23]\d)/"
"""A date of a column whose dates are day/month/year; any other column's are month/day/year."""
_SIGNS = re.compile(r"[%$€£\s']")
_FIRST_OF_SHEETS = date(1899, 12, 31)
_MOST_EXACT = 2**53
_MONTHS = 12
_CHANCE = 0.001
MOMENT = pa.timestamp("ms", tz="UTC")
TEXT = pa.large_string()
_UNKNOWN_TEXTS = ("", "-", "--", "–", "—", "n/a", "N/A", "NA", "null", "nan", "NaN", "<NA>", "None",
                  "NULL")  # fmt: skip
_UNKNOWN = pa.array(_UNKNOWN_TEXTS, TEXT)
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
    _moments: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _wholes: dict[int, pa.ChunkedArray | None] = field(default_factory=dict, init=False, repr=False)

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
            floats = (None if x is None or x != x else cell_text(x) for x in column.to_pylist())
            column = pa.chunked_array([pa.array(floats, TEXT)])
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

    def emptied(self) -> Cells:
        """What is said of the table, without its rows and the text that they were read from."""
        table, numbers = self.table.schema.empty_table(), np.array([], dtype=np.int64)
        return replace(self, table=table, numbers=numbers, place=str)

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
        if at not in self._moments:
            self._moments[at] = self._read_moments(at)
        return self._moments[at]

    def _read_moments(self, at: int) -> np.ndarray:
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

    def no_counts(self, at: int) -> np.ndarray:
        """Which cells of a column are neither counts nor empty."""
        if self._whole(at) is not None:
            return np.zeros(len(self), dtype=bool)
        texts = self.texts(at)
        known = pc.or_(pc.is_in(texts, _UNKNOWN), pc.match_substring_regex(texts, _NUMBER))
        return np.asarray(pc.invert(known))

    def _whole(self, at: int) -> pa.ChunkedArray | None:
        if at not in self._wholes:
            self._wholes[at] = whole_numbers(self.column(at))
        return self._wholes[at]

    def counts(self, at: int, *, of_time: bool = False) -> pa.ChunkedArray:
        """A column of counts: see `whole_numbers`.

        Parameters
        ----------
        at
            Its place.
        of_time
            Whether it has milliseconds, which a spreadsheet may show as hours:minutes:seconds.

        Raises
        ------
        InputError
            A cell is not a whole number from 0 to `LARGEST`.
        """
        numbers = self._whole(at)
        if numbers is None and of_time:
            clock = pc.cast(milliseconds(self.texts(at), whole=True), TEXT)
            numbers = whole_numbers(pc.coalesce(clock, self.texts(at)))
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


def swapped(moments: np.ndarray) -> np.ndarray:
    """Dates and times with the day for the month, NaT where there is no such day."""
    times = pd.DatetimeIndex(moments)
    parts = {"year": times.year, "month": times.day, "day": times.month}
    days = pd.to_datetime(pd.DataFrame(parts), errors="coerce").to_numpy("datetime64[ms]")
    return np.asarray(days + (moments - moments.astype("datetime64[D]")))


def swapped_days(moments: np.ndarray) -> str:
    """A sentence on days that only fit among the others with the day for the month; "" if none."""
    days = np.unique(moments[~np.isnat(moments)].astype("datetime64[D]"))
    months = days.astype("datetime64[M]")
    # No program takes a day above 12 for a month, so these are as they were.
    of_others = np.unique(months[(days - months).astype(int) >= _MONTHS])
    odd = days[~np.isin(months, of_others)]
    fits = np.isin(swapped(odd.astype("datetime64[ms]")).astype("datetime64[M]"), of_others)
    # By chance, so many of some days fit as there are other months among twelve.
    chance = min(len(of_others) / _MONTHS, 1) ** len(odd)
    if not len(odd) or not fits.all() or chance > _CHANCE:
        return ""
    return (
        f"has dates of {len(odd):,} days (as {odd[0]}) that fit among the others only with the day"
        " for the month: a spreadsheet probably swapped them, and they are as the file has them"
    )


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
    if name_key(text) in TRUTH:
        return "is yes or no, not a count"
    large = text.isascii() and text.isdigit() and int(text[:40]) > LARGEST
    return f"is above {LARGEST:,}" if large else "is not a whole number"


def column_of(values: Sequence[Any]) -> pa.Array:
    """Cells of any types: numbers where all are numbers, or else texts as a CSV file has them."""
    kinds = {type(value) for value in values if value is not None and value != ""}
    if kinds <= {int, float}:
        with suppress(pa.ArrowInvalid, OverflowError):
            kind = pa.float64() if float in kinds else pa.int64()
            return pa.array([None if value == "" else value for value in values], kind)
    return pa.array(["" if value is None else cell_text(value) for value in values], TEXT)


def cell_text(cell: Any) -> str:
    """A cell as a CSV file has it: whole numbers as digits, durations as 1:02:03."""
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell % 1 == 0 and abs(cell) < _MOST_EXACT else repr(cell)
    if isinstance(cell, time):
        cell = datetime.combine(_FIRST_OF_SHEETS, cell)
    if isinstance(cell, datetime):
        if cell.year > _FIRST_OF_SHEETS.year + 1:
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        # A spreadsheet has times and durations as days since then.
        cell -= datetime.combine(_FIRST_OF_SHEETS, time())
    if isinstance(cell, timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    try:
        return str(cell).strip()
    except RecursionError:
        return "a value nested too deep"


def decimals(texts: list[str], sign: str) -> tuple[pa.ChunkedArray, dict[str, list[str]]]:
    """Rates and sums of money without their signs, and the cells that are not known, by why.

    Parameters
    ----------
    texts
        The cells.
    sign
        What stands before the decimals of the table, for texts such as 1,234; "" if unknown.
    """
    numbers: list[float | None] = []
    unknown: dict[str, list[str]] = {}
    for text in texts:
        bare, own = _SIGNS.sub("", text), decimal_sign(text)
        point = sign if own is None else own
        plain = bare.replace("." if point == "," else ",", "").replace(",", ".")
        settled = own is not None or bool(sign)
        known = settled and re.fullmatch(r"-?(?:\d+\.?\d*|\.\d+)", plain)
        numbers.append(float(plain) if known else None)
        if not known and text not in _UNKNOWN_TEXTS:
            why = "are no numbers" if settled else "may have thousands or decimals"
            unknown.setdefault(why, []).append(text)
    return pa.chunked_array([pa.array(numbers, pa.float64())]), unknown


def decimal_sign(text: str, *, whole: bool = False) -> str | None:
    """The sign before the decimals of a number; "" if it has none; None for 1,234 and 1.234.

    Parameters
    ----------
    text
        The number.
    whole
        Whether it is a count, so that three digits behind a sign are thousands.
    """
    signs: list[str] = re.findall(r"[.,]", text)
    if not signs:
        return ""
    if len({*signs}) > 1:
        return signs[-1]
    thousands = re.fullmatch(r"-?[1-9]\d{0,2}(?:[.,]\d{3})+", _SIGNS.sub("", text))
    if thousands and (whole or signs[1:]):
        return "," if signs[0] == "." else "."
    return None if thousands else signs[0]


def milliseconds(texts: pa.ChunkedArray, *, whole: bool) -> pa.ChunkedArray:
    """Durations such as 1:05 or 27:03:04, null for any other text; ``whole``: only the latter."""
    hours = r"(?P<h>\d{1,6}):" if whole else r"(?:(?P<h>\d{1,6}):)?"
    rest = r"(?P<m>\d{1,4}):(?P<s>\d\d)(?:[.,](?P<f>\d{1,3})\d*)?$"
    parts = pc.extract_regex(texts, f"^{hours}{rest}")
    total = pa.scalar(0, pa.int64())
    for name, unit in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("f", 1)):
        digits = pc.utf8_rpad(pc.struct_field(parts, name), 3 if name == "f" else 1, "0")
        total = pc.add(total, pc.multiply(pc.cast(digits, pa.int64()), unit))
    return total


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
