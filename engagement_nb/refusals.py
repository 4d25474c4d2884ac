"""What the API's refusals mean: the cause and the next step for each known case.

One table serves the client's errors and ``engagement-nb auth check`` alike. The API's
texts are not a published contract, so patterns are loose, and the status decides where no
pattern fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from textwrap import shorten

from engagement_nb.errors import (
    ApiError,
    BadRequestError,
    ForbiddenMetricsError,
    ForbiddenTweetsError,
    NoAccessError,
    RateLimitedError,
    ServerTroubleError,
    UnauthenticatedError,
    UnavailableTweetsError,
)
from engagement_nb.vocabulary import METRIC_ALIASES, METRICS

CLOCK_TOLERANCE = timedelta(seconds=60)
"""Clocks further apart than this are named as a likely cause of a refused signature."""


@dataclass(frozen=True)
class Refusal:
    """A case in which the API gives no data.

    Parameters
    ----------
    key
        Short name of the case.
    pattern
        A regular expression for the API's text, in any case; empty to decide by status alone.
    statuses
        The statuses it comes with; empty for any.
    error
        The class of the error that is raised.
    cause
        What happened, in one sentence.
    advice
        What to do next, in one sentence.
    """

    key: str
    pattern: str
    statuses: Sequence[int]
    error: type[ApiError]
    cause: str
    advice: str

    def fits(self, status: int, text: str) -> bool:
        """Whether a response with this status and text is this case."""
        if self.statuses and status not in self.statuses:
            return False
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None


_AUTH = (401, 403)
_LONGEST_TEXT = 200
"""Limit in characters. A refusal can name 250 Tweets; the error has them in ``tweet_ids``."""
_SEARCHED = 4000
"""Characters of the API's texts that are searched for a known cause."""
_TOO_MANY = r"(?:too many|at most|maximum|exceed|more than|limit)"
_NOT_SERVER = tuple(range(200, 500))

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "rate limit", "", (429,), RateLimitedError,
        "The quota of this minute (or second) is spent.",
        "Wait for the next minute; if this comes often, something else spends the same quota.",
    ),
    Refusal(
        "others' tweets", r"forbidden to access tweets", _NOT_SERVER, ForbiddenTweetsError,
        "The request names another user's Tweets with this user's tokens, so the API"
        " refuses it as a whole.",
        "Ask for them with their owner's tokens, or ask totals for public metrics with the"
        " bearer token.",
    ),
    Refusal(
        "metrics not given", r"forbidden to access metrics", _NOT_SERVER, ForbiddenMetricsError,
        "This endpoint, or this kind of authentication, does not give some of the metrics.",
        "Leave them out, or ask with the owner's tokens at an endpoint that gives them.",
    ),
    Refusal(
        "grouping not supported", r"groupbys?\b.*not supported", _NOT_SERVER, BadRequestError,
        "The endpoint does not group by what was asked for.",
        "On totals group by Tweet and metric only; days and hours are for 28hr and historical.",
    ),
    Refusal(
        "impressions too old", r"older than 90 days", _NOT_SERVER, ForbiddenMetricsError,
        "Totals gives impressions and engagements for the first 90 days of a Tweet only.",
        "Ask historical, which has no such limit, or leave these two metrics out.",
    ),
    Refusal(
        "unavailable", r"tweet id\(s\)[^\n]*\bunavailable\b", (400,), UnavailableTweetsError,
        "None of these Tweets is available: deleted, protected or never posted.",
        "Check the ids: they may have been rounded by a spreadsheet; otherwise leave them out.",
    ),
    Refusal(
        "app not authorized", r"application.*not authorized|client.*not (enrolled|permitted)", (),
        NoAccessError,
        "The app of these keys has no access to the Engagement API.",
        "Ask your account manager at X to add the Engagement API to this app, or use the keys"
        " of the app that has it.",
    ),
    Refusal(
        "unknown authorization", r"unknown authorization type", (), UnauthenticatedError,
        "The Authorization header is of the wrong kind for this request.",
        "Use user tokens for 28hr, historical and private metrics, and the bearer token for"
        " public metrics on totals.",
    ),
    Refusal(
        "pin", r"\bpin\b|verifier|request token", _AUTH, UnauthenticatedError,
        "The PIN is not accepted: mistyped, used before, or too old.",
        "Start again with engagement-nb auth login, and enter the PIN that the page shows.",
    ),
    Refusal(
        "nonce", r"nonce", _AUTH, UnauthenticatedError,
        "The API considers this request a repeat of an earlier one.",
        "Send it again; if it fails again, something between here and the API repeats requests.",
    ),
    Refusal(
        "timestamp", r"timestamp|clock", _AUTH, UnauthenticatedError,
        "The time in the signature is not accepted.",
        "Set this machine's clock (turn on automatic network time), then try again.",
    ),
    Refusal(
        "token revoked", r"revoked|suspended|invalid or expired|expired", _AUTH,
        UnauthenticatedError,
        "The user's access token has been revoked or is no longer valid.",
        "Have the owner authorize the app again: engagement-nb auth login.",
    ),
    Refusal(
        "token not found", r"access token not found|token.*not (found|known)|unknown token", _AUTH,
        UnauthenticatedError,
        "The access token is unknown to the API: mistyped, revoked by its owner, or of another"
        " app.",
        "Compare the tokens with those of the app, or authorize again: engagement-nb auth login.",
    ),
    Refusal(
        "signature", r"signature", _AUTH, UnauthenticatedError,
        "The signature is not accepted: the consumer secret or the access token secret is wrong.",
        "Copy both secrets again, in full and without spaces around them.",
    ),
    Refusal(
        "consumer key", r"consumer|client application|verify your credentials|could not authent",
        _AUTH, UnauthenticatedError,
        "The app's consumer key and secret are not accepted.",
        "Copy the key and the secret again from the app's page, in full and without spaces.",
    ),
    Refusal(
        "not authenticated", "", (401,), UnauthenticatedError,
        "The API does not accept this authentication.",
        "Check each token with engagement-nb auth check, and check this machine's clock.",
    ),
    Refusal(
        "no access", "", (403,), NoAccessError,
        "The API forbids this request without saying why.",
        "Check with engagement-nb auth check that the app has access to the Engagement API.",
    ),
    Refusal(
        "not found", "", (404,), BadRequestError,
        "There is no such address at the API's host.",
        "Check ENGAGEMENT_API_URL: it is scheme and host only.",
    ),
    Refusal(
        "too large", "", (413,), BadRequestError,
        "The request is too large for the API.",
        "Ask for fewer Tweets per request: 250 on totals, 25 on 28hr and historical.",
    ),
    Refusal(
        "redirect", "", tuple(range(300, 400)), BadRequestError,
        "The API's host responded with a redirect, and signed requests are not sent elsewhere.",
        "Check ENGAGEMENT_API_URL and any proxy or sign-in page between here and the API.",
    ),
    Refusal(
        "proxy", "", (407,), BadRequestError,
        "A proxy between here and the API requires a user name and a password.",
        "Set HTTPS_PROXY with the proxy's address as your network's administrator gives it.",
    ),
    Refusal(
        "sign-in page", "", (511,), BadRequestError,
        "The network requires you to sign in first.",
        "Open any page in a browser, sign in to the network there, then try again.",
    ),
    Refusal(
        "bad json", r"\bjson\b|malformed", (400,), BadRequestError,
        "The API could not read the request's body.",
        "If this request was made by this package, please report it with the API's text.",
    ),
    Refusal(
        "too many ids", rf"{_TOO_MANY}.*tweet|tweet.*{_TOO_MANY}", (400,),
        BadRequestError,
        "The request asks for too many Tweets.",
        "Ask for at most 250 on totals, 25 on 28hr and historical.",
    ),
    Refusal(
        "too many groupings", rf"{_TOO_MANY}.*grouping|grouping.*{_TOO_MANY}",
        (400,), BadRequestError,
        "The request has too many groupings.",
        "Send at most three groupings, and only one of four levels.",
    ),
    Refusal(
        "period", r"\bstart\b|\bend\b|future|period|weeks|\bdate|365|days|time range", (400,),
        BadRequestError,
        "The API does not accept this period.",
        "Give start before end, both in UTC, at most 28 days apart, not in the future and not"
        " before 2014-09-01 (by newer pages: not over 365 days back).",
    ),
    Refusal(
        "bad request", "", tuple(range(400, 500)), BadRequestError,
        "The API does not accept this request.",
        "See the API's own words.",
    ),
    Refusal(
        "server trouble", "", tuple(range(500, 600)), ServerTroubleError,
        "The API is in trouble.",
        "Try again later; the package also retries automatically.",
    ),
    Refusal(
        "unreadable", "", (), ServerTroubleError,
        "The API's response cannot be read.",
        "Try again later; if it fails again, a proxy may stand between here and the API.",
    ),
)  # fmt: skip
"""The first row that fits a response explains it, so specific rows come first."""

_IDS = re.compile(r"\d{2,20}")
_AUTHOR = re.compile(r"author id \d+", re.IGNORECASE)


def explain(status: int, texts: Sequence[str]) -> Refusal:
    """Explain a response without data: by its text if a pattern fits, else by its status.

    Parameters
    ----------
    status
        HTTP status of the response.
    texts
        The API's own words, from ``errors``; may be empty.
    """
    # Only the beginning is searched: the time of a search grows with the square of the length.
    text = "\n".join(texts)[:_SEARCHED]
    return next(row for row in REFUSALS if row.fits(status, text))


def error_for(
    status: int,
    texts: Sequence[str],
    *,
    where: str = "",
    tweet_ids: Sequence[str] = (),
    clock_off: timedelta | None = None,
) -> ApiError:
    """Make the error for a response without data.

    Parameters
    ----------
    status, texts
        As for `explain`.
    where
        What was requested, such as "totals"; begins the sentence.
    tweet_ids
        The Tweets of the request, for the cases that concern all of them.
    clock_off
        This machine's clock minus the API's, where known.

    Returns
    -------
    ApiError
        Of the class that fits, with cause, next step, the API's words, and the Tweets and
        metrics that it concerns.
    """
    refusal = explain(status, texts)
    what = f"{where}: {refusal.cause}" if where else refusal.cause
    advice = refusal.advice
    if texts:
        said = shorten("; ".join(texts), _LONGEST_TEXT, placeholder=" ...")
        what += f" The API says: {said!r} (status {status})."
    elif status:
        what += f" (status {status})"
    if refusal.error is UnauthenticatedError and clock_off and abs(clock_off) > CLOCK_TOLERANCE:
        minutes = abs(clock_off) / timedelta(minutes=1)
        side = "ahead of" if clock_off > timedelta(0) else "behind"
        what += f" This machine's clock is {minutes:,.0f} minutes {side} the API's."
        advice = "Set this machine's clock (turn on automatic network time), then try again."
    joined, metrics = "\n".join(texts), []
    if refusal.error is ForbiddenTweetsError:
        tweet_ids = tuple(dict.fromkeys(_IDS.findall(_AUTHOR.sub("", joined))))
    elif refusal.error is not UnavailableTweetsError:
        tweet_ids = ()
    if refusal.key == "metrics not given":
        words = re.findall(r"[a-z_]+", joined.lower())
        metrics = [w for w in dict.fromkeys(words) if w in METRICS or w in METRIC_ALIASES]
    return refusal.error(
        what,
        advice=advice,
        tweet_ids=tweet_ids,
        status=status,
        texts=texts,
        metrics=metrics,
    )
