"""Hidden shares by group, growth since posting, trends, and definitions compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.charts.chart import Chart, nothing
from engagement_nb.charts.marks import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    Axis,
    Bar,
    Plot,
    Row,
    Rows,
    Series,
    days,
    shares,
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


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(dtype=float, na_value=np.nan)


def hidden_by(
    table: pd.DataFrame,
    title: str,
    *,
    overall: Any,
    unit: str = "Tweet",
    sandbox: bool = False,
) -> Chart:
    """Hidden share of each group: a dot with its interval, or a bar for bounds.

    Groups of one Tweet are left out, and named in the alternative text.

    Parameters
    ----------
    table
        `engagement_nb.Gap.by`.
    title
        The finding.
    overall
        Hidden share of all (`engagement_nb.gap.share.Share`), drawn as a line if it has a value.
    unit
        What is grouped.
    sandbox
        Whether to stamp it.
    """
    rows = table[(table["engagements"] > 0) & (table["tweets"] > 1)]
    if not len(rows):
        why = f"No two {unit}s with engagements are in one group."
        return nothing(title, why, sandbox=sandbox)
    drawn, said, top = [], [], overall.value or 0.02
    for name, row in rows.to_dict("index").items():
        low, high = row["low"], row["high"]
        value = None if pd.isna(row["hidden_share"]) else float(row["hidden_share"])
        point = "cannot tell"
        bars: tuple[Bar, ...] = ()
        if row["kind"] != "unknown":
            point = interval(low, high) if value is None else percent(value)
        if pd.notna(low) and row["kind"] != "unknown":
            bars = (Bar(float(low), float(high), SKY,
                        sure=value is not None, thin=value is not None),)  # fmt: skip
            top = max(top, float(high))
            if value is not None:
                point += f" ({interval(low, high)})"
        top = max(top, value or 0)
        drawn.append(Row(str(name), point, bars, value, note=counted(row["tweets"], unit)))
        said.append(f"{name}: {point}")
    rules = () if overall.value is None else ((overall.value, f"all: {overall.point}"),)
    single = [str(name) for name in table.index[table["tweets"] == 1]]
    alone = f" Not drawn, because they have one {unit}: {listed(single)}." if single else ""
    return Chart(
        title,
        f"{title}: {'; '.join(said)}.{alone}",
        (Rows(tuple(drawn), Axis(0, min(top * 1.05, 1), shares()), rules),),
        data=_told(rows).reset_index(),
        what=f"hidden-by-{table.index.name}",
        sandbox=sandbox,
    )


def growth(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Engagements by time since posting, and the hidden share of each time.

    Parameters
    ----------
    table
        `engagement_nb.Gap.by` with "hours_since_posting" or "days_since_posting".
    sandbox
        Whether to stamp it.
    """
    whole = int(table["engagements"].sum())
    if not whole:
        why = "No Tweet was posted within the series, so none can be followed from its start."
        return nothing("How engagements grow after posting", why, sandbox=sandbox)
    unit = "days" if "days" in str(table.index.name) else "hours"
    come = table["engagements"].cumsum().to_numpy() / whole
    enough = table["engagements"].to_numpy() >= FEWEST
    hidden, low, high = (
        np.where(enough, _numbers(table, name), np.nan) for name in ("hidden_share", "low", "high")
    )
    names = tuple(str(name) for name in table.index)
    half = names[int(np.argmax(come >= 0.5))]
    panels = [Plot("engagements so far", (Series(come, BLUE, "columns"),), Axis(0, 1, shares()))]
    known = np.flatnonzero(~np.isnan(hidden))
    text = f"Engagements by time since posting: half of {number(whole)} has come by {half}."
    if len(known):
        top = max(float(np.nanmax(np.concatenate([high, hidden, [0.02]]))), 0.02)
        series = Series(hidden, ORANGE, low=low, high=high)
        title = f"hidden share of what came then ({FEWEST} engagements or more)"
        panels.append(Plot(title, (series,), Axis(0, min(top, 1), shares())))
        first, last = known[0], known[-1]
        text += (
            f" The hidden share is {percent(hidden[first])} at {names[first]} and"
            f" {percent(hidden[last])} at {names[last]}."
        )
    return Chart(
        f"Half of the engagements come by {half} after posting",
        text,
        tuple(panels),
        names=tuple(name.removeprefix("day ").removesuffix(" h") for name in names),
        tips=tuple(
            f"{name}: {percent(share)} of engagements so far"
            + ("" if np.isnan(part) else f", hidden {percent(part)}")
            for name, share, part in zip(names, come, hidden, strict=True)
        ),
        axis=f"{unit} since posting",
        data=table.reset_index(),
        what="growth",
        sandbox=sandbox,
    )


def trend(
    table: pd.DataFrame, *, columns: tuple[str, ...] = (), height: int = 100, sandbox: bool = False
) -> Chart:
    """Counts and shares over time: a line each, with bands for intervals and bounds.

    Parameters
    ----------
    table
        `engagement_nb.Gap.trend` or `engagement_nb.gap.days.Days.trend`. Periods covered in part
        have hollow dots.
    columns
        Which to draw; all by default.
    height
        Of each panel, in pixels.
    sandbox
        Whether to stamp it.
    """
    when = str(table.index.name)
    step = when.partition(" ")[0]
    panels, drawn = [], []
    partial = table["partial"].to_numpy(dtype=bool)
    for name, column, limits, color in _PANELS:
        if column not in table or (columns and column not in columns):
            continue
        values = _numbers(table, column)
        low, high = (_numbers(table, f"{limits}_{end}") for end in ("low", "high"))
        known = ~np.isnan(np.fmax(values, high))
        if not known.any() or (column not in _SHARES and not np.nansum(values)):
            continue
        top, highest = np.nanmax(values, initial=0), np.nanmax(high, initial=0)
        # A band of few Tweets would make all others flat.
        cut = bool(0 < 3 * top < highest)
        top = 3 * top if cut else max(top, highest)
        title = f"{name} (its band is cut off)" if cut else name
        axis = Axis(0, float(top) * 1.05 or 1, shares() if column in _SHARES else number)
        series = Series(values, color, low=low, high=high, hollow=partial)
        panels.append(Plot(title, (series,), axis, height))
        drawn.append((name, column, limits, color))
    if not {"engagements", "video_views"} & {column for _, column, *_ in drawn}:
        why = "No Tweet has engagements to look into."
        return nothing(f"Over time, by {when}", why, sandbox=sandbox)
    known = table.astype(object).where(table.notna(), None)
    said = [
        f"{_day(day, step)}: {', '.join(_said(row, *panel) for panel in drawn)}"
        + (" (covered in part)" if row["partial"] else "")
        for day, row in zip(table.index, known.to_dict("records"), strict=True)
    ]
    hollow = " (hollow: covered in part)" if partial.any() else ""
    return Chart(
        _peak(table, step, drawn[0][1], when),
        f"{sentence(listed([name for name, *_ in drawn]))} by {when}: {'; '.join(said)}.",
        tuple(panels),
        names=days(list(table.index), step),
        tips=tuple(said),
        axis=f"{when}{hollow}",
        data=_told(table).reset_index(),
        what="trend",
        sandbox=sandbox,
    )


def _told(table: pd.DataFrame) -> pd.DataFrame:
    """A table without hidden engagements where the share has no value."""
    if "hidden" not in table:
        return table
    return table.assign(hidden=table["hidden"].where(table["hidden_share"].notna()))


def _day(day: pd.Timestamp, step: str) -> str:
    return {"month": f"{day:%Y-%m}", "year": f"{day:%Y}"}.get(step, f"{day:%Y-%m-%d}")


def _peak(table: pd.DataFrame, step: str, column: str, when: str) -> str:
    """What is highest when, as a title."""
    name = "Video views" if column == "video_views" else "Engagements"
    when = when.removesuffix(" of engagement")
    values = _numbers(table, column)
    if len(values) < 2 or not np.nansum(values):
        return f"{name} by {when}"
    peak = _day(table.index[int(np.nanargmax(values))], step)
    most = {"day": "on", "week": "in the week of"}.get(step, "in")
    return f"{name} by {when}: most {most} {peak}"


def _said(row: Mapping[Any, float | None], name: str, column: str, limits: str, _: str) -> str:
    """A figure of a trend in words, with its interval if there is one."""
    value, low, high = row[column], row.get(f"{limits}_low"), row.get(f"{limits}_high")
    if column not in _SHARES:
        return f"{name} unknown" if value is None else f"{number(value)} {name}"
    if value is None:
        return f"{name} {'unknown' if low is None else interval(low, high)}"
    said = f"{name} {percent(value, 2 if column == 'engagement_rate' else 1)}"
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
    if len(table):
        table = table[table["computable"]]
    if not len(table) or not table["tweets"].any():
        title = "What the usual definitions make of engagements"
        why = "There is nothing to compare the definitions on."
        return nothing(title, why, sandbox=sandbox)
    rows, said = [], []
    for name, row in table.to_dict("index").items():
        part, top = (None if pd.isna(row[n]) else float(row[n])
                     for n in ("share_of_engagements", "top_agreement"))  # fmt: skip
        bars = tuple(
            Bar(0, value, color, thin=thin)
            for value, color, thin in ((part, BLUE, False), (top, GREEN, True))
            if value is not None
        )
        finds = f"; finds {percent(top, 0)} of the top" if top is not None else ""
        rows.append(
            Row(str(name), percent(part, 0), bars, tip=f"{name}: {percent(part, 0)}{finds}")
        )
        said.append(
            f"{name} is {percent(part, 0)} of engagements and finds {percent(top, 0)} of the top"
            " Tweets"
        )
    most = max(1.0, *(bar.high for row in rows for bar in row.bars), 1.0)
    first = table.iloc[0]
    return Chart(
        sentence(
            f"{table.index[0]} are {percent(first['share_of_engagements'], 0)} of engagements"
        ),
        f"Usual definitions against engagements: {'; '.join(said)}.",
        (Rows(tuple(rows), Axis(0, most, shares())),),
        legend=(
            (BLUE, "its sum, as a share of engagements"),
            (GREEN, "thin: of the top tenth of Tweets, those it finds"),
        ),
        data=table.drop(columns=["pages", "read_on", "computable", "missing"]).reset_index(),
        what="definitions",
        sandbox=sandbox,
    )
