"""From frames to arrays: checks, missing figures, and one row per Tweet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import NO_CANDIDATES
from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.metrics import About, Metrics, metric_columns

_EXPORT_COLUMNS = {"post id", "tweet id", "impressions", "likes", "engagements", "replies",
                   "retweets", "reposts", "post text", "tweet text"}  # fmt: skip
"""Columns of X's export files in English, in lower case."""
LARGEST = 10**17
"""Counts above it are refused, because sums of a hundred would not fit in 64 bits."""


@dataclass(frozen=True)
class Counts:
    """Figures with one row per Tweet, as arrays.

    Parameters
    ----------
    frame
        The frame that they were read from, one row per Tweet, in the same order.
    names
        The candidates: metric columns except impressions and engagements.
    values
        (metrics, Tweets), int64; 0 where unknown.
    known
        (metrics, Tweets): whether the figure is known.
    engagements
        (Tweets,), int64; 0 where unknown.
    judged
        (Tweets,): whether engagements is known, so that the Tweet is evidence.
    dropped
        Rows that repeated a Tweet with the same figures and were ignored.
    series
        The original rows of a series, one per Tweet and hour or day; None for other figures.
    """

    frame: pd.DataFrame
    names: tuple[str, ...]
    values: np.ndarray
    known: np.ndarray
    engagements: np.ndarray
    judged: np.ndarray
    dropped: int = 0
    series: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.engagements)

    def sums(self, members: Sequence[str]) -> np.ndarray:
        """Sum of some metrics per Tweet with 0 for unknown figures, so the least it can be."""
        total = np.zeros(len(self), dtype=np.int64)
        for name in members:
            total += self.values[self.names.index(name)]
        return total

    def complete(self, members: Sequence[str]) -> np.ndarray:
        """Which Tweets have engagements and all of some metrics."""
        return self.judged & self.known[[self.names.index(name) for name in members]].all(axis=0)

    @cached_property
    def impressions(self) -> tuple[np.ndarray, np.ndarray]:
        """Impressions with 0 for unknown, and which are known; two arrays (Tweets,)."""
        return column_counts(self.frame, "impressions")


def open_figures(
    metrics: Metrics | pd.DataFrame | Iterable[pd.DataFrame], about: About | None = None
) -> tuple[Counts, About, dict[str, Any] | None]:
    """Arrays, source and facts of what `engagement_nb.explore_gap` takes.

    Raises
    ------
    AnalysisError
        There are no figures by Tweet, or they cannot be read: see `read_counts`.
    """
    facts = None
    if hasattr(metrics, "totals") and not isinstance(metrics, Metrics | pd.DataFrame):
        raise AnalysisError(
            "Figures are needed, not the source that has them.",
            advice="Read them first: explore_gap(source.totals()).",
        )
    if metrics is None or isinstance(metrics, str | bytes | Path | Mapping):
        raise AnalysisError(
            f"Figures are needed, not a {type(metrics).__name__}.",
            advice="Read them first: enb.connect(path).totals(), or a DataFrame of your own.",
        )
    if isinstance(metrics, Metrics):
        frame, facts = metrics.frame, metrics.facts()
        about = about or metrics.about
    else:
        frame = metrics if isinstance(metrics, pd.DataFrame) else gathered(metrics)
        about = about or About("frame", "frame")
    if about.kind in ("overview", "video"):
        raise AnalysisError(
            "An overview file has no clicks and expands, so it cannot tell what is hidden; its"
            " totals by day are in metrics.frame."
            if about.kind == "overview"
            else "A video file has no engagements; its views by day are in metrics.frame.",
            advice="Export the content of the same period (account_analytics_content_...) too.",
        )
    if "time" in frame.columns and "tweet_id" not in frame.columns and not about.kind:
        raise AnalysisError(
            "These figures are a series (column time) without the column tweet_id, so it is not"
            " known which rows belong to one Tweet.",
            advice="Add tweet_id, or sum the series up to one row per Tweet and drop time.",
        )
    return read_counts(frame), about, facts


def read_counts(frame: pd.DataFrame) -> Counts:
    """Check a frame and turn it into arrays with one row per Tweet.

    A series (column ``time``) is summed over its hours or days; a sum with a missing figure is
    missing. A Tweet that occurs twice with the same figures is counted once. The last of several
    snapshots (column ``read_at``) is used. Without a column of engagements no Tweet is judged.

    Raises
    ------
    AnalysisError
        A count is negative, too large or not whole, or a Tweet occurs twice with different
        figures; and as in `checked`.
    """
    frame = checked(frame)
    names = tuple(name for name in metric_columns(frame) if name not in NO_CANDIDATES)
    series = frame if {"time", "tweet_id"} <= set(frame.columns) else None
    frame, dropped = one_row_a_tweet(frame)
    values = np.zeros((len(names), len(frame)), dtype=np.int64)
    known = np.ones((len(names), len(frame)), dtype=bool)
    for row, name in enumerate(names):
        values[row], known[row] = column_counts(frame, name)
    engagements, judged = column_counts(frame, "engagements")
    return Counts(frame, names, values, known, engagements, judged, dropped, series)


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame, with ids as text, posting times in UTC and counts as numbers.

    Raises
    ------
    AnalysisError
        It is not a frame, a column occurs twice, ids are floats, or times cannot be read.
    """
    if not isinstance(frame, pd.DataFrame):
        raise AnalysisError(
            f"Figures are given as a DataFrame, not as {type(frame).__name__}.",
            advice="See engagement_nb.connect for sources that return one.",
        )
    if (
        len(metric_columns(frame)) < 2
        and len(_EXPORT_COLUMNS & {*map(_lowered, frame.columns)}) > 1
    ):
        raise AnalysisError(
            "These columns have the names of an export file, not of metrics.",
            advice="Read the file with enb.connect(path).totals(), and explore that.",
        )
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise AnalysisError(f"The column {twice[0]} occurs twice.", advice="Keep one of them.")
    frame = _with_text_ids(frame)
    zoned = pd.DatetimeTZDtype
    if "created_at" in frame.columns and not isinstance(frame["created_at"].dtype, zoned):
        try:
            moments = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
        except (ValueError, TypeError):
            raise AnalysisError(
                "The column created_at contains values that are not timestamps.",
                advice="Give times as 2026-01-31T12:00:00Z, or leave the column out.",
            ) from None
        frame = frame.assign(created_at=moments)
    texts = [n for n in metric_columns(frame) if not pd.api.types.is_numeric_dtype(frame[n])]
    return frame.assign(**{name: _whole_numbers(frame[name]) for name in texts}) if texts else frame


def _lowered(column: object) -> str:
    return str(column).strip().lower()


def _with_text_ids(frame: pd.DataFrame) -> pd.DataFrame:
    if "tweet_id" not in frame.columns or pd.api.types.is_string_dtype(frame["tweet_id"]):
        return frame
    if len(frame) and pd.api.types.is_float_dtype(frame["tweet_id"]):
        raise AnalysisError(
            "The column tweet_id contains floats, which lose the last digits of an id.",
            advice='Read it as text: dtype={"tweet_id": "string"}.',
        )
    return frame.assign(tweet_id=frame["tweet_id"].astype("string"))


def column_counts(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One column as int64 with 0 for unknown, and which are known; all unknown without it."""
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=bool)
    column = frame[name]
    known = column.notna().to_numpy(dtype=bool, copy=True)
    if pd.api.types.is_bool_dtype(column.dtype) or column.dtype.kind in "mM":
        raise AnalysisError(
            f"The column {name} contains {column.dtype}, not counts.",
            advice="Leave it out, or rename it.",
        )
    if pd.api.types.is_integer_dtype(column.dtype):
        numbers = column.fillna(0).to_numpy(dtype=np.int64)
    else:
        given = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        whole = np.isfinite(given) & (given == np.floor(given))
        _refuse(frame, known & ~whole, name, "is not a whole number")
        numbers = np.where(known, given, 0).clip(-1, LARGEST * 2).astype(np.int64)
    _refuse(frame, numbers < 0, name, "is below zero")
    _refuse(frame, numbers > LARGEST, name, f"is above {LARGEST:,}")
    return numbers, known


def _whole_numbers(column: pd.Series) -> pd.Series:
    """Texts as exact integers if they are integers: a float would round large ones."""
    if column.dtype.kind in "mM":
        return column
    try:
        return column.astype("string").astype("Int64")
    except (ValueError, TypeError, OverflowError):
        return column


def one_row_a_tweet(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Sum a series, keep the last snapshot, drop exact repeats, refuse other repeats."""
    if "tweet_id" not in frame.columns:
        # Each row is a Tweet without an id, or a day of the whole account.
        return frame.rename(columns={"time": "day"}).reset_index(drop=True), 0
    if "time" in frame.columns:
        repeats = frame.duplicated(["tweet_id", "time"])
        if repeats.any():
            raise _repeated(frame[repeats], "for the same hour or day", "Keep one of the rows.")
        return _summed(frame.drop(columns="time")), 0
    if not frame["tweet_id"].duplicated().any():
        return frame.reset_index(drop=True), 0
    if "read_at" in frame.columns:
        last = frame.sort_values("read_at", kind="stable").drop_duplicates("tweet_id", keep="last")
        return last.sort_index().reset_index(drop=True), 0
    once = frame.drop_duplicates(["tweet_id", *metric_columns(frame)])
    twice = once["tweet_id"].duplicated()
    if twice.any():
        raise _repeated(
            once[twice],
            "with different figures",
            "Keep one row per Tweet, or add the column read_at so that the last one is used.",
        )
    return once.reset_index(drop=True), len(frame) - len(once)


def _repeated(rows: pd.DataFrame, how: str, advice: str) -> AnalysisError:
    ids = [str(tweet_id) for tweet_id in rows["tweet_id"].unique()]
    which = f"Tweet {ids[0]} occurs" if len(ids) == 1 else f"{len(ids):,} Tweets occur"
    return AnalysisError(
        f"{which} more than once, {how}" + (f"; the first is {ids[0]}." if len(ids) > 1 else "."),
        advice=advice,
        tweet_ids=ids,
    )


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    """Sums per Tweet; missing if one of the figures is."""
    metrics = metric_columns(frame)
    frame = frame.astype(dict.fromkeys(metrics, "Int64"))
    facts = [c for c in frame.columns if c not in {*metrics, "tweet_id"}]
    grouped = frame.groupby("tweet_id", sort=False)
    summed = grouped[metrics].sum(min_count=1)
    if frame[metrics].isna().any(axis=None):
        summed = summed.mask(frame[metrics].isna().groupby(frame["tweet_id"], sort=False).any())
    return pd.concat([grouped[facts].first(), summed], axis=1).reset_index()


def gathered(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Pieces of a large dataset as one small frame with one row per Tweet.

    A series is summed piece by piece, so memory grows with the Tweets and not with their hours. A
    Tweet may be in several pieces. Texts are dropped.
    """
    pieces, series = [], False
    for piece in frames:
        frame = checked(piece)
        series |= "time" in frame.columns
        once, _ = one_row_a_tweet(frame.drop(columns="text", errors="ignore"))
        pieces.append(_small(once))
    if not pieces:
        return pd.DataFrame({"tweet_id": pd.array([], dtype="string")})
    whole = pd.concat(pieces, ignore_index=True)
    if series and whole["tweet_id"].duplicated().any():
        whole = _summed(whole)
    return whole


def _small(frame: pd.DataFrame) -> pd.DataFrame:
    """Counts in 32 bits where they fit."""
    fits = {
        name: "Int32"
        for name in metric_columns(frame)
        if str(frame[name].dtype) == "Int64" and frame[name].abs().max() < 2**31
    }
    return frame.astype(fits)


def exact_sum(numbers: np.ndarray) -> int:
    """Sum of int64 without overflow: the upper and lower 32 bits are summed separately."""
    return (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())


def _refuse(frame: pd.DataFrame, wrong: np.ndarray, name: str, what: str) -> None:
    if not wrong.any():
        return
    tweets = frame["tweet_id"] if "tweet_id" in frame.columns else frame.index.to_series()
    ids = [str(tweet_id) for tweet_id in tweets[wrong].unique()]
    where = "1 Tweet" if len(ids) == 1 else f"{len(ids):,} Tweets, the first"
    raise AnalysisError(
        f"Impossible count: {label(name)} ({name}) {what} on {where}: {ids[0]}.",
        advice="Correct it or set it to <NA>, a missing figure.",
        tweet_ids=ids,
    )
