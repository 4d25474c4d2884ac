"""Charts as SVG: positions in percent of the width, heights and texts in pixels.

Lines and bands are in nested pictures that are stretched, with strokes that are not. Texts have
the color of the page around them. Marks can be reached by the keyboard, and show their figures.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import numpy as np

from engagement_nb.charts.marks import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    Axis,
    Bar,
    Drawing,
    Plot,
    Rows,
    Scatter,
    Series,
)

ROW, TICKS, TITLE, TIP = 38, 18, 22, 18
"""Heights in pixels: of a row, of the labels of an axis, of a title, of what hovering shows."""
GRID = (320, 240)
"""Cells in which points of a scatter are drawn once, so that a chart stays small."""
STYLE = (
    "figure.enb{margin:1em 0;max-width:860px}.enb-csv{font-size:.85em}"
    ".enb figcaption{font-weight:600;margin-bottom:.4em}.enb .d{white-space:nowrap}"
    ".enb svg{display:block;width:100%;overflow:visible;color:inherit;"
    "font:13px system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif}"
    ".enb text{fill:currentColor;font-variant-numeric:tabular-nums;paint-order:stroke;"
    "stroke:var(--paper,var(--jp-layout-color0,#fff));stroke-width:3px}"
    ".enb .s{font-size:12px;opacity:.75}.enb .b{font-weight:600}"
    ".enb .g{stroke:currentColor;stroke-opacity:.18}.enb .z{stroke:currentColor;stroke-opacity:.6}"
    ".enb .l{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}"
    ".enb .p{stroke-width:3.5;stroke-linecap:round;stroke-opacity:.55;fill:none;"
    "vector-effect:non-scaling-stroke}"
    ".enb .h{fill:var(--paper,var(--jp-layout-color0,#fff));stroke-width:2}"
    ".enb .m .t{visibility:hidden}.enb .m:hover .t,.enb .m:focus .t{visibility:visible}"
    ".enb .m{outline:none}.enb .m .a{fill:transparent}"
    ".enb .m:hover .a,.enb .m:focus .a{fill:currentColor;fill-opacity:.08}"
    ".enb .m:focus-visible .a{stroke:currentColor}"
    ".enb svg:has(.m:focus) .x,.enb svg:has(.m:hover) .x{visibility:hidden}"
    "@media(max-width:520px){.enb .w{display:none}}@media print{.enb-csv{display:none}}"
)
"""The style of all charts. A page that has it needs it only once."""


def draw(chart: Drawing) -> str:
    """A chart as one SVG element."""
    canvas = _Canvas()
    if chart.sandbox:
        canvas.text("100%", 12, "SANDBOX DATA", "b", anchor="end", fill=RED)
        canvas.top = 20
    canvas.legend(chart.legend)
    if not chart.panels:
        canvas.words(chart.alt.removeprefix("SANDBOX DATA. "))
    first = canvas.top
    for panel in chart.panels:
        if isinstance(panel, Rows):
            canvas.rows(panel)
        elif isinstance(panel, Plot):
            canvas.plot(panel)
        else:
            canvas.scatter(panel)
    if any(isinstance(panel, Plot) for panel in chart.panels):
        canvas.positions(chart, first)
    elif any(isinstance(panel, Rows) and any(r.tip for r in panel.rows) for panel in chart.panels):
        canvas.top += TIP
    inside = "".join(canvas.parts).replace("{bottom}", f"{canvas.top - 4:.0f}")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="enb" role="group" width="100%"'
        f' height="{canvas.top:.0f}" aria-label="{escape(chart.alt)}"><style>{STYLE}</style>'
        f"{inside}</svg>"
    )


def _at(share: float) -> str:
    return f"{round(100 * float(share), 2):g}%"


def _anchor(share: float, edge: float) -> str:
    """How a text at a place is aligned, so that it stays within the picture."""
    return "start" if share < edge else "end" if share > 1 - edge else "middle"


class _Canvas:
    """What is drawn so far, and where the next part begins."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.top = 0.0

    def add(self, *parts: str) -> None:
        self.parts += parts

    def text(
        self, x: str, y: float, words: str, kind: str = "", *, anchor: str = "start", dx: int = 0,
        fill: str = "", note: str = "",
    ) -> None:  # fmt: skip
        more = f' text-anchor="{anchor}"' if anchor != "start" else ""
        more += f' dx="{dx}"' if dx else ""
        more += f' style="fill:{fill}"' if fill else ""
        more += f' class="{kind}"' if kind else ""
        first, *others = words.split("\n")
        lines = "".join(f'<tspan x="{x}" dy="14">{escape(line)}</tspan>' for line in others)
        lines += f' <tspan class="s w">({escape(note)})</tspan>' if note else ""
        self.add(f'<text x="{x}" y="{y:.0f}"{more}>{escape(first)}{lines}</text>')

    def words(self, words: str) -> None:
        """A sentence on lines that fit a phone."""
        for line in textwrap.wrap(words, 50):
            self.text("0", self.top + 16, line, "s")
            self.top += 18
        self.top += 8

    def legend(self, legend: tuple[tuple[str, str], ...]) -> None:
        for color, words in legend:
            y = f"{self.top + 3:.0f}"
            self.add(f'<rect x="0" y="{y}" width="11" height="11" rx="2" fill="{color}"/>')
            self.text("17", self.top + 13, words, "s")
            self.top += 17
        self.top += 4 if legend else 0

    @contextmanager
    def mark(self, words: str, *, tip: bool = True) -> Iterator[None]:
        """A group that shows its figures on hover and on focus."""
        said = escape(words)
        self.add(f'<g class="m" tabindex="0" role="img" aria-label="{said}"><title>{said}</title>')
        yield
        self.add(f'<text x="0" y="{{bottom}}" class="s t">{said}</text></g>' if tip else "</g>")

    def rows(self, panel: Rows) -> None:
        self.top += 18 if panel.rules else 0
        top, bottom = self.top, self.top + ROW * len(panel.rows) + 2
        self.grid_x(panel.x, bottom)
        for value, words in panel.rules:
            x, late = _at(panel.x.at(value)), panel.x.at(value) > 0.6
            self.add(
                f'<line x1="{x}" x2="{x}" y1="{top - 4:.0f}" y2="{bottom:.0f}" stroke="{ORANGE}"'
                ' stroke-width="1.5"/>'
            )
            anchor, dx = ("end", -2) if late else ("start", 0)
            self.text(x, top - 6, words, "s", anchor=anchor, dx=dx)
        for k, row in enumerate(panel.rows):
            y = top + ROW * k
            with self.mark(row.tip or f"{row.name}: {row.value}", tip=bool(row.tip)):
                size = f'width="100%" height="{ROW - 2}"'
                self.add(f'<rect class="a" x="0" y="{y + 1:.0f}" {size}/>')
                self.text("0", y + 15, row.name, note=row.note)
                self.text("100%", y + 15, row.value, "b", anchor="end")
                self.add(*(_bar(bar, panel.x, y + 21) for bar in row.bars))
                if row.dot is not None:
                    x = _at(panel.x.at(row.dot))
                    self.add(f'<circle cx="{x}" cy="{y + 27:.0f}" r="5" fill="{BLUE}"/>')
        self.top = bottom + TICKS + (14 if panel.x.label else 0)

    def grid_x(self, axis: Axis, bottom: float) -> None:
        for tick in axis.ticks(4):
            share = float(axis.at(tick))
            x, kind = _at(share), "z" if tick == 0 else "g"
            ends = f'y1="{self.top:.0f}" y2="{bottom:.0f}"'
            self.add(f'<line class="{kind}" x1="{x}" x2="{x}" {ends}/>')
            self.text(x, bottom + 14, axis.shown(tick), "s", anchor=_anchor(share, 0.04))
        if axis.label:
            self.text("100%", bottom + 29, axis.label, "s", anchor="end")

    def grid_y(self, axis: Axis, height: float) -> None:
        for tick in axis.ticks(4 if height < 200 else 6):
            y = self.top + height * (1 - float(axis.at(tick)))
            kind = "z" if tick == 0 else "g"
            self.add(f'<line class="{kind}" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
            if tick:
                self.text("0", y - 3, axis.shown(tick), "s")

    def stretched(self, height: float, shapes: list[str]) -> None:
        """Shapes in a picture of 1000 by ``height`` that fills the width."""
        self.add(
            f'<svg y="{self.top:.0f}" width="100%" height="{height:.0f}"'
            f' viewBox="0 0 1000 {height:.0f}" preserveAspectRatio="none">{"".join(shapes)}</svg>'
        )

    def plot(self, panel: Plot) -> None:
        self.text("0", self.top + 15, panel.title, "b")
        self.top += TITLE + 12
        self.grid_y(panel.y, panel.height)
        drawn = [_series(series, panel, self.top) for series in panel.series]
        self.stretched(panel.height, [shape for shapes, _ in drawn for shape in shapes])
        self.add(*(dot for _, dots in drawn for dot in dots))
        self.top += panel.height + 10

    def positions(self, chart: Drawing, first: float) -> None:
        """Labels of the positions below the last panel, and a mark over all panels for each."""
        count, top = len(chart.names), self.top
        step, lines = max(1, -(-count // 5)), 1
        for k in range(0, count, step):
            at, name = (k + 0.5) / count, chart.names[k]
            # A year is at the first label that is shown of it.
            skipped = [each for each in chart.names[k - step + 1 : k + 1] if "\n" in each]
            if k and skipped and "\n" not in name:
                name += "\n" + skipped[0].split("\n")[1]
            lines = max(lines, name.count("\n") + 1)
            self.text(_at(at), top + 6, name, "s", anchor=_anchor(at, 0.05))
        self.top += 14 * lines + 2
        if chart.axis:
            # What hovering shows takes its place.
            self.text("100%", self.top + 12, chart.axis, "s x", anchor="end")
        self.top += TIP if chart.axis or chart.tips else 0
        for k, words in enumerate(chart.tips):
            with self.mark(words):
                self.add(
                    f'<rect class="a" x="{_at(k / count)}" y="{first:.0f}" width="{_at(1 / count)}"'
                    f' height="{top - first:.0f}"/>'
                )

    def scatter(self, panel: Scatter) -> None:
        self.top += 10
        height, (columns, rows) = panel.height, GRID
        self.grid_y(panel.y, height)
        self.grid_x(panel.x, self.top + height)
        shapes = [f'<path class="l" stroke="{GREY}" d="M0 {height}L1000 0"/>']
        for x, y, color in panel.points:
            cells = np.unique(
                np.stack([panel.x.at(x) * columns, (1 - panel.y.at(y)) * rows]).round(), axis=1
            ).T * (1000 / columns, height / rows)
            dots = "".join(f"M{a:.0f} {b:.0f}h0" for a, b in cells)
            shapes.append(f'<path class="p" stroke="{color}" d="{dots}"/>')
        self.stretched(height, shapes)
        self.text("0", self.top - 2, panel.y.label, "s")
        self.top += height + TICKS + 14


def _bar(bar: Bar, x: Axis, y: float) -> str:
    low, high = sorted((float(x.at(bar.low)), float(x.at(bar.high))))
    height, y = (5, y + 3.5) if bar.thin else (12, y)
    how = f'fill="{bar.color}"' + (' fill-opacity=".45"' if bar.thin else "")
    if not bar.sure:
        how = f'fill="{bar.color}" fill-opacity=".35" stroke="{bar.color}" stroke-dasharray="3 2"'
    size = f'width="{_at(high - low)}" height="{height}"'
    return f'<rect x="{_at(low)}" y="{y:g}" {size} {how}/>'


def _series(series: Series, panel: Plot, top: float) -> tuple[list[str], list[str]]:
    """Shapes to stretch, and dots."""
    count = len(series.y)
    x = (np.arange(count) + 0.5) * 1000 / max(count, 1)
    height = panel.height

    def down(values: np.ndarray) -> np.ndarray:
        return np.asarray(height * (1 - np.clip(panel.y.at(values), 0, 1)))

    y = down(series.y)
    shapes: list[str] = []
    dots: list[str] = []
    known = ~np.isnan(series.y)
    if series.low is not None and series.high is not None:
        width = 1000 / max(count, 1) * 0.36
        low, high = down(series.low), down(series.high)
        shapes += [
            f'<rect x="{x[k] - width / 2:.1f}" y="{high[k]:.1f}" width="{width:.1f}"'
            f' height="{max(low[k] - high[k], 0.5):.1f}" fill="{series.color}" fill-opacity=".28"/>'
            for k in np.flatnonzero(~np.isnan(series.low) & ~np.isnan(series.high))
        ]
    if series.kind == "columns":
        wide = 800 / max(count, 1)
        shapes += [
            f'<rect x="{x[k] - wide / 2:.1f}" y="{y[k]:.1f}" width="{wide:.1f}"'
            f' height="{height - y[k]:.1f}" fill="{series.color}" fill-opacity=".8"/>'
            for k in np.flatnonzero(known)
        ]
        return shapes, dots
    path, pen = [], "M"
    for k in range(count):
        if not known[k]:
            pen = "M"
            continue
        path.append(f"{pen}{x[k]:.1f} {y[k]:.1f}")
        pen = "L"
    shapes.append(f'<path class="l" stroke="{series.color}" d="{"".join(path)}"/>')
    if count <= 70:
        hollow = np.zeros(count, dtype=bool) if series.hollow is None else series.hollow
        for k in map(int, np.flatnonzero(known)):
            how = "class='h' stroke" if hollow[k] else "fill"
            at = f'cx="{_at(x[k] / 1000)}" cy="{top + y[k]:.1f}"'
            dots.append(f'<circle {at} r="3.5" {how}="{series.color}"/>')
    return shapes, dots
