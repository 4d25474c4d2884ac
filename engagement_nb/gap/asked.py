"""What of the gap in totals was only not asked for, and what is truly hidden.

Totals give the public metrics and none of the clicks; the windowed endpoints give the clicks.
For Tweets whose whole life lies in the window, both speak of the same engagements, and the
gap that totals show falls into three parts that add up to it:

- *not asked for*: counted metrics that only the window has (URL clicks, profile visits, ...);
- *hidden*: what no metric of either endpoint explains;
- *drift*: other counters that changed between the two readings.

A window is not a lifetime. Compared are the Tweets whose whole life lies in it: posted since it
began, and with the same engagements in both, so that nothing came after it ended. The others
are counted, and said to be left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engagement_nb import charts
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.read import Counts, exact_sum, read_counts
from engagement_nb.gap.result import Findings
from engagement_nb.metrics import Metrics
from engagement_nb.vocabulary import ENDPOINTS, label
from engagement_nb.words import counted, listed, number, percent

if TYPE_CHECKING:
    from engagement_nb.charts import Chart


@dataclass(frozen=True)
class Asked:
    """The gap of totals, split.

    Parameters
    ----------
    tweets, not_compared, not_known
        Tweets compared; Tweets that both sources have but whose life is not in the window;
        Tweets of which totals lack a figure.
    engagements
        Lifetime engagements of the Tweets compared, by totals.
    gap_in_totals
        Engagements less the counted metrics that totals give.
    not_asked, hidden, drift
        Its three parts.
    clicks
        The not asked for, by metric.
    sandbox
        Whether the figures are made up.
    """

    tweets: int
    not_compared: int
    not_known: int
    engagements: int
    gap_in_totals: int
    not_asked: int
    hidden: int
    drift: int
    clicks: dict[str, int]
    sandbox: bool

    @property
    def sentence(self) -> str:
        """The split in words."""
        left = (
            f" {counted(self.not_compared, 'Tweet')} with engagements outside the window"
            f" {'is' if self.not_compared == 1 else 'are'} excluded."
            if self.not_compared
            else ""
        )
        if self.not_known:
            left += f" Totals lacks some figures for {counted(self.not_known, 'Tweet')}."
        if not self.tweets:
            return "No Tweet's whole life lies in the window, so totals cannot be compared." + left
        if not self.gap_in_totals:
            return (
                f"On {counted(self.tweets, 'Tweet')} with their whole life in the window, totals"
                " show no gap: its metrics explain all engagements." + left
            )
        drift = f"; {number(self.drift)} are changes between the two readings" if self.drift else ""
        largest = sorted(self.clicks, key=lambda name: -self.clicks[name])[:3]
        share = self.not_asked / self.gap_in_totals
        return (
            f"On {counted(self.tweets, 'Tweet')} with their whole life in the window, totals leave"
            f" {number(self.gap_in_totals)} of {number(self.engagements)} engagements unexplained."
            f" {number(self.not_asked)} of them ({percent(share)}) are metrics that totals cannot"
            " return"
            f"{' (most: ' + listed([label(n) for n in largest]) + ')' if largest else ''};"
            f" {number(self.hidden)} match no metric of either endpoint"
            f"{drift}." + left
        )

    def to_dict(self) -> dict[str, Any]:
        """The split as plain numbers, for JSON."""
        return asdict(self) | {"sentence": self.sentence}

    def plot(self) -> Chart:
        """From the metrics that totals give to engagements."""
        return charts.asked(
            self.engagements,
            self.gap_in_totals,
            self.not_asked,
            self.hidden,
            self.drift,
            alt=self.sentence,
            sandbox=self.sandbox,
        )

    def __repr__(self) -> str:
        return self.sentence


def split_gap(
    gap: Findings, totals: Metrics | pd.DataFrame, start: datetime | str | None = None
) -> Asked:
    """Split the gap that totals show, with the help of a windowed analysis of the same Tweets.

    Parameters
    ----------
    gap
        Of 28hr or historical figures.
    totals
        Totals of (some of) the same Tweets.
    start
        When the window began, UTC unless it says otherwise; by default as the figures say.
    """
    frame = totals.frame if isinstance(totals, Metrics) else totals
    start = start or gap.about.start
    if start is None:
        raise AnalysisError(
            "It is not known when the window of these figures began.",
            advice="Give start, so that Tweets posted earlier can be left out.",
        )
    lifetime = read_counts(frame)
    if "tweet_id" not in lifetime.frame or "tweet_id" not in gap.counts.frame:
        raise AnalysisError("Both sources need the column tweet_id to be compared.")
    pairs = _pairs(gap, lifetime)
    both = np.isin(gap.counts.frame["tweet_id"][gap.compared], lifetime.frame["tweet_id"])
    not_known = int(np.count_nonzero(both)) - len(pairs)
    if not len(pairs):
        return Asked(0, 0, not_known, 0, 0, 0, 0, 0, {}, gap.sandbox)
    young = (pairs["created_at"] >= _moment(start)).fillna(False).to_numpy(dtype=bool)
    same = lifetime.engagements[pairs["there"]] == gap.counts.engagements[pairs["here"]]
    whole = young & same
    there = pairs["there"].to_numpy()[whole]
    here = pairs["here"].to_numpy()[whole]
    given = [n for n in lifetime.names if n in gap.summed or n not in gap.counts.names]
    given = [n for n in given if n in gap.summed or _counts_in_totals(n)]
    shared = [n for n in given if n in gap.counts.names]
    only_totals = [n for n in given if n not in shared]
    only_window = [n for n in gap.summed if n not in given]

    def lives(names: list[str]) -> int:
        return exact_sum(lifetime.sums(names)[there])

    def window(names: list[str]) -> int:
        return exact_sum(gap.counts.sums(names)[here])

    engagements = exact_sum(lifetime.engagements[there])
    seen = exact_sum(gap.counts.engagements[here])
    clicks = {name: window([name]) for name in only_window}
    return Asked(
        tweets=int(whole.sum()),
        not_compared=int((~whole).sum()),
        not_known=not_known,
        engagements=engagements,
        gap_in_totals=engagements - lives(given),
        not_asked=sum(clicks.values()),
        hidden=seen - window(gap.summed) - lives(only_totals),
        drift=(engagements - seen) - (lives(shared) - window(shared)),
        clicks={name: count for name, count in clicks.items() if count},
        sandbox=gap.sandbox,
    )


def _moment(start: datetime | str) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(start)
    except ValueError:
        raise AnalysisError(
            f"start is no time: {start}.", advice="Give it as 2026-01-31T12:00:00Z."
        ) from None
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment


def _counts_in_totals(name: str) -> bool:
    """Quotes are an interaction that only totals give; views are none."""
    return name in ENDPOINTS["totals"].metrics and name != "video_views"


def _pairs(gap: Findings, lifetime: Counts) -> pd.DataFrame:
    """Positions of the Tweets that both have with all figures: ``there`` in totals, ``here``."""
    names = [n for n in lifetime.names if n != "video_views"]
    there = np.flatnonzero(lifetime.complete(names))
    here = np.flatnonzero(gap.compared)
    first = gap.counts.frame.iloc[here]
    second = lifetime.frame.iloc[there]
    columns = [c for c in ("tweet_id", "created_at") if c in first.columns]
    left = first[columns].assign(here=here)
    right = second[["tweet_id"]].assign(there=there)
    if "created_at" not in left.columns:
        raise AnalysisError("It is not known when these Tweets were posted.")
    return left.merge(right, on="tweet_id")
