"""What the API's refusals mean: the cause and the next step for each known case.

One table serves the client's errors and ``engagement-nb auth check`` alike. The API's
texts are not a published contract, so patterns are loose, and the status decides where no
pattern fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from textwrap import shorten

from engagement_nb.apis.contract import Api, Refusal
from engagement_nb.errors import (
    ApiError,
    BadRequestError,
    ForbiddenTweetsError,
    ServerTroubleError,
    UnauthenticatedError,
    UnavailableTweetsError,
)

CLOCK_TOLERANCE = timedelta(seconds=60)
"""Clocks further apart than this are named as a likely cause of a refused signature."""


_LONGEST_TEXT = 200
"""Limit in characters. A refusal can name 250 Tweets; the error has them in ``tweet_ids``."""
_SEARCHED = 4000
"""Characters of the API's texts that are searched for a known cause."""
_IDS = re.compile(r"\d{2,20}")
_AUTHOR = re.compile(r"author id \d+", re.IGNORECASE)


def explain(api: Api, status: int, texts: Sequence[str]) -> Refusal:
    """Explain a response without data: by its text if a pattern fits, else by its status.

    Parameters
    ----------
    api
        Whose response it is.
    status
        HTTP status of the response.
    texts
        The API's own words, from ``errors``; may be empty.
    """
    # Only the beginning is searched: the time of a search grows with the square of the length.
    text = "\n".join(texts)[:_SEARCHED]
    return next(row for row in api.refusals if row.fits(status, text))


def error_for(
    api: Api,
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
    api, status, texts
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
    refusal = explain(api, status, texts)
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
        known = {name for endpoint in api.endpoints.values() for name in endpoint.metrics}
        metrics = [w for w in dict.fromkeys(words) if w in known]
    return refusal.error(
        what,
        advice=advice,
        tweet_ids=tweet_ids,
        status=status,
        texts=texts,
        metrics=metrics,
    )


def refusals_of_http(variable: str) -> tuple[Refusal, ...]:
    """The last rows of an API's refusals, which a status decides.

    Parameters
    ----------
    variable
        The environment variable that names the API's host.
    """
    return (
        Refusal(
            "not found", "", (404,), BadRequestError,
            "There is no such address at the API's host.",
            f"Check {variable}: it is scheme and host only.",
        ),
        Refusal(
            "redirect", "", tuple(range(300, 400)), BadRequestError,
            "The API's host responded with a redirect, and signed requests are not sent elsewhere.",
            f"Check {variable} and any proxy or sign-in page between here and the API.",
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
