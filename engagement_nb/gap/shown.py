"""A gap as people see it: charts, sentences, a first page, and what a notebook displays."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from engagement_nb import charts
from engagement_nb.errors import AnalysisError
from engagement_nb.gap import sentences
from engagement_nb.gap.beside import find_oddities
from engagement_nb.gap.groups import Step
from engagement_nb.gap.read import frame_of
from engagement_nb.gap.result import Findings
from engagement_nb.gap.totals import TotalsGap, split_gap
from engagement_nb.metrics import Metrics, bundle
from engagement_nb.words import counted, number, percent, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from engagement_nb.charts import Chart

TOP = 3
"""Tweets that each ranking names."""
SEEN = 100
"""Impressions that a Tweet needs to be ranked by its engagement rate."""
LONGEST = 1100
"""Days of posting above which a trend says nothing about now, so that the page has none."""
_ADDRESS = re.compile(r"https?://t\.co/\w+")
FIRST_WORDS = 70
"""Characters of a Tweet's text."""

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

    Attributes
    ----------
    counted, not_counted, undetermined
        Metrics that are part of engagements; that they do not include, or not in full; and that
        may or may not be part (wire names).
    summed, left_out
        Metrics that ``hidden`` subtracts: counted, and undetermined ones presumed counted. And
        all others, whose sum is ``over_count``.
    compared
        Which Tweets are compared: those with engagements and every metric of ``summed``.
    posts, posts_left_out
        Their number, and that of the others.
    engagements, sum_of_metrics, over_count
        Sums over the Tweets compared: engagements, every metric, and ``left_out``.
    naive_gap
        Engagements less the sum of every metric.
    hidden, excess
        Engagements that match no metric, of the Tweets that ``summed`` does not exceed; and by how
        much it exceeds engagements on the Tweets where it does.
    hidden_share
        ``hidden`` as a share of engagements; None without any.
    contradictions
        Tweets on which the metrics of ``summed`` add up to more than engagements.
    sandbox
        Whether the figures are made up by the sandbox.
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

    def against_totals(self, totals: Metrics | pd.DataFrame) -> TotalsGap:
        """Split the gap of totals into metrics that totals cannot return and what is hidden.

        Parameters
        ----------
        totals
            Totals of the same Tweets as these figures of 28hr or historical.
        """
        return split_gap(self, totals)

    def plot(self, ax: Axes | None = None) -> Chart | Axes:
        """Sum of all columns, less what is not engagement, plus hidden, is engagements.

        Parameters
        ----------
        ax
            Axes of matplotlib to draw on, which are returned; by default, a chart is returned
            that a notebook shows. All plots have it.
        """
        return self._bridge().on(ax)

    def _bridge(self) -> Chart:
        sums = (self.sum_of_metrics, self.over_bounds, self.doubtful_outside, self.excess)
        return charts.bridge(self.share, *sums).stamped(self.sandbox)

    def plot_tweets(self, ax: Axes | None = None) -> Chart | Axes:
        """Engagements against the sum of all columns, one dot per Tweet."""
        figures = (self.tweets[name].to_numpy() for name in ("engagements", "sum_of_metrics"))
        return charts.tweets(*figures).stamped(self.sandbox).on(ax)

    def plot_evidence(self, ax: Axes | None = None) -> Chart | Axes:
        """For each metric, the Tweets that fit exactly with it and those that contradict it."""
        return charts.evidence(self.table).stamped(self.sandbox).on(ax)

    def plot_by(self, key: str, ax: Axes | None = None) -> Chart | Axes:
        """Hidden share by group, with intervals or bounds: see `by` for the keys."""
        what = _TITLES.get(key, f"by {key.replace('_', ' ')}")
        try:
            table = self.by(key)
        except AnalysisError as error:
            if key not in _TITLES:
                raise
            return charts.Chart(f"Hidden share {what}", str(error)).stamped(self.sandbox).on(ax)
        title = sentences.groups_title(table, self.differences(key), what)
        unit = self.about.unit.replace("tweet", "Tweet")
        return charts.hidden_by(table, title, self.share, unit).stamped(self.sandbox).on(ax)

    def plot_growth(self, ax: Axes | None = None) -> Chart | Axes:
        """How engagements of a series grow after posting, and what is hidden."""
        return charts.growth(self.growth()).stamped(self.sandbox).on(ax)

    def plot_trend(self, by: Step | None = None, ax: Axes | None = None) -> Chart | Axes:
        """Engagements, hidden share and engagement rate over time: see `trend`."""
        return charts.trend(self.trend(by)).stamped(self.sandbox).on(ax)

    def plot_definitions(self, ax: Axes | None = None) -> Chart | Axes:
        """The usual definitions against engagements: their sums, and the top Tweets they find."""
        return charts.definitions(self.definitions()).stamped(self.sandbox).on(ax)

    def reading(self, topic: str, earlier: Metrics | None = None) -> str:
        """The findings on a topic in sentences (Markdown).

        Parameters
        ----------
        topic
            "figures", "columns", "evidence", "documents", "confidence", "meaning", "definitions",
            "oddities", "trend", "growth", or a key of `by`.
        earlier
            For "oddities": an earlier snapshot of the same Tweets.
        """
        none = sentences.no_answer(self)
        if none is not None and topic not in ("figures", "oddities"):
            return sentences.by_unit(none, self)

        def listed(said: Iterable[str]) -> str:
            return "\n".join(f"- {each}" for each in said)

        by = _TITLES.get(topic, f"by {topic}")
        of_gap = (sentences.figures, sentences.columns, sentences.evidence, sentences.documents,
                  sentences.confidence)  # fmt: skip
        readings: dict[str, Callable[[], str]] = {
            **{said.__name__: partial(said, self) for said in of_gap},
            "definitions": lambda: sentences.usual(self, self.definitions()),
            "meaning": lambda: (
                listed(sentences.consequences(self)) or "- Nothing follows from so few figures."
            ),
            "oddities": lambda: (
                listed(
                    f"{row['reading']} ({counted(row['of'], 'Tweet')} examined.)"
                    for row in self.oddities(earlier).to_dict("records")
                )
                or "No oddities were found."
            ),
            "trend": lambda: sentences.trend(self, self.trend()),
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
            said = readings.get(topic, lambda: sentences.where(self, self.differences(topic), by))()
        except AnalysisError as error:
            if topic not in _TITLES:
                raise
            said = str(error)
        return sentences.by_unit(said, self)

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


def first_page(gap: Findings) -> dict[str, Any]:
    """The parts of the first page as plain values, for JSON.

    Parameters
    ----------
    gap
        The analysis.

    Returns
    -------
    dict
        ``period``; ``finding`` and ``means`` (sentences); ``top`` (rankings, each with ``by`` and
        ``tweets``); ``trend`` (``name`` of its index and ``rows``), None without times.
    """
    nothing = sentences.no_answer(gap)
    return {
        "period": gap.period,
        "finding": [nothing] if nothing else _finding(gap),
        "means": [] if nothing else sentences.consequences(gap)[:3],
        "top": [] if nothing else _top(gap),
        "trend": None if nothing else _trend(gap),
    }


def _finding(gap: Findings) -> list[str]:
    rate, share, (posted, when) = gap.engagement_rate, gap.share, sentences.dates(gap)
    columns = f"{sentences.all_columns(gap, ',')}."
    hidden = f"{share.point} of them ({share.counts}) match no metric that X shows."
    seen = f", an engagement rate of {percent(rate, 2)}" if rate is not None else ""
    said = [
        f"{counted(gap.posts, 'Tweet')}{posted} got {number(gap.engagements)} engagements{when}"
        f"{seen}.",
        share.sentence if share.kind == "unknown" or share.count == 0 else hidden,
        f"{sentences.outside(gap) or columns} {sentences.settled(gap)}".rstrip(),
    ]
    return [sentences.by_unit(sentence, gap) for sentence in said]


def _top(gap: Findings) -> list[dict[str, Any]]:
    """The Tweets with the most engagements, the most hidden, and the highest rate."""
    tweets = gap.tweets
    if "tweet_id" not in tweets or len(tweets) <= TOP:
        return []
    known = gap.counts.frame[gap.compared].reset_index(drop=True)
    # Of equal Tweets the first by id, in whatever order a source has them.
    by_id = tweets["tweet_id"].astype(str).sort_values().index
    shown = pd.Series(gap.counts.impressions[0][gap.compared])
    rates = (tweets["engagements"] / shown.where(shown >= SEEN)).dropna()
    bounds = ["hidden"] * 2 if gap.share.value is not None else ["hidden_least", "hidden_most"]
    least, most = (tweets[name] for name in bounds)
    rankings: list[tuple[str, pd.Series, Callable[[int], str]]] = [
        ("Most engagements", tweets["engagements"], lambda row: number(tweets["engagements"][row])),
        ("Most hidden engagements", least, lambda row: span(least[row], most[row])),
        ("Highest engagement rate", rates, lambda row: percent(rates[row])),
    ]
    return [
        {
            "by": by,
            "tweets": [
                {**_tweet(known.loc[row], gap.zone), "value": text(row)}
                for row in figures.reindex(by_id)[lambda given: given > 0].nlargest(TOP).index
            ],
        }
        for by, figures, text in rankings
        if (figures > 0).any()
    ]


def _tweet(row: pd.Series, zone: str) -> dict[str, Any]:
    posted, text = row.get("created_at"), row.get("text")
    words = ""
    if text is not None and pd.notna(text):
        # Addresses that X shortened say nothing.
        words = " ".join(_ADDRESS.sub("", str(text)).split()) or "only a link or media"
    if len(words) > FIRST_WORDS:
        words = f"{words[:FIRST_WORDS].rsplit(' ', 1)[0]} …"
    day = "" if pd.isna(posted) else f"{pd.Timestamp(posted).tz_convert(zone):%Y-%m-%d}"
    return {"id": str(row["tweet_id"]), "text": words, "posted": day}


def _trend(gap: Findings) -> dict[str, Any] | None:
    try:
        table = gap.trend()
    except AnalysisError:
        return None
    span = (table.index[-1] - table.index[0]).days
    if len(table) < 2 or (str(table.index.name).endswith("posting") and span > LONGEST):
        return None
    return trend_rows(table)


def trend_rows(table: pd.DataFrame) -> dict[str, Any]:
    """A trend as plain values: the ``name`` of its index, and its ``rows``."""
    rows = table.astype(object).where(table.notna(), None)
    rows.insert(0, "begins", [f"{day:%Y-%m-%d}" for day in table.index])
    return {"name": str(table.index.name), "rows": rows.to_dict("records")}
