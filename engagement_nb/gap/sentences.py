"""The answer in words, from the numbers."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pandas as pd

from engagement_nb.gap.words import counted, interval, listed, number, percent, spelled
from engagement_nb.vocabulary import label

if TYPE_CHECKING:
    from engagement_nb.gap.result import Gap


def answer(gap: Gap) -> str:
    """What a report says first: engagements, what explains them, what is hidden, what is not."""
    posts = counted(gap.posts, "Tweet")
    if not gap.posts:
        return "No Tweet has both engagements and the metrics to compare them with."
    if not gap.engagements:
        return f"{posts} without a single engagement: there is no gap to explain."
    parts = [f"Engagements of {posts}: {number(gap.engagements)}.", explained(gap)]
    if gap.over_count and gap.not_counted:
        names = listed([label(name) for name in gap.not_counted])
        verb = "looks" if len(gap.not_counted) == 1 else "look"
        parts.append(
            f"{names[0].upper()}{names[1:]} ({number(gap.over_count)}) {verb} like engagement and"
            f" {'is' if len(gap.not_counted) == 1 else 'are'} not part of it."
        )
    return " ".join(part for part in parts if part)


def explained(gap: Gap) -> str:
    """How much the counted metrics explain, and what is hidden."""
    share = gap.hidden_share or 0.0
    spread = gap.hidden_interval
    between = (
        f"; {gap.level * 100:.0f} % interval {interval(spread.low, spread.high)}"
        if spread.low is not None and gap.hidden
        else ""
    )
    hidden = f"{number(gap.hidden)} ({percent(share)}{between}) have no metric of their own"
    if not gap.counted:
        return f"Of no metric can these Tweets tell that it is part of it; {hidden}."
    known = spelled(len(gap.counted))
    known = known[0].upper() + known[1:]
    noun = "metric is" if len(gap.counted) == 1 else "metrics are"
    if not gap.hidden:
        return f"{known} {noun} part of it and explain all of it: nothing is hidden."
    return f"{known} {noun} part of it and explain {percent(1 - share)}; {hidden}."


def table_html(table: pd.DataFrame) -> str:
    """The table of metrics for people: labels, separators, no wire names."""
    head = ["metric", "sum", "verdict", "Tweets with any", "contradicted by", "exact on",
            "documents say"]  # fmt: skip
    rows = [
        [row.label, number(row["sum"]), row.verdict, number(row.posts_above_zero),
         number(row.contradictions), number(row.tight), row.expected]
        for _, row in table.iterrows()
    ]  # fmt: skip
    cells = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    top = "".join(f"<th scope='col'>{name}</th>" for name in head)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{cells}</tbody></table>"
