"""Which figures of a Tweet an API can give: every rule about age, owner and period.

The facts are those of an `Endpoint`. Plans, routing, frames and outcomes ask here, so each rule
is written once. Everything is a pure function. A Tweet's id contains the time of its posting, so
an age limit is a lowest id.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from engagement_nb.apis.contract import Endpoint, Rule
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before


class Window(NamedTuple):
    """A period, in UTC; ``end`` is exclusive."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@lru_cache(maxsize=256)
def limits(endpoint: Endpoint, window: Window | None, now: datetime) -> tuple[Rule, ...]:
    """The rules of age of an endpoint at a moment, to be applied to many Tweets.

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
        if rule.known_from is not None and (window is None or window[0] >= rule.known_from):
            continue
        before = rule.known_from if rule.max_age is None else now - rule.max_age
        found.append(replace(rule, before=before))
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
