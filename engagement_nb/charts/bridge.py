"""From the sum of all columns to engagements, and engagements against the sum a Tweet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from engagement_nb.charts.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    Chart,
    counts_on,
    label,
    nothing,
)
from engagement_nb.words import counted, number

if TYPE_CHECKING:
    from engagement_nb.gap.asked import Asked


def bridge(
    sum_of_metrics: int,
    over_count: int,
    hidden: int,
    engagements: int,
    *,
    doubtful: bool = False,
    sandbox: bool = False,
) -> Chart:
    """Waterfall: sum of all columns, less what is not engagement, plus hidden, is engagements.

    ``doubtful``: whether the over-count holds metrics that may be part of engagements.
    """
    part = "taken as part" if doubtful else "part"
    inside = sum_of_metrics - over_count
    after = inside + hidden
    plus = ("+" if hidden > 0 else "") + number(hidden)
    steps: list[tuple[str, int, int, str, str]] = [
        ("sum of all columns", 0, sum_of_metrics, GREY, number(sum_of_metrics)),
        (f"not {part} of\nengagements", inside, sum_of_metrics, ORANGE, number(-over_count)),
        ("hidden: no metric\nof its own", min(inside, after), max(inside, after), SKY, plus),
        ("engagements", 0, engagements, BLUE, number(engagements)),
    ]

    def draw(axes: Axes, narrow: bool) -> None:
        levels = [sum_of_metrics, inside, after]
        for position, (_, low, high, colour, text) in enumerate(steps):
            y = len(steps) - 1 - position
            axes.barh(y, high - low, left=low, height=0.62, color=colour)
            label(axes, text, (high, y), 5, weight="bold" if position in (0, 3) else "normal")
            if position < 3:
                x = levels[position]
                axes.plot([x, x], [y - 0.31, y - 1 + 0.31], color=GREY, lw=0.9, ls=":")
        axes.set_yticks(range(len(steps) - 1, -1, -1), [step[0] for step in steps])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        top = max(sum_of_metrics, engagements, 1)
        axes.set_xlim(min(0, inside, after), top * (1.32 if narrow else 1.14))
        axes.locator_params(axis="x", nbins=3 if narrow else 6, integer=True)
        counts_on(axes.xaxis)
        axes.grid(axis="x", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)

    alt = (
        f"Bridge from the sum of all columns to engagements: {number(sum_of_metrics)} in all"
        f" columns, less {number(over_count)} that are not {part} of engagements, plus"
        f" {number(hidden)} hidden, gives {number(engagements)} engagements."
    )
    title = "From the sum of all columns to engagements"
    return Chart(title, alt, draw, height=3.0, narrow_height=3.0, sandbox=sandbox)


def tweets(engagements: np.ndarray, sums: np.ndarray, *, sandbox: bool = False) -> Chart:
    """Engagements against the sum of all columns, a dot a Tweet, both on log axes."""
    title = "Engagements against the sum of all columns, Tweet by Tweet"
    if not len(sums):
        return nothing(title, "No Tweet has both figures.", sandbox=sandbox)
    above = int(np.count_nonzero(engagements > sums))
    below = int(np.count_nonzero(engagements < sums))
    equal = len(sums) - above - below
    top = max(int(engagements.max(initial=1)), int(sums.max(initial=1)), 1)

    def draw(axes: Axes, narrow: bool) -> None:
        shown = thinned(len(sums), 4000)
        for which, colour, text in (
            (engagements > sums, BLUE, f"engagements above the sum: {number(above)}"),
            (engagements < sums, ORANGE, f"below it: {number(below)}"),
            (engagements == sums, INK, f"equal: {number(equal)}"),
        ):
            chosen = shown[which[shown]]
            axes.scatter(
                sums[chosen], engagements[chosen], s=11, color=colour, alpha=0.55, lw=0,
                label=text, rasterized=True,
            )  # fmt: skip
        axes.plot([0, top], [0, top], color=INK, lw=0.9)
        for scale in (axes.set_xscale, axes.set_yscale):
            scale("symlog", linthresh=10, linscale=0.6)
        limits = (-1.5, top * 1.8)
        axes.set_xlim(*limits)
        axes.set_ylim(*limits)
        ticks = [
            0,
            *(10**k for k in range(1, 19, 2 if narrow and top > 10**4 else 1) if 10**k <= top),
        ]
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        axes.minorticks_off()
        counts_on(axes.xaxis)
        counts_on(axes.yaxis)
        axes.set_xlabel("sum of all columns")
        axes.set_ylabel("engagements")
        axes.grid(color=FAINT, lw=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper left", fontsize=9.5, handletextpad=0.2)

    alt = (
        f"Engagements against the sum of all columns for {counted(len(sums), 'Tweet')}: engagements"
        f" are above the sum on {number(above)}, below it on {number(below)} and equal on"
        f" {number(equal)}."
    )
    return Chart(title, alt, draw, height=4.6, narrow_height=4.2, sandbox=sandbox)


def thinned(count: int, most: int) -> np.ndarray:
    """Positions of at most so many of them, evenly: what a figure can show."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(int))


def asked(split: Asked) -> Chart:
    """From the metrics that totals give to engagements: not asked for, hidden, drift."""
    parts = [
        ("metrics that\ntotals give", split.engagements - split.gap_in_totals, GREY),
        ("only not\nasked for", split.not_asked, GREEN),
        ("hidden: no\nmetric anywhere", split.hidden, SKY),
        ("between the\ntwo readings", split.drift, FAINT),
    ]
    if not split.drift:
        parts.pop()

    def draw(axes: Axes, narrow: bool) -> None:
        y, level = len(parts), 0
        for _, count, colour in parts:
            axes.barh(y, count, left=level, height=0.62, color=colour)
            level += count
            sign = "+" if count > 0 and y < len(parts) else ""
            label(axes, sign + number(count), (max(level, level - count), y), 5)
            axes.plot([level, level], [y - 0.31, y - 0.69], color=GREY, lw=0.9, ls=":")
            y -= 1
        axes.barh(0, split.engagements, height=0.62, color=BLUE)
        label(axes, number(split.engagements), (split.engagements, 0), 5, weight="bold")
        axes.set_yticks(range(len(parts), -1, -1), [*(part[0] for part in parts), "engagements"])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, max(split.engagements, level, 1) * (1.3 if narrow else 1.13))
        axes.locator_params(axis="x", nbins=3 if narrow else 6)
        counts_on(axes.xaxis)
        axes.grid(axis="x", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)

    title = "What totals leave unexplained"
    height = 0.9 + 0.55 * (len(parts) + 1)
    return Chart(
        title, split.sentence, draw, height=height, narrow_height=height, sandbox=split.sandbox
    )
