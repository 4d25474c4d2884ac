"""Which figures of a Tweet an API can give: every rule about age, owner and period.

The facts are those of an `Endpoint`. Plans, routing, frames and outcomes ask here, so each rule
is written once. Everything is a pure function. A Tweet's id contains the time of its posting, so
an age limit is a lowest id.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from engagement_nb.apis.contract import Endpoint
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before, snowflake


class Window(NamedTuple):
    """A period, in UTC; ``end`` is exclusive."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


class Limit(NamedTuple):
    """A rule at a moment: it hides metrics of Tweets posted before some moment.

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
def limits(endpoint: Endpoint, window: Window | None, now: datetime) -> tuple[Limit, ...]:
    """The age limits of an endpoint, to be applied to many Tweets.

    Parameters
    ----------
    endpoint
        The endpoint.
    window
        Start and end (exclusive) of the period requested; None without one.
    now
        The moment at which ages are counted, UTC.
    """
    found = []
    for rule in endpoint.rules:
        moment = now - rule.max_age if rule.max_age is not None else rule.known_from
        if rule.known_from is not None and (window is None or window[0] >= rule.known_from):
            continue
        first_id = 0 if moment is None else snowflake(moment)
        found.append(Limit(rule.reason, rule.metrics, first_id, rule.reads_zero, rule.known_from))
    return tuple(found)


def availability(
    tweet_id: str,
    endpoint: Endpoint,
    metric: str,
    window: Window | None,
    now: datetime,
) -> Reason | None:
    """Whether an endpoint can give a figure to the owner of a Tweet.

    Parameters
    ----------
    tweet_id
        The Tweet.
    endpoint
        The endpoint.
    metric
        Wire name.
    window
        Start and end (exclusive) of the period of the figure; None without one.
    now
        The moment at which ages are counted, UTC.

    Returns
    -------
    Reason or None
        None if it can; otherwise the reason. `Endpoint.needs_owner` tells who else gets it.
    """
    if metric not in endpoint.metrics:
        return Reason.METRIC_NOT_OFFERED
    if window is not None and not posted_before(tweet_id, window[1]):
        return Reason.POSTED_LATER
    for limit in limits(endpoint, window, now):
        if metric in limit.metrics and limit.applies(tweet_id):
            return limit.reason
    return None
