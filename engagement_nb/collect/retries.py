"""What is worth asking again, how often, and how long to wait in between: written down once."""

from __future__ import annotations

from dataclasses import dataclass

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
    """How a kind of trouble is tried again.

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
    # The pacer has heard the 429 and holds everybody back.
    RateLimitedError: Retry(attempts=30, base=None),
    ServerTroubleError: Retry(attempts=8, base=0.5),
    ConnectionTroubleError: Retry(attempts=8, base=0.5),
}
"""All else is an answer: refused tokens, Tweets, metrics or requests are refused again."""

WORDLESS = Retry(attempts=4, base=0.25)
"""A refusal without a word of why may have been garbled on its way: believed only if it stays."""


def retry_for(error: BaseException) -> Retry | None:
    """How to try again after an error; None if that is not worth it."""
    if isinstance(error, ApiError) and error.status in _REFUSING and not error.texts:
        return WORDLESS
    return next((retry for kind, retry in WORTH_A_RETRY.items() if isinstance(error, kind)), None)
