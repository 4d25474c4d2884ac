"""From frames to arrays: checks, missing figures, and one row per Tweet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import NO_CANDIDATES
from engagement_nb.apis.names import label, wire_names
from engagement_nb.apis.reasons import NOTHING_TO_COUNT
from engagement_nb.errors import AnalysisError
from engagement_nb.metrics import About, Metrics, metric_columns
from engagement_nb.tables import is_frame, read_table
from engagement_nb.tables.cells import LARGEST
from engagement_nb.tables.once import OLDER, REPEATED, repeated_rows
from engagement_nb.words import listed

NO_CLAIM = {
    "overview": "An overview lacks clicks and expands, so it cannot tell what is hidden.",
    "video": "A video file has no engagements.",
}
"""Files of figures by day, and why they do not show what is hidden."""


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
    metrics: Metrics | Any | Iterable[Any],
) -> tuple[Counts, About, dict[str, Any] | None]:
    """Arrays, source and facts of what `engagement_nb.explore_gap` takes.

    Raises
    ------
    AnalysisError
        There are no figures by Tweet.
    InputError
        They cannot be read: see `engagement_nb.read_table` and `read_counts`.
    """
    if hasattr(metrics, "gather") and not is_frame(metrics):
        # A source is asked for what it tells best.
        metrics = metrics.gather(beside=False)[0]
    facts: dict[str, Any] | None = None
    if isinstance(metrics, Metrics) or is_frame(metrics):
        read = _figures(metrics)
        about, facts, frame = read.about, read.facts(), _with_zeros(read)
    elif isinstance(metrics, Iterable) and not isinstance(metrics, str | bytes | Mapping):
        frame, about = gathered(metrics)
    else:
        raise AnalysisError(
            f"Figures are needed, not a {type(metrics).__name__}.",
            advice="Read them first: enb.connect(path).totals(), or a DataFrame of your own.",
        )
    if about.kind in NO_CLAIM:
        raise AnalysisError(
            NO_CLAIM[about.kind],
            advice="Explore it by explore_days, or export the content of the same period"
            " (account_analytics_content_...) too.",
        )
    return read_counts(frame), about, facts


def chosen(
    counts: Counts, include: Sequence[str] | None, exclude: Sequence[str]
) -> tuple[Counts, tuple[str, ...]]:
    """The same figures with some metrics only, and those that are left out by choice.

    Raises
    ------
    InputError, AnalysisError
        A name is not that of a metric, or not of one of these figures.
    """
    without = wire_names(exclude)
    kept = list(counts.names) if include is None else wire_names(include)
    if other := [name for name in (*kept, *without) if name not in counts.names]:
        raise AnalysisError(
            f"{label(other[0])} is not one of the metrics that are looked at.",
            advice=f"These figures have: {listed([*counts.names])}.",
        )
    rows = [k for k, name in enumerate(counts.names) if name in kept and name not in without]
    names = tuple(counts.names[row] for row in rows)
    left_out = tuple(name for name in counts.names if name not in names)
    if not left_out:
        return counts, ()
    fewer = replace(counts, names=names, values=counts.values[rows], known=counts.known[rows])
    return fewer, left_out


def _with_zeros(metrics: Metrics) -> pd.DataFrame:
    """The frame, with 0 for figures that are missing because there is nothing to count."""
    frame, problems = metrics.frame, metrics.problems
    rows = problems[(problems["scope"] == "metrics") & problems["reason"].isin(NOTHING_TO_COUNT)]
    zeros = {}
    for names, of_names in rows.groupby("metrics"):
        for name in str(names).split(", "):
            if name in frame:
                nothing = frame["tweet_id"].isin(of_names["tweet_id"]) & frame[name].isna()
                zeros[name] = frame[name].mask(nothing, 0)
    return frame.assign(**zeros) if zeros else frame


def _figures(given: Metrics | Any) -> Metrics:
    """Figures; a frame of somebody's own is read like a file."""
    return given if isinstance(given, Metrics) else read_table(given)


def frame_of(given: Metrics | Any) -> pd.DataFrame:
    """Their frame."""
    return _figures(given).frame


def read_counts(frame: pd.DataFrame) -> Counts:
    """Turn the frame of a `Metrics` into arrays with one row per Tweet.

    A series (column ``time``) is summed over its hours or days, and figures of several periods
    (columns ``start`` and ``end``) over the periods; a sum with a missing figure is missing. A
    Tweet that occurs twice with the same figures is counted once. The last of several snapshots
    (column ``read_at``) is used. Without a column of engagements no Tweet is judged.

    Raises
    ------
    InputError
        A Tweet occurs twice with different figures, or a figure is no count.
    """
    names = tuple(name for name in metric_columns(frame) if name not in NO_CANDIDATES)
    series = frame if {"time", "tweet_id"} <= set(frame.columns) else None
    figures = frame[metric_columns(frame)]
    whole = all(pd.api.types.is_integer_dtype(dtype) for dtype in figures.dtypes)
    if not whole or ((figures < 0) | (figures > LARGEST)).any(axis=None):
        # Somebody changed them by hand, so they are checked as those of a table.
        read_table(figures)
    frame, dropped = one_row_a_tweet(frame)
    return replace(as_arrays(frame, names), dropped=dropped, series=series)


def as_arrays(frame: pd.DataFrame, names: tuple[str, ...]) -> Counts:
    """The counts of some metrics, row by row."""
    values = np.zeros((len(names), len(frame)), dtype=np.int64)
    known = np.ones((len(names), len(frame)), dtype=bool)
    for row, name in enumerate(names):
        values[row], known[row] = column_counts(frame, name)
    return Counts(frame, names, values, known, *column_counts(frame, "engagements"))


def column_counts(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One column as int64 with 0 for unknown, and which are known; all unknown without it."""
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=bool)
    column = frame[name].astype("Int64")
    return column.fillna(0).to_numpy(dtype=np.int64), column.notna().to_numpy(dtype=bool, copy=True)


def one_row_a_tweet(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Sum a series and periods, keep the last snapshot, drop exact repeats, refuse other repeats.

    Raises
    ------
    InputError
        A Tweet occurs twice with different figures, or its periods overlap.
    """
    if "tweet_id" not in frame.columns:
        # Each row is a Tweet without an id, or a day of the whole account.
        return frame.rename(columns={"time": "day"}).reset_index(drop=True), 0
    rows = repeated_rows(frame)
    dropped = int(rows[REPEATED].sum())
    left_out = rows[REPEATED] | rows[OLDER]
    if left_out.any():
        frame = frame[~left_out]
    if "time" in frame.columns or frame["tweet_id"].duplicated().any():
        return _summed(frame.drop(columns="time", errors="ignore")), dropped
    return frame.reset_index(drop=True), dropped


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    """Sums per Tweet, missing if one of the figures is; other columns from the first row."""
    metrics = metric_columns(frame)
    frame = frame.astype(dict.fromkeys(metrics, "Int64"))
    facts = [c for c in frame.columns if c not in {*metrics, "tweet_id"}]
    grouped = frame.groupby("tweet_id", sort=False)
    summed = grouped[metrics].sum(min_count=1)
    if frame[metrics].isna().any(axis=None):
        summed = summed.mask(frame[metrics].isna().groupby(frame["tweet_id"], sort=False).any())
    first = grouped[facts].first()
    if "end" in facts:
        first["end"] = grouped["end"].max()
        first["start"] = grouped["start"].min()
    return pd.concat([first, summed], axis=1).reset_index()


def gathered(frames: Iterable[Any]) -> tuple[pd.DataFrame, About]:
    """Pieces of a large dataset as one frame, with one row per Tweet or day of each.

    A series is summed piece by piece, so memory grows with the Tweets and not with their hours. A
    Tweet may be in several pieces. Texts are dropped. What the first piece says of its source
    comes with it, or the first that is made up, for the time that all pieces cover.

    Raises
    ------
    InputError
        A piece cannot be read.
    AnalysisError
        A day of an account is in several pieces.
    """
    pieces: list[pd.DataFrame] = []
    abouts: list[About] = []
    for piece in frames:
        read = _figures(piece)
        abouts.append(read.about)
        frame = _with_zeros(read).drop(columns="text", errors="ignore")
        if {"tweet_id", "time"} <= {*frame.columns}:
            # Sums of pieces are figures of periods, which must not overlap.
            times = frame.groupby("tweet_id")["time"]
            ends = times.transform("max") + pd.Timedelta(1, "us")
            frame, _ = one_row_a_tweet(frame.assign(start=times.transform("min"), end=ends))
        pieces.append(frame)
    if not pieces:
        return pd.DataFrame({"tweet_id": pd.array([], dtype="string")}), About("table", "table")
    whole = pd.concat(pieces, ignore_index=True)
    if "tweet_id" not in whole.columns and whole["time"].duplicated().any():
        raise AnalysisError(
            "Some days are in several pieces.", advice="Give each day of the account once."
        )
    covered = [(each.start, each.end) for each in abouts if each.start and each.end]
    about = next((each for each in abouts if each.sandbox), abouts[0])
    first, last = zip(*covered, strict=True) if covered else ((), ())
    return whole, replace(about, start=min(first), end=max(last)) if covered else about


def exact_sum(numbers: np.ndarray) -> int:
    """Sum of int64 without overflow: the upper and lower 32 bits are summed separately."""
    return (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())
