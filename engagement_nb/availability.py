"""What the API can tell of a Tweet: every rule about its age, its owner and the period asked.

The numbers are in `engagement_nb.vocabulary`. Plans, routing, frames and outcomes ask here, so
that each rule is written once. Everything is a pure function.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self

from engagement_nb.vocabulary import (
    AGE_LIMITED_ON_TOTALS,
    ENDPOINTS,
    FIRST_MOMENT,
    IMPRESSIONS_MAX_AGE,
    METRICS,
    PUBLIC_COUNTS_KNOWN_FROM,
    VIDEO_VIEWS_MAX_AGE,
    ZERO_BEFORE_KNOWN,
    snowflake,
)


class Reason(StrEnum):
    """Why a Tweet, or some figures of it, are missing. The values are kept in datasets.

    Attributes
    ----------
    advice
        What to do about it, in a sentence.
    """

    advice: str

    def __new__(cls, text: str, advice: str = "") -> Self:
        """A reason is its text, with an advice."""
        reason = str.__new__(cls, text)
        reason._value_ = text
        reason.advice = advice
        return reason

    NOT_A_TWEET_ID = (
        "not a Tweet id",
        "Give the digits of the id, as text: a spreadsheet rounds them.",
    )
    UNAVAILABLE = ("unavailable", "Deleted, protected or never posted: leave it out.")
    NO_ANSWER = (
        "no answer",
        "The API's responses left this Tweet out: run the same command again later.",
    )
    NOT_YOURS = (
        "not yours",
        "Add a profile with the tokens of the Tweet's owner, or ask totals for its public metrics.",
    )
    POSTED_LATER = (
        "posted later",
        "The period ends before this Tweet was posted: choose a later one.",
    )
    OLDER_THAN_90_DAYS = (
        "older than 90 days",
        "Totals knows impressions and engagements for 90 days; ask historical, or keep snapshots.",
    )
    OLDER_THAN_1800_DAYS = (
        "older than 1800 days",
        "Video views are kept for 1,800 days; the 0 sent is no count.",
    )
    BEFORE_2014_09_01 = (
        "before 2014-09-01",
        "The API knows nothing earlier: choose a later period.",
    )
    BEFORE_2015_09_15 = (
        "before 2015-09-15",
        "Likes, replies and reposts of that time are not known; the 0 sent is no count.",
    )
    METRIC_NOT_OFFERED = ("metric not offered", "Ask an endpoint that offers this metric.")
    NEEDS_OWNER = (
        "needs the owner's tokens",
        "App-only access gives public metrics: add the owner's tokens.",
    )
    NOT_AUTHENTICATED = (
        "not authenticated",
        "Check the tokens of this profile: engagement-nb auth check.",
    )
    REFUSED = ("refused", "See the API's text.")
    REQUEST_FAILED = (
        "request failed",
        "Run the same command again: it asks only for what is missing.",
    )
    NOT_IN_SOURCE = ("not in this source", "The file or dataset does not hold this Tweet.")


UNFINISHED = frozenset({Reason.REQUEST_FAILED, Reason.NOT_AUTHENTICATED, Reason.NO_ANSWER})
"""Reasons that may not hold the next time: the next run asks for these Tweets again."""


class AgeLimit(NamedTuple):
    """Tweets posted before a moment lack a metric; ``first_id`` is the first id that has it."""

    reason: Reason
    first_id: int


def availability(
    tweet_id: str,
    endpoint: str,
    metric: str,
    window: tuple[datetime, datetime] | None,
    now: datetime,
    *,
    owner_asks: bool = True,
) -> Reason | None:
    """Whether the API can tell a figure: None if it can, else the reason why not.

    Parameters
    ----------
    tweet_id
        The Tweet.
    endpoint
        "totals", "28hr" or "historical".
    metric
        Wire name.
    window
        Start and end (exclusive) of the period asked; None where the endpoint takes none.
    now
        The moment to which ages are counted.
    owner_asks
        Whether the Tweet's owner signs the request.
    """
    if metric not in ENDPOINTS[endpoint].metrics:
        return Reason.METRIC_NOT_OFFERED
    if not owner_asks and needs_owner(endpoint, metric):
        return Reason.NEEDS_OWNER
    if window is not None and not posted_before(tweet_id, window[1]):
        return Reason.POSTED_LATER
    for limit in (age_limit(endpoint, metric, now), zero_limit(endpoint, metric, window)):
        if limit is not None and is_below(tweet_id, limit):
            return limit.reason
    return None


def needs_owner(endpoint: str, metric: str) -> bool:
    """Whether an endpoint gives a metric only to the tokens of the Tweet's owner."""
    return ENDPOINTS[endpoint].own_only or METRICS[metric].needs_owner


def age_limit(endpoint: str, metric: str, now: datetime) -> AgeLimit | None:
    """From which id on Tweets are young enough for a metric; None if they may be of any age.

    Totals knows impressions and engagements for 90 days. Every endpoint knows video views for
    1,800 days, lists older Tweets as unsupported, and still sends a "0" for them.
    """
    if endpoint == "totals" and metric in AGE_LIMITED_ON_TOTALS:
        return AgeLimit(Reason.OLDER_THAN_90_DAYS, first_id_of(now - IMPRESSIONS_MAX_AGE))
    if metric == "video_views":
        return AgeLimit(Reason.OLDER_THAN_1800_DAYS, first_id_of(now - VIDEO_VIEWS_MAX_AGE))
    return None


def zero_limit(
    endpoint: str, metric: str, window: tuple[datetime, datetime] | None
) -> AgeLimit | None:
    """From which id on a Tweet's likes, replies and reposts are all known; None if all are.

    ``historical`` reads 0 for them before 2015-09-15, which means not known. A period that
    starts earlier lacks them, for Tweets posted earlier.
    """
    if endpoint != "historical" or window is None or metric not in ZERO_BEFORE_KNOWN:
        return None
    if window[0] >= PUBLIC_COUNTS_KNOWN_FROM:
        return None
    return AgeLimit(Reason.BEFORE_2015_09_15, first_id_of(PUBLIC_COUNTS_KNOWN_FROM))


def is_below(tweet_id: str, limit: AgeLimit | None) -> bool:
    """Whether a Tweet is too old by a limit, if there is one."""
    return limit is not None and int(tweet_id) < limit.first_id


def cut_off_at_first_moment(tweet_id: str, window: tuple[datetime, datetime]) -> bool:
    """Whether a period begins where the API's knowledge does, later than the Tweet."""
    return window[0] == FIRST_MOMENT and posted_before(tweet_id, FIRST_MOMENT)


def posted_before(tweet_id: str, moment: datetime) -> bool:
    """Whether a Tweet was posted before a moment; so are ids from before 2010-11-04."""
    return int(tweet_id) < first_id_of(moment)


@lru_cache(maxsize=256)
def first_id_of(moment: datetime) -> int:
    """The lowest id that a Tweet posted from a moment on can have."""
    return snowflake(moment)
