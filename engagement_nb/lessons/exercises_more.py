"""The exercises of lessons 6 to 10: their material and their checks.

Whoever wants to learn something should not read on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from engagement_nb.lessons.check import Exercise
from engagement_nb.vocabulary import ENDPOINTS

UNKNOWN_ANSWER = {
    "metrics": {
        "2120000000000000011": {"video_views": "900"},
        "2120000000000000022": {"video_views": "0"},
        "1400000000000000033": {"video_views": "0"},
        "2120000000000000044": {"video_views": "300"},
        "1300000000000000055": {"video_views": "0"},
    },
    "unsupported_for_video_views_tweet_ids": ["1400000000000000033", "1300000000000000055"],
}


def _unknown(answer: Any) -> str:
    given = float(answer)
    if abs(given - 400) < 0.5:
        return ""
    if abs(given - 240) < 0.5:
        return (
            "That takes all five figures at their word. Two of the Tweets are listed in"
            " unsupported_for_video_views_tweet_ids: their zero means not known."
        )
    if abs(given - 600) < 0.5:
        return "Not every zero is unknown: one of them is in no list, and is a count."
    if abs(given - 1200) < 0.5:
        return "That is the sum; divide it by how many Tweets are known."
    return "Leave out the Tweets that the list names, and take the mean of the others."


GROUPINGS_WANTED = {"favorites": {"2026-11-20": {"2120000000000000011": "3"}}}
_LEVEL = {
    "tweet.id": "2120000000000000011",
    "engagement.type": "favorites",
    "engagement.day": "2026-11-20",
    "engagement.hour": "17",
}


def _groupings(answer: Any) -> str:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError
    given = [str(item) for item in answer]
    wrong = [item for item in given if item not in _LEVEL]
    if wrong:
        return f'There is no group_by item "{wrong[0]}"; there are: {", ".join(_LEVEL)}.'
    if given == ["engagement.type", "engagement.day", "tweet.id"]:
        return ""
    if not given:
        return "An empty group_by is refused. Begin with the outermost key."
    shown = '"3"'
    for item in reversed(given):
        shown = f'{{"{_LEVEL[item]}": {shown}}}'
    return f"That gives {shown}: levels nest in the order given, one for each item."


LOCAL_DAY = "2026-11-20"
_TOKYO = timedelta(hours=9)
_DAY_BEGINS = datetime(2026, 11, 20, tzinfo=UTC) - _TOKYO
_HOUR = timedelta(hours=1)


def _windows(answer: Any) -> str:
    start, end = (_moment(value) for value in answer)
    if isinstance(start, str) or isinstance(end, str):
        return next(text for text in (start, end) if isinstance(text, str))
    first = start.replace(minute=0, second=0, microsecond=0)
    floor = end.replace(minute=0, second=0, microsecond=0)
    last = floor if floor == end else floor + _HOUR
    if first >= last:
        return "start must come before end, or the API refuses the request."
    if (first, last) == (_DAY_BEGINS, _DAY_BEGINS + 24 * _HOUR):
        return ""
    if first == _DAY_BEGINS + _TOKYO:
        return (
            "That is the day in UTC. When the day begins in Tokyo, it is 15:00 UTC the day before."
        )
    if first == _DAY_BEGINS + 2 * _TOKYO:
        return "Tokyo is ahead of UTC: take nine hours away, don't add them."
    if first == _DAY_BEGINS and last == _DAY_BEGINS + 23 * _HOUR:
        return "end is exclusive: with this one the day's last hour is missing."
    if first == _DAY_BEGINS and last == _DAY_BEGINS + 25 * _HOUR:
        return "That is an hour too long: a time off the hour takes its whole hour with it."
    if first != _DAY_BEGINS:
        return "Look at start again: midnight in Tokyo, told in UTC."
    return f"start is right; end makes it {(last - first) // _HOUR} hours instead of 24."


def _moment(value: Any) -> datetime | str:
    """A moment in UTC, or what is wrong with it, in words."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    if moment.utcoffset():
        return "The API reads UTC: write the same moment with Z at its end, not with an offset."
    return moment.astimezone(UTC)


def _minute(answer: Any) -> str:
    given = float(answer)
    ids = ENDPOINTS["historical"].max_ids
    requests = 1000 / ids * 2
    if given == requests / 20:
        return ""
    if given == requests / 40:
        return "56 days are two windows of 28: each needs requests of its own."
    if given == requests:
        return "That is how many requests it takes. 20 of them may leave in a minute."
    if given == requests / 2:
        return "Those are the requests of one window; it takes two, and minutes are asked for."
    if given in (0.2, 0.4, 8 / 20):
        return "250 Tweets a request is what totals takes; historical takes 25."
    if given >= 24:
        return "One request brings all the hours of its window; don't count them."
    return "Requests = Tweets / 25 x windows of 28 days; minutes = requests / 20."


HANDLES_LOG = pd.DataFrame(
    [
        ("2026-11-15T07:30:00Z", "ann", "user"),
        ("2026-11-15T08:00:00Z", "bob", "user"),
        ("2026-11-20T12:00:00Z", "bob", "user"),
        ("2026-11-21T12:00:00Z", "cat", "bearer"),
        ("2026-12-01T09:00:00Z", "dan", "user"),
        ("2026-12-15T07:59:00Z", "eve", "user"),
        ("2026-12-15T08:01:00Z", "fay", "user"),
    ],
    columns=["at", "owner", "auth"],
)


def _handles(answer: Any) -> str:
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    given = [str(name).strip().lower() for name in answer]
    if "cat" in given:
        return "cat's Tweets were asked for with the bearer token: no authenticated user, no count."
    if "ann" in given:
        return "ann: at 07:30 UTC it is still 14 November, 23:30, in Los Angeles."
    if "fay" in given:
        return "fay: in Los Angeles 15 December, and with it the next month, has begun."
    if "eve" not in given:
        return "eve: in Los Angeles it is still 14 December, 23:59."
    if len(set(given)) < len(given):
        return "A handle counts once a month, however often it is asked for."
    if "dan" not in given:
        return "The month goes from 15 November to 14 December; December's first days are in it."
    if set(given) != {"bob", "dan", "eve"}:
        return "Go through the rows one by one: whose tokens, and what day is it in Los Angeles?"
    return ""


SECOND_FIVE = (
    Exercise(
        "unknown",
        "a number",
        _unknown,
        "Three Tweets are known: 900, 0 and 300 views.",
    ),
    Exercise(
        "groupings",
        'a list such as ["tweet.id", "engagement.type"]',
        _groupings,
        "Levels nest in the order given.",
    ),
    Exercise(
        "windows",
        'two moments, such as ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")',
        _windows,
        "15:00 to 15:00 UTC, the end not included: 24 hours.",
    ),
    Exercise(
        "minute",
        "a number of minutes",
        _minute,
        "40 batches of 25 Tweets, twice: 80 requests, 20 a minute.",
    ),
    Exercise(
        "handles",
        'a list of names, such as ["ann"]',
        _handles,
        "Once each, by the contract's own calendar, and the bearer token counts nobody.",
    ),
)
