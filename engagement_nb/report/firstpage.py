"""The first page of a report: who, when, the finding, what to do, and the charts that carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from engagement_nb import charts
from engagement_nb.gap.share import Share
from engagement_nb.htmltables import safe_html
from engagement_nb.report.page import KeyFigure
from engagement_nb.report.since import Since
from engagement_nb.words import listed, number, percent

_TREND = ("engagements", "hidden_share", "video_views", "engagement_rate")
"""Columns of a trend that the first page may show, two at the most."""
_LESS = ("Posts", "New follows")
"""Figures of days that the first page has no place for."""
_LINK = "https://x.com/i/status/{}"


class TopTweet(NamedTuple):
    """A Tweet of a ranking."""

    value: str
    text: str
    posted: str
    href: str


@dataclass(frozen=True)
class FirstPage:
    """What a reader with one minute sees.

    Parameters
    ----------
    account, period
        Whose figures, and of when; empty if unknown.
    finding, means
        Sentences: what was found, and what to do.
    figures
        Four key figures.
    chart, trend
        Charts as HTML; empty if there is none.
    top
        Rankings: by what, and the Tweets.
    since
        What changed since the last run, in sentences; empty without one.
    """

    account: str
    period: str
    finding: list[str]
    means: list[str]
    figures: list[KeyFigure]
    chart: str = ""
    trend: str = ""
    top: tuple[tuple[str, list[TopTweet]], ...] = ()
    since: str = ""


def first_page(
    answer: Mapping[str, Any], facts: Mapping[str, Any],
    profile: str = "", since: Since | None = None,
) -> FirstPage:  # fmt: skip
    """Make the first page.

    Parameters
    ----------
    answer
        The gap or the totals by day, as in their JSON.
    facts
        See `engagement_nb.Metrics.facts`.
    profile
        The profile that fetched, or the account that was chosen.
    since
        What changed since the last run.
    """
    told = answer["page"]
    sandbox = bool(answer.get("sandbox"))
    return FirstPage(
        account=account_of(facts, profile),
        period=str(told["period"]),
        finding=list(told["finding"]),
        means=list(told["means"]),
        figures=key_figures(answer),
        chart=_chart(answer, sandbox) if "hidden" in answer and answer["engagements"] else "",
        trend=_trend(told["trend"], sandbox) if told.get("trend") else "",
        top=tuple((ranking["by"], _tweets(ranking, sandbox)) for ranking in told["top"]),
        since=_since(since),
    )


def key_figures(answer: Mapping[str, Any]) -> list[KeyFigure]:
    """The figures of the first page and of Markdown: four of them."""
    if "hidden" not in answer:
        cards = [KeyFigure(*card) for card in answer["cards"]]
        return [card for card in cards if card.label not in _LESS][:4]
    share, rate = Share.of_gap(answer), answer.get("engagement_rate")
    least, most = answer["over_bounds"]
    over = number(most) if least == most else f"{number(least)} to {number(most)}"
    return [
        KeyFigure("Days" if answer.get("unit") == "day" else "Tweets", number(answer["posts"])),
        KeyFigure("Engagements", number(answer["engagements"])),
        KeyFigure("Hidden", share.counts, share.note),
        KeyFigure("Engagement rate", percent(rate, 2), "engagements / impressions")
        if rate is not None
        else KeyFigure("Over-count", over, "looks like engagement"),
    ]


def _chart(answer: Mapping[str, Any], sandbox: bool) -> str:
    least, most = answer["over_bounds"]
    chart = charts.bridge(
        Share.of_gap(answer), answer["sum_of_metrics"], least, most - least, answer["excess"],
        doubtful=least == most and answer["doubtful_outside"] > 0, sandbox=sandbox,
    )  # fmt: skip
    return safe_html(chart.html())


def _trend(told: Mapping[str, Any], sandbox: bool) -> str:
    table = pd.DataFrame(told["rows"])
    index = pd.DatetimeIndex(table.pop("begins"), name=told["name"])
    table = table.set_index(index)
    shown = [name for name in _TREND if name in table and table[name].notna().any()]
    chart = charts.trend(table, columns=tuple(shown[:2]), height=62, sandbox=sandbox)
    return safe_html(chart.html())


def _tweets(ranking: Mapping[str, Any], sandbox: bool) -> list[TopTweet]:
    # Made-up Tweets have no page on X, and neither has a row without an id.
    return [
        TopTweet(
            tweet["value"],
            tweet["text"] or f"Tweet …{tweet['id'][-6:]}",
            tweet["posted"],
            _LINK.format(tweet["id"]) if tweet["id"].isdigit() and not sandbox else "",
        )
        for tweet in ranking["tweets"]
    ]


def _since(since: Since | None) -> str:
    if since is None:
        return ""
    when = f" of {since.made_at:%Y-%m-%d}" if since.made_at else ""
    said = since.comparison.short if since.comparison else since.note
    return f"Since the last run{when} that differed: {said}"


def account_of(facts: Mapping[str, Any], profile: str = "") -> str:
    """The account of some figures: its handles in the files, or else the profile."""
    handles = facts.get("account", {}).get("handles", ())
    return listed([f"@{handle}" for handle in handles[:3]]) if handles else profile
