"""What `explore_gap` finds, as figures and tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.gap.answer import answer
from engagement_nb.gap.asked import Asked, split_gap
from engagement_nb.gap.bootstrap import Interval, share_interval
from engagement_nb.gap.definitions import compare_definitions
from engagement_nb.gap.groups import Units, series_rows
from engagement_nb.gap.identify import SLACK, exact_sum
from engagement_nb.gap.judge import COUNTED, NOT_COUNTED, UNDETERMINED, Verdict
from engagement_nb.gap.oddities import find_oddities
from engagement_nb.gap.read import Counts
from engagement_nb.metrics import About, Metrics
from engagement_nb.vocabulary import label

_COLUMNS = ("label", "sum", "verdict", "in_hidden", "posts_above_zero", "contradictions",
            "contradicted_share", "tight", "stability", "expected", "why")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Findings:
    """Figures and tables of the gap; `engagement_nb.gap.shown.Gap` shows them.

    Parameters
    ----------
    counts
        The figures, one row a Tweet.
    verdicts
        What the Tweets say of each metric.
    strict
        Whether counters were read together, so that no Tweet may contradict what is counted.
    stability
        How often each metric is in the largest set when Tweets are drawn anew; None where no
        Tweets were drawn.
    about
        Where the figures come from.
    facts
        The same and what could not be had, for reports; None for a bare frame.
    tolerance, level, resamples, seed
        The options of `explore_gap`.
    """

    counts: Counts
    verdicts: list[Verdict]
    strict: bool
    stability: dict[str, float] | None
    about: About
    facts: dict[str, Any] | None
    tolerance: float
    level: float
    resamples: int
    seed: int

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
        """Metrics that are not part of engagements (wire names)."""
        return self._named(NOT_COUNTED)

    @property
    def undetermined(self) -> list[str]:
        """Metrics of which these Tweets do not tell (wire names)."""
        return self._named(UNDETERMINED)

    @property
    def summed(self) -> list[str]:
        """Metrics that `hidden` takes as part: counted, and undetermined but uncontradicted."""
        return [v.name for v in self.verdicts if v.in_sums]

    @property
    def left_out(self) -> list[str]:
        """All other metrics: their sum is `over_count`."""
        return [v.name for v in self.verdicts if not v.in_sums]

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
        ``naive_gap``, ``hidden``, ``over_count``: integers. ``sum_of_metrics`` and
        ``over_count`` add up the figures that are known.
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
        frame["hidden"] = engagements - inside
        frame["over_count"] = outside
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

    @property
    def hidden(self) -> int:
        """Engagements that have no metric of their own."""
        return self.engagements - self.sum_of_metrics + self.over_count

    @property
    def hidden_at_most(self) -> int:
        """What would be hidden if no undetermined metric were part of engagements."""
        doubtful = [name for name in self.undetermined if name in self.summed]
        return self.hidden + exact_sum(self.counts.sums(doubtful)[self.compared])

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
    def hidden_interval(self) -> Interval:
        """Interval of the hidden share, by bootstrap over Tweets."""
        tweets = self.tweets
        return share_interval(
            tweets["hidden"].to_numpy(),
            tweets["engagements"].to_numpy(),
            level=self.level,
            resamples=self.resamples,
            seed=self.seed,
        )

    @cached_property
    def contradictions(self) -> int:
        """Tweets on which the metrics of `summed` add up to more than engagements."""
        return int(np.count_nonzero(self.tweets["hidden"].to_numpy() < 0))

    @property
    def sentence(self) -> str:
        """The answer in a sentence or two."""
        return answer(self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a metric (index: wire name).

        Columns ``label``, ``sum``, ``verdict``, ``in_hidden`` (whether `hidden` takes it as
        part), ``posts_above_zero``, ``contradictions`` (of those, on which the set with the
        metric is more than engagements), ``contradicted_share``, ``tight`` (of those, on which
        it equals engagements), ``stability`` (share of resamples with it in the set),
        ``expected`` (what the documents say), ``why``.
        """
        chosen = self.compared
        rows = {
            v.name: {
                "label": label(v.name),
                "sum": exact_sum(self.counts.values[j][chosen]),
                "verdict": v.verdict,
                "in_hidden": v.in_sums,
                "posts_above_zero": v.users,
                "contradictions": v.contradictions,
                "contradicted_share": v.contradicted_share,
                "tight": v.tight,
                "stability": self.stability.get(v.name) if self.stability else None,
                "expected": v.expected,
                "why": v.why,
            }
            for j, v in enumerate(self.verdicts)
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS))
        table.index.name = "metric"
        return table.astype({"contradicted_share": "Float64", "stability": "Float64"})

    @cached_property
    def _units(self) -> Units:
        if self.counts.series is not None:
            frame = series_rows(self.counts, self.summed, self.left_out)
        else:
            facts = self.counts.frame[self.compared].reset_index(drop=True)
            figures = ["engagements", "hidden", "over_count"]
            frame = facts.drop(columns=figures, errors="ignore").join(self.tweets[figures])
        moment = self.about.read_at or self.about.end
        return Units(frame, moment, self.level, self.resamples, self.seed)

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
            One row a group: ``tweets``, ``engagements``, ``hidden``, ``hidden_share`` with its
            interval ``low`` and ``high`` (over Tweets), ``over_count``.
        """
        if key not in self._groups:
            self._groups[key] = self._units.by(key)
        return self._groups[key].copy()

    @cached_property
    def _groups(self) -> dict[str, pd.DataFrame]:
        return {}

    def growth(self) -> pd.DataFrame:
        """A series by time since posting, of Tweets posted within it: as `by`."""
        return self.by("days_since_posting" if self.about.by == "day" else "hours_since_posting")

    @cached_property
    def daily_interval(self) -> Interval | None:
        """Interval of the hidden share by bootstrap over days; None unless a series."""
        if self.counts.series is None:
            return None
        frame = self._units.frame
        days = frame.groupby(frame["time"].dt.floor("D"))[["engagements", "hidden"]].sum()
        return share_interval(
            days["hidden"].to_numpy(),
            days["engagements"].to_numpy(),
            level=self.level,
            resamples=self.resamples,
            seed=self.seed,
        )

    def definitions(self) -> pd.DataFrame:
        """What the usual definitions of engagement miss: one row a definition.

        Columns ``metrics``, ``tweets``, ``sum``, ``share_of_engagements``, ``rank_agreement``
        (Spearman, with engagements), ``top_agreement`` (share of the tenth of Tweets with most
        engagements that the definition also has at the top) and, with impressions, ``rate``
        and ``engagement_rate`` (per impression; impressions are organic only, engagements of
        the API organic and promoted).
        """
        return compare_definitions(self.counts, self.summed)

    def oddities(self, earlier: Metrics | pd.DataFrame | None = None) -> pd.DataFrame:
        """What does not add up in the figures themselves: one row an oddity.

        Parameters
        ----------
        earlier
            An earlier snapshot of the same Tweets, to find counters that fell.

        Returns
        -------
        DataFrame
            Columns ``oddity``, ``tweets``, ``of``, ``reading`` (a sentence), ``examples``.
        """
        before = earlier.frame if isinstance(earlier, Metrics) else earlier
        return find_oddities(self.counts, self.summed, before)

    def against_totals(
        self, totals: Metrics | pd.DataFrame, start: datetime | str | None = None
    ) -> Asked:
        """Split the gap of totals into what was not asked for and what is hidden.

        Parameters
        ----------
        totals
            Totals of the same Tweets as these figures of 28hr or historical.
        start
            When the window began, UTC unless it says otherwise; by default as the figures say.
        """
        return split_gap(self, totals, start)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain numbers, names and lists, for JSON (wire names)."""
        spread = self.hidden_interval
        return {
            "posts": self.posts,
            "posts_left_out": self.posts_left_out,
            "engagements": self.engagements,
            "sum_of_metrics": self.sum_of_metrics,
            "naive_gap": self.naive_gap,
            "counted": self.counted,
            "not_counted": self.not_counted,
            "undetermined": self.undetermined,
            "summed": self.summed,
            "hidden": self.hidden,
            "hidden_share": self.hidden_share,
            "hidden_at_most": self.hidden_at_most,
            "doubtful_outside": self.doubtful_outside,
            "interval": None if spread.low is None else [spread.low, spread.high],
            "level": self.level,
            "over_count": self.over_count,
            "contradictions": self.contradictions,
            "tolerance": self.tolerance,
            "slack": SLACK,
            "metrics": {
                name: {key: _plain(value) for key, value in row.items()}
                for name, row in self.table.to_dict("index").items()
            },
            "labels": dict(self.about.labels),
            "source": self.about.source,
            "endpoint": self.about.endpoint,
            "sandbox": self.sandbox,
            "sentence": self.sentence,
        }


def _plain(value: Any) -> Any:
    if value is pd.NA or value is None:
        return None
    return value.item() if isinstance(value, np.generic) else value
