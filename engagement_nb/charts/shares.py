"""Hidden shares by group, growth since posting, trends, and definitions compared."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from engagement_nb.charts.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    Chart,
    counts_on,
    label,
    nothing,
    percents_on,
)
from engagement_nb.words import counted, interval, listed, number, percent, sentence

FEWEST = 20
"""Engagements below which a share is noise and not drawn."""


_PANELS = (
    ("engagements", "engagements", "", BLUE),
    ("hidden share", "hidden_share", "hidden", ORANGE),
    ("impressions", "impressions", "", GREY),
    ("engagement rate", "engagement_rate", "rate", GREEN),
    ("video views", "video_views", "", BLUE),
    ("watched to the end", "completion_rate", "", GREEN),
)
"""Panels of a trend: what is drawn, its column, the prefix of its limits, its color."""
_SHARES = frozenset({"hidden_share", "engagement_rate", "completion_rate"})
"""Columns of a trend that are shares."""


def hidden_by(
    table: pd.DataFrame, what: str, *, overall: float | None, sandbox: bool = False
) -> Chart:
    """Hidden share of each group, a dot with its interval; the overall share as a line.

    Parameters
    ----------
    table
        `engagement_nb.Gap.by`.
    what
        The groups in a title: "by size of the Tweet".
    overall
        Hidden share of all.
    sandbox
        Whether to stamp it.
    """
    rows = table[table["hidden_share"].notna()]
    title = f"Hidden share {what}"
    if not len(rows):
        return nothing(title, "No Tweet has engagements to look into.", sandbox=sandbox)
    shares = rows["hidden_share"].to_numpy(dtype=float)
    low = rows["low"].to_numpy(dtype=float, na_value=np.nan)
    high = rows["high"].to_numpy(dtype=float, na_value=np.nan)

    def draw(axes: Axes, narrow: bool) -> None:
        places = np.arange(len(rows))[::-1]
        if overall is not None:
            axes.axvline(overall, color=ORANGE, lw=1.3, zorder=1)
            axes.annotate(
                f"all: {percent(overall)}", (overall, 1), xycoords=("data", "axes fraction"),
                xytext=(4, 3), textcoords="offset points", color=INK, fontsize=9,
            )  # fmt: skip
        axes.hlines(places, low, high, color=BLUE, lw=3, alpha=0.45, zorder=2)
        axes.scatter(shares, places, s=34, color=BLUE, zorder=3)
        reach = np.nanmax(np.concatenate([high, shares, [0.02, overall or 0]]))
        for y, share, end, tweets in zip(places, shares, high, rows["tweets"], strict=True):
            text = percent(share, 0 if narrow else 1)
            text += "" if narrow else f"  ({counted(int(tweets), 'Tweet')})"
            right = share if np.isnan(end) else max(share, end)
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            label(axes, text, (right, y), 7, fontsize=9, bbox=behind)
        axes.set_yticks(places, [str(name) for name in rows.index])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        bottom = min(0.0, float(np.nanmin(np.concatenate([low, shares, [0]]))))
        axes.set_xlim(bottom, reach * (1.25 if narrow else 1.28))
        axes.locator_params(axis="x", nbins=4 if narrow else 7)
        percents_on(axes.xaxis)
        axes.set_xlabel("hidden share of engagements")
        axes.grid(axis="x")

    said = "; ".join(
        f"{name}: {percent(row['hidden_share'])}"
        + ("" if pd.isna(row["low"]) else f" ({interval(row['low'], row['high'])})")
        for name, row in rows.iterrows()
    )
    alt = f"Hidden share of engagements {what}: {said}."
    height = 1.0 + 0.33 * max(len(rows), 2)
    return Chart(title, alt, draw, height=height, narrow_height=height, sandbox=sandbox)


def growth(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Engagements by time since posting, and the hidden share of each time.

    Parameters
    ----------
    table
        `engagement_nb.Gap.by` with "hours_since_posting" or "days_since_posting".
    sandbox
        Whether to stamp it.
    """
    title = "How engagements grow after posting"
    if not int(table["engagements"].sum()):
        why = "No Tweet was posted within the series, so none can be followed from its start."
        return nothing(title, why, sandbox=sandbox)
    unit = "days" if "days" in str(table.index.name) else "hours"
    whole = max(int(table["engagements"].sum()), 1)
    come = table["engagements"].cumsum().to_numpy() / whole
    hidden = table["hidden_share"].to_numpy(dtype=float, na_value=np.nan)
    hidden = np.where(table["engagements"].to_numpy() < FEWEST, np.nan, hidden)
    names = [str(name) for name in table.index]

    def draw(axes: Axes, narrow: bool) -> None:
        places = np.arange(len(names))
        axes.bar(places, come, color=BLUE, alpha=0.8, width=0.8, label="engagements come so far")
        axes.plot(
            places, hidden, color=ORANGE, marker="o", lw=1.8, ms=5,
            label=f"hidden share of what came then (of {FEWEST} engagements or more)",
        )  # fmt: skip
        if unit == "days":
            step = max(1, len(names) // (6 if narrow else 14))
            axes.set_xticks(places[::step], [name.removeprefix("day ") for name in names[::step]])
        else:
            axes.set_xticks(
                places, names, rotation=60 if narrow else 35, ha="right", rotation_mode="anchor",
                fontsize=9,
            )  # fmt: skip
        axes.set_ylim(0, 1.04)
        percents_on(axes.yaxis)
        axes.set_xlabel(f"{unit} since posting")
        axes.grid(axis="y")
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9,
            ncols=1 if narrow else 2,
        )  # fmt: skip

    half = names[int(np.argmax(come >= 0.5))] if len(names) else "unknown"
    known = [name for name, share in zip(names, hidden, strict=True) if not np.isnan(share)]
    first = percent(float(hidden[names.index(known[0])])) if known else "unknown"
    last = percent(float(hidden[names.index(known[-1])])) if known else "unknown"
    alt = (
        f"Engagements by time since posting: half of {number(whole)} has come by {half}. The"
        f" hidden share is {first} at {known[0] if known else 'first'} and {last} at"
        f" {known[-1] if known else 'last'}."
    )
    return Chart(title, alt, draw, height=3.8, narrow_height=4.2, sandbox=sandbox)


def trend(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Counts and shares over time: a line each, with bands for intervals.

    Parameters
    ----------
    table
        `engagement_nb.Gap.trend` or `engagement_nb.gap.days.Days.trend`. Periods covered in part
        have hollow dots.
    sandbox
        Whether to stamp it.
    """
    when = str(table.index.name)
    title = f"Over time, by {when}"
    shown = (panel for panel in _PANELS if panel[1] in table)
    panels = [
        panel
        for panel in shown
        if table[panel[1]].sum() > 0 or (panel[1] in _SHARES and table[panel[1]].notna().any())
    ]
    if not {"engagements", "video_views"} & {column for _, column, *_ in panels}:
        return nothing(title, "No Tweet has engagements to look into.", sandbox=sandbox)
    names = [f"{day:%Y-%m}" if when.startswith("month") else f"{day:%m-%d}" for day in table.index]
    places, partial = np.arange(len(table)), table["partial"].to_numpy(dtype=bool)

    def draw(axes: Axes, narrow: bool) -> None:
        axes.set_axis_off()
        step = max(1, -(-len(names) // (5 if narrow else 12)))
        for place, (name, column, limits, color) in enumerate(panels):
            height = 1 / len(panels)
            panel = axes.inset_axes((0, 1 - (place + 0.82) * height, 1, 0.68 * height))
            values = table[column].to_numpy(dtype=float, na_value=np.nan)
            top = np.nanmax(values, initial=0)
            high = values
            if f"{limits}_low" in table:
                low, high = (table[f"{limits}_{end}"].to_numpy(dtype=float, na_value=np.nan)
                             for end in ("low", "high"))  # fmt: skip
                panel.fill_between(places, low, high, color=color, alpha=0.25, lw=0)
                panel.vlines(places, low, high, color=color, alpha=0.25, lw=3)
                top = min(max(np.nanmax(high, initial=0), top), 3 * top)
            panel.plot(places, values, color=color, lw=1.6)
            for which, fill in ((partial, "white"), (~partial, color)):
                panel.plot(
                    places[which], values[which], "o", color=color, ms=4.5, mfc=fill, clip_on=False
                )
            cut = np.nanmax(high, initial=0) > top
            title = f"{name} (its band is cut off)" if cut else name
            panel.set_title(title, loc="left", fontsize=10, color=INK)
            panel.set_xlim(-0.5, len(names) - 0.5)
            panel.set_ylim(0, top * 1.08 or 1)
            panel.set_xticks(places[::step], names[::step] if name == panels[-1][0] else [])
            panel.locator_params(axis="y", nbins=4)
            (percents_on if column in _SHARES else counts_on)(panel.yaxis)
            panel.grid()
            panel.tick_params(labelsize=9)
        panel.set_xlabel(f"{when} (hollow: covered in part)" if partial.any() else when)

    known = table.astype(object).where(table.notna(), None)
    said = "; ".join(
        f"{day:%Y-%m-%d}: {', '.join(_said(row, *panel) for panel in panels)}"
        for day, row in zip(table.index, known.to_dict("records"), strict=True)
    )
    alt = f"{sentence(listed([name for name, *_ in panels]))} by {when}: {said}."
    height = 0.5 + 1.45 * len(panels)
    return Chart(title, alt, draw, height=height, narrow_height=height, sandbox=sandbox)


def _said(row: Mapping[Any, float | None], name: str, column: str, limits: str, _: str) -> str:
    """A figure of a trend in words, with its interval if there is one."""
    value = row[column]
    if column not in _SHARES:
        return f"{name} unknown" if value is None else f"{number(value)} {name}"
    said = f"{name} {percent(value, 2 if column == 'engagement_rate' else 1)}"
    low, high = row.get(f"{limits}_low"), row.get(f"{limits}_high")
    return said if low is None else f"{said} ({interval(low, high)})"


def definitions(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """The sum of each usual definition as a share of engagements, and how it ranks Tweets.

    Parameters
    ----------
    table
        `engagement_nb.Gap.definitions`.
    sandbox
        Whether to stamp it.
    """
    title = "What the usual definitions make of engagements"
    if len(table):
        table = table[table["computable"]]
    if not len(table) or not table["tweets"].any():
        return nothing(title, "There is nothing to compare the definitions on.", sandbox=sandbox)
    shares = table["share_of_engagements"].astype(float).to_numpy()
    tops = table["top_agreement"].astype(float).to_numpy()

    def draw(axes: Axes, narrow: bool) -> None:
        places = np.arange(len(table))[::-1]
        axes.barh(
            places + 0.19, np.nan_to_num(shares), height=0.36, color=BLUE,
            label="its sum, as a share of engagements",
        )  # fmt: skip
        axes.barh(
            places - 0.19, np.nan_to_num(tops), height=0.36, color=GREEN,
            label="of the top tenth of Tweets, those it finds",
        )  # fmt: skip
        for offset, values in ((0.19, shares), (-0.19, tops)):
            for y, value in zip(places, values, strict=True):
                text = "not known" if np.isnan(value) else percent(float(value), 0)
                label(axes, text, (float(np.nan_to_num(value)), y + offset), 4, fontsize=9)
        axes.axvline(1, color=GREY, lw=1, ls=":")
        labels = [str(name) for name in table.index]
        axes.set_yticks(places, [wrapped(name) for name in labels] if narrow else labels)
        axes.tick_params(axis="y", length=0)
        top = max(1.0, float(np.nanmax(np.concatenate([shares, tops, [1.0]]))))
        axes.set_xlim(0, top * (1.2 if narrow else 1.1))
        axes.locator_params(axis="x", nbins=4 if narrow else 7)
        percents_on(axes.xaxis)
        axes.grid(axis="x")
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(-0.3 if narrow else 0, 1.0),
            fontsize=9, ncols=1 if narrow else 2,
        )  # fmt: skip

    said = "; ".join(
        f"{name} is {percent(float(share), 0)} of engagements and finds"
        f" {percent(float(top), 0)} of the top Tweets"
        for name, share, top in zip(table.index, shares, tops, strict=True)
    )
    alt = f"Usual definitions against engagements: {said}."
    height = 1.0 + 0.62 * len(table)
    return Chart(title, alt, draw, height=height, narrow_height=height + 0.4, sandbox=sandbox)


def wrapped(text: str, width: int = 16) -> str:
    """A label on several short lines, for a phone."""
    return "\n".join(textwrap.wrap(text, width))
