"""What the usual definitions of engagement miss, against what X calls engagements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engagement_nb.gap.identify import exact_sum
from engagement_nb.gap.read import Counts, column_counts
from engagement_nb.vocabulary import METRICS

LIKES_REPOSTS_REPLIES = ("favorites", "retweets", "replies")
PUBLIC = (*(m.name for m in METRICS.values() if not m.needs_owner), "bookmarks")
"""Metrics that anybody can see on a Tweet."""
TOP = 0.1
"""Share of the Tweets that is called the top."""


@dataclass(frozen=True)
class _Definition:
    label: str
    members: tuple[str, ...]


def compare_definitions(counts: Counts, summed: list[str]) -> pd.DataFrame:
    """One row a definition; see `engagement_nb.gap.shown.Gap.definitions`."""
    have = counts.names
    wanted = [
        _Definition("likes + reposts + replies", LIKES_REPOSTS_REPLIES),
        _Definition("all public metrics", tuple(n for n in have if n in PUBLIC)),
        _Definition("every column", tuple(have)),
        _Definition("the metrics taken as part", tuple(summed)),
    ]
    impressions: np.ndarray | None = None
    if "impressions" in counts.frame.columns:
        impressions, seen = column_counts(counts.frame, "impressions")
        impressions = np.where(seen, impressions, 0)
    rows = {}
    for definition in wanted:
        members = [name for name in definition.members if name in have]
        missing = [name for name in definition.members if name not in have]
        if not members or (missing and definition.members == LIKES_REPOSTS_REPLIES):
            continue
        rows[definition.label] = _row(counts, members, impressions)
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "definition"
    return table


def _row(counts: Counts, members: list[str], impressions: np.ndarray | None) -> dict[str, object]:
    chosen = counts.complete(members)
    sums = counts.sums(members)[chosen]
    engagements = counts.engagements[chosen]
    total, whole = exact_sum(sums), exact_sum(engagements)
    row: dict[str, object] = {
        "metrics": ", ".join(members),
        "tweets": len(sums),
        "sum": total,
        "share_of_engagements": total / whole if whole else None,
        "rank_agreement": rank_agreement(sums, engagements),
        "top_agreement": top_agreement(sums, engagements),
    }
    if impressions is not None:
        shown = impressions[chosen]
        usable = shown > 0
        rate = exact_sum(sums[usable]) / exact_sum(shown[usable]) if usable.any() else None
        true = exact_sum(engagements[usable]) / exact_sum(shown[usable]) if usable.any() else None
        row |= {"rate": rate, "engagement_rate": true}
    return row


def rank_agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation, equal figures sharing their rank; None if one is constant."""
    if len(first) < 3:
        return None
    one, other = (pd.Series(figures).rank().to_numpy() for figures in (first, second))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def top_agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Share of the top Tweets by the second figure that are at the top by the first too.

    Equal figures at the border are taken in the order of the frame, for both alike.
    """
    size = int(np.ceil(TOP * len(first)))
    if len(first) < 10:
        return None
    one, other = (np.argsort(-figures, kind="stable")[:size] for figures in (first, second))
    return len(np.intersect1d(one, other)) / size
