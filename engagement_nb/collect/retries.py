"""Which errors are retried, how often, and after what wait."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_nb.collect.outcome import MAX_ABSENCES, NothingAnsweredError
from engagement_nb.errors import (
    ApiError,
    ConnectionTroubleError,
    EngagementError,
    RateLimitedError,
    ServerTroubleError,
)

_REFUSING = (400, 401, 403)


@dataclass(frozen=True)
class Retry:
    """How a kind of error is retried.

    Parameters
    ----------
    attempts
        How often a request is sent in all.
    base, cap
        Seconds before the second attempt, doubled at each further one up to the cap; half of
        it is random, see `engagement_nb.client.pacing.backoff`. None: the pacer does the waiting.
    """

    attempts: int
    base: float | None
    cap: float = 30.0


WORTH_A_RETRY: dict[type[EngagementError], Retry] = {
    # The pacer saw the 429 and delays all requests.
    RateLimitedError: Retry(attempts=30, base=None),
    NothingAnsweredError: Retry(attempts=MAX_ABSENCES, base=0.5),
    ServerTroubleError: Retry(attempts=8, base=0.5),
    ConnectionTroubleError: Retry(attempts=8, base=0.5),
}
"""Everything else is final: the API would refuse the same tokens, Tweets or metrics again."""

UNEXPLAINED_REJECTION = Retry(attempts=4, base=0.25)
"""A rejection without a text may come from a proxy: it is believed only if it stays."""


def retry_for(error: BaseException) -> Retry | None:
    """How to retry after an error; None if the error is final."""
    if isinstance(error, ApiError) and error.status in _REFUSING and not error.texts:
        return UNEXPLAINED_REJECTION
    return next((retry for kind, retry in WORTH_A_RETRY.items() if isinstance(error, kind)), None)
