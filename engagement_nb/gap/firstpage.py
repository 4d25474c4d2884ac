"""What the first page of a report says: the finding, what to do, the top Tweets, the trend."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap import sentences
from engagement_nb.gap.result import Findings
from engagement_nb.words import counted, number, percent

TOP = 3
"""Tweets that each ranking names."""
SEEN = 100
"""Impressions that a Tweet needs to be ranked by its engagement rate."""
LONGEST = 1100
"""Days of posting above which a trend says nothing about now, so that the page has none."""
_ADDRESS = re.compile(r"https?://t\.co/\w+")
FIRST_WORDS = 70
"""Characters of a Tweet's text."""


def first_page(gap: Findings) -> dict[str, Any]:
    """The parts of the first page as plain values, for JSON.

    Parameters
    ----------
    gap
        The analysis.

    Returns
    -------
    dict
        ``period``; ``finding`` and ``means`` (sentences); ``top`` (rankings, each with ``by`` and
        ``tweets``); ``trend`` (``name`` of its index and ``rows``), None without times.
    """
    nothing = sentences.no_answer(gap)
    return {
        "period": gap.period,
        "finding": [nothing] if nothing else _finding(gap),
        "means": [] if nothing else sentences.consequences(gap)[:3],
        "top": [] if nothing else _top(gap),
        "trend": None if nothing else _trend(gap),
    }


def _finding(gap: Findings) -> list[str]:
    rate = gap.engagement_rate
    seen = f", an engagement rate of {percent(rate, 2)}" if rate is not None else ""
    said = [
        f"{counted(gap.posts, 'Tweet')}{sentences.posted(gap)} got {number(gap.engagements)}"
        f" engagements{sentences.when(gap)}{seen}.",
        sentences.plain_share(gap),
        f"{sentences.plain_columns(gap)} {sentences.settled(gap)}".rstrip(),
    ]
    return [sentences.by_unit(sentence, gap) for sentence in said]


def _top(gap: Findings) -> list[dict[str, Any]]:
    """The Tweets with the most engagements, the most hidden, and the highest rate."""
    tweets = gap.tweets
    if "tweet_id" not in tweets or len(tweets) <= TOP:
        return []
    known = gap.counts.frame[gap.compared].reset_index(drop=True)
    # Of equal Tweets the first by id, in whatever order a source has them.
    by_id = tweets["tweet_id"].astype(str).sort_values().index
    shown = pd.Series(gap.counts.impressions[0][gap.compared])
    rates = (tweets["engagements"] / shown.where(shown >= SEEN)).dropna()
    hidden = tweets["hidden"] if gap.share.value is not None else tweets["hidden_least"]
    rankings: list[tuple[str, pd.Series, Callable[[int], str]]] = [
        ("Most engagements", tweets["engagements"], lambda row: number(tweets["engagements"][row])),
        ("Most hidden engagements", hidden, lambda row: _hidden(gap, row)),
        ("Highest engagement rate", rates, lambda row: percent(rates[row])),
    ]
    return [
        {
            "by": by,
            "tweets": [
                {**_tweet(known.loc[row], gap.zone), "value": text(row)}
                for row in figures.reindex(by_id)[lambda given: given > 0].nlargest(TOP).index
            ],
        }
        for by, figures, text in rankings
        if (figures > 0).any()
    ]


def _hidden(gap: Findings, row: int) -> str:
    if gap.share.value is not None:
        return number(gap.tweets["hidden"][row])
    least, most = (gap.tweets[name][row] for name in ("hidden_least", "hidden_most"))
    return number(least) if least == most else f"{number(least)} to {number(most)}"


def _tweet(row: pd.Series, zone: str) -> dict[str, Any]:
    posted, text = row.get("created_at"), row.get("text")
    words = ""
    if text is not None and pd.notna(text):
        # Addresses that X shortened say nothing.
        words = " ".join(_ADDRESS.sub("", str(text)).split()) or "only a link or media"
    if len(words) > FIRST_WORDS:
        words = f"{words[:FIRST_WORDS].rsplit(' ', 1)[0]} …"
    day = "" if pd.isna(posted) else f"{pd.Timestamp(posted).tz_convert(zone):%Y-%m-%d}"
    return {"id": str(row["tweet_id"]), "text": words, "posted": day}


def _trend(gap: Findings) -> dict[str, Any] | None:
    try:
        table = gap.trend()
    except AnalysisError:
        return None
    span = (table.index[-1] - table.index[0]).days
    if len(table) < 2 or (str(table.index.name).endswith("posting") and span > LONGEST):
        return None
    return trend_rows(table)


def trend_rows(table: pd.DataFrame) -> dict[str, Any]:
    """A trend as plain values: the ``name`` of its index, and its ``rows``."""
    rows = table.astype(object).where(table.notna(), None)
    rows.insert(0, "begins", [f"{day:%Y-%m-%d}" for day in table.index])
    return {"name": str(table.index.name), "rows": rows.to_dict("records")}
