"""What `explore_gap` finds, as figures and tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.gap.definitions import compare_definitions
from engagement_nb.gap.groups import BY_TIME, Units, series_rows
from engagement_nb.gap.identify import COUNTED, NOT_COUNTED, UNDETERMINED, Verdict
from engagement_nb.gap.interval import ANY_SHARE, Interval, share_interval
from engagement_nb.gap.read import Counts, exact_sum
from engagement_nb.gap.tables import save_tables
from engagement_nb.gap.trend import TIMES, Step, over_time
from engagement_nb.metrics import About, csv_text
from engagement_nb.vocabulary import label

_COLUMNS = ["label", "sum", *(field.name for field in fields(Verdict) if field.name != "name")]
_PLAIN = ("posts", "posts_left_out", "engagements", "sum_of_metrics", "naive_gap", "counted",
          "not_counted", "undetermined", "summed", "hidden", "hidden_share", "doubtful_outside",
          "excess", "level", "over_count", "contradictions", "tolerance", "sandbox")  # fmt: skip
"""What JSON has under its own name."""


@dataclass(frozen=True, eq=False)
class Findings:
    """Figures and tables of the gap; `engagement_nb.gap.shown.Gap` shows them.

    Parameters
    ----------
    counts
        The figures, one row a Tweet.
    verdicts
        What the Tweets say of each metric.
    together
        Whether the counters were evidently read together.
    about
        Where the figures come from.
    facts
        The same and what is missing, for reports; None for a bare frame.
    tolerance, level
        The options of `explore_gap`.
    """

    counts: Counts
    verdicts: list[Verdict]
    together: bool
    about: About
    facts: dict[str, Any] | None
    tolerance: float
    level: float

    @property
    def sandbox(self) -> bool:
        """Whether the figures are the sandbox's, and made up."""
        return self.about.sandbox

    def _named(self, verdict: str) -> list[str]:
        return [v.name for v in self.verdicts if v.verdict == verdict]

    @property
    def counted(self) -> list[str]:
        """Metrics that are part of engagements (wire names)."""
        return self._named(COUNTED)

    @property
    def not_counted(self) -> list[str]:
        """Metrics that engagements do not include, or not in full (wire names)."""
        return self._named(NOT_COUNTED)

    @property
    def undetermined(self) -> list[str]:
        """Metrics about which these Tweets cannot tell (wire names)."""
        return self._named(UNDETERMINED)

    @property
    def summed(self) -> list[str]:
        """Metrics that `hidden` subtracts: counted, and undetermined ones presumed counted."""
        return [v.name for v in self.verdicts if v.in_hidden]

    @property
    def left_out(self) -> list[str]:
        """All other metrics: their sum is `over_count`."""
        return [v.name for v in self.verdicts if not v.in_hidden]

    @cached_property
    def compared(self) -> np.ndarray:
        """Which Tweets are compared: engagements and every metric of `summed` known."""
        return self.counts.complete(self.summed)

    @property
    def posts(self) -> int:
        """Tweets that are compared."""
        return int(np.count_nonzero(self.compared))

    @property
    def posts_left_out(self) -> int:
        """Tweets whose engagements, or a metric that `hidden` needs, are not known."""
        return len(self.counts) - self.posts

    @cached_property
    def tweets(self) -> pd.DataFrame:
        """One row a Tweet compared.

        Columns ``tweet_id``, ``created_at`` where known, ``engagements``, ``sum_of_metrics``,
        ``naive_gap``, ``hidden``, ``over_count``, ``excess``: integers. ``excess`` is by how
        much the metrics of `summed` exceed engagements, and ``hidden`` what they leave, so one
        of the two is 0. ``sum_of_metrics`` and ``over_count`` add up the figures that are known.
        """
        chosen = self.compared
        keys = [c for c in ("tweet_id", "day", "created_at") if c in self.counts.frame.columns]
        frame = self.counts.frame.loc[chosen, keys].reset_index(drop=True)
        engagements = self.counts.engagements[chosen]
        inside = self.counts.sums(self.summed)[chosen]
        outside = self.counts.sums(self.left_out)[chosen]
        frame["engagements"] = engagements
        frame["sum_of_metrics"] = inside + outside
        frame["naive_gap"] = engagements - inside - outside
        frame["hidden"] = np.maximum(engagements - inside, 0)
        frame["over_count"] = outside
        frame["excess"] = np.maximum(inside - engagements, 0)
        return frame

    def _total(self, column: str) -> int:
        return exact_sum(self.tweets[column].to_numpy())

    @cached_property
    def engagements(self) -> int:
        """Engagements of the Tweets compared."""
        return self._total("engagements")

    @cached_property
    def sum_of_metrics(self) -> int:
        """Sum of every metric of them."""
        return self._total("sum_of_metrics")

    @cached_property
    def over_count(self) -> int:
        """Sum of the metrics that are not part of engagements."""
        return self._total("over_count")

    @property
    def naive_gap(self) -> int:
        """Engagements less the sum of every metric."""
        return self.engagements - self.sum_of_metrics

    @cached_property
    def hidden(self) -> int:
        """Engagements that match no metric, of the Tweets that `summed` does not exceed."""
        return self._total("hidden")

    @cached_property
    def excess(self) -> int:
        """By how much `summed` exceeds engagements, on the Tweets where it does."""
        return self._total("excess")

    @cached_property
    def hidden_bounds(self) -> tuple[int, int]:
        """Least and most hidden engagement that the verdicts allow, Tweet by Tweet.

        Least: every undetermined metric is counted. Most: none is. Both are at least 0 on each
        Tweet. Documents have no influence on the bounds.
        """
        chosen = self.compared
        most = (self.counts.engagements - self.counts.sums(self.counted))[chosen]
        least = most - self.counts.sums(self.undetermined)[chosen]
        return exact_sum(np.maximum(least, 0)), exact_sum(np.maximum(most, 0))

    @property
    def doubtful_outside(self) -> int:
        """Sum of the undetermined metrics that `over_count` has, and `hidden` might have."""
        doubtful = [name for name in self.undetermined if name not in self.summed]
        return exact_sum(self.counts.sums(doubtful)[self.compared])

    @property
    def hidden_share(self) -> float | None:
        """`hidden` as a share of engagements; None without any."""
        return self.hidden / self.engagements if self.engagements else None

    @cached_property
    def sampling_interval(self) -> Interval:
        """Confidence interval of the hidden share if `summed` is right: see `share_interval`."""
        return share_interval(self.tweets["hidden"], self.tweets["engagements"], self.level)

    @property
    def hidden_interval(self) -> Interval | None:
        """`sampling_interval`; None where it would mislead.

        That is where the bounds of hidden engagement are wider, where no metric is counted, and
        for a single Tweet.
        """
        limits = self.sampling_interval
        if not self.counted or limits == ANY_SHARE or self.bounds_are_wider:
            return None
        return limits

    @property
    def bounds_are_wider(self) -> bool:
        """Whether undetermined metrics leave more room than the confidence interval."""
        least, most = self.hidden_bounds
        low, high = self.sampling_interval
        return most > least and most - least > (high - low) * self.engagements

    @cached_property
    def contradictions(self) -> int:
        """Tweets on which the metrics of `summed` add up to more than engagements."""
        return int(np.count_nonzero(self.tweets["excess"].to_numpy()))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a metric (index: wire name).

        Columns ``label``, ``sum``, ``verdict``, ``in_hidden`` (whether `hidden` takes it as
        part), ``posts_above_zero``, ``contradictions`` (of those, on which the set with the
        metric is more than engagements), ``contradicted_share``, ``tight`` (of those, on which
        it equals engagements), ``weight`` (the share of a metric that engagements include, if it
        is not counted in full and the Tweets can tell), ``stand_in`` (a metric that fits as well
        in its place), ``expected`` (what the documents say), ``why``.
        """
        table = pd.DataFrame.from_dict(self._metrics, orient="index", columns=_COLUMNS)
        table.index.name = "metric"
        return table.astype({"contradicted_share": "Float64", "weight": "Float64"})

    @cached_property
    def _metrics(self) -> dict[str, dict[str, Any]]:
        """The rows of `table` as plain values."""
        sums = {
            name: exact_sum(values[self.compared])
            for name, values in zip(self.counts.names, self.counts.values, strict=True)
        }
        return {
            v.name: {"label": label(v.name), "sum": sums[v.name], **asdict(v)}
            for v in self.verdicts
        }

    def _units(self, key: str) -> Units:
        """What groups are made of: the rows of a series for groups in time, else Tweets."""
        if self.counts.series is not None and key in BY_TIME:
            frame = series_rows(self.counts, self.summed, self.left_out)
        else:
            facts = self.counts.frame[self.compared].reset_index(drop=True)
            figures = ["engagements", "hidden", "over_count"]
            frame = facts.drop(columns=figures, errors="ignore").join(self.tweets[figures])
        return Units(frame, self.about.read_at or self.about.end, self.level)

    def by(self, key: str) -> pd.DataFrame:
        """Engagements and what is hidden of them, by group.

        Parameters
        ----------
        key
            "size" (engagements of the Tweet), "age", "month" (posted), "content" (what an
            export tells of the text), or any column such as "owner"; of a series also "day",
            "hour" (of the day, UTC) and "hours_since_posting".

        Returns
        -------
        DataFrame
            One row a group: ``tweets`` (in groups by time, those with engagements then),
            ``engagements``, ``hidden``, ``hidden_share`` with its
            interval ``low`` and ``high`` (over Tweets), ``over_count``.
        """
        if key not in self._groups:
            self._groups[key] = self._units(key).by(key)
        return self._groups[key].copy()

    def differences(self, key: str) -> pd.DataFrame:
        """Permutation tests of the hidden share between the groups of `by`.

        Parameters
        ----------
        key
            As for `by`. Groups of fewer than `engagement_nb.gap.groups.LEAST_GROUP` Tweets are
            not compared, and groups by content with their opposite only. Groups by "size" are
            not compared at all: engagements include what is hidden, so Tweets of different size
            differ in hidden engagement by construction.

        Returns
        -------
        DataFrame
            One row a pair: ``group``, ``other``, ``hidden_share``, ``other_share``, ``p``, and
            ``p_adjusted`` for the number of pairs (Holm).
        """
        tests = self._units(key).differences(key)
        return tests.iloc[:0] if key == "size" else tests

    @cached_property
    def _groups(self) -> dict[str, pd.DataFrame]:
        return {}

    def growth(self) -> pd.DataFrame:
        """A series by time since posting, of Tweets posted within it: as `by`."""
        return self.by("days_since_posting" if self.about.by == "day" else "hours_since_posting")

    @property
    def has_times(self) -> bool:
        """Whether there are times of engagement or of posting, so that there is a `trend`."""
        frame = self._units("day").frame
        return any(name in frame and frame[name].notna().any() for name in TIMES)

    def trend(self, by: Step | None = None, zone: str = "UTC") -> pd.DataFrame:
        """Hidden share, engagements, impressions and engagement rate over time.

        Figures of a series, and by day of a whole account, stand at the time of engagement;
        others at the time when the Tweet was posted.

        Parameters
        ----------
        by
            "day", "week" (from Monday) or "month"; by default what suits the time covered.
        zone
            IANA name of the time zone in which days begin. Figures by day have days of UTC.

        Returns
        -------
        DataFrame
            One row a period, without a gap; in the index its first day, named such as "week of
            engagement" or "week of posting". ``tweets`` (with engagements), ``engagements``,
            ``hidden``, ``hidden_share``, ``impressions``, ``engagement_rate``, and ``partial``:
            whether the figures cover only a part of the period. The limits ``hidden_low`` and
            ``hidden_high``, ``rate_low`` and ``rate_high`` are missing where fewer than
            `engagement_nb.gap.groups.LEAST_GROUP` Tweets tell the ratio.

        Raises
        ------
        AnalysisError
            No times are known, or the step or time zone is none.

        Notes
        -----
        The engagement rate is engagements / impressions, over Tweets with impressions in the
        period. The API counts organic impressions only, but organic and promoted engagements, so
        the rate of promoted Tweets is too high and can exceed 100 %.
        """
        if (by, zone) not in self._trends:
            about = self.about
            end = about.end if self.counts.series is not None else about.read_at or about.end
            found = over_time(self._units("day"), by, zone, about.start, end)
            self._trends[by, zone] = found
        return self._trends[by, zone].copy()

    @cached_property
    def _trends(self) -> dict[tuple[Step | None, str], pd.DataFrame]:
        return {}

    def definitions(self) -> pd.DataFrame:
        """What the usual definitions of engagement miss: one row a definition.

        Columns ``metrics``, ``tweets``, ``sum``, ``share_of_engagements``, ``rank_agreement``
        (Spearman, with engagements), ``top_agreement`` (share of the tenth of Tweets with most
        engagements that the definition also has at the top) and, with impressions, ``rate``
        and ``engagement_rate`` (per impression; impressions are organic only, engagements of
        the API organic and promoted).
        """
        return compare_definitions(self.counts, self.summed)

    def to_frame(self) -> pd.DataFrame:
        """The figures by Tweet, as `tweets`: a copy to work with."""
        return self.tweets.copy()

    def to_csv(self, path: str | Path) -> None:
        """Write the figures by Tweet to a CSV file, one row a Tweet."""
        Path(path).write_text(csv_text(self.tweets), encoding="utf-8")

    def save_tables(self, where: str | Path) -> None:
        """Write the figures by Tweet and by metric, each as CSV and as Parquet.

        ``tweets.csv`` and ``tweets.parquet`` have one row a Tweet: what is known of it, its
        metrics under their wire names, and the figures of `tweets`, missing where the Tweet
        cannot be compared. ``metrics.csv`` and ``metrics.parquet`` have the rows of `table`.
        Texts of Posts are left out. In CSV, a text that a spreadsheet would run as a formula
        begins with a quote.

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
        figures = figures[["sum_of_metrics", "naive_gap", "hidden", "over_count", "excess"]]
        known = self.counts.frame.drop(columns=["text", *figures], errors="ignore")
        tweets = known.join(figures.astype("Int64"))
        save_tables(where, tweets=tweets, metrics=self.table.reset_index())

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain numbers, names and lists, for JSON (wire names)."""
        return {name: getattr(self, name) for name in _PLAIN} | {
            "hidden_at_most": self.hidden_bounds[1],
            "hidden_bounds": list(self.hidden_bounds),
            "interval": None if self.hidden_interval is None else list(self.hidden_interval),
            "read_together": self.together,
            "metrics": {
                name: {column: row[column] for column in _COLUMNS}
                for name, row in self._metrics.items()
            },
            "labels": dict(self.about.labels),
            "source": self.about.source,
            "endpoint": self.about.endpoint,
            "unit": self.about.unit,
        }
