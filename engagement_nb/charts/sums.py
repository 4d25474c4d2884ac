"""The sum of the columns against engagements: in all, by Tweet and by metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.charts.chart import Chart, nothing
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
    Row,
    Rows,
    Scatter,
    shares,
)
from engagement_nb.words import counted, listed, number, percent, sentence, spelled

_COLORS = {"counted": BLUE, "not counted in full": ORANGE, "undetermined": GREY}
_ORDER = ("counted", "undetermined", "not counted in full")


def bridge(
    share: Any, sum_of_metrics: int, outside: int, either: int, excess: int = 0,
    *, doubtful: bool = False, sandbox: bool = False,
) -> Chart:  # fmt: skip
    """Waterfall: sum of all columns, less what is not engagement, plus hidden, is engagements.

    Parameters
    ----------
    share
        The hidden share (`engagement_nb.gap.share.Share`, a room above).
    sum_of_metrics, outside, either
        Sum of all metrics, of those outside of engagements, and of those that may be outside.
        If the share has a value, ``either`` is 0 and the figures add up.
    excess
        By how much the included metrics exceed engagements, on the Tweets where they do.
    doubtful
        Whether ``outside`` includes metrics that may be part of engagements.
    sandbox
        Whether to stamp it.
    """
    engagements = share.whole
    part = "taken as part" if doubtful else "part"
    inside = sum_of_metrics - outside
    rows = [
        Row("Sum of all columns", number(sum_of_metrics), (Bar(0, sum_of_metrics, GREY),)),
        Row(
            f"Not {part} of engagements", number(-outside), (Bar(inside, inside + outside, ORANGE),)
        ),
    ]
    said = f"less {number(outside)} that are not {part} of engagements"
    if either:
        upto = f"0 to {number(-either)}"
        rows.append(
            Row("May or may not be part", upto, (Bar(inside - either, inside, GREY, False),))
        )
        said += f", less {upto.replace(chr(0x2212), '')} that may or may not be part"
    if excess:
        # The excess is a separate step, and not netted into hidden.
        inside -= excess
        bar = Bar(inside, inside + excess, RED)
        rows.append(Row("Above engagements on some Tweets", number(-excess), (bar,)))
        said += f", less {number(excess)} above engagements on some Tweets"
    least, most = (share.least, share.most) if share.count is None else (share.count, share.count)
    bars = [Bar(engagements - least, engagements, SKY)]
    if most > least:
        bars.append(Bar(engagements - most, engagements - least, SKY, sure=False))
    plus = ("+" if most else "") + share.counts
    rows.append(Row("Hidden: matches no metric", plus, tuple(bars)))
    rows.append(Row("Engagements", number(engagements), (Bar(0, engagements, BLUE),)))
    data = pd.DataFrame([[row.name, row.value] for row in rows], columns=["step", "count"])
    axis = Axis(min(0, inside - either), max(sum_of_metrics, engagements, 1))
    return Chart(
        _title(share),
        f"Bridge from the sum of all columns to engagements: {number(sum_of_metrics)} in all"
        f" columns, {said}, plus {share.counts} hidden, gives {number(engagements)} engagements.",
        (Rows(tuple(rows), axis),),
        data=data.assign(count=data["count"].str.replace(",", "")),
        what="bridge",
        sandbox=sandbox,
    )


def _title(share: Any) -> str:
    if not share.whole:
        return "There are no engagements"
    if share.kind == "unknown":
        return "These Tweets cannot tell how much of engagements is hidden"
    if share.value == 0:
        return "The included metrics explain all engagements"
    return f"{share.point} of engagements match no metric"


def tweets(engagements: np.ndarray, sums: np.ndarray, *, sandbox: bool = False) -> Chart:
    """Engagements against the sum of all columns, one dot per Tweet, on log axes."""
    if not len(sums):
        title = "Engagements against the sum of all columns"
        return nothing(title, "No Tweet has both figures.", sandbox=sandbox)
    above, below = engagements > sums, engagements < sums
    equal = ~above & ~below
    many = [int(np.count_nonzero(which)) for which in (above, below, equal)]
    top = max(int(engagements.max(initial=1)), int(sums.max(initial=1)), 10) * 1.6
    groups = ((above, BLUE), (below, ORANGE), (equal, INK))
    total = counted(len(sums), "Tweet")
    largest = int(np.argmax(many))
    what = ("exceed the sum of all columns", "are below the sum of all columns",
            "are the sum of all columns")[largest]  # fmt: skip
    return Chart(
        f"Engagements {what} on {number(many[largest])} of {total}",
        f"Engagements against the sum of all columns for {total}: engagements are above the sum on"
        f" {number(many[0])}, below it on {number(many[1])} and equal on {number(many[2])}.",
        (
            Scatter(
                tuple((sums[which], engagements[which], color) for which, color in groups),
                Axis(0, top, label="sum of all columns", log=True),
                Axis(0, top, label="engagements", log=True),
            ),
        ),
        legend=(
            (BLUE, f"engagements above the sum: {number(many[0])}"),
            (ORANGE, f"below it: {number(many[1])}"),
            (INK, f"equal: {number(many[2])}"),
        ),
        data=pd.DataFrame({"sum_of_metrics": sums, "engagements": engagements}),
        what="tweets",
        sandbox=sandbox,
    )


def totals(
    engagements: int, gap: int, not_in_totals: int, hidden: int, drift: int,
    *, alt: str, sandbox: bool = False,
) -> Chart:  # fmt: skip
    """From the metrics that totals give to engagements: not returned by totals, hidden, drift."""
    parts = [
        ("Metrics that totals give", engagements - gap, GREY),
        ("Metrics that totals lack", not_in_totals, GREEN),
        ("Hidden: matches no metric", hidden, SKY),
        *([("Between the two readings", drift, RED)] if drift else []),
    ]
    rows: list[Row] = []
    level = 0
    for name, count, color in parts:
        sign = "+" if rows and count > 0 else ""
        rows.append(Row(name, sign + number(count), (Bar(level, level + count, color),)))
        level += count
    rows.append(Row("Engagements", number(engagements), (Bar(0, engagements, BLUE),)))
    return Chart(
        f"Totals leave {percent(gap / engagements if engagements else None)} of engagements"
        " unexplained",
        alt,
        (Rows(tuple(rows), Axis(0, max(engagements, level, 1))),),
        data=pd.DataFrame([part[:2] for part in parts], columns=["part", "count"]),
        what="totals",
        sandbox=sandbox,
    )


def evidence(table: pd.DataFrame, *, sandbox: bool = False) -> Chart:
    """Bars of the evidence for each metric (to the right) and against it (to the left).

    Parameters
    ----------
    table
        The table of `Gap.table`.
    sandbox
        Whether to stamp it.
    """
    if not len(table):
        why = "There is no metric to judge."
        return nothing("The evidence for each metric", why, sandbox=sandbox)
    groups = [table[table["verdict"] == verdict] for verdict in _ORDER]
    ordered = pd.concat([group.sort_values("tight", ascending=False) for group in groups])
    rows: list[Row] = []
    for row in ordered.to_dict("records"):
        any_ = max(row["posts_above_zero"], 1)
        fits, against = row["tight"] / any_, row["contradictions"] / any_
        color = _COLORS[row["verdict"]]
        value = f"{number(row['tight'])} fit"
        if row["contradictions"]:
            value = f"{number(row['contradictions'])} too large, {value}"
        rows.append(
            Row(
                row["label"], value, (Bar(0, fits, color), Bar(-against, 0, color, sure=False)),
                tip=f"{row['label']}: {row['verdict']}; of"
                f" {counted(row['posts_above_zero'], 'Tweet')} with any, {value}",
            )
        )  # fmt: skip
    least = min(bar.low for row in rows for bar in row.bars)
    most = max(0.05, *(bar.high for row in rows for bar in row.bars))
    said = []
    for verdict, group in zip(_ORDER, groups, strict=True):
        if len(group):
            verb = "is" if len(group) == 1 else "are"
            said.append(f"{spelled(len(group))} {verb} {verdict}")
    verdicts = set(table["verdict"])
    return Chart(
        sentence(f"Of {counted(len(table), 'metric')}, {listed(said)}"),
        _alt(groups),
        (Rows(tuple(rows), Axis(least, most, shares(signed=False),
                                "share of Tweets with any: ← sum too large | sum equal →")),),
        legend=tuple((_COLORS[v], v) for v in _ORDER if v in verdicts),
        data=ordered[["label", "verdict", "posts_above_zero", "tight", "contradictions"]],
        what="evidence",
        sandbox=sandbox,
    )  # fmt: skip


def _alt(groups: list[pd.DataFrame]) -> str:
    parts = []
    for verdict, rows in zip(_ORDER, groups, strict=True):
        if len(rows):
            said = [_said(verdict, row) for _, row in rows.iterrows()]
            parts.append(f"{sentence(verdict)}: {listed(said)}.")
    return "Evidence for each metric. " + " ".join(parts)


def _said(verdict: str, row: pd.Series) -> str:
    if verdict == "counted":
        return f"{row['label']} ({counted(int(row['tight']), 'exact fit')})"
    if verdict == "undetermined":
        return f"{row['label']} (above zero on {counted(int(row['posts_above_zero']), 'Tweet')})"
    share = percent(row["contradictions"] / max(row["posts_above_zero"], 1), 0)
    return f"{row['label']} (contradicted by {number(row['contradictions'])} Tweets, {share})"
