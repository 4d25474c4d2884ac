"""Readings of a gap for each part of a report, from the numbers: only what is true of them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engagement_nb.gap.groups import NOT_TOLD
from engagement_nb.gap.identify import SLACK
from engagement_nb.vocabulary import label
from engagement_nb.words import counted, listed, number, percent, sentence

if TYPE_CHECKING:
    from engagement_nb.gap.result import Findings


def figures(gap: Findings) -> str:
    """What there is to look at, and what of it cannot be compared."""
    frame, about = gap.counts.frame, gap.about
    where = {
        "sandbox": "made up by the sandbox, which is not X",
        "api": "from the Engagement API",
        "export": "from an export file",
    }.get(about.source, "")
    text = counted(len(frame), "Tweet")
    posted = frame["created_at"].dropna() if "created_at" in frame.columns else frame.iloc[:0, 0]
    if len(posted):
        first, last = posted.min(), posted.max()
        day = "%Y-%m-%d"
        text += f", posted from {first:{day}} to {last:{day}}"
    text += f", with {counted(len(gap.counts.names), 'metric')} beside engagements"
    text += f"; the figures are {where}." if where else "."
    if about.start is not None and about.end is not None:
        moment = "%Y-%m-%d %H:%M"
        text += (
            f" They count what happened from {about.start:{moment}} to {about.end:{moment}} UTC."
        )
    unknown = len(frame) - int(gap.counts.judged.sum())
    if unknown:
        text += f" Engagements are not known for {counted(unknown, 'Tweet')}."
    if gap.posts_left_out - unknown:
        text += (
            f" For {counted(gap.posts_left_out - unknown, 'Tweet')} a metric is not known that is"
            " part of engagements: they are left out of the sums."
        )
    if any(str(name).startswith("promoted_") for name in frame.columns):
        text += " Promoted figures stand in columns of their own and are not looked at."
    if gap.counts.dropped:
        text += f" {counted(gap.counts.dropped, 'row')} came twice and were counted once."
    return text


def columns(gap: Findings) -> str:
    """What somebody finds who adds up every column."""
    gaps = gap.tweets["naive_gap"].to_numpy()
    above, below = int(np.count_nonzero(gaps > 0)), int(np.count_nonzero(gaps < 0))
    equal = gap.posts - above - below
    if not gap.naive_gap:
        first = "Every column added up gives exactly as much as engagements."
    else:
        more = "more" if gap.naive_gap < 0 else "less"
        first = (
            f"Every column added up gives {number(gap.sum_of_metrics)}, which is"
            f" {number(abs(gap.naive_gap))} {more} than engagements: the naive gap is"
            f" {number(gap.naive_gap)}."
        )
    second = (
        f"The sum is above engagements on {counted(below, 'Tweet')}, below on {number(above)},"
        f" equal on {number(equal)}."
    )
    belong = "are not taken as part of them" if gap.doubtful_outside else "do not belong"
    if gap.hidden > 0 and gap.over_count > 0:
        third = (
            f"Two things are mixed up in it: {number(gap.over_count)} that {belong} and"
            f" {number(gap.hidden)} that no metric shows."
        )
    elif gap.over_count > 0:
        third = f"All of it comes from {number(gap.over_count)} that {belong}."
    elif gap.hidden > 0:
        third = "All of it is engagement that no metric shows."
    else:
        third = "There is nothing in it to tell apart."
    return f"{first} {second} {third}"


def evidence(gap: Findings) -> str:
    """Which metrics are in and out, and why that is believed."""
    table = gap.table.to_dict("index")
    parts = []
    if gap.counted:
        names = listed([label(n) for n in gap.counted])
        against = (
            "no Tweet contradicts them"
            if not gap.contradictions
            else f"the sum is too large on {counted(gap.contradictions, 'Tweet')}, few enough to"
            " be put down to counters read at different moments or a wrong row"
        )
        parts.append(f"**Counted:** {names}; {against}.")
    if gap.not_counted:
        said = [
            f"{label(n)} ({number(table[n]['contradictions'])} of"
            f" {number(table[n]['posts_above_zero'])} Tweets with any:"
            f" {percent(table[n]['contradicted_share'], 0)})"
            for n in gap.not_counted
        ]
        parts.append(f"**Not counted,** for with them the sum is too large: {listed(said)}.")
    if gap.undetermined:
        said = [f"{label(n)} ({table[n]['why']})" for n in gap.undetermined]
        doubtful = sum(table[n]["sum"] for n in gap.undetermined)
        inside = sum(table[n]["sum"] for n in gap.undetermined if n in gap.summed)
        taken = (
            f" Of their sum, {number(doubtful)}, the analysis takes"
            f" {'all' if inside == doubtful else number(inside) if inside else 'none'} as part of"
            " engagements, though the Tweets cannot tell"
            f"{f'; without it, hidden would be {number(gap.hidden_at_most)}.' if inside else '.'}"
            if doubtful
            else ""
        )
        if gap.doubtful_outside:
            taken += (
                f" Were what is left out part of it too, hidden would be up to"
                f" {number(gap.doubtful_outside)} less."
            )
        parts.append(f"**Undetermined:** {'; '.join(said)}.{taken}")
    return "\n\n".join(parts) or "There is no metric to judge."


def documents(gap: Findings) -> str:
    """The documented expectation against what the data say."""
    against = [v for v in gap.verdicts if {v.verdict, v.expected} == {"counted", "not counted"}]
    silent = [v for v in gap.verdicts if v.expected == "not said" and v.verdict != "undetermined"]
    agreed = [v for v in gap.verdicts if v.verdict == v.expected]
    parts = []
    if against:
        said = [f"{label(v.name)} (said to be {v.expected}, found {v.verdict})" for v in against]
        parts.append(f"The data disagree with the vendor's documents on {listed(said)}.")
    elif agreed:
        parts.append(
            f"On {counted(len(agreed), 'metric')} the data agree with the vendor's documents, and"
            " on none do they say the opposite."
        )
    for verdict in dict.fromkeys(v.verdict for v in silent):
        names = listed([label(v.name) for v in silent if v.verdict == verdict])
        parts.append(f"Of {names} the documents say nothing; here they are {verdict}.")
    return " ".join(parts) or "The data speak neither for nor against what the documents say."


def confidence(gap: Findings) -> str:
    """How sure the share and the set are."""
    spread = gap.hidden_interval
    parts = []
    if gap.posts == 1:
        parts.append("One Tweet says nothing about others: no interval can be given.")
    elif not gap.counted:
        parts.append("As these Tweets cannot tell the set, no interval of the share is of use.")
    elif spread.low is not None and spread.share is not None and spread.low != spread.high:
        parts.append(
            f"Were other Tweets drawn from where these came from, the hidden share, here"
            f" {percent(spread.share)}, would lie between {percent(spread.low)} and"
            f" {percent(spread.high)} ({spread.level * 100:g} % interval, bootstrap over"
            f" {counted(gap.posts, 'Tweet')})."
        )
    if gap.counted and (daily := gap.daily_interval) is not None and daily.low is not None:
        parts.append(
            f"Drawn by day instead, between {percent(daily.low)} and {percent(daily.high)}."
        )
    if gap.stability and gap.counted:
        shaky = [n for n in gap.counted if gap.stability[n] < 0.95]
        parts.append(
            "Each counted metric stays in the set in at least 95 % of redrawn samples."
            if not shaky
            else "Less stable when Tweets are redrawn: "
            + listed([f"{label(n)} ({percent(gap.stability[n], 0)})" for n in shaky])
            + "."
        )
    if gap.strict:
        parts.append(
            "The counted metrics fit many Tweets exactly and exceed none, so counters were read"
            " together: a metric is left out when one Tweet contradicts it."
        )
    else:
        parts.append(
            "Counters may be read at different moments, and a row may be wrong: a set of metrics"
            f" is given up when it exceeds engagements by more than {percent(SLACK, 0)} on more"
            f" than {percent(gap.tolerance)} of the Tweets that have one of them (and on more than"
            " one), or when it exceeds more Tweets than it fits; but not when ten times as many"
            " fit it exactly."
        )
    return " ".join(parts)


def where(table: pd.DataFrame, what: str) -> str:
    """Where hidden engagement sits, from a table of `Gap.by`, as far as intervals tell."""
    rows = {
        name: row
        for name, row in table.to_dict("index").items()
        if pd.notna(row["hidden_share"])
        and pd.notna(row["low"])
        and not str(name).startswith(NOT_TOLD)
    }
    if len(rows) < 2:
        return f"There are not two groups {what} to compare."
    # Groups by content overlap: "with URL" is compared with "no URL", not with "no hashtag".
    parted = table.index.name != "content"
    clear = [
        (rows[high]["hidden_share"] - rows[low]["hidden_share"], high, low)
        for high in rows
        for low in rows
        if rows[high]["low"] > rows[low]["high"]
        and (parted or str(high).split()[-1] == str(low).split()[-1])
    ]
    if not clear:
        return f"The hidden share does not clearly differ {what}: the intervals overlap."
    _, high, low = max(clear)
    return (
        f"The hidden share differs {what}: {percent(rows[low]['hidden_share'])} ({low})"
        f" against {percent(rows[high]['hidden_share'])} ({high})."
    )


def usual(table: pd.DataFrame) -> str:
    """What the usual definitions make of engagements, from `Gap.definitions`."""
    parts = []
    for name, row in table.to_dict("index").items():
        if pd.isna(row["share_of_engagements"]):
            continue
        text = f"- **{name}**: the sum is {percent(row['share_of_engagements'], 0)} of engagements"
        if pd.notna(row["top_agreement"]):
            text += f"; it finds {percent(row['top_agreement'], 0)} of the top tenth of Tweets"
        if pd.notna(row.get("rate")):
            text += (
                f"; its rate per impression is {percent(row['rate'], 2)} instead of"
                f" {percent(row['engagement_rate'], 2)}"
            )
        parts.append(text + ".")
    return "\n".join(parts) or "There is nothing to compare the definitions on."


def odd(table: pd.DataFrame) -> str:
    """The oddities as a list, or that there are none."""
    if not len(table):
        return "Nothing odd was found."
    return "\n".join(
        f"- {row['reading']} ({counted(row['of'], 'Tweet')} looked at.)"
        for row in table.to_dict("records")
    )


def meaning(gap: Findings) -> str:
    """What to do with the answer: a list."""
    parts = []
    if gap.counted and gap.hidden > 0:
        nowhere = (
            "is not explained by the metrics that are taken as part of it."
            if gap.doubtful_outside
            else "is in no other column, and cannot be made up from the others."
        )
        parts.append(
            f"Take engagements as X gives them where all of it matters: {percent(gap.hidden_share)}"
            f" {nowhere}"
        )
    elif gap.counted and not gap.hidden:
        names = listed([label(n) for n in gap.summed if gap.table["sum"][n]])
        parts.append(f"Here engagements can be made up from the others: they are {names}.")
    if gap.not_counted:
        names = listed([label(n) for n in gap.not_counted])
        parts.append(sentence(f"{names} must not be added: report them beside engagements."))
    if gap.over_count > 0 and gap.hidden > 0:
        parts.append(
            f"The naive gap, {number(gap.naive_gap)}, is not a measure of what is hidden: it nets"
            f" {number(gap.hidden)} against {number(gap.over_count)}."
        )
    in_use = [label(v.name) for v in gap.verdicts if v.users and v.name in gap.undetermined]
    if in_use:
        parts.append(
            f"These Tweets cannot tell whether {listed(in_use)} are part of engagements; more"
            " Tweets that have them, above all small ones, could."
        )
    spread = gap.hidden_interval
    limits = (spread.low, spread.high) if gap.counted else (None, None)
    if limits[0] is not None and limits[1] is not None and limits[1] - limits[0] > 0.2:
        parts.append("The interval is wide: do not carry the hidden share over to other Tweets.")
    if gap.sandbox:
        parts.append("These are figures of the sandbox: they say nothing about X.")
    return "\n".join(f"- {part}" for part in parts) or "- Nothing follows from so few figures."


def table_html(table: pd.DataFrame) -> str:
    """The table of metrics for people: labels, separators, no wire names."""
    head = ["metric", "sum", "verdict", "Tweets with any", "too large on", "exact on", "stable"]
    rows = [
        [row["label"], number(row["sum"]), row["verdict"], number(row["posts_above_zero"]),
         number(row["contradictions"]), number(row["tight"]),
         "" if pd.isna(row["stability"]) or not row["posts_above_zero"]
         else percent(float(row["stability"]), 0)]
        for _, row in table.iterrows()
    ]  # fmt: skip
    right = " style='text-align:right'"
    cells = "".join(
        "<tr><th scope='row' style='text-align:left;white-space:nowrap'>"
        f"{html.escape(str(row[0]))}</th>"
        + "".join(
            f"<td{'' if i == 1 else right}>{html.escape(str(cell))}</td>"
            for i, cell in enumerate(row[1:])
        )
        + "</tr>"
        for row in rows
    )
    top = "".join(f"<th scope='col'>{name}</th>" for name in head)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{cells}</tbody></table>"
