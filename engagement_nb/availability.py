"""Which figures of a Tweet the API can give: every rule about age, owner and period.

The numbers are in `engagement_nb.vocabulary`. Plans, routing, frames and outcomes ask here, so
each rule is written once. Everything is a pure function. A Tweet's id contains the time of its
posting, so an age limit is a lowest id.
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
    """Why a Tweet or some of its figures are missing. Datasets store the values.

    Attributes
    ----------
    advice
        What to do about it, in a sentence.
    """

    advice: str

    def __new__(cls, text: str, advice: str = "") -> Self:
        """Make a reason from its text and its advice."""
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
        "Video views are kept for 1,800 days; the API's 0 is not a count.",
    )
    BEFORE_2014_09_01 = (
        "before 2014-09-01",
        "The API has no earlier data: choose a later period.",
    )
    BEFORE_2015_09_15 = (
        "before 2015-09-15",
        "Likes, replies and reposts of that time are unknown; the API's 0 is not a count.",
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
    NOT_IN_SOURCE = ("not in this source", "The file or dataset does not contain this Tweet.")


UNFINISHED = frozenset({Reason.REQUEST_FAILED, Reason.NOT_AUTHENTICATED, Reason.NO_ANSWER})
"""Reasons that may be temporary: the next run requests these Tweets again."""


class Window(NamedTuple):
    """A period, in UTC; ``end`` is exclusive."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


class Limit(NamedTuple):
    """A rule that hides metrics of Tweets posted before some moment.

    Parameters
    ----------
    reason
        Why the metrics are unavailable.
    metrics
        Wire names.
    first_id
        The lowest id of a Tweet that has these metrics; 0 if only the API's own lists tell.
    reads_zero
        Whether the API sends a "0" for older Tweets; otherwise it sends nothing.
    known_from
        Older Tweets have these metrics from this moment on: a row of a series after it is
        known, a sum that begins before it is not. None: they never have them.
    """

    reason: Reason
    metrics: frozenset[str]
    first_id: int
    reads_zero: bool = False
    known_from: datetime | None = None

    def applies(self, tweet_id: str) -> bool:
        """Whether a Tweet is too old to have the metrics."""
        return int(tweet_id) < self.first_id


@lru_cache(maxsize=256)
def limits(endpoint: str, window: Window | None, now: datetime) -> tuple[Limit, ...]:
    """The age limits of an endpoint, to be applied to many Tweets.

    Parameters
    ----------
    endpoint
        "totals", "28hr" or "historical".
    window
        Start and end (exclusive) of the period requested; None for totals.
    now
        The moment at which ages are counted, UTC.

    Returns
    -------
    tuple of Limit
        Impressions and engagements are known for 90 days (a rule of totals, though any endpoint
        may list Tweets as too old); video views for 1,800 days; likes, replies and reposts in
        ``historical`` from 2015-09-15 on.
    """
    aged = first_id_of(now - IMPRESSIONS_MAX_AGE) if endpoint == "totals" else 0
    videos = first_id_of(now - VIDEO_VIEWS_MAX_AGE)
    found = [
        Limit(Reason.OLDER_THAN_90_DAYS, AGE_LIMITED_ON_TOTALS, aged),
        Limit(Reason.OLDER_THAN_1800_DAYS, frozenset({"video_views"}), videos, reads_zero=True),
    ]
    known_from = PUBLIC_COUNTS_KNOWN_FROM
    if endpoint == "historical" and window is not None and window[0] < known_from:
        first_id = first_id_of(known_from)
        early = Limit(Reason.BEFORE_2015_09_15, ZERO_BEFORE_KNOWN, first_id, True, known_from)
        found.append(early)
    return tuple(found)


def availability(
    tweet_id: str,
    endpoint: str,
    metric: str,
    window: Window | None,
    now: datetime,
) -> Reason | None:
    """Whether the API can give a figure to the owner of a Tweet.

    Parameters
    ----------
    tweet_id
        The Tweet.
    endpoint
        "totals", "28hr" or "historical".
    metric
        Wire name.
    window
        Start and end (exclusive) of the period of the figure; None for totals.
    now
        The moment at which ages are counted, UTC.

    Returns
    -------
    Reason or None
        None if it can; otherwise the reason. `needs_owner` tells who else gets the figure.
    """
    if metric not in ENDPOINTS[endpoint].metrics:
        return Reason.METRIC_NOT_OFFERED
    if window is not None and not posted_before(tweet_id, window[1]):
        return Reason.POSTED_LATER
    for limit in limits(endpoint, window, now):
        if metric in limit.metrics and limit.applies(tweet_id):
            return limit.reason
    return None


def needs_owner(endpoint: str, metric: str) -> bool:
    """Whether an endpoint gives a metric only to the tokens of the Tweet's owner."""
    return ENDPOINTS[endpoint].own_only or METRICS[metric].needs_owner


def cut_off_at_first_moment(tweet_id: str, window: Window) -> bool:
    """Whether a period begins where the API's data begins, after the Tweet was posted."""
    return window[0] == FIRST_MOMENT and posted_before(tweet_id, FIRST_MOMENT)


def posted_before(tweet_id: str, moment: datetime) -> bool:
    """Whether a Tweet was posted before a moment; ids from before 2010-11-04 always were."""
    return int(tweet_id) < first_id_of(moment)


@lru_cache(maxsize=256)
def first_id_of(moment: datetime) -> int:
    """The lowest id that a Tweet posted from a moment on can have."""
    return snowflake(moment)
