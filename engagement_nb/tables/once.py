"""Rows of the same Tweet: repeats and older snapshots are left out, periods are kept."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from engagement_nb.errors import InputError
from engagement_nb.metrics import metric_columns

_ROW_NAME = r"^(?:.* )?row \d+$"
REPEATED = "repeated"
OLDER = "older snapshot"


def has_row_name(tweet_ids: pd.Series) -> pd.Series:
    """Which Tweets have no readable id and are named by a row number.

    Such a name says nothing beyond its own table: rows of two tables are never the same Tweet.
    """
    names: pd.Series = tweet_ids.astype("string").str.match(_ROW_NAME).fillna(False).astype(bool)
    return names


def has_ids(frame: pd.DataFrame) -> bool:
    """Whether rows can be paired with those of another table: not all are named by their place."""
    return "tweet_id" in frame and not (len(frame) and has_row_name(frame["tweet_id"]).all())


def repeated_rows(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which rows are of a Tweet (and hour, day or period) that another row has too.

    Parameters
    ----------
    frame
        With ``tweet_id``, and ``time`` for a series or ``start`` and ``end`` for figures of
        periods.

    Returns
    -------
    dict of str to array of bool
        Rows to leave out: `REPEATED` (same figures) and `OLDER` (``read_at`` is earlier).

    Raises
    ------
    InputError
        A Tweet occurs twice with different figures and nothing says which are newer, or its
        periods overlap.
    """
    out = {name: np.zeros(len(frame), dtype=bool) for name in (REPEATED, OLDER)}
    if not frame["tweet_id"].duplicated().any():
        return out
    periods = [name for name in ("start", "end") if name in frame]
    keys = ["tweet_id", *(["time"] if "time" in frame else periods)]
    if len(keys) == 3:
        refuse_overlaps(frame)
    if not frame.duplicated(keys).any():
        return out
    out[REPEATED] = frame.duplicated([*keys, *metric_columns(frame)]).to_numpy()
    rest = frame[~out[REPEATED]]
    again = rest.duplicated(keys, keep=False)
    if not again.any():
        return out
    if "read_at" not in frame or frame["read_at"].isna().any():
        raise _different(rest[again], "time" in frame)
    out = {name: np.zeros(len(frame), dtype=bool) for name in (REPEATED, OLDER)}
    order = frame["read_at"].argsort(kind="stable").to_numpy()
    last = ~frame.iloc[order].duplicated(keys, keep="last").to_numpy()
    out[OLDER][order] = ~last
    return out


def refuse_overlaps(frame: pd.DataFrame) -> None:
    """Refuse two periods of a Tweet that overlap: their sum would count some figures twice."""
    spans = frame[["tweet_id", "start", "end"]].drop_duplicates()
    several = spans[spans["tweet_id"].duplicated(keep=False)].sort_values(["tweet_id", "start"])
    if not len(several):
        return
    ids = several["tweet_id"].to_numpy(dtype=object)
    same = ids[1:] == ids[:-1]
    starts, ends = several["start"].to_numpy(), several["end"].to_numpy()
    overlap = same & ~(starts[1:] >= ends[:-1])
    if overlap.any():
        raise _of_tweets(
            ids[1:][overlap],
            "with figures of periods that overlap",
            "Keep rows of periods that follow each other, or one row per Tweet.",
        )


def _different(rows: pd.DataFrame, series: bool) -> InputError:
    advice = (
        "Keep one of the rows."
        if series
        else "Keep one row per Tweet; or add the column read_at so that the last one is used, or"
        " start and end if they are figures of different periods."
    )
    how = "with different figures" + (" for the same hour or day" if series else "")
    return _of_tweets(rows["tweet_id"], how, advice)


def _of_tweets(tweet_ids: Iterable[object], how: str, advice: str) -> InputError:
    ids = list(dict.fromkeys(map(str, tweet_ids)))
    which = f"Tweet {ids[0]} occurs" if len(ids) == 1 else f"{len(ids):,} Tweets occur"
    first = f"; the first is {ids[0]}" if len(ids) > 1 else ""
    return InputError(f"{which} more than once, {how}{first}.", advice=advice, tweet_ids=ids)
