"""The sum of the columns against engagements: in all, by Tweet and by metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from engagement_nb.charts.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    SKY,
    Chart,
    counts_on,
    label,
    nothing,
    percents_on,
)
from engagement_nb.words import counted, listed, number, percent

_COLORS = {"counted": BLUE, "not counted in full": ORANGE, "undetermined": GREY}
_ORDER = ("counted", "undetermined", "not counted in full")


def bridge(
    sum_of_metrics: int,
    over_count: int,
    hidden: int,
    engagements: int,
    *,
    excess: int = 0,
    doubtful: bool = False,
    sandbox: bool = False,
) -> Chart:
    """Waterfall: sum of all columns, less what is not engagement, plus hidden, is engagements.

    Parameters
    ----------
    sum_of_metrics, over_count, hidden, engagements
        The figures, which add up.
    excess
        By how much the included metrics exceed engagements, on the Tweets where they do.
    doubtful
        Whether the over-count includes metrics that may be part of engagements.
    sandbox
        Whether to stamp it.
    """
    part = "taken as part" if doubtful else "part"
    inside = sum_of_metrics - over_count
    steps: list[tuple[str, int, int, str, str]] = [
        ("sum of all columns", 0, sum_of_metrics, GREY, number(sum_of_metrics)),
        (f"not {part} of\nengagements", inside, sum_of_metrics, ORANGE, number(-over_count)),
    ]
    levels = [sum_of_metrics, inside]
    if excess:
        # The excess is a separate step, and not netted into hidden.
        levels.append(inside - excess)
        steps.append(
            ("above engagements\non some Tweets", levels[-1], inside, RED, number(-excess))
        )
    plus = ("+" if hidden > 0 else "") + number(hidden)
    steps.append(("hidden: matches\nno metric", levels[-1], levels[-1] + hidden, SKY, plus))
    steps.append(("engagements", 0, engagements, BLUE, number(engagements)))
    levels.append(engagements)

    def draw(axes: Axes, narrow: bool) -> None:
        for position, (_, low, high, color, text) in enumerate(steps):
            y = len(steps) - 1 - position
            axes.barh(y, high - low, left=low, height=0.62, color=color)
            label(axes, text, (high, y), 5, weight="bold" if low == 0 else "normal")
            if position < len(levels):
                x = levels[position]
                axes.plot([x, x], [y - 0.31, y - 1 + 0.31], color=GREY, lw=0.9, ls=":")
        axes.set_yticks(range(len(steps) - 1, -1, -1), [step[0] for step in steps])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        top = max(sum_of_metrics, engagements, 1)
        axes.set_xlim(min(0, *levels), top * (1.32 if narrow else 1.14))
        axes.locator_params(axis="x", nbins=3 if narrow else 6, integer=True)
        counts_on(axes.xaxis)
        axes.grid(axis="x")

    alt = (
        f"Bridge from the sum of all columns to engagements: {number(sum_of_metrics)} in all"
        f" columns, less {number(over_count)} that are not {part} of engagements"
        f"{f', less {number(excess)} above engagements on some Tweets' if excess else ''}, plus"
        f" {number(hidden)} hidden, gives {number(engagements)} engagements."
    )
    title = "From the sum of all columns to engagements"
    return Chart(title, alt, draw, height=3.0 + 0.5 * bool(excess), sandbox=sandbox)


def tweets(engagements: np.ndarray, sums: np.ndarray, *, sandbox: bool = False) -> Chart:
    """Engagements against the sum of all columns, one dot per Tweet, on log axes."""
    title = "Engagements against the sum of all columns, Tweet by Tweet"
    if not len(sums):
        return nothing(title, "No Tweet has both figures.", sandbox=sandbox)
    above = int(np.count_nonzero(engagements > sums))
    below = int(np.count_nonzero(engagements < sums))
    equal = len(sums) - above - below
    top = max(int(engagements.max(initial=1)), int(sums.max(initial=1)), 1)

    def draw(axes: Axes, narrow: bool) -> None:
        shown = thinned(len(sums), 4000)
        for which, color, text in (
            (engagements > sums, BLUE, f"engagements above the sum: {number(above)}"),
            (engagements < sums, ORANGE, f"below it: {number(below)}"),
            (engagements == sums, INK, f"equal: {number(equal)}"),
        ):
            chosen = shown[which[shown]]
            axes.scatter(
                sums[chosen], engagements[chosen], s=11, color=color, alpha=0.55, lw=0,
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
        axes.grid()
        axes.legend(frameon=False, loc="upper left", fontsize=9.5, handletextpad=0.2)

    alt = (
        f"Engagements against the sum of all columns for {counted(len(sums), 'Tweet')}: engagements"
        f" are above the sum on {number(above)}, below it on {number(below)} and equal on"
        f" {number(equal)}."
    )
    return Chart(title, alt, draw, height=4.6, narrow_height=4.2, sandbox=sandbox)


def thinned(count: int, most: int) -> np.ndarray:
    """At most ``most`` positions, evenly spread."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(int))


def totals(
    engagements: int,
    gap_in_totals: int,
    not_in_totals: int,
    hidden: int,
    drift: int,
    *,
    alt: str,
    sandbox: bool = False,
) -> Chart:
    """From the metrics that totals give to engagements: not returned by totals, hidden, drift."""
    parts = [
        ("metrics that\ntotals give", engagements - gap_in_totals, GREY),
        ("metrics that\ntotals lack", not_in_totals, GREEN),
        ("hidden: matches\nno metric", hidden, SKY),
        ("between the\ntwo readings", drift, FAINT),
    ]
    if not drift:
        parts.pop()

    def draw(axes: Axes, narrow: bool) -> None:
        y, level = len(parts), 0
        for _, count, color in parts:
            axes.barh(y, count, left=level, height=0.62, color=color)
            level += count
            sign = "+" if count > 0 and y < len(parts) else ""
            label(axes, sign + number(count), (max(level, level - count), y), 5)
            axes.plot([level, level], [y - 0.31, y - 0.69], color=GREY, lw=0.9, ls=":")
            y -= 1
        axes.barh(0, engagements, height=0.62, color=BLUE)
        label(axes, number(engagements), (engagements, 0), 5, weight="bold")
        axes.set_yticks(range(len(parts), -1, -1), [*(part[0] for part in parts), "engagements"])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, max(engagements, level, 1) * (1.3 if narrow else 1.13))
        axes.locator_params(axis="x", nbins=3 if narrow else 6)
        counts_on(axes.xaxis)
        axes.grid(axis="x")

    title = "What totals leave unexplained"
    height = 0.9 + 0.55 * (len(parts) + 1)
    return Chart(title, alt, draw, height=height, narrow_height=height, sandbox=sandbox)


def evidence(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Bars of the evidence for each metric (to the right) and against it (to the left).

    Parameters
    ----------
    table
        The table of `Gap.table`.
    sandbox
        Whether to stamp it.
    """
    title = "The evidence for each metric"
    if not len(table):
        return nothing(title, "There is no metric to judge.", sandbox=sandbox)
    groups = [table[table["verdict"] == verdict] for verdict in _ORDER]
    rows = pd.concat([group.sort_values("tight", ascending=False) for group in groups])
    verdicts = set(table["verdict"])
    nonzero = rows["posts_above_zero"].to_numpy().clip(min=1)
    fits = rows["tight"].to_numpy() / nonzero
    against = rows["contradictions"].to_numpy() / nonzero

    def draw(axes: Axes, narrow: bool) -> None:
        places = np.arange(len(rows))[::-1]
        colors = [_COLORS[str(verdict)] for verdict in rows["verdict"]]
        axes.barh(places, fits, color=colors, height=0.66)
        axes.barh(places, -against, color=colors, height=0.66, hatch="////", edgecolor="white")
        for y, share, count in zip(places, fits, rows["tight"], strict=True):
            label(axes, number(count), (share, y), 4, fontsize=9)
        for y, share, count in zip(places, against, rows["contradictions"], strict=True):
            if count:
                label(axes, number(count), (-share, y), -4, fontsize=9)
        axes.set_yticks(places, [str(text) for text in rows["label"]])
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=INK, lw=0.9)
        room = 0.22 if narrow else 0.1
        left = max(against.max(initial=0), 0.05) + (room if against.any() else 0)
        axes.set_xlim(-left, max(fits.max(initial=0), 0.05) + room)
        axes.locator_params(axis="x", nbins=4 if narrow else 8)
        percents_on(axes.xaxis, signed=False)
        axes.set_xlabel(
            "← too large   |   fits exactly →"
            if narrow
            else "← sum too large with it   |   sum equals engagements →"
            "   (share of the Tweets with any)"
        )
        axes.grid(axis="x")
        axes.legend(
            handles=[Patch(color=_COLORS[v], label=v) for v in _ORDER if v in verdicts],
            frameon=False, loc="upper center", bbox_to_anchor=(0.45, 1.0 + 0.55 / len(rows) + 0.06),
            ncols=3, fontsize=8.5 if narrow else 9, columnspacing=1, handlelength=1.2,
            handletextpad=0.4,
        )  # fmt: skip

    height = 1.1 + 0.29 * len(rows)
    return Chart(title, _alt(table), draw, height=height, narrow_height=height, sandbox=sandbox)


def _alt(table: pd.DataFrame) -> str:
    parts = []
    for verdict in _ORDER:
        rows = table[table["verdict"] == verdict]
        if not len(rows):
            continue
        said = [_said(verdict, row) for _, row in rows.iterrows()]
        parts.append(f"{verdict[0].upper()}{verdict[1:]}: {listed(said)}.")
    return "Evidence for each metric. " + " ".join(parts)


def _said(verdict: str, row: pd.Series) -> str:
    if verdict == "counted":
        return f"{row['label']} ({counted(int(row['tight']), 'exact fit')})"
    if verdict == "undetermined":
        return f"{row['label']} (above zero on {counted(int(row['posts_above_zero']), 'Tweet')})"
    share = percent(row["contradictions"] / max(row["posts_above_zero"], 1), 0)
    return f"{row['label']} (contradicted by {number(row['contradictions'])} Tweets, {share})"
