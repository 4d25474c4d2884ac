"""Figures of a whole account by day, which cannot tell what is hidden."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from engagement_nb import charts
from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.groups import Step, covered_in_part, in_periods
from engagement_nb.gap.read import NO_CLAIM
from engagement_nb.gap.shown import trend_rows
from engagement_nb.metrics import Metrics, bundle, marked, metric_columns, save_tables
from engagement_nb.metrics.problems import tweets_missing
from engagement_nb.words import counted, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from engagement_nb.charts import Chart

_MEANS = (
    "Compare days with days: these figures count what happened on a day, also with older Posts.",
    "To know how much of engagements is hidden, export the content of the same period too"
    " (account_analytics_content_...), and report on both files.",
)
_RATIOS = {
    "engagement_rate": ("engagements", "impressions", "Engagement rate", 2),
    "completion_rate": ("completed", "video_views", "Watched to the end", 1),
}
"""Ratios of sums: part, whole, what it is called, digits of its percentage."""
_KEY_FIGURES = ("posts", "impressions", "engagements", "user_follows")


@dataclass(frozen=True, eq=False)
class Days:
    """Totals and trend of a whole account by day; made by `engagement_nb.explore_days`.

    Parameters
    ----------
    metrics
        The figures: one row per day.

    Notes
    -----
    Nothing here has a confidence interval: the days of one account are not independent draws.
    """

    metrics: Metrics

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per day in order of time (index ``time``), with the counts of the file.

        ``completed`` is the number of video views that lasted to the end.
        """
        frame = self.metrics.frame.sort_values("time").set_index("time")
        names = [name for name in ("posts", *metric_columns(frame), "unfollows") if name in frame]
        if "completion_rate" in frame:
            frame["completed"] = (frame["completion_rate"] / 100 * frame["video_views"]).round()
            names.append("completed")
        return frame[names].dropna(axis="columns", how="all").astype("Int64")

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per count (index: wire name).

        Columns ``label``, ``sum``, ``per_day`` (mean over the days that have it), ``most`` (on
        one day) and ``day`` (the first such day).
        """
        return pd.DataFrame(
            {
                "label": self.frame.columns.map(label),
                "sum": self.frame.sum(),
                "per_day": self.frame.mean().astype("Float64"),
                "most": self.frame.max(),
                "day": self.frame.idxmax().map(lambda day: day.date()),
            }
        ).rename_axis("metric")

    def trend(self, by: Step | None = None) -> pd.DataFrame:
        """Sums and ratios over time.

        Parameters
        ----------
        by
            "day", "week" (from Monday), "month" or "year"; by default by the time covered.

        Returns
        -------
        DataFrame
            One row per period without gaps, with its first day in the index. The counts of
            `frame`; ``engagement_rate`` (engagements / impressions) and ``completion_rate`` as
            shares, if the file has their parts; ``partial``: whether only a part is covered.
        """
        days = self.frame.index.to_series().dt.tz_localize(None)
        period, index, step = in_periods(days, by)
        table = self.frame.groupby(period.to_numpy()).sum(min_count=1).reindex(index)
        for name, (part, whole, *_) in _RATIOS.items():
            if {part, whole} <= {*table}:
                table[name] = (table[part] / table[whole]).where(table[whole] > 0)
        ends = covered_in_part(index, days.min(), days.max() + pd.Timedelta(days=1))
        lengths = (index.end_time - index.start_time).ceil("D").days
        table["partial"] = ends | (days.groupby(period).size().reindex(index) < lengths).to_numpy()
        table.index = index.to_timestamp().rename(f"{step} of engagement")
        return table

    def ratio(self, name: str) -> float | None:
        """Ratio of all days: "engagement_rate" or "completion_rate"; None if unknown."""
        part, whole, *_ = _RATIOS[name]
        if not {part, whole} <= {*self.frame}:
            return None
        known = self.frame[[part, whole]].dropna()
        return float(known[part].sum() / known[whole].sum()) if known[whole].sum() else None

    @property
    def sentence(self) -> str:
        """The totals in a few sentences."""
        return " ".join(self._said)

    @property
    def _said(self) -> list[str]:
        sums = {name: int(count) for name, count in self.table["sum"].items()}
        named = [name for name in ("impressions", "engagements", "video_views") if name in sums]
        days = self.frame.index
        lost = tweets_missing(self.metrics.facts()["problems"])
        without = f"; {counted(lost, 'day')} missing" if lost else ""
        made_up = "SANDBOX DATA (made up): " if self.metrics.about.sandbox else ""
        text = (
            f"{made_up}{counted(len(days), 'day')} ({days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"
            f"{without}) {'has' if len(days) == 1 else 'have'}"
            f" {' and '.join(f'{number(sums[name])} {label(name)}' for name in named[:2])}."
        )
        for name, (_, _, said, digits) in _RATIOS.items():
            if (share := self.ratio(name)) is not None:
                text += f" {said}: {percent(share, digits)}."
        told = [text]
        most = next((name for name in ("engagements", "video_views") if name in sums), None)
        if most is not None:
            count, day = int(self.table["most"][most]), self.table["day"][most]
            told.append(f"Most {label(most)} on one day: {number(count)}, on {day}.")
        if (kind := self.metrics.about.kind) in NO_CLAIM:
            told.append(NO_CLAIM[kind])
        return told

    def plot_trend(self, by: Step | None = None, ax: Axes | None = None) -> Chart | Axes:
        """Draw `trend`; on axes of matplotlib if they are given."""
        return charts.trend(self.trend(by)).on(ax)

    def save_tables(self, where: str | Path) -> None:
        """Write the figures by day and by metric, each as CSV and as Parquet.

        ``days.csv`` and ``days.parquet`` have the rows of `frame`, ``metrics.csv`` and
        ``metrics.parquet`` those of `table`.

        Parameters
        ----------
        where
            A folder, or an fsspec address.

        Raises
        ------
        DatasetError
            It cannot be written to.
        """
        days = marked(self.frame.reset_index(), self.metrics.about)
        save_tables(where, days=days, metrics=self.table.reset_index())

    def to_dict(self) -> dict[str, Any]:
        """Totals and key figures as plain numbers and texts, for JSON."""
        cards = [["Days", number(len(self.frame)), ""]]
        names = [name for name in _KEY_FIGURES if name in self.frame] or ["video_views"]
        cards += [[label(n).capitalize(), number(self.table["sum"][n]), ""] for n in names]
        cards += [
            [said, percent(self.ratio(name), digits), " / ".join(map(label, (part, whole)))]
            for name, (part, whole, said, digits) in _RATIOS.items()
            if self.ratio(name) is not None
        ]
        return {
            "sentence": self.sentence,
            "days": len(self.frame),
            "sums": {name: int(count) for name, count in self.table["sum"].items()},
            **{name: self.ratio(name) for name in _RATIOS},
            "cards": cards,
            "sandbox": self.metrics.about.sandbox,
            # As `engagement_nb.gap.shown.first_page`.
            "page": {
                "period": self.metrics.facts()["period"],
                "finding": self._said,
                "means": list(_MEANS),
                "top": [],
                "trend": trend_rows(self.trend()),
            },
        }

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.table.to_string()}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        table = self.table.set_index("label").rename_axis("figure")
        table.columns = table.columns.str.replace("_", " ")
        table["per day"] = table["per day"].map("{:,.1f}".format)
        for column in ("sum", "most"):
            table[column] = table[column].map(number)
        shown = f"<p>{html.escape(self.sentence)}</p>{table.to_html()}"
        handed = bundle(days=self.to_dict(), metrics=self.metrics.facts())
        return {"text/plain": repr(self), "text/html": shown, **handed}


def explore_days(metrics: Metrics) -> Days:
    """Total the figures of an overview or video file, and show them over time.

    Parameters
    ----------
    metrics
        Figures by day of a whole account, as `engagement_nb.read_table` reads such files.

    Raises
    ------
    AnalysisError
        The figures are not by day of a whole account, or there are none.
    """
    if metrics.about.unit != "day" or not len(metrics):
        raise AnalysisError(
            "These figures are not by day of a whole account.",
            advice="Use explore_gap for figures by Tweet.",
        )
    return Days(metrics)
