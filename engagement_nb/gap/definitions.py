"""The usual definitions of engagement against X's engagements.

The definitions of other tools are data (``tools.csv``): each with the vendor's page that gives it,
the date of the page if it has one, and the day on which it was read.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd

from engagement_nb.apis.names import label
from engagement_nb.gap.read import Counts, exact_sum
from engagement_nb.words import listed

LIKES_REPOSTS_REPLIES = ("favorites", "retweets", "replies")
PUBLIC = (*LIKES_REPOSTS_REPLIES, "quote_tweets", "bookmarks")
"""Interactions that are public on a Tweet (``public_metrics`` of X's API v2)."""
TOP = 0.1
"""Share of the Tweets that are called the top."""


class Tool(NamedTuple):
    """A tool's definition of engagements: wire names, separated by spaces."""

    tool: str
    metrics: str
    page: str
    page_of: str
    read_on: str


def tools() -> list[Tool]:
    """Definitions of other tools, from their vendors' pages."""
    text = files(__package__).joinpath("tools.csv").read_text(encoding="utf-8")
    return [Tool(**row) for row in csv.DictReader(text.splitlines())]


def compare_definitions(counts: Counts, summed: list[str]) -> pd.DataFrame:
    """Compare the usual definitions of engagement with X's engagements.

    Parameters
    ----------
    counts
        The figures.
    summed
        The metrics that the analysis takes as part of engagements.

    Returns
    -------
    DataFrame
        One row per definition (index: its name). ``metrics`` (wire names), ``used_by`` and
        ``pages`` (tools that publish it, and where), ``read_on``; ``computable``; ``missing``
        (metrics that the figures lack, without which the next columns are missing); ``tweets``
        (that have all its metrics), ``sum``, ``difference`` (from engagements),
        ``share_of_engagements``, ``rank_agreement`` (Spearman), ``top_agreement``, and with
        impressions ``rate`` and ``engagement_rate``.
    """
    have = [*counts.names, "engagements"] if counts.judged.any() else list(counts.names)
    ids = counts.frame.get("tweet_id", pd.Series(np.arange(len(counts))))
    # Of equal Tweets the first by id, in whatever order a source has them.
    order = np.argsort(ids.astype(str).to_numpy(dtype=str), kind="stable")
    rows = {}
    for name, (members, used_by) in _definitions(counts, summed).items():
        if not members:
            continue
        missing = [metric for metric in members if metric not in have]
        rows[name] = {
            "metrics": ", ".join(members),
            "used_by": ", ".join(tool.tool for tool in used_by),
            "pages": " ".join(tool.page for tool in used_by),
            "read_on": max((tool.read_on for tool in used_by), default=""),
            "computable": not missing,
            "missing": listed([label(metric) for metric in missing]),
            **({"tweets": 0} if missing else _row(counts, members, order)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "definition"
    sums = [name for name in ("sum", "difference") if name in table]
    return table.astype(dict.fromkeys(sums, "Int64"))


def _definitions(
    counts: Counts, summed: list[str]
) -> dict[str, tuple[Sequence[str], Sequence[Tool]]]:
    """Metrics of each definition and the tools that use it; tools that agree share a row."""
    published: dict[frozenset[str], list[Tool]] = {}
    for tool in tools():
        published.setdefault(frozenset(tool.metrics.split()), []).append(tool)
    return {
        "likes + reposts + replies": (
            LIKES_REPOSTS_REPLIES, published.pop(frozenset(LIKES_REPOSTS_REPLIES))
        ),
        "all public metrics": (PUBLIC, ()),
        "every column": (counts.names, ()),
        "the included metrics": (summed, ()),
    } | {
        " and ".join(tool.tool for tool in agreed): (agreed[0].metrics.split(), agreed)
        for agreed in published.values()
    }  # fmt: skip


def _row(counts: Counts, members: Sequence[str], order: np.ndarray) -> dict[str, object]:
    metrics = [name for name in members if name != "engagements"]
    chosen = order[counts.complete(metrics)[order]]
    engagements = counts.engagements[chosen]
    sums = counts.sums(metrics)[chosen] if metrics else engagements
    total, whole = exact_sum(sums), exact_sum(engagements)
    row: dict[str, object] = {
        "tweets": len(sums),
        "sum": total,
        "difference": total - whole,
        "share_of_engagements": total / whole if whole else None,
        "rank_agreement": rank_agreement(sums, engagements),
        "top_agreement": top_agreement(sums, engagements),
    }
    if "impressions" in counts.frame:
        shown = counts.impressions[0][chosen]
        usable = shown > 0
        for name, part in (("rate", sums), ("engagement_rate", engagements)):
            row[name] = exact_sum(part[usable]) / exact_sum(shown) if usable.any() else None
    return row


def rank_agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation, equal figures having equal ranks; None if one is constant."""
    if len(first) < 3:
        return None
    found = pd.DataFrame({"one": first, "other": second}).corr(method="spearman").to_numpy()[0, 1]
    return None if np.isnan(found) else float(found)


def top_agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Share of the top Tweets by the second figure that are also at the top by the first.

    Equal figures at the border are taken in the order of the frame.
    """
    size = int(np.ceil(TOP * len(first)))
    if len(first) < 10:
        return None
    one, other = (np.argsort(-figures, kind="stable")[:size] for figures in (first, second))
    return len(np.intersect1d(one, other)) / size
