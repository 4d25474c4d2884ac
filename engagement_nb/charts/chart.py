"""What a chart is: a title that says the finding, panels of marks, and the figures behind it.

`marks` are what panels consist of, and `svg` draws a chart for pages and notebooks. The functions
here draw it on axes of matplotlib.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from engagement_nb.charts import svg
from engagement_nb.charts.marks import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Axis,
    Drawing,
    Plot,
    Rows,
    Scatter,
)
from engagement_nb.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOWNLOAD = 3000
"""Rows up to which the figures of a chart can be downloaded from it."""


@dataclass(frozen=True, eq=False)
class Chart(Drawing):
    """A chart, drawn once for every width, on light and dark backgrounds."""

    def stamped(self, sandbox: bool) -> Chart:
        """The chart of made-up figures says so; that of other figures stays as it is."""
        return replace(self, sandbox=True, alt=f"SANDBOX DATA. {self.alt}") if sandbox else self

    def on(self, ax: Axes | None) -> Chart | Axes:
        """The chart, or axes of matplotlib on which it was drawn if there are any."""
        return self if ax is None else _draw(self, ax)

    def svg(self) -> str:
        """The chart as SVG that fills the width it gets, with its text as text."""
        return svg.draw(self)

    def html(self) -> str:
        """The chart with its title, and its figures as CSV to download."""
        download = ""
        if self.data is not None and 0 < len(self.data) <= DOWNLOAD:
            address = quote(str(self.data.to_csv(index=False)), safe=" ,.:+-_()/")
            download = (
                f'<a class="enb-csv" download="{self.what}.csv"'
                f' href="data:text/csv;charset=utf-8,{address}">Figures as CSV</a>'
            )
        title = re.sub(r"\d{4}-\d\d-\d\d", r'<span class="d">\g<0></span>', html.escape(self.title))
        return (
            f'<figure class="enb"><figcaption>{title}</figcaption>{self.svg()}{download}</figure>'
        )

    def save(self, path: str | Path) -> None:
        """Write it to a file: SVG, or PNG or PDF by matplotlib.

        Raises
        ------
        InputError
            The file name has another ending.
        """
        place = Path(path)
        if place.suffix == ".svg":
            place.write_text(self.svg(), encoding="utf-8")
        elif place.suffix in (".png", ".pdf"):
            # Not by pyplot, which would keep it in memory; and here, because it takes long to load.
            from matplotlib.figure import Figure

            height = 1.2 + 1.6 * len(self.panels)
            for panel in self.panels:
                if not isinstance(panel, Plot):
                    height = 1.2 + 0.34 * len(panel.rows) if isinstance(panel, Rows) else 5
            figure = Figure(figsize=(8.6, height), dpi=96)
            _draw(self, figure.add_subplot())
            figure.savefig(place, dpi=150, bbox_inches="tight")
        else:
            raise InputError(
                f"A chart cannot be written as {place.name}.", advice="Use .svg, .png or .pdf."
            )

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return self.html()


def _draw(chart: Drawing, ax: Axes) -> Axes:
    """Draw a chart on axes; several panels become axes inside of them."""
    ax.set_title(f"SANDBOX DATA: {chart.title}" if chart.sandbox else chart.title, loc="left")
    count = len(chart.panels)
    if count != 1:
        ax.set_axis_off()
    for k, panel in enumerate(chart.panels):
        inset = (0, 1 - (k + 0.85) / count, 1, 0.6 / count)
        area = ax if count == 1 else ax.inset_axes(inset)
        area.spines[["top", "right"]].set_visible(False)
        if isinstance(panel, Rows):
            _rows(panel, area)
        elif isinstance(panel, Plot):
            _plot(chart, panel, area)
        else:
            _scatter(panel, area)
    if not chart.panels:
        ax.text(0.5, 0.5, chart.alt, ha="center", va="center", wrap=True)
    return ax


def _axis(axis: Axis, ax: Axes, which: str) -> None:
    getattr(ax, f"{which}axis").set_major_formatter(lambda value, _: axis.shown(value))
    ax.set(**{f"{which}lim": (axis.low, axis.high), f"{which}label": axis.label})


def _rows(panel: Rows, ax: Axes) -> None:
    places = np.arange(len(panel.rows))[::-1]
    for y, row in zip(places, panel.rows, strict=True):
        for bar in row.bars:
            ax.barh(
                y, bar.high - bar.low, left=bar.low, height=0.2 if bar.thin else 0.62,
                color=bar.color, alpha=1 if bar.sure and not bar.thin else 0.4,
            )  # fmt: skip
        if row.dot is not None:
            ax.plot(row.dot, y, "o", color=BLUE)
        end = max([*(max(bar.low, bar.high) for bar in row.bars), row.dot or 0])
        ax.annotate(row.value, (end, y), xytext=(5, 0), textcoords="offset points", va="center")
    for value, words in panel.rules:
        ax.axvline(value, color=ORANGE, lw=1.3)
        ax.annotate(words, (value, 1), xycoords=("data", "axes fraction"), va="bottom")
    ax.set_yticks(places, [row.name for row in panel.rows])
    _axis(panel.x, ax, "x")


def _plot(chart: Drawing, panel: Plot, ax: Axes) -> None:
    for series in panel.series:
        x = np.arange(len(series.y))
        if series.low is not None and series.high is not None:
            ax.vlines(x, series.low, series.high, color=series.color, alpha=0.3, lw=5)
        if series.kind == "columns":
            ax.bar(x, series.y, color=series.color, alpha=0.8)
            continue
        ax.plot(x, series.y, "-", color=series.color)
        hollow = np.zeros(len(x), dtype=bool) if series.hollow is None else series.hollow
        for which, fill in ((hollow, "white"), (~hollow, series.color)):
            ax.plot(x[which], series.y[which], "o", color=series.color, mfc=fill)
    every = slice(None, None, max(1, -(-len(chart.names) // 12)))
    ax.set_xticks(np.arange(len(chart.names))[every], chart.names[every])
    _axis(panel.y, ax, "y")
    ax.set_ylabel(panel.title)


def _scatter(panel: Scatter, ax: Axes) -> None:
    for x, y, color in panel.points:
        ax.scatter(x, y, s=11, color="#222222" if color == INK else color, alpha=0.55, lw=0)
    ax.axline((0, 0), slope=1, color=GREY, lw=0.9)
    for scale in (ax.set_xscale, ax.set_yscale):
        scale("symlog", linthresh=10)
    _axis(panel.x, ax, "x")
    _axis(panel.y, ax, "y")
