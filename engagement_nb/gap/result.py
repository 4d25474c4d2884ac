"""What `explore_gap` finds: figures and tables."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.apis.names import label
from engagement_nb.gap.beside import compare_definitions
from engagement_nb.gap.groups import BOUNDS, BY_TIME, TIMES, Step, Units, kept, over_time
from engagement_nb.gap.identify import COUNTED, NOT_COUNTED, UNDETERMINED, Verdict
from engagement_nb.gap.interval import Interval, share_interval
from engagement_nb.gap.read import Counts, as_arrays, exact_sum
from engagement_nb.gap.share import Share
from engagement_nb.metrics import About, csv_text, marked, period_in_words, save_tables

_COLUMNS = ["label", "sum", *(field.name for field in fields(Verdict) if field.name != "name")]
_PLAIN = ("posts", "posts_left_out", "engagements", "sum_of_metrics", "naive_gap", "counted",
          "not_counted", "undetermined", "summed", "hidden", "hidden_share", "doubtful_outside",
          "excess", "level", "over_count", "contradictions", "tolerance", "sandbox")  # fmt: skip
"""What JSON has under its own name."""


@dataclass(eq=False, repr=False)
class Findings:
    """Figures and tables of the gap, with the attributes that `engagement_nb.Gap` explains.

    Parameters
    ----------
    counts
        The figures, one row per Tweet.
    verdicts
        A verdict on each metric.
    together
        Whether the counters were evidently read together.
    about
        The source of the figures.
    facts
        The source and what is missing, for reports; None for a frame.
    tolerance, level, ignored
        The options of `explore_gap`; ``ignored`` are metrics that are not looked at by choice.
    zone
        IANA name of the time zone of its dates.
    """

    counts: Counts
    verdicts: list[Verdict]
    together: bool
    about: About
    facts: dict[str, Any] | None
    tolerance: float
    level: float
    ignored: tuple[str, ...]
    zone: str

    def __post_init__(self) -> None:
        counts, verdicts = self.counts, self.verdicts
        self.counted, self.not_counted, self.undetermined = (
            [v.name for v in verdicts if v.verdict == verdict]
            for verdict in (COUNTED, NOT_COUNTED, UNDETERMINED)
        )
        self.summed = [v.name for v in verdicts if v.in_hidden]
        self.left_out = [v.name for v in verdicts if not v.in_hidden]
        self.compared = counts.complete(self.summed)
        self.posts = int(np.count_nonzero(self.compared))
        self.posts_left_out = len(counts) - self.posts
        self.engagements, self.sum_of_metrics, self.over_count, self.hidden, self.excess = (
            exact_sum(self.tweets[column].to_numpy())
            for column in ("engagements", "sum_of_metrics", "over_count", "hidden", "excess")
        )
        self.naive_gap = self.engagements - self.sum_of_metrics
        self.hidden_share = self.hidden / self.engagements if self.engagements else None
        self.contradictions = int(np.count_nonzero(self.tweets["excess"].to_numpy()))
        self.sandbox = self.about.sandbox

    @property
    def period(self) -> str:
        """The time that the figures cover: see `engagement_nb.metrics.period_in_words`."""
        return period_in_words(self.about, self.counts.frame, self.zone)

    @cached_property
    def tweets(self) -> pd.DataFrame:
        """One row per Tweet compared.

        Columns ``tweet_id`` and ``created_at`` if known, ``source`` if the figures are made up,
        and the integers ``engagements``, ``sum_of_metrics``, ``naive_gap``, ``hidden``,
        ``hidden_least``, ``hidden_most``, ``over_count`` and ``excess``. ``hidden`` is what the
        metrics of `summed` leave of engagements, and ``excess`` is by how much they exceed them,
        so one of the two is 0. The bounds are what is left if every undetermined metric is
        counted, and if none is. Unknown figures count as 0 in ``sum_of_metrics`` and
        ``over_count``.
        """
        frame = self.counts.frame
        keys = [c for c in ("tweet_id", "day", "created_at") if c in frame.columns]
        figures = pd.DataFrame(self._figures(self.counts))[self.compared].reset_index(drop=True)
        left = figures[BOUNDS]
        known = frame.loc[self.compared, keys].reset_index(drop=True)
        gap = left["hidden"] - figures["over_count"]
        return marked(known, self.about).assign(
            engagements=figures["engagements"],
            sum_of_metrics=figures["engagements"] - gap,
            naive_gap=gap,
            **left.clip(lower=0),
            over_count=figures["over_count"],
            excess=-left["hidden"].clip(upper=0),
        )

    def _figures(self, counts: Counts) -> dict[str, np.ndarray]:
        """Engagements, what they leave with its bounds, and over-count of some rows."""
        inside = (self.summed, [*self.counted, *self.undetermined], self.counted)
        left = [counts.engagements - counts.sums(metrics) for metrics in inside]
        return {
            "engagements": counts.engagements,
            **dict(zip(BOUNDS, left, strict=True)),
            "over_count": counts.sums(self.left_out),
        }

    @property
    def over_bounds(self) -> tuple[int, int]:
        """Least and most over-count that the verdicts allow; equal if `share` has a value."""
        if self.share.value is not None:
            return self.over_count, self.over_count
        least = exact_sum(self.counts.sums(self.not_counted)[self.compared])
        return least, least + exact_sum(self.counts.sums(self.undetermined)[self.compared])

    @property
    def doubtful_outside(self) -> int:
        """Sum of the undetermined metrics in `over_count`."""
        doubtful = [name for name in self.undetermined if name not in self.summed]
        return exact_sum(self.counts.sums(doubtful)[self.compared])

    @cached_property
    def sampling_interval(self) -> Interval:
        """Confidence interval of the hidden share if `summed` is right: see `share_interval`."""
        return share_interval(self.tweets["hidden"], self.tweets["engagements"], self.level)

    @cached_property
    def share(self) -> Share:
        """The hidden share with its uncertainty, as reports, charts and tables print it."""
        return Share.of(
            *(self.tweets[name].to_numpy() for name in (*BOUNDS, "engagements")),
            level=self.level,
            undetermined=tuple(self.unsettled),
            counted=bool(self.counted),
        )

    @property
    def unsettled(self) -> list[str]:
        """Undetermined metrics that some Tweet compared has (wire names)."""
        return [name for name in self.undetermined if self.table["sum"][name]]

    @cached_property
    def engagement_rate(self) -> float | None:
        """Engagements / impressions of the Tweets compared that have impressions; None without."""
        shown, known = self.counts.impressions
        chosen = self.compared & known & (shown > 0)
        if not chosen.any():
            return None
        return exact_sum(self.counts.engagements[chosen]) / exact_sum(shown[chosen])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per metric (index: wire name).

        Columns ``label``, ``sum``, and those of `engagement_nb.gap.identify.Verdict`.
        """
        sums = {
            name: exact_sum(values[self.compared])
            for name, values in zip(self.counts.names, self.counts.values, strict=True)
        }
        rows = [{"label": label(v.name), "sum": sums[v.name], **asdict(v)} for v in self.verdicts]
        table = pd.DataFrame(rows, index=[v.name for v in self.verdicts], columns=_COLUMNS)
        table.index.name = "metric"
        return table.astype({"contradicted_share": "Float64", "weight": "Float64"})

    def _units(self, key: str) -> Units:
        """The rows to group: those of a series for groups in time, otherwise Tweets."""
        return self._series if self.counts.series is not None and key in BY_TIME else self._tweets

    @cached_property
    def _series(self) -> Units:
        rows, counts = self.counts.series, self.counts
        assert rows is not None  # noqa: S101 - for the type checker
        rows = rows[rows["tweet_id"].isin(counts.frame["tweet_id"][self.compared])]
        part = as_arrays(rows.reset_index(drop=True), counts.names)
        return Units(
            part.frame.assign(**self._figures(part)),
            self.about.read_at or self.about.end,
            self.share,
        )

    @cached_property
    def _tweets(self) -> Units:
        facts = self.counts.frame[self.compared].reset_index(drop=True)
        figures = ["engagements", *BOUNDS, "over_count"]
        frame = facts.drop(columns=figures, errors="ignore").join(self.tweets[figures])
        return Units(frame, self.about.read_at or self.about.end, self.share)

    def by(self, key: str) -> pd.DataFrame:
        """Engagements and hidden engagements by group.

        Parameters
        ----------
        key
            "size" (engagements of the Tweet), "age", "month" (of posting), "content" (facts about
            the text, from an export), or any column such as "owner"; for a series also "day",
            "hour" (of the day, UTC), "hours_since_posting" and "days_since_posting".

        Returns
        -------
        DataFrame
            One row per group: ``tweets`` (in groups by time, those with engagements then),
            ``engagements``, ``hidden`` with its bounds ``hidden_least`` and ``hidden_most``,
            ``hidden_share`` with ``low``, ``high`` and ``kind`` as in `Share`, ``over_count``.
        """
        return self._units(key).by(key)

    def differences(self, key: str) -> pd.DataFrame:
        """Permutation tests of the hidden share between the groups of `by`.

        Parameters
        ----------
        key
            As for `by`. Groups of fewer than `engagement_nb.gap.groups.LEAST_GROUP` Tweets are
            not compared, and a fact about the text only with its absence. Groups by "size" are
            not compared at all: engagements include what is hidden, so Tweets of different size
            differ in hidden engagement by construction. Nothing is compared if the share is
            bounds or unknown, because undetermined metrics could make the difference.

        Returns
        -------
        DataFrame
            One row per pair: ``group``, ``other``, ``hidden_share``, ``other_share``, ``p``, and
            ``p_adjusted`` for the number of pairs (Holm).
        """
        return self._units(key).differences(key)

    def growth(self) -> pd.DataFrame:
        """A series by time since posting, for the Tweets posted within it: as `by`."""
        return self.by("days_since_posting" if self.about.by == "day" else "hours_since_posting")

    @property
    def has_times(self) -> bool:
        """Whether times of engagement or of posting are known, so that there is a `trend`."""
        frame = self._units("day").frame
        return any(name in frame and frame[name].notna().any() for name in TIMES)

    @kept
    def trend(self, by: Step | None = None) -> pd.DataFrame:
        """Hidden share, engagements, impressions and engagement rate over time.

        Figures of a series, and figures by day of a whole account, are at the time of engagement.
        Others are at the time of posting.

        Parameters
        ----------
        by
            "day", "week" (from Monday), "month" or "year"; by default by the time covered. Days
            begin in the time zone of the analysis, but figures by day of UTC keep theirs.

        Returns
        -------
        DataFrame
            One row per period without gaps, with its first day in the index, which is named such
            as "week of engagement" or "week of posting". ``tweets`` (with engagements),
            ``engagements``, ``hidden``, ``hidden_least``, ``hidden_most``, ``hidden_share`` with
            ``hidden_low`` and ``hidden_high`` (bounds without a share, or an interval),
            ``impressions``, ``engagement_rate`` with ``rate_low`` and ``rate_high``, and
            ``partial``: whether the figures cover only a part of the period. Intervals are missing
            for fewer than `engagement_nb.gap.groups.LEAST_GROUP` Tweets.

        Raises
        ------
        AnalysisError
            No times are known, or the step is unknown.

        Notes
        -----
        The engagement rate is engagements / impressions, over Tweets with impressions in the
        period. The API counts organic impressions only, but organic and promoted engagements, so
        the rate of promoted Tweets is too high and can exceed 100 %.
        """
        about = self.about
        end = about.end if self.counts.series is not None else about.read_at or about.end
        return over_time(self._units("day"), by, self.zone, about.start, end)

    @kept
    def definitions(self) -> pd.DataFrame:
        """The usual definitions of engagement against engagements, one row per definition.

        See `engagement_nb.gap.beside.compare_definitions` for the columns. The rates are per
        impression; impressions are organic only, engagements of the API organic and promoted.
        """
        return compare_definitions(self.counts, self.summed)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `tweets`."""
        return self.tweets.copy()

    def to_csv(self, path: str | Path) -> None:
        """Write `tweets` to a CSV file."""
        Path(path).write_text(csv_text(self.tweets), encoding="utf-8")

    def save_tables(self, where: str | Path) -> None:
        """Write the figures by Tweet and by metric, each as CSV and as Parquet.

        ``tweets.csv`` and ``tweets.parquet`` have one row per Tweet: its facts, its metrics under
        their wire names, and the figures of `tweets`, which are missing if the Tweet cannot be
        compared. ``metrics.csv`` and ``metrics.parquet`` have the rows of `table`. Texts of Posts
        are left out. In CSV, a text that a spreadsheet would run as a formula begins with a quote.

        Parameters
        ----------
        where
            A folder, or an fsspec address.

        Raises
        ------
        DatasetError
            It cannot be written to.
        """
        figures = self.tweets.set_axis(np.flatnonzero(self.compared))
        figures = figures.loc[:, "sum_of_metrics":]
        known = self.counts.frame.drop(columns=["text", *figures], errors="ignore")
        tweets = known.join(figures.astype("Int64"))
        save_tables(where, tweets=marked(tweets, self.about), metrics=self.table.reset_index())

    def to_dict(self) -> dict[str, Any]:
        """The result as plain numbers, names and lists, for JSON (wire names)."""
        return {name: getattr(self, name) for name in _PLAIN} | {
            "share": self.share.to_dict(),
            "over_bounds": list(self.over_bounds),
            "engagement_rate": self.engagement_rate,
            "period": self.period,
            "zone": self.zone,
            "read_together": self.together,
            "metrics": self.table.astype(object).where(self.table.notna(), None).to_dict("index"),
            "labels": dict(self.about.labels),
            "source": self.about.source,
            "endpoint": self.about.endpoint,
            "unit": self.about.unit,
            "ignored": list(self.ignored),
        }

    def to_json(self, path: str | Path) -> None:
        """Write `to_dict` to a JSON file."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        Path(path).write_text(f"{text}\n", encoding="utf-8")
