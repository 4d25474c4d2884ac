"""The style of all figures: sizes, colors, the stamp, the alternative text, and the display.

Figures are `Chart` objects without pyplot, which would keep them in memory. In a notebook a chart
is shown as SVG with its text as text, drawn once for a page and once for a phone, with its
alternative text.
"""

from __future__ import annotations

import base64
import html
import io
import re
import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox, ScaledTranslation

from engagement_nb.words import number

# Okabe and Ito's colors: distinct for any color vision, and in gray by lightness.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
SKY, RED, GREY, INK, FAINT = "#56B4E9", "#D55E00", "#8A8A8A", "#222222", "#D9D9D9"

WIDE, NARROW = 8.6, 4.1
"""Widths of a page and of a phone in inches, of 96 pixels on a screen."""
PAD, STAMP = 0.05, 0.25
"""Margins and the height of the stamp in inches."""

_RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 10.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "engagement_nb",
    "axes.unicode_minus": True,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    **dict.fromkeys(("xtick.color", "ytick.color"), GREY),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), INK),
}


class Chart(Figure):
    """A figure with a title, an alternative text, and a narrow version.

    Parameters
    ----------
    title
        One line above the figure.
    alt
        The alternative text, with the numbers.
    draw
        Draws the figure on empty axes; the second argument is whether it is narrow.
    height, narrow_height
        In inches.
    sandbox
        Whether to stamp it as made-up data.
    narrow
        Whether to draw it for a phone.
    """

    def __init__(
        self,
        title: str,
        alt: str,
        draw: Callable[[Axes, bool], None],
        *,
        height: float = 3.6,
        narrow_height: float | None = None,
        sandbox: bool = False,
        narrow: bool = False,
    ) -> None:
        size = (NARROW, narrow_height or height) if narrow else (WIDE, height)
        if sandbox:
            size = (size[0], size[1] + STAMP)
        with matplotlib.rc_context(_RC):
            super().__init__(figsize=size, dpi=96)
            self.title, self.draw_on = title, draw
            self.sandbox = sandbox
            self._heights = (height, narrow_height or height)
            self.set_label(f"SANDBOX DATA. {alt}" if sandbox else alt)
            axes = self.add_subplot()
            draw(axes, narrow)
            for panel in (axes, *axes.child_axes):
                for axis in (panel.xaxis, panel.yaxis):
                    if not axis.get_label_text():
                        # Without a place, matplotlib measures all ticks to find one for nothing.
                        axis.set_label_coords(0, 0)
            if sandbox:
                _stamp(self)

    def narrow(self) -> Chart:
        """The same figure for a phone."""
        return Chart(
            self.title,
            alt_text(self).removeprefix("SANDBOX DATA. "),
            self.draw_on,
            height=self._heights[0],
            narrow_height=self._heights[1],
            sandbox=self.sandbox,
            narrow=True,
        )

    def svg(self) -> str:
        """The figure as SVG, text as text."""
        with matplotlib.rc_context(_RC), io.StringIO() as buffer:
            # Not by savefig, which draws everything an extra time before.
            no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            FigureCanvasSVG(self).print_svg(buffer, metadata=no_metadata)
            text = buffer.getvalue()
        # Indentation and thousandths of a point would be a quarter of a report's size.
        text = re.sub(r"\s*\n\s*", " ", text[text.index("<svg") :])
        return re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), text)

    def draw(self, renderer: Any) -> None:
        """As matplotlib's, after placing the axes so that labels around them just fit."""
        self._fit(renderer)
        super().draw(renderer)

    def _fit(self, renderer: Any) -> None:
        # matplotlib's own layouts measure every text four times, which takes longer than drawing.
        axes, extra = self.axes[0], self.axes[0].get_default_bbox_extra_artists()
        room = np.array([PAD, PAD, PAD, STAMP if self.sandbox else PAD])
        size, needed = self.get_size_inches(), np.zeros(4)
        # The vertical axis first, because the remaining width determines the other labels.
        for axis, others in ((axes.yaxis, ()), (axes.xaxis, extra)):
            inner = axes.get_window_extent(renderer)
            boxes = [other.get_tightbbox(renderer) for other in others]
            if axes.axison:
                boxes.append(axis.get_tightbbox(renderer, for_layout_only=True))
            around = Bbox.union([inner, *(box for box in boxes if box is not None and box.width)])
            out = np.abs(np.subtract(inner.extents, around.extents)) / self.dpi
            needed = np.maximum(needed, out)
            low, high = (needed + room)[:2] / size, 1 - (needed + room)[2:] / size
            axes.set_position(Bbox([low, high]))

    def _ipython_display_(self) -> None:
        show(self)


def nothing(title: str, why: str, *, sandbox: bool = False) -> Chart:
    """A figure that says why there is nothing to draw."""

    def draw(axes: Axes, narrow: bool) -> None:
        axes.set_axis_off()
        text = textwrap.fill(why, 44 if narrow else 90)
        axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, fontsize=11)

    return Chart(title, why, draw, height=1.3, sandbox=sandbox)


def alt_text(figure: Figure) -> str:
    """The alternative text of a figure."""
    return str(figure.get_label())


def show(figure: Chart) -> None:
    """Display a chart in a notebook, with a narrow version and its alternative text."""
    # Imported here because IPython is of an extra, and charts are drawn without it.
    from IPython.display import display

    bundle: dict[str, Any] = {"text/html": figure_html(figure), "text/plain": alt_text(figure)}
    display(bundle, raw=True, metadata={"text/html": {"alt": alt_text(figure)}})


def figure_html(figure: Chart) -> str:
    """A chart as self-contained HTML with two SVG images, for a page and for a phone."""
    alt = html.escape(alt_text(figure), quote=True)
    title = html.escape(figure.title)
    return (
        '<figure style="margin:1em 0;max-width:860px">'
        f'<figcaption style="font-weight:600;margin-bottom:.4em">{title}</figcaption>'
        f'<picture><source media="(max-width: 600px)" srcset="{_uri(figure.narrow())}">'
        f'<img src="{_uri(figure)}" alt="{alt}" style="width:100%;height:auto"></picture></figure>'
    )


def _uri(figure: Chart) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure.svg().encode()).decode()


def _stamp(figure: Figure) -> None:
    # Above the axes, so that it covers nothing.
    figure.suptitle(
        "SANDBOX DATA", x=0.985, y=1 - 0.06 / figure.get_figheight(), ha="right", va="top",
        fontsize=8.5, color=RED, weight="bold",
        bbox={"boxstyle": "square,pad=0.25", "facecolor": "white", "edgecolor": RED, "lw": 0.8},
    )  # fmt: skip


def label(axes: Axes, text: str, at: tuple[float, float], away: float, **style: Any) -> None:
    """A short text beside a point, ``away`` points to the right (negative: to the left)."""
    style = {"ha": "left" if away > 0 else "right", "color": INK, "va": "center", **style}
    # A text is drawn faster than an annotation, which would look the same.
    shift = ScaledTranslation(away / 72, 0, axes.figure.dpi_scale_trans)
    axes.text(*at, text, transform=axes.transData + shift, **style)


def counts_on(axis: Any) -> None:
    """Thousands separators on an axis."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def percents_on(axis: Any, *, signed: bool = True) -> None:
    """Shares as percentages on an axis; without a sign if only the side matters."""
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{(value if signed else abs(value)) * 100:g} %")
    )
