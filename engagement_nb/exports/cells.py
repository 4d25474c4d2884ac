"""The cells of an export: ids, times and counts, or the line and column that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.errors import InputError
from engagement_nb.ids import ROUNDED, rounded_share
from engagement_nb.vocabulary import FIRST_SNOWFLAKE_ID, SNOWFLAKE_EPOCH_MS

AGAIN = "Export it again, and do not save it from a spreadsheet."
DATE = (
    r"^\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Z][a-z]{2} \d{1,2},? \d{4}"
    r"|\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?(?: ?[+-]\d{4})?)?)\s*$"
)
"""The dates that X writes, in every language: ``Sat, Aug 22, 2026``, ``2019-05-31 23:01 +0000``."""
_UNKNOWN = pa.array(["", "-", "--", "–", "—", "n/a", "N/A", "NA", "null", "nan", "NaN"])
_NUMBER = r"^(?:\d+|\d{1,3}(?:[,\x{a0}\x{202f} ]\d{3})+)(?:\.0*|,0{0,2})?$"
_DATE_FORMATS = ("%a %b %d %Y", "%a, %b %d, %Y", "%Y-%m-%d %H:%M %z", "%Y-%m-%d")

Where = Callable[[int], str]
"""The place of a row of a table, in words: the file and the line."""


def tweet_ids(where: Where, column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    """The column of ids, as text and as numbers.

    Raises
    ------
    InputError
        A cell is no Tweet id, or the ids were rounded by a spreadsheet.
    """
    column = pc.replace_substring_regex(column, r"""^(?:=?["']+)(.*?)["']*$""", r"\1")
    good = pc.match_substring_regex(column, r"^[1-9]\d{0,18}$")
    if not pc.all(good).as_py():
        row = pc.index(good, False).as_py()
        value = column[row].as_py()
        if ROUNDED.fullmatch(value):
            raise InputError(
                f"{where(row)}: the Tweet id reads {value}: a spreadsheet rounded the ids of this"
                " file and they are lost.",
                advice=AGAIN,
            )
        raise InputError(f'{where(row)}: "{value[:30]}" is not a Tweet id.', advice=AGAIN)
    sample = column.slice(0, 10_000).to_pylist()
    if rounded_share(sample) > 0.5:
        raise InputError(
            f"{where(0)}: the Tweet ids end in zeros (as {sample[0]}): a spreadsheet rounded them"
            " and they are lost.",
            advice=AGAIN,
        )
    try:
        numbers = pc.cast(column, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        longest = pc.index(column, pc.max(pc.filter(column, pc.equal(pc.utf8_length(column), 19))))
        raise InputError(
            f"{where(longest.as_py())}: the Tweet id is above 2^63.", advice=AGAIN
        ) from None
    return column.to_pandas().astype("string"), numbers


def posted(ids: np.ndarray, dates: pa.ChunkedArray | None) -> pd.Series:
    """Posting times from ids; from the date column for ids that carry none."""
    milliseconds = (ids >> 22) + SNOWFLAKE_EPOCH_MS
    moments = pd.Series(milliseconds.astype("datetime64[ms]")).dt.tz_localize("UTC")
    old = ids < FIRST_SNOWFLAKE_ID
    if not old.any():
        return moments
    moments = moments.mask(old)
    if dates is not None:
        moments = moments.fillna(_dates(dates.filter(pa.array(old))).set_axis(np.flatnonzero(old)))
    return moments


def days(where: Where, column: pa.ChunkedArray) -> pd.Series:
    """The dates of a file by day, UTC.

    Raises
    ------
    InputError
        A cell is not a date as X writes it.
    """
    read = _dates(column)
    if read.isna().any():
        row = int(np.flatnonzero(read.isna())[0])
        raise InputError(f'{where(row)}: "{column[row].as_py()[:30]}" is not a date.', advice=AGAIN)
    return read


def _dates(column: pa.ChunkedArray) -> pd.Series:
    texts = column.to_pandas().astype("object")
    read = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ms, UTC]")
    for layout in _DATE_FORMATS:
        found = pd.to_datetime(texts, format=layout, errors="coerce", utc=True)
        read = read.fillna(found.astype(read.dtype))
    return read


def numbers_or_none(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Whole numbers from 0, null where a cell says that it is not known; None for anything else."""
    values = _with_nulls(column)
    try:
        # The plain case; it takes "-5" too, which is looked for below.
        numbers = pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        if not pc.all(pc.fill_null(pc.match_substring_regex(values, _NUMBER), True)).as_py():
            return None
        whole = pc.replace_substring_regex(values, r"(?:\.0*|,0{0,2})$", "")
        try:
            numbers = pc.cast(pc.replace_substring_regex(whole, r"[^\d]", ""), pa.int64())
        except pa.ArrowInvalid:
            return None
    low = pc.min(numbers).as_py()
    return None if low is not None and low < 0 else numbers


def counts(where: Where, header: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Counts: see `numbers_or_none`.

    Raises
    ------
    InputError
        A cell is not a whole number from 0 that fits 64 bits.
    """
    numbers = numbers_or_none(column)
    if numbers is None:
        _refuse_number(where, header, _with_nulls(column))
    return numbers


def _with_nulls(column: pa.ChunkedArray) -> pa.ChunkedArray:
    unknown = pc.is_in(column, _UNKNOWN.cast(column.type))
    return pc.if_else(unknown, pa.scalar(None, column.type), column)


def _refuse_number(where: Where, header: str, values: pa.ChunkedArray) -> NoReturn:
    good = pc.fill_null(pc.match_substring_regex(values, _NUMBER), True)
    if pc.all(good).as_py():  # Digits only, so one of them is too long for 64 bits.
        lengths = pc.utf8_length(values)
        row = pc.index(lengths, pc.max(lengths)).as_py()
    else:
        row = pc.index(good, False).as_py()
    value = values[row].as_py()
    what = "is negative" if re.fullmatch(r"[-−]\s*\d[\d.,]*", value) else "is not a whole number"
    raise InputError(f'{where(row)}, column "{header}": "{value[:30]}" {what}.', advice=AGAIN)
