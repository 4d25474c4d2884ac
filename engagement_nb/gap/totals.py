"""The gap of totals: which part is metrics that totals cannot return, and which part is hidden.

Totals has the public metrics and no clicks; the windowed endpoints have the clicks. If the whole
life of a Tweet lies in the window, both have the same engagements, and the gap of totals is the
sum of three parts:

- *not in totals*: counted metrics that only the window has (URL clicks, profile visits, ...);
- *hidden*: engagements that match no metric of either endpoint;
- *drift*: changes of the other counters between the two readings.

A Tweet's whole life lies in the window if it was posted after the window began and has the same
engagements in both sources. Other Tweets are excluded and counted.
"""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engagement_nb import charts
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.read import Counts, exact_sum, frame_of, read_counts
from engagement_nb.gap.result import Findings
from engagement_nb.metrics import Metrics, bundle
from engagement_nb.tables.once import has_ids, has_row_name
from engagement_nb.words import counted, listed, number, percent, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from engagement_nb.charts import Chart


_WHOLE = ("tweets", "not_compared", "not_known", "engagements", "bounds", "sandbox")
"""What is known also where the parts are not."""


@dataclass(frozen=True)
class TotalsGap:
    """The gap of totals in three parts.

    Parameters
    ----------
    tweets, not_compared, not_known
        Tweets compared; Tweets of both sources whose life is not in the window; Tweets for which
        totals lacks a figure.
    engagements
        Lifetime engagements of the Tweets compared, from totals.
    gap_in_totals
        Engagements less the counted metrics of totals.
    not_in_totals, hidden, drift
        Its three parts.
    clicks
        ``not_in_totals`` by metric.
    sandbox
        Whether the figures are made up.
    bounds
        Where undetermined metrics decide what is hidden: the least and the most. The parts then
        assume that these metrics are what the documents say, and are not printed.
    """

    tweets: int
    not_compared: int
    not_known: int
    engagements: int
    gap_in_totals: int
    not_in_totals: int
    hidden: int
    drift: int
    clicks: dict[str, int]
    sandbox: bool
    bounds: tuple[int, int] | None = None

    @property
    def sentence(self) -> str:
        """The split in words."""
        excluded = ""
        if many := self.not_compared:
            tweets = f"{counted(many, 'Tweet')} with engagements outside the window"
            excluded += f" {tweets} {'is' if many == 1 else 'are'} excluded."
        if self.not_known:
            excluded += f" Totals lacks some figures for {counted(self.not_known, 'Tweet')}."
        if not self.tweets:
            none = "No Tweet's whole life lies in the window, so totals cannot be compared."
            return none + excluded
        start = f"On {counted(self.tweets, 'Tweet')} with their whole life in the window, totals"
        if self.bounds is not None:
            return (
                f"{start} cannot be split: undetermined metrics leave {span(*self.bounds)} of"
                f" {number(self.engagements)} engagements hidden.{excluded}"
            )
        if not self.gap_in_totals:
            return f"{start} show no gap: its metrics explain all engagements.{excluded}"
        largest = sorted(self.clicks, key=lambda name: -self.clicks[name])[:3]
        most = f" (most: {listed([label(name) for name in largest])})" if largest else ""
        drift = f"; {number(self.drift)} are changes between the two readings" if self.drift else ""
        return (
            f"{start} leave {number(self.gap_in_totals)} of {number(self.engagements)} engagements"
            f" unexplained. {number(self.not_in_totals)} of them"
            f" ({percent(self.not_in_totals / self.gap_in_totals)}) are metrics that totals cannot"
            f" return{most}; {number(self.hidden)} match no metric of either endpoint"
            f"{drift}.{excluded}"
        )

    def plot(self, ax: Axes | None = None) -> Chart | Axes:
        """From the metrics of totals to engagements; on axes of matplotlib if they are given."""
        return self._chart().on(ax)

    def _chart(self) -> Chart:
        if not self.tweets or self.bounds is not None:
            chart = charts.Chart("The gap of totals cannot be split", self.sentence)
        else:
            chart = charts.totals(self)
        return chart.stamped(self.sandbox)

    def __repr__(self) -> str:
        return self.sentence

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        told = asdict(self)
        if self.bounds is not None:
            # The parts are not known.
            told = {name: told[name] for name in _WHOLE}
        shown = f"{self._chart().html()}<p>{html.escape(self.sentence)}</p>"
        return {"text/plain": repr(self), "text/html": shown, **bundle(totals=told)}


def split_gap(gap: Findings, totals: Metrics | pd.DataFrame) -> TotalsGap:
    """Split the gap of totals with windowed figures of the same Tweets.

    Parameters
    ----------
    gap
        The analysis of 28hr or historical figures.
    totals
        Totals of (some of) the same Tweets.

    Raises
    ------
    AnalysisError
        The ids, the times of posting or the start of the window are not known.
    """
    counts, summed = gap.counts, gap.summed
    lifetime = read_counts(frame_of(totals))
    if (began := gap.about.start) is None:
        raise AnalysisError(
            "It is not known when the window of these figures began.",
            advice="Explore figures of a period that was fetched.",
        )
    pairs, not_known = _pairs(counts, summed, lifetime)
    engagements = lifetime.engagements[pairs["there"]]
    young = (pairs["created_at"] >= began).to_numpy(dtype=bool)
    whole = young & (engagements == counts.engagements[pairs["here"]])
    there, here = pairs.loc[whole, "there"].to_numpy(), pairs.loc[whole, "here"].to_numpy()
    # A metric that only totals has is compared if it is an interaction: quotes are, views are not.
    only_totals = [
        name
        for name in lifetime.names
        if name not in (*counts.names, "video_views") and name in ENGAGEMENT.of_span("life").metrics
    ]
    shared = [name for name in summed if name in lifetime.names]
    only_window = [name for name in summed if name not in lifetime.names]

    def lives(names: list[str]) -> int:
        return exact_sum(lifetime.sums(names)[there])

    def window(names: list[str]) -> int:
        return exact_sum(counts.sums(names)[here])

    bounds = None
    if gap.share.value is None:
        most, least = (
            exact_sum(np.maximum((counts.engagements - counts.sums(members))[here], 0))
            for members in (gap.counted, [*gap.counted, *gap.undetermined])
        )
        bounds = max(least - lives(only_totals), 0), most
    total = exact_sum(engagements[whole])
    clicks = {name: window([name]) for name in only_window}
    return TotalsGap(
        tweets=len(here),
        not_compared=len(pairs) - len(here),
        not_known=not_known,
        engagements=total,
        gap_in_totals=total - lives([*shared, *only_totals]),
        not_in_totals=sum(clicks.values()),
        hidden=total - window(summed) - lives(only_totals),
        drift=window(shared) - lives(shared),
        clicks={name: count for name, count in clicks.items() if count},
        sandbox=gap.sandbox,
        bounds=bounds,
    )


def _pairs(counts: Counts, summed: list[str], lifetime: Counts) -> tuple[pd.DataFrame, int]:
    """Positions of the Tweets that both have with all figures: ``there`` in totals, ``here``.

    And the number of Tweets that totals has without all figures.
    """
    if not (has_ids(lifetime.frame) and has_ids(counts.frame)):
        raise AnalysisError("Both sources need the column tweet_id to be compared.")
    posted = counts.frame.get("created_at")
    if posted is None or (len(posted) and posted.isna().all()):
        raise AnalysisError("It is not known when these Tweets were posted.")
    known = lifetime.complete([name for name in lifetime.names if name != "video_views"])
    second = lifetime.frame[["tweet_id"]].assign(there=np.arange(len(known)))
    second = second[~has_row_name(second["tweet_id"])]
    first = counts.frame[["tweet_id", "created_at"]].assign(here=np.arange(len(counts)))
    both = first[counts.complete(summed)].merge(second, on="tweet_id")
    pairs = both[known[both["there"]]]
    return pairs, len(both) - len(pairs)
