"""Which errors of a request are worth another attempt, and when."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Literal

from engagement_nb.client import Client, Request, Response
from engagement_nb.client.pacing import backoff
from engagement_nb.errors import (
    ApiError,
    ConnectionTroubleError,
    EngagementError,
    RateLimitedError,
    ServerTroubleError,
)
from engagement_nb.fetch.part import EmptyResponseError
from engagement_nb.fetch.state import MAX_ABSENCES

_REJECTIONS = (400, 401, 403)


@dataclass(frozen=True)
class Retry:
    """How a kind of error is retried.

    Parameters
    ----------
    attempts
        How often a request is sent in total.
    base
        Seconds before the second attempt. They double with each attempt, up to half a minute,
        and half of them is random: see `engagement_nb.client.pacing.backoff`. 0: the pacer waits.
    """

    attempts: int
    base: float


WORTH_A_RETRY: dict[type[EngagementError], Retry] = {
    # The pacer sees each 429 and delays all requests.
    RateLimitedError: Retry(attempts=30, base=0.0),
    EmptyResponseError: Retry(attempts=MAX_ABSENCES, base=0.5),
    ServerTroubleError: Retry(attempts=8, base=0.5),
    ConnectionTroubleError: Retry(attempts=8, base=0.5),
}
"""All other errors are final: the API would refuse the same tokens, Tweets or metrics again."""

UNEXPLAINED_REJECTION = Retry(attempts=4, base=0.25)
"""A rejection without a text may come from a proxy, so it is final only if it repeats."""


def retry_after(error: EngagementError, attempt: int) -> float | Literal[False]:
    """Seconds to wait before a request is sent again; False if the error is final.

    Parameters
    ----------
    error
        Why the request failed.
    attempt
        How often it was sent.
    """
    if isinstance(error, ApiError) and error.status in _REJECTIONS and not error.texts:
        retry = UNEXPLAINED_REJECTION
    else:
        fitting = (retry for kind, retry in WORTH_A_RETRY.items() if isinstance(error, kind))
        retry = next(fitting, Retry(1, 0.0))
    return attempt < retry.attempts and backoff(attempt, base=retry.base, cap=30.0)


def sent(client: Client, request: Request) -> Response:
    """Send a request that belongs to no run, and retry what is worth it.

    Raises
    ------
    EngagementError
        The last error, if no further attempt is worthwhile.
    """
    for attempt in itertools.count(1):
        try:
            return client.send(request)
        except EngagementError as error:
            wait = retry_after(error, attempt)
            if wait is False:
                raise
        time.sleep(wait)
    raise AssertionError
