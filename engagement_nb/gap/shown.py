"""A gap as people see it: figures, readings, and what a notebook displays."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from engagement_nb.errors import AnalysisError
from engagement_nb.gap import sentences
from engagement_nb.gap.answer import no_answer
from engagement_nb.gap.result import Findings
from engagement_nb.handover import bundle

if TYPE_CHECKING:
    from engagement_nb.charts.style import Chart
    from engagement_nb.metrics import Metrics

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

    Made by `engagement_nb.explore_gap`. In a notebook it reads as a sentence, a table and the
    bridge. Its figures are those of `Findings`; ``plot_...`` draw them, `reading` says them.
    """

    def plot_bridge(self) -> Chart:
        """Sum of all columns, less what is not engagement, plus hidden, is engagements."""
        from engagement_nb.charts.bridge import bridge

        return bridge(
            self.sum_of_metrics,
            self.over_count,
            self.hidden,
            self.engagements,
            doubtful=self.doubtful_outside > 0,
            sandbox=self.sandbox,
        )

    def plot_tweets(self) -> Chart:
        """Engagements against the sum of all columns, a dot a Tweet."""
        from engagement_nb.charts.bridge import tweets

        return tweets(
            self.tweets["engagements"].to_numpy(),
            self.tweets["sum_of_metrics"].to_numpy(),
            sandbox=self.sandbox,
        )

    def plot_evidence(self) -> Chart:
        """For each metric, the Tweets that fit exactly with it and those that contradict it."""
        from engagement_nb.charts.evidence import evidence

        return evidence(self.table, sandbox=self.sandbox)

    def plot_by(self, key: str) -> Chart:
        """Hidden share by group, with intervals: see `by` for the keys."""
        from engagement_nb.charts.shares import hidden_by
        from engagement_nb.charts.style import nothing

        what = _TITLES.get(key, f"by {key.replace('_', ' ')}")
        try:
            table = self.by(key)
        except AnalysisError as error:
            if key not in _TITLES:
                raise
            return nothing(f"Hidden share {what}", str(error), sandbox=self.sandbox)
        return hidden_by(table, what, overall=self.hidden_share, sandbox=self.sandbox)

    def plot_growth(self) -> Chart:
        """How engagements grow after posting, of a series: what has come, what is hidden."""
        from engagement_nb.charts.shares import growth

        return growth(self.growth(), sandbox=self.sandbox)

    def plot_definitions(self) -> Chart:
        """The usual definitions against engagements: their sums, and the top Tweets they find."""
        from engagement_nb.charts.shares import definitions

        return definitions(self.definitions(), sandbox=self.sandbox)

    def reading(self, topic: str, earlier: Metrics | None = None) -> str:
        """What the numbers say on a topic, in sentences (Markdown).

        Parameters
        ----------
        topic
            "figures", "columns", "evidence", "documents", "confidence", "meaning", "definitions",
            "oddities", or a key of `by`.
        earlier
            For "oddities": an earlier snapshot of the same Tweets.
        """
        nothing = no_answer(self)
        if nothing is not None and topic not in ("figures", "oddities"):
            return nothing
        whole = {
            "figures": sentences.figures,
            "columns": sentences.columns,
            "evidence": sentences.evidence,
            "documents": sentences.documents,
            "confidence": sentences.confidence,
            "meaning": sentences.meaning,
        }
        if topic in whole:
            return whole[topic](self)
        if topic == "definitions":
            return sentences.usual(self.definitions())
        if topic == "oddities":
            return sentences.odd(self.oddities(earlier))
        try:
            return sentences.where(self.by(topic), _TITLES.get(topic, f"by {topic}"))
        except AnalysisError as error:
            if topic not in _TITLES:
                raise
            return str(error)

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.table.drop(columns='why').to_string()}"

    def _repr_html_(self) -> str:
        from engagement_nb.charts.style import figure_html

        return (
            f"<p>{html.escape(self.sentence)}</p>{sentences.table_html(self.table)}"
            f"{figure_html(self.plot_bridge())}"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        parts: dict[str, Any] = {"gap": self.to_dict()}
        if self.facts is not None:
            parts["metrics"] = self.facts
        return {"text/plain": repr(self), "text/html": self._repr_html_(), **bundle(**parts)}
