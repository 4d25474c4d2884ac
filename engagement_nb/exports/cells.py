"""The cells of an export: ids, times and counts, or the row and column that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.errors import InputError
from engagement_nb.exports.header import AGAIN
from engagement_nb.ids import ROUNDED, rounded_share
from engagement_nb.vocabulary import FIRST_SNOWFLAKE_ID, SNOWFLAKE_EPOCH_MS

_NOT_KNOWN = pa.array(["", "-", "--", "–", "—", "n/a", "N/A", "NA", "null", "nan", "NaN"])
_NUMBER = r"^(?:\d+|\d{1,3}(?:[,\x{a0}\x{202f} ]\d{3})+)(?:\.0*)?$"
_DATE_FORMATS = ("%a %b %d %Y", "%a, %b %d, %Y", "%Y-%m-%d %H:%M %z", "%Y-%m-%d")


def read_ids_column(path: Path, column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    """The column of ids, as text and as numbers."""
    column = pc.replace_substring_regex(column, r"""^(?:=?["']+)(.*?)["']*$""", r"\1")
    good = pc.match_substring_regex(column, r"^[1-9]\d{0,18}$")
    if not pc.all(good).as_py():
        row = pc.index(good, False).as_py()
        value = column[row].as_py()
        where = f"{path}, row {row + 2}"
        if ROUNDED.fullmatch(value):
            raise InputError(
                f"{where}: the Tweet id reads {value}: a spreadsheet rounded the ids of this file"
                " and they are lost.",
                advice=AGAIN,
            )
        raise InputError(f'{where}: "{value[:30]}" is not a Tweet id.', advice=AGAIN)
    ids = column.to_pandas().astype("string")
    if rounded_share(column.slice(0, 10_000).to_pylist()) > 0.5:
        raise InputError(
            f"{path}: the Tweet ids end in zeros (as {ids.iloc[0]}): a spreadsheet rounded them"
            " and they are lost.",
            advice=AGAIN,
        )
    try:
        return ids, pc.cast(column, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        raise InputError(f"{path}: a Tweet id is above 2^63.", advice=AGAIN) from None


def posted(ids: np.ndarray, dates: pa.ChunkedArray | None) -> pd.Series:
    """Posting times from ids; from the date column for ids that carry none."""
    milliseconds = (ids >> 22) + SNOWFLAKE_EPOCH_MS
    moments = pd.Series(milliseconds.astype("datetime64[ms]")).dt.tz_localize("UTC")
    old = ids < FIRST_SNOWFLAKE_ID
    if not old.any():
        return moments
    moments = moments.mask(old)
    if dates is not None:
        texts = dates.to_pandas().astype("object")[old]
        for layout in _DATE_FORMATS:
            read = pd.to_datetime(texts, format=layout, errors="coerce", utc=True)
            moments = moments.fillna(read.astype(moments.dtype))
    return moments


def counts(path: Path, header: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Counts: whole numbers from 0, null where the cell says that it is not known."""
    unknown = pc.is_in(column, _NOT_KNOWN.cast(column.type))
    values = pc.if_else(unknown, pa.scalar(None, column.type), column)
    try:
        # The plain case; it takes "-5" too, which is looked for below.
        numbers = pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        good = pc.fill_null(pc.match_substring_regex(values, _NUMBER), True)
        if not pc.all(good).as_py():
            _refuse_number(path, header, values, pc.index(good, False).as_py())
        digits = pc.replace_substring_regex(values, r"\.0*$|[,\x{a0}\x{202f} ]", "")
        try:
            numbers = pc.cast(digits, pa.int64())
        except pa.ArrowInvalid:
            longest = pc.index(pc.utf8_length(digits), pc.max(pc.utf8_length(digits)))
            _refuse_number(path, header, values, longest.as_py())
    low = pc.min(numbers).as_py()
    if low is not None and low < 0:
        _refuse_number(path, header, values, pc.index(pc.less(numbers, 0), True).as_py())
    return numbers


def _refuse_number(path: Path, header: str, values: pa.ChunkedArray, row: int) -> None:
    value = values[row].as_py()
    what = "is negative" if re.fullmatch(r"[-−]\s*\d[\d.,]*", value) else "is not a whole number"
    raise InputError(
        f'{path}, row {row + 2}, column "{header}": "{value[:30]}" {what}.', advice=AGAIN
    )
