"""A gap as people see it: charts, sentences, and what a notebook displays."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from engagement_nb import charts
from engagement_nb.errors import AnalysisError
from engagement_nb.gap import sentences
from engagement_nb.gap.firstpage import first_page
from engagement_nb.gap.oddities import find_oddities
from engagement_nb.gap.read import frame_of
from engagement_nb.gap.result import Findings
from engagement_nb.gap.totals import TotalsGap, split_gap
from engagement_nb.gap.trend import Step
from engagement_nb.metrics import Metrics, bundle
from engagement_nb.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from engagement_nb.charts import Chart

_TITLES = {
    "size": "by engagements of the Tweet",
    "age": "by age of the Tweet",
    "month": "by month of posting",
    "content": "by what the Tweet contains",
    "owner": "by account",
    "hour": "by hour of the day (UTC)",
    "hours_since_posting": "by time since posting",
    "days_since_posting": "by time since posting",
}


class Gap(Findings):
    """Which metrics are part of engagements, how much has none, and how sure that is.

    Made by `engagement_nb.explore_gap`. In a notebook it shows a sentence, a table and the
    bridge. ``plot_...`` draws its figures, and `reading` says them.
    """

    @property
    def sentence(self) -> str:
        """The result in a few sentences."""
        return sentences.by_unit(sentences.answer(self), self)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain numbers, names and lists, for JSON (wire names)."""
        return {**super().to_dict(), "sentence": self.sentence, "page": first_page(self)}

    def oddities(self, earlier: Metrics | pd.DataFrame | None = None) -> pd.DataFrame:
        """Oddities of the figures themselves, one row per oddity.

        Parameters
        ----------
        earlier
            An earlier snapshot of the same Tweets, to find counters that fell.

        Returns
        -------
        DataFrame
            Columns ``oddity``, ``tweets``, ``of``, ``reading`` (a sentence), ``examples``.
        """
        before = None if earlier is None else frame_of(earlier)
        return find_oddities(
            self.counts, self.summed, self.compared, before,
            mixes_promoted=self.about.mixes_promoted,
        )  # fmt: skip

    def against_totals(
        self, totals: Metrics | pd.DataFrame, start: datetime | str | None = None
    ) -> TotalsGap:
        """Split the gap of totals into metrics that totals cannot return and what is hidden.

        Parameters
        ----------
        totals
            Totals of the same Tweets as these figures of 28hr or historical.
        start
            When the window began, UTC unless it has a zone; by default as the figures say.
        """
        return split_gap(self, totals, start or self.about.start)

    def plot(self, ax: Axes | None = None) -> Chart | Axes:
        """Sum of all columns, less what is not engagement, plus hidden, is engagements.

        Parameters
        ----------
        ax
            Axes of matplotlib to draw on, which are returned; by default, a chart is returned
            that a notebook shows. All plots have it.
        """
        return _on(self._bridge(), ax)

    plot_bridge = plot

    def _bridge(self) -> Chart:
        least, most = self.over_bounds
        return charts.bridge(
            self.share,
            self.sum_of_metrics,
            least,
            most - least,
            self.excess,
            doubtful=least == most and self.doubtful_outside > 0,
            sandbox=self.sandbox,
        )

    def plot_tweets(self, ax: Axes | None = None) -> Chart | Axes:
        """Engagements against the sum of all columns, one dot per Tweet."""
        engagements, sums = (
            self.tweets[name].to_numpy() for name in ("engagements", "sum_of_metrics")
        )
        return _on(charts.tweets(engagements, sums, sandbox=self.sandbox), ax)

    def plot_evidence(self, ax: Axes | None = None) -> Chart | Axes:
        """For each metric, the Tweets that fit exactly with it and those that contradict it."""
        return _on(charts.evidence(self.table, sandbox=self.sandbox), ax)

    def plot_by(self, key: str, ax: Axes | None = None) -> Chart | Axes:
        """Hidden share by group, with intervals or bounds: see `by` for the keys."""
        what = _TITLES.get(key, f"by {key.replace('_', ' ')}")
        try:
            table = self.by(key)
        except AnalysisError as error:
            if key not in _TITLES:
                raise
            return _on(charts.nothing(f"Hidden share {what}", str(error), sandbox=self.sandbox), ax)
        title = sentences.groups_title(table, self.differences(key), what)
        unit = self.about.unit.replace("tweet", "Tweet")
        return _on(
            charts.hidden_by(table, title, overall=self.share, unit=unit, sandbox=self.sandbox), ax
        )

    def plot_growth(self, ax: Axes | None = None) -> Chart | Axes:
        """How engagements of a series grow after posting, and what is hidden."""
        return _on(charts.growth(self.growth(), sandbox=self.sandbox), ax)

    def plot_trend(
        self, by: Step | None = None, zone: str | None = None, ax: Axes | None = None
    ) -> Chart | Axes:
        """Engagements, hidden share and engagement rate over time: see `trend`."""
        return _on(charts.trend(self.trend(by, zone), sandbox=self.sandbox), ax)

    def plot_definitions(self, ax: Axes | None = None) -> Chart | Axes:
        """The usual definitions against engagements: their sums, and the top Tweets they find."""
        return _on(charts.definitions(self.definitions(), sandbox=self.sandbox), ax)

    def reading(self, topic: str, earlier: Metrics | None = None, zone: str | None = None) -> str:
        """The findings on a topic in sentences (Markdown).

        Parameters
        ----------
        topic
            "figures", "columns", "evidence", "documents", "confidence", "meaning", "definitions",
            "oddities", "trend", "growth", or a key of `by`.
        earlier
            For "oddities": an earlier snapshot of the same Tweets.
        zone
            For "trend": the time zone in which days begin; by default that of the analysis.
        """
        return sentences.by_unit(self._reading(topic, earlier, zone), self)

    def _reading(self, topic: str, earlier: Metrics | None, zone: str | None) -> str:
        none = sentences.no_answer(self)
        if none is not None and topic not in ("figures", "oddities"):
            return none
        by = _TITLES.get(topic, f"by {topic}")
        readings: dict[str, Callable[[], str]] = {
            "figures": lambda: sentences.figures(self),
            "columns": lambda: sentences.columns(self),
            "evidence": lambda: sentences.evidence(self),
            "documents": lambda: sentences.documents(self),
            "confidence": lambda: sentences.confidence(self),
            "meaning": lambda: sentences.meaning(self),
            "definitions": lambda: sentences.usual(self, self.definitions()),
            "oddities": lambda: sentences.odd(self.oddities(earlier)),
            "trend": lambda: sentences.trend(self, self.trend(zone=zone)),
            "growth": lambda: sentences.growth(self.growth()),
            "size": lambda: sentences.by_size(self.by(topic), by),
        }
        if topic not in readings and topic not in _TITLES and topic not in self.counts.frame:
            known = ", ".join(dict.fromkeys([*readings, *_TITLES]))
            raise AnalysisError(
                f"There is no reading on {topic!r}.",
                advice=f"There are: {known}, or a column of the frame.",
            )
        try:
            return readings.get(topic, lambda: sentences.where(self, self.differences(topic), by))()
        except AnalysisError as error:
            if topic not in _TITLES:
                raise
            return str(error)

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.table.drop(columns='why').to_string()}"

    def _repr_html_(self) -> str:
        head = {
            "label": "metric", "sum": "sum", "verdict": "verdict",
            "posts_above_zero": "Tweets above zero", "contradictions": "contradictions",
            "tight": "exact fits",
        }  # fmt: skip
        table = self.table[[*head]].rename(columns=head).set_index("metric")
        counts = table.columns.drop("verdict")
        shown = table.assign(**{name: table[name].map(number) for name in counts}).to_html()
        shown = sentences.by_unit(shown, self)
        return f"<p>{html.escape(self.sentence)}</p>{shown}{self._bridge().html()}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        parts: dict[str, Any] = {"gap": self.to_dict()}
        if self.facts is not None:
            parts["metrics"] = self.facts
        return {"text/plain": repr(self), "text/html": self._repr_html_(), **bundle(**parts)}


def _on(chart: Chart, ax: Axes | None) -> Chart | Axes:
    return chart if ax is None else chart.draw(ax)
