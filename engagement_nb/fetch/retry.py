"""Which errors of a request are worth another attempt, and when."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TypeVar

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

_T = TypeVar("_T")

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


def sent(send: Callable[[], _T], pause: Callable[[float], object] = time.sleep) -> _T:
    """What sending a request gives, after as many attempts as are worthwhile.

    Parameters
    ----------
    send
        Sends the request once.
    pause
        Waits for some seconds before the next attempt; an error of it ends the attempts.

    Raises
    ------
    EngagementError
        The last error, if no further attempt is worthwhile.
    """
    for attempt in itertools.count(1):
        try:
            return send()
        except EngagementError as error:
            if isinstance(error, ApiError) and error.status in _REJECTIONS and not error.texts:
                attempts, base = UNEXPLAINED_REJECTION
            else:
                fitting = (r for kind, r in WORTH_A_RETRY.items() if isinstance(error, kind))
                attempts, base = next(fitting, (1, 0.0))
            if attempt >= attempts:
                raise
        pause(backoff(attempt, base=base, cap=30.0))
    raise AssertionError
