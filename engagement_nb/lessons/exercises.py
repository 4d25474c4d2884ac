"""The exercises of lessons 1 to 5: their material and their checks.

Whoever wants to learn something should not read on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from engagement_nb.lessons.check import Exercise


def _endpoints(answer: Any) -> str:
    name, requests = str(answer[0]).strip().lower(), float(answer[1])
    if name == "totals":
        return "totals gives neither URL clicks nor days: look at its row of metrics and groupings."
    if name in ("28hr", "28hrs", "28h"):
        return "28hr ends now and reaches back 28 hours; a week is longer than that."
    if name != "historical":
        return 'The endpoints are "totals", "28hr" and "historical".'
    if requests == 3:
        return "250 Tweets a request is what totals takes. The other two take fewer."
    if requests == 168 or requests == 24 * 7:
        return "One request covers the whole week, by day: no need to ask for each day."
    if requests == 600:
        return "One request may ask for several Tweets at once."
    if requests != 24:
        return "Divide the 600 Tweets by what historical takes in one request."
    return ""


WISHES = {
    "a": "likes and replies of a competitor's Tweet",
    "b": "impressions of your own Tweet of last week",
    "c": "yesterday's URL clicks of your own Tweet, by hour",
    "d": "quotes of 200 Tweets by 150 people whose tokens you don't have",
    "e": "impressions of a competitor's Tweet",
}
_TOKENS = {
    "a": ("bearer", "Likes and replies are public, and user tokens are refused somebody else's"
          " Tweet even so."),
    "b": ("user", "Impressions are private: only the owner's tokens give them."),
    "c": ("user", "Hours mean 28hr or historical, and both want the owner's tokens."),
    "d": ("bearer", "Quotes are public, on totals; one request takes 250 Tweets of anybody."),
    "e": ("nobody", "Impressions are for the owner only; no tokens of yours give them."),
}  # fmt: skip


def _tokens(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        raise TypeError
    given = {str(k).strip().lower(): str(v).strip().lower() for k, v in answer.items()}
    for key, (right, why) in _TOKENS.items():
        if key not in given:
            return f'Say something for wish "{key}" too: {WISHES[key]}.'
        if given[key] not in ("user", "bearer", "nobody"):
            return f'For wish "{key}" say "user", "bearer" or "nobody".'
        if given[key] != right:
            return f'Wish "{key}", {WISHES[key]}: {why}'
    return ""


NODATA_ANSWER = {
    "metrics": {
        "2120000000000000011": {"favorites": "12", "engagements": "48"},
        "2120000000000000022": {"favorites": "0", "engagements": "0"},
        "2050000000000000033": {"favorites": "7"},
        "2120000000000000044": {"favorites": "3", "engagements": "19"},
    },
    "errors": [
        "1 Tweet ID(s) are unavailable",
        "Impressions & engagements for tweets older than 90 days (...) are not supported",
    ],
    "unavailable_tweet_ids": ["2120000000000000055"],
    "unsupported_for_impressions_engagements_tweet_ids": ["2050000000000000033"],
}


def _nodata(answer: Any) -> str:
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    given = {str(tweet_id).strip() for tweet_id in answer}
    if "2120000000000000055" in given:
        return "One of these is in unavailable_tweet_ids: nothing at all is known of it."
    if "2050000000000000033" in given:
        return (
            "One of these is over 90 days old: its likes came, its engagements did not. Look at"
            " unsupported_for_impressions_engagements_tweet_ids."
        )
    if "2120000000000000022" not in given:
        return "A 0 that no list excuses is a count: that Tweet is known to have had none."
    if given != {key for key in NODATA_ANSWER["metrics"] if key.startswith("212")}:
        return 'Take the Tweets that have an "engagements" in the groups, and no others.'
    return ""


SUM_FRAME = pd.DataFrame(
    {
        "tweet_id": ["1", "2", "3", "4"],
        "impressions": [900, 400, 2500, 60],
        "engagements": [57, 20, 130, 3],
        "favorites": [20, 9, 41, 2],
        "retweets": [5, 1, 12, 0],
        "url_clicks": [11, 0, 30, 0],
        "detail_expands": [15, 8, 29, 1],
        "media_views": [0, 150, 800, 0],
    }
)


def _sum(answer: Any) -> str:
    given = float(answer)
    sums = SUM_FRAME.sum(numeric_only=True)
    parts = int(sums[["favorites", "retweets", "url_clicks", "detail_expands"]].sum())
    hidden = int(sums["engagements"]) - parts
    if given == hidden:
        return ""
    if given == hidden - sums["media_views"]:
        return (
            "That is the naive gap: every column was added. Since October 2017 media views are"
            " no engagements; leave them out."
        )
    if given == hidden - sums["media_views"] - sums["impressions"] or given == (
        hidden - sums["impressions"]
    ):
        return "Being seen is no engagement: leave impressions out of the sum."
    if given == -hidden:
        return "The other way round: hidden is what engagements have beyond the sum."
    if given == parts:
        return "That is the sum of the parts. How much do the engagements have beyond it?"
    return "Add up engagements; take away likes, reposts, URL clicks and detail expands."


CLICKS_FRAME = pd.DataFrame(
    {
        "tweet_id": ["1", "2", "3", "4", "5"],
        "has_url": [True, True, False, True, False],
        "has_hashtag": [False, True, True, False, False],
        "url_clicks": [40, 25, 8, 12, 0],
    }
)


def _clicks(answer: Any) -> str:
    given = float(answer)
    if given == 52:
        return ""
    if given == 85:
        return "Tweet 3 has clicks and no URL at all: a click on its hashtag's link counts too."
    if given == 77:
        return "Tweet 2 has a URL and a hashtag: nobody can tell its 25 clicks apart."
    if given == 60:
        return "Tweet 3 has no URL: whatever was clicked, it was none."
    if given == 2:
        return "That is how many Tweets; the question is how many clicks."
    return "Add up url_clicks of the Tweets that have a URL and no hashtag."


FIRST_FIVE = (
    Exercise(
        "endpoints",
        'an endpoint and a number, such as ("totals", 10)',
        _endpoints,
        "Only historical has both the metric and the days, 25 Tweets a request: 24 requests.",
    ),
    Exercise(
        "tokens",
        'a dictionary such as {"a": "user", "b": "bearer", ...}',
        _tokens,
        "What is private is its owner's, what is public is the bearer token's, on totals.",
    ),
    Exercise(
        "nodata",
        "a list of Tweet ids, as text",
        _nodata,
        "Two lists tell what is missing; a zero in neither of them is a count.",
    ),
    Exercise(
        "sum",
        "a whole number",
        _sum,
        "26 engagements have no metric among these, and media views were never part of them.",
    ),
    Exercise(
        "clicks",
        "a whole number",
        _clicks,
        "Only Tweets with a URL and without a hashtag tell how often a URL was clicked.",
    ),
)
