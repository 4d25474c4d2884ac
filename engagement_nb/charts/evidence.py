"""For each metric: how often Tweets fit it, and how often they contradict it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from engagement_nb.charts.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    Chart,
    label,
    nothing,
    percents_on,
)
from engagement_nb.words import counted, listed, number, percent

_COLOURS = {"counted": BLUE, "not counted": ORANGE, "undetermined": GREY}
_ORDER = ("counted", "undetermined", "not counted")


def evidence(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Bars of the Tweets that speak of each metric: for it to the right, against it to the left.

    Parameters
    ----------
    table
        `engagement_nb.gap.shown.Gap.table`.
    sandbox
        Whether to stamp it.
    """
    title = "The evidence for each metric"
    if not len(table):
        return nothing(title, "There is no metric to judge.", sandbox=sandbox)
    groups = [table[table["verdict"] == verdict] for verdict in _ORDER]
    rows = pd.concat([group.sort_values("tight", ascending=False) for group in groups])
    verdicts = set(table["verdict"])
    users = rows["posts_above_zero"].to_numpy().clip(min=1)
    fits = rows["tight"].to_numpy() / users
    against = rows["contradictions"].to_numpy() / users

    def draw(axes: Axes, narrow: bool) -> None:
        places = np.arange(len(rows))[::-1]
        colours = [_COLOURS[str(verdict)] for verdict in rows["verdict"]]
        axes.barh(places, fits, color=colours, height=0.66)
        axes.barh(places, -against, color=colours, height=0.66, hatch="////", edgecolor="white")
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
            "← too large with it   |   fits exactly →"
            if narrow
            else "← sum too large with it   |   sum equals engagements →"
            "   (share of the Tweets that have any)"
        )
        axes.grid(axis="x", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)
        axes.legend(
            handles=[Patch(color=_COLOURS[v], label=v) for v in _ORDER if v in verdicts],
            frameon=False, loc="upper center", bbox_to_anchor=(0.45, 1.0 + 0.55 / len(rows) + 0.06),
            ncols=3, fontsize=9, columnspacing=1, handlelength=1.2, handletextpad=0.4,
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
