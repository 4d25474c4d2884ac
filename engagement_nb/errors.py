"""What can go wrong, as one small tree; each error says what, with which ids, what to do.

::

    EngagementError
    ├── InputError              a file, an id, a date, an option that cannot be used
    ├── CredentialsError        no tokens, or tokens that cannot be read or used
    ├── ApiError                the API responded without data
    │   ├── UnauthenticatedError    401: signature, token or clock
    │   ├── NoAccessError           the app has no access to the product
    │   ├── ForbiddenTweetsError    another user's Tweets
    │   ├── ForbiddenMetricsError   metrics that the endpoint or the auth does not give
    │   ├── UnavailableTweetsError  all Tweets deleted, protected or never posted
    │   ├── BadRequestError         the request itself is refused
    │   ├── RateLimitedError        429
    │   ├── SpendingError           no credits, or a limit of spending or monthly reads
    │   └── ServerTroubleError      500, 502, 503, or an unreadable response
    ├── ConnectionTroubleError  no response at all
    ├── DatasetError            a dataset that cannot be opened or written
    ├── AnalysisError           figures that cannot be analyzed as requested
    ├── ReportError             a notebook or report that could not be made
    └── MissingExtraError       libraries of an extra that are not installed

Errors of the Python standard library are not wrapped unless a person can act on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec


class EngagementError(Exception):
    """Base of all errors raised on purpose by this package.

    Parameters
    ----------
    what
        What happened, in one sentence.
    advice
        What to do about it, in one sentence; may be empty.
    tweet_ids
        The Tweets it concerns, as far as known.
    """

    def __init__(self, what: str, *, advice: str = "", tweet_ids: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.tweet_ids = tuple(tweet_ids)

    def __str__(self) -> str:
        return f"{self.what} {self.advice}".strip()

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the sentence, and none of our frames."""
        return [f"{type(self).__name__}: {self}"]


class InputError(EngagementError):
    """A file, an id, a date or an option that cannot be used as given."""


class CredentialsError(EngagementError):
    """No tokens were found, or those found cannot be read or used."""


class ApiError(EngagementError):
    """The API responded without data.

    Parameters
    ----------
    what, advice, tweet_ids
        As for `EngagementError`.
    status
        HTTP status of the response.
    texts
        The API's own words, from ``errors``.
    metrics
        The metrics it concerns, as far as known.
    """

    def __init__(
        self,
        what: str,
        *,
        advice: str = "",
        tweet_ids: Sequence[str] = (),
        status: int = 0,
        texts: Sequence[str] = (),
        metrics: Sequence[str] = (),
    ) -> None:
        super().__init__(what, advice=advice, tweet_ids=tweet_ids)
        self.status = status
        self.texts = tuple(texts)
        self.metrics = tuple(metrics)


class UnauthenticatedError(ApiError):
    """401: the signature, a token or the clock is not accepted."""


class NoAccessError(ApiError):
    """The app has no access to the Engagement API."""


class ForbiddenTweetsError(ApiError):
    """The user tokens do not own some of the Tweets; the API refuses the whole request."""


class ForbiddenMetricsError(ApiError):
    """Metrics that this endpoint, or this kind of authentication, does not give."""


class UnavailableTweetsError(ApiError):
    """Every Tweet of the request is deleted, protected or was never posted."""


class BadRequestError(ApiError):
    """The API refuses the request itself, for any Tweets."""


class PeriodError(BadRequestError):
    """The API refuses the period of a request, for any Tweets."""


class RateLimitedError(ApiError):
    """429: the quota of the minute (or second) is spent."""


class SpendingError(ApiError):
    """No credits are left, or a limit of spending or of monthly reads is reached."""


class ServerTroubleError(ApiError):
    """500, 502, 503, or an unreadable response: worth a retry."""


class ConnectionTroubleError(EngagementError):
    """No response: refused, dropped, cut off or timed out: worth a retry."""


class DatasetError(EngagementError):
    """A dataset that cannot be opened or written."""


class AnalysisError(EngagementError):
    """Figures that cannot be analyzed as requested."""


class ReportError(EngagementError):
    """A notebook or report that could not be made."""


class HandlesWarning(UserWarning):
    """A fetch uses more handles this billing month than the contract includes."""


class MissingExtraError(EngagementError):
    """Libraries of an extra are not installed."""


def require_extra(extra: str, module: str) -> None:
    """Check that an extra of this package is installed.

    Parameters
    ----------
    extra
        Its name, as in ``pip install 'engagement-nb[notebooks]'``.
    module
        A library that it installs.

    Raises
    ------
    MissingExtraError
        The library is not there.
    """
    if find_spec(module) is None:
        raise MissingExtraError(
            f"This needs the extra {extra!r}, which is not installed.",
            advice=f"Run: pip install 'engagement-nb[{extra}]'",
        )
