"""Which errors of a request are worth another attempt, and when."""

from __future__ import annotations

import itertools
import time
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


WORTH_A_RETRY: dict[type[EngagementError], tuple[int, float]] = {
    # The pacer sees each 429 and delays all requests.
    RateLimitedError: (30, 0.0),
    EmptyResponseError: (MAX_ABSENCES, 0.5),
    ServerTroubleError: (8, 0.5),
    ConnectionTroubleError: (8, 0.5),
}
"""How often a request is sent in total, and the seconds before the second attempt: see
`engagement_nb.client.pacing.backoff`. All other errors are final: the API would refuse the same
tokens, Tweets or metrics again."""
UNEXPLAINED_REJECTION = (4, 0.25)
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
        attempts, base = UNEXPLAINED_REJECTION
    else:
        fitting = (retry for kind, retry in WORTH_A_RETRY.items() if isinstance(error, kind))
        attempts, base = next(fitting, (1, 0.0))
    return attempt < attempts and backoff(attempt, base=base, cap=30.0)


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
