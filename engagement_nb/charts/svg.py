"""Charts as SVG: positions in percent of the width, heights and texts in pixels.

Lines and bands are in nested pictures that are stretched, with strokes that are not. Texts have
the color of the page around them. Marks can be reached by the keyboard, and show their figures.
"""

from __future__ import annotations

import textwrap
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
    Panel,
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
    parts, top = [], 0.0
    if chart.sandbox:
        parts.append(_text("100%", 12, "SANDBOX DATA", "b", anchor="end", fill=RED))
        top = 20.0
    if chart.legend:
        legend, top = _legend(chart, top)
        parts += legend
    if not chart.panels:
        words, top = _wrapped(chart.alt, top)
        parts += words
    body, first = [], top
    for panel in chart.panels:
        drawn, top = _panel(panel, top)
        body += drawn
    if any(isinstance(panel, Plot) for panel in chart.panels):
        drawn, top = _positions(chart, first, top)
        body += drawn
    elif any(isinstance(panel, Rows) and any(r.tip for r in panel.rows) for panel in chart.panels):
        top += TIP
    inside = "".join([*parts, *body]).replace("{bottom}", f"{top - 4:.0f}")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="enb" role="group" width="100%"'
        f' height="{top:.0f}" aria-label="{escape(chart.alt)}"><style>{STYLE}</style>{inside}'
        "</svg>"
    )


def _at(share: float) -> str:
    return f"{round(100 * float(share), 2):g}%"


def _text(
    x: str, y: float, words: str, kind: str = "", *, anchor: str = "start", dx: int = 0,
    fill: str = "", note: str = "",
) -> str:  # fmt: skip
    more = f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += f' dx="{dx}"' if dx else ""
    more += f' style="fill:{fill}"' if fill else ""
    more += f' class="{kind}"' if kind else ""
    first, *others = words.split("\n")
    lines = "".join(f'<tspan x="{x}" dy="14">{escape(line)}</tspan>' for line in others)
    lines += f' <tspan class="s w">({escape(note)})</tspan>' if note else ""
    return f'<text x="{x}" y="{y:.0f}"{more}>{escape(first)}{lines}</text>'


def _wrapped(words: str, top: float) -> tuple[list[str], float]:
    """A sentence on lines that fit a phone."""
    lines = textwrap.wrap(words.removeprefix("SANDBOX DATA. "), 50)
    drawn = [_text("0", top + 16 + 18 * k, line, "s") for k, line in enumerate(lines)]
    return drawn, top + 18 * len(lines) + 8


def _legend(chart: Drawing, top: float) -> tuple[list[str], float]:
    parts = []
    for color, words in chart.legend:
        parts.append(
            f'<rect x="0" y="{top + 3:.0f}" width="11" height="11" rx="2" fill="{color}"/>'
        )
        parts.append(_text("17", top + 13, words, "s"))
        top += 17
    return parts, top + 4


def _panel(panel: Panel, top: float) -> tuple[list[str], float]:
    if isinstance(panel, Rows):
        return _rows(panel, top)
    return _plot(panel, top) if isinstance(panel, Plot) else _scatter(panel, top)


def _rows(panel: Rows, top: float) -> tuple[list[str], float]:
    top += 18 if panel.rules else 0
    bottom = top + ROW * len(panel.rows) + 2
    parts = _grid_x(panel.x, top, bottom)
    for value, words in panel.rules:
        x = _at(panel.x.at(value))
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{top - 4:.0f}" y2="{bottom:.0f}" stroke="{ORANGE}"'
            ' stroke-width="1.5"/>'
        )
        late = panel.x.at(value) > 0.6
        parts.append(
            _text(x, top - 6, words, "s", anchor="end" if late else "start", dx=-2 if late else 0)
        )
    for k, row in enumerate(panel.rows):
        y = top + ROW * k
        inside = [
            f'<rect class="a" x="0" y="{y + 1:.0f}" width="100%" height="{ROW - 2}"/>',
            _text("0", y + 15, row.name, note=row.note),
            _text("100%", y + 15, row.value, "b", anchor="end"),
            *(_bar(bar, panel.x, y + 21) for bar in row.bars),
        ]
        if row.dot is not None:
            x = _at(panel.x.at(row.dot))
            inside.append(f'<circle cx="{x}" cy="{y + 27:.0f}" r="5" fill="{BLUE}"/>')
        parts.append(_mark(row.tip or f"{row.name}: {row.value}", inside, tip=bool(row.tip)))
    return parts, bottom + TICKS + (14 if panel.x.label else 0)


def _bar(bar: Bar, x: Axis, y: float) -> str:
    low, high = sorted((float(x.at(bar.low)), float(x.at(bar.high))))
    height, y = (5, y + 3.5) if bar.thin else (12, y)
    how = f'fill="{bar.color}"' + (' fill-opacity=".45"' if bar.thin else "")
    if not bar.sure:
        how = f'fill="{bar.color}" fill-opacity=".35" stroke="{bar.color}" stroke-dasharray="3 2"'
    size = f'width="{_at(high - low)}" height="{height}"'
    return f'<rect x="{_at(low)}" y="{y:g}" {size} {how}/>'


def _mark(words: str, inside: list[str], *, tip: bool = True) -> str:
    """A group that shows its figures on hover and on focus."""
    said = escape(words)
    shown = _text("0", 0, words, "s t").replace('y="0"', 'y="{bottom}"') if tip else ""
    return (
        f'<g class="m" tabindex="0" role="img" aria-label="{said}"><title>{said}</title>'
        f"{''.join(inside)}{shown}</g>"
    )


def _grid_x(axis: Axis, top: float, bottom: float) -> list[str]:
    parts = []
    for tick in axis.ticks(4):
        share = float(axis.at(tick))
        x, anchor = _at(share), "start" if share < 0.04 else "end" if share > 0.96 else "middle"
        kind = "z" if tick == 0 else "g"
        parts.append(
            f'<line class="{kind}" x1="{x}" x2="{x}" y1="{top:.0f}" y2="{bottom:.0f}"/>'
            + _text(x, bottom + 14, axis.shown(tick), "s", anchor=anchor)
        )
    if axis.label:
        parts.append(_text("100%", bottom + 29, axis.label, "s", anchor="end"))
    return parts


def _grid_y(axis: Axis, top: float, height: float) -> list[str]:
    parts = []
    for tick in axis.ticks(4 if height < 200 else 6):
        y = top + height * (1 - float(axis.at(tick)))
        kind = "z" if tick == 0 else "g"
        parts.append(f'<line class="{kind}" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        if tick:
            parts.append(_text("0", y - 3, axis.shown(tick), "s"))
    return parts


def _stretched(top: float, height: float, inside: str) -> str:
    """Shapes in a picture of 1000 by ``height`` that fills the width."""
    return (
        f'<svg y="{top:.0f}" width="100%" height="{height:.0f}" viewBox="0 0 1000 {height:.0f}"'
        f' preserveAspectRatio="none">{inside}</svg>'
    )


def _plot(panel: Plot, top: float) -> tuple[list[str], float]:
    parts = [_text("0", top + 15, panel.title, "b")]
    top += TITLE + 12
    parts += _grid_y(panel.y, top, panel.height)
    shapes, dots = [], []
    for series in panel.series:
        shape, marks = _series(series, panel, top)
        shapes += shape
        dots += marks
    parts += [_stretched(top, panel.height, "".join(shapes)), *dots]
    for value, words in panel.rules:
        y = top + panel.height * (1 - float(panel.y.at(value)))
        parts.append(
            f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" stroke="{ORANGE}"'
            f' stroke-dasharray="5 3"/>{_text("100%", y - 4, words, "s", anchor="end")}'
        )
    return parts, top + panel.height + 10


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
        step = f"H{x[k]:.1f}V" if series.kind == "step" and pen == "L" else f"{pen}{x[k]:.1f} "
        path.append(f"{step}{y[k]:.1f}")
        pen = "L"
    dashed = ' stroke-dasharray="2 3"' if series.kind == "dotted" else ""
    shapes.append(f'<path class="l" stroke="{series.color}"{dashed} d="{"".join(path)}"/>')
    if series.kind == "line" and count <= 70:
        hollow = np.zeros(count, dtype=bool) if series.hollow is None else series.hollow
        for k in map(int, np.flatnonzero(known)):
            how = "class='h' stroke" if hollow[k] else "fill"
            at = f'cx="{_at(x[k] / 1000)}" cy="{top + y[k]:.1f}"'
            dots.append(f'<circle {at} r="3.5" {how}="{series.color}"/>')
    return shapes, dots


def _positions(chart: Drawing, first: float, top: float) -> tuple[list[str], float]:
    """Labels of the positions below the last panel, and a mark over all panels for each."""
    count = len(chart.names)
    parts = []
    step = max(1, -(-count // 5))
    lines = 1
    for k in range(0, count, step):
        at = (k + 0.5) / count
        anchor = "start" if at < 0.05 else "end" if at > 0.95 else "middle"
        name = chart.names[k]
        # A year is at the first label that is shown of it.
        if k and "\n" not in name and (year := _year_between(chart.names, k - step + 1, k)):
            name = f"{name}\n{year}"
        lines = max(lines, name.count("\n") + 1)
        parts.append(_text(_at(at), top + 6, name, "s", anchor=anchor))
    below = top + 14 * lines + 2
    if chart.axis:
        # What hovering shows takes its place.
        parts.append(_text("100%", below + 12, chart.axis, "s x", anchor="end"))
    below += TIP if chart.axis or chart.tips else 0
    for k, words in enumerate(chart.tips):
        area = (
            f'<rect class="a" x="{_at(k / count)}" y="{first:.0f}" width="{_at(1 / count)}"'
            f' height="{top - first:.0f}"/>'
        )
        parts.append(_mark(words, [area]))
    return parts, below


def _year_between(names: tuple[str, ...], low: int, high: int) -> str:
    """The year that a label between two positions has; empty if none does."""
    return next((n.split("\n")[1] for n in names[low : high + 1] if "\n" in n), "")


def _scatter(panel: Scatter, top: float) -> tuple[list[str], float]:
    top += 10
    height = panel.height
    parts = [*_grid_y(panel.y, top, height), *_grid_x(panel.x, top, top + height)]
    columns, rows = GRID
    shapes = [f'<path class="l" stroke="{GREY}" d="M0 {height}L1000 0"/>']
    for x, y, color in panel.points:
        cells = np.unique(
            np.stack([panel.x.at(x) * columns, (1 - panel.y.at(y)) * rows]).round(), axis=1
        )
        dots = "".join(f"M{a * 1000 / columns:.0f} {b * height / rows:.0f}h0" for a, b in cells.T)
        shapes.append(f'<path class="p" stroke="{color}" d="{dots}"/>')
    parts.append(_stretched(top, height, "".join(shapes)))
    parts.append(_text("0", top - 2, panel.y.label, "s"))
    return parts, top + height + TICKS + 14
