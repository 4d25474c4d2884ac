"""Figures for readers: pure functions from numbers and tables to charts.

A chart is drawn once, as SVG that fits every width. Its title says the finding. It has colors for
any color vision, an alternative text with the numbers, its figures as CSV, and a stamp for sandbox
data. One without panels says why there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.charts.chart import Chart
from engagement_nb.charts.marks import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    SKY,
    Axis,
    Bar,
    Plot,
    Row,
    Rows,
    Scatter,
    Series,
    days,
    shares,
)
from engagement_nb.words import counted, interval, listed, number, percent, sentence, spelled

__all__ = ["Chart", "bridge", "definitions", "evidence", "growth", "hidden_by", "totals", "trend",
           "tweets"]  # fmt: skip

_COLORS = {"counted": BLUE, "undetermined": GREY, "not counted in full": ORANGE}
"""Verdicts in the order in which they are drawn."""

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


def bridge(
    share: Any,
    sum_of_metrics: int,
    over_bounds: Sequence[int],
    doubtful_outside: int,
    excess: int = 0,
) -> Chart:
    """Waterfall: sum of all columns, less what is not engagement, plus hidden, is engagements.

    Parameters
    ----------
    share
        The hidden share (`engagement_nb.gap.share.Share`, a room above).
    sum_of_metrics, over_bounds, doubtful_outside, excess
        See `engagement_nb.Gap`. If the share has a value, the bounds are equal and the figures
        add up.
    """
    outside, either = over_bounds[0], over_bounds[1] - over_bounds[0]
    engagements = share.whole
    part = "taken as part" if doubtful_outside and not either else "part"
    inside = sum_of_metrics - outside
    steps: list[tuple[str, int | str, Bar]] = [
        ("Sum of all columns", sum_of_metrics, Bar(0, sum_of_metrics, GREY)),
        (f"Not {part} of engagements", -outside, Bar(inside, sum_of_metrics, ORANGE)),
    ]
    if either:
        upto = f"0 to {number(-either)}"
        steps.append(("May or may not be part", upto, Bar(inside - either, inside, GREY, False)))
    if excess:
        # The excess is a separate step, and not netted into hidden.
        inside -= excess
        bar = Bar(inside, inside + excess, RED)
        steps.append(("Above engagements on some Tweets", -excess, bar))
    rows = [Row(name, v if isinstance(v, str) else number(v), (bar,)) for name, v, bar in steps]
    least, most = (share.least, share.most) if share.count is None else (share.count, share.count)
    bars = [Bar(engagements - least, engagements, SKY)]
    if most > least:
        bars.append(Bar(engagements - most, engagements - least, SKY, sure=False))
    plus = ("+" if most else "") + share.counts
    rows.append(Row("Hidden: matches no metric", plus, tuple(bars)))
    rows.append(Row("Engagements", number(engagements), (Bar(0, engagements, BLUE),)))
    figures = [[row.name, row.value.replace(",", "")] for row in rows]
    axis = Axis(min(0, inside - either), max(sum_of_metrics, engagements, 1))
    return Chart(
        _title(share),
        _alt("From the sum of all columns to engagements", rows),
        (Rows(tuple(rows), axis),),
        data=pd.DataFrame(figures, columns=["step", "count"]),
        what="bridge",
    )


def _alt(title: str, rows: Sequence[Row]) -> str:
    """The alternative text of rows: what each of them shows."""
    return f"{title}: {'; '.join(row.tip or f'{row.name}: {row.value}' for row in rows)}."


def _title(share: Any) -> str:
    if not share.whole:
        return "There are no engagements"
    if share.kind == "unknown":
        return "These Tweets cannot tell how much of engagements is hidden"
    if share.value == 0:
        return "The included metrics explain all engagements"
    return f"{share.point} of engagements match no metric"


def tweets(engagements: np.ndarray, sums: np.ndarray) -> Chart:
    """Engagements against the sum of all columns, one dot per Tweet, on log axes."""
    if not len(sums):
        return Chart("Engagements against the sum of all columns", "No Tweet has both figures.")
    groups = [(engagements > sums, BLUE, "exceed"), (engagements < sums, ORANGE, "are below"),
              (engagements == sums, INK, "are")]  # fmt: skip
    many = [int(np.count_nonzero(which)) for which, *_ in groups]
    above, below, equal = map(number, many)
    top = max(int(engagements.max(initial=1)), int(sums.max(initial=1)), 10) * 1.6
    total = counted(len(sums), "Tweet")
    largest = int(np.argmax(many))
    return Chart(
        f"Engagements {groups[largest][2]} the sum of all columns on {number(many[largest])} of"
        f" {total}",
        f"Engagements against the sum of all columns for {total}: engagements are above the sum on"
        f" {above}, below it on {below} and equal on {equal}.",
        (
            Scatter(
                tuple((sums[which], engagements[which], color) for which, color, _ in groups),
                Axis(0, top, label="sum of all columns", log=True),
                Axis(0, top, label="engagements", log=True),
            ),
        ),
        legend=(
            (BLUE, f"engagements above the sum: {above}"),
            (ORANGE, f"below it: {below}"),
            (INK, f"equal: {equal}"),
        ),
        data=pd.DataFrame({"sum_of_metrics": sums, "engagements": engagements}),
        what="tweets",
    )


def totals(split: Any) -> Chart:
    """From the metrics of totals to engagements; of an `engagement_nb.gap.totals.TotalsGap`."""
    parts = [
        ("Metrics that totals give", split.engagements - split.gap_in_totals, GREY),
        ("Metrics that totals lack", split.not_in_totals, GREEN),
        ("Hidden: matches no metric", split.hidden, SKY),
        *([("Between the two readings", split.drift, RED)] if split.drift else []),
    ]
    rows: list[Row] = []
    level = 0
    for name, count, color in parts:
        sign = "+" if rows and count > 0 else ""
        rows.append(Row(name, sign + number(count), (Bar(level, level + count, color),)))
        level += count
    engagements = split.engagements
    rows.append(Row("Engagements", number(engagements), (Bar(0, engagements, BLUE),)))
    share = percent(split.gap_in_totals / engagements if engagements else None)
    return Chart(
        f"Totals leave {share} of engagements unexplained",
        split.sentence,
        (Rows(tuple(rows), Axis(0, max(engagements, level, 1))),),
        data=pd.DataFrame([part[:2] for part in parts], columns=["part", "count"]),
        what="totals",
    )


def evidence(table: pd.DataFrame) -> Chart:
    """Bars of the evidence of `Gap.table` for each metric (to the right) and against it."""
    if not len(table):
        return Chart("The evidence for each metric", "There is no metric to judge.")
    groups = {
        verdict: group.sort_values("tight", ascending=False)
        for verdict in _COLORS
        if len(group := table[table["verdict"] == verdict])
    }
    ordered = pd.concat(groups.values())
    rows: list[Row] = []
    for row in ordered.to_dict("records"):
        any_ = max(row["posts_above_zero"], 1)
        fits, against = row["tight"] / any_, row["contradictions"] / any_
        color, value = _COLORS[row["verdict"]], f"{number(row['tight'])} fit"
        if row["contradictions"]:
            value = f"{number(row['contradictions'])} too large, {value}"
        tip = (
            f"{row['label']}: {row['verdict']}; of {counted(row['posts_above_zero'], 'Tweet')} with"
            f" any, {value}"
        )
        bars = (Bar(0, fits, color), Bar(-against, 0, color, sure=False))
        rows.append(Row(row["label"], value, bars, tip=tip))
    least = min(bar.low for row in rows for bar in row.bars)
    most = max(0.05, *(bar.high for row in rows for bar in row.bars))
    many = [
        f"{spelled(len(group))} {'is' if len(group) == 1 else 'are'} {verdict}"
        for verdict, group in groups.items()
    ]
    label = "share of Tweets with any: ← sum too large | sum equal →"
    return Chart(
        sentence(f"Of {counted(len(table), 'metric')}, {listed(many)}"),
        _alt("Evidence for each metric", rows),
        (Rows(tuple(rows), Axis(least, most, shares, label)),),
        legend=tuple((_COLORS[verdict], verdict) for verdict in groups),
        data=ordered[["label", "verdict", "posts_above_zero", "tight", "contradictions"]],
        what="evidence",
    )


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(dtype=float, na_value=np.nan)


def hidden_by(table: pd.DataFrame, title: str, overall: Any, unit: str = "Tweet") -> Chart:
    """Hidden share of each group of `engagement_nb.Gap.by`: a dot with its interval, or bounds.

    A line is at the share of all, ``overall`` (an `engagement_nb.gap.share.Share`), if it has a
    value. Groups of one ``unit`` are left out, and named in the alternative text.
    """
    rows = table[(table["engagements"] > 0) & (table["tweets"] > 1)]
    if not len(rows):
        return Chart(title, f"No two {unit}s with engagements are in one group.")
    drawn, top = [], overall.value or 0.02
    for name, row in rows.astype(object).where(rows.notna(), None).to_dict("index").items():
        low, high, value = row["low"], row["high"], row["hidden_share"]
        point = "cannot tell"
        bars: tuple[Bar, ...] = ()
        if row["kind"] != "unknown":
            point = interval(low, high) if value is None else percent(value)
            if low is not None:
                bars = (Bar(low, high, SKY, sure=value is not None, thin=value is not None),)
                point += f" ({interval(low, high)})" if value is not None else ""
        top = max(top, value or 0, *(bar.high for bar in bars))
        drawn.append(Row(str(name), point, bars, value, note=counted(row["tweets"], unit)))
    rules = () if overall.value is None else ((overall.value, f"all: {overall.point}"),)
    single = [str(name) for name in table.index[table["tweets"] == 1]]
    alone = f" Not drawn, because they have one {unit}: {listed(single)}." if single else ""
    return Chart(
        title,
        f"{_alt(title, drawn)}{alone}",
        (Rows(tuple(drawn), Axis(0, min(top * 1.05, 1), shares), rules),),
        data=_told(rows).reset_index(),
        what=f"hidden-by-{table.index.name}",
    )


def growth(table: pd.DataFrame) -> Chart:
    """Engagements by time since posting, and the hidden share of each time.

    The table is `engagement_nb.Gap.growth`.
    """
    whole = int(table["engagements"].sum())
    if not whole:
        why = "No Tweet was posted within the series, so none can be followed from its start."
        return Chart("How engagements grow after posting", why)
    come = table["engagements"].cumsum().to_numpy() / whole
    enough = table["engagements"].to_numpy() >= FEWEST
    hidden, low, high = (
        np.where(enough, _numbers(table, name), np.nan) for name in ("hidden_share", "low", "high")
    )
    names = tuple(str(name) for name in table.index)
    half = names[int(np.argmax(come >= 0.5))]
    panels = [Plot("engagements so far", (Series(come, BLUE, "columns"),), Axis(0, 1, shares))]
    if not np.isnan(hidden).all():
        top = np.nanmax([*high, *hidden, 0.02])
        series = Series(hidden, ORANGE, low=low, high=high)
        title = f"hidden share of what came then ({FEWEST} engagements or more)"
        panels.append(Plot(title, (series,), Axis(0, min(float(top), 1), shares)))
    tips = [
        f"{name}: {percent(share)} of engagements so far"
        + ("" if np.isnan(part) else f", hidden {percent(part)}")
        for name, share, part in zip(names, come, hidden, strict=True)
    ]
    return Chart(
        f"Half of the engagements come by {half} after posting",
        f"Engagements by time since posting: {'; '.join(tips)}.",
        tuple(panels),
        names=tuple(name.removeprefix("day ").removesuffix(" h") for name in names),
        tips=tuple(tips),
        axis=f"{'days' if 'days' in str(table.index.name) else 'hours'} since posting",
        data=table.reset_index(),
        what="growth",
    )


def trend(table: pd.DataFrame, columns: tuple[str, ...] = (), height: int = 100) -> Chart:
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
    """
    when = str(table.index.name)
    step = when.partition(" ")[0]
    panels, drawn = [], []
    partial = table["partial"].to_numpy(dtype=bool)
    for panel in _PANELS:
        name, column, limits, color = panel
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
        axis = Axis(0, float(top) * 1.05 or 1, shares if column in _SHARES else number)
        series = Series(values, color, low=low, high=high, hollow=partial)
        panels.append(Plot(title, (series,), axis, height))
        drawn.append(panel)
    if not {"engagements", "video_views"} & {column for _, column, *_ in drawn}:
        return Chart(f"Over time, by {when}", "No Tweet has engagements to look into.")
    known = table.astype(object).where(table.notna(), None)
    said = [
        f"{_day(day, step)}: {', '.join(_said(row, *panel) for panel in drawn)}"
        + (" (covered in part)" if row["partial"] else "")
        for day, row in zip(table.index, known.to_dict("records"), strict=True)
    ]
    return Chart(
        _peak(table, step, drawn[0][1], when),
        f"{sentence(listed([name for name, *_ in drawn]))} by {when}: {'; '.join(said)}.",
        tuple(panels),
        names=days(list(table.index), step),
        tips=tuple(said),
        axis=f"{when} (hollow: covered in part)" if partial.any() else when,
        data=_told(table).reset_index(),
        what="trend",
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
    title = f"{name} by {when.removesuffix(' of engagement')}"
    values = _numbers(table, column)
    if len(values) < 2 or not np.nansum(values):
        return title
    peak = _day(table.index[int(np.nanargmax(values))], step)
    most = {"day": "on", "week": "in the week of"}.get(step, "in")
    return f"{title}: most {most} {peak}"


def _said(row: Mapping[Any, float | None], name: str, column: str, limits: str, _: str) -> str:
    """A figure of a trend in words, with its interval if there is one."""
    value, low, high = row[column], row.get(f"{limits}_low"), row.get(f"{limits}_high")
    if column not in _SHARES:
        return f"{name} unknown" if value is None else f"{number(value)} {name}"
    if value is None:
        return f"{name} {'unknown' if low is None else interval(low, high)}"
    said = f"{name} {percent(value, 2 if column == 'engagement_rate' else 1)}"
    return said if low is None else f"{said} ({interval(low, high)})"


def definitions(table: pd.DataFrame) -> Chart:
    """The sum of each of `engagement_nb.Gap.definitions`, and how well it ranks Tweets."""
    if len(table):
        table = table[table["computable"]]
    if not len(table) or not table["tweets"].any():
        title = "What the usual definitions make of engagements"
        return Chart(title, "There is nothing to compare the definitions on.")
    rows = []
    for name, row in table.astype(object).where(table.notna(), None).to_dict("index").items():
        part, top = row["share_of_engagements"], row["top_agreement"]
        bars: tuple[Bar, ...] = () if part is None else (Bar(0, part, BLUE),)
        bars += () if top is None else (Bar(0, top, GREEN, thin=True),)
        of_all, of_top = percent(part, 0), percent(top, 0)
        finds = f", finds {of_top} of the top Tweets" if top is not None else ""
        rows.append(Row(str(name), of_all, bars, tip=f"{name}: {of_all}{finds}"))
    most = max([1.0, *(bar.high for row in rows for bar in row.bars)])
    return Chart(
        sentence(f"{rows[0].name} are {rows[0].value} of engagements"),
        _alt("Usual definitions against engagements", rows),
        (Rows(tuple(rows), Axis(0, most, shares)),),
        legend=(
            (BLUE, "its sum, as a share of engagements"),
            (GREEN, "thin: of the top tenth of Tweets, those it finds"),
        ),
        data=table.drop(columns=["pages", "read_on", "computable", "missing"]).reset_index(),
        what="definitions",
    )
