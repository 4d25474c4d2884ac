"""Try what a profile's tokens can do, with the cheapest requests that tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engagement_nb.client.credentials.profiles import USER_FIELDS, Profile
from engagement_nb.client.sending import Client
from engagement_nb.client.wire import Request
from engagement_nb.errors import (
    ApiError,
    ConnectionTroubleError,
    EngagementError,
    ForbiddenTweetsError,
    RateLimitedError,
    ServerTroubleError,
    UnavailableTweetsError,
)
from engagement_nb.vocabulary import EndpointName

ANY_TWEET = "20"
"""The first Tweet there was: public, and of nobody who checks their tokens here."""

Outcome = Literal["works", "fails", "unknown", "not tried"]


@dataclass(frozen=True)
class Check:
    """What one try told.

    Parameters
    ----------
    profile
        Name of the profile.
    tokens
        "bearer token" or "user tokens".
    endpoint
        Where it was tried.
    outcome
        "works"; "fails"; "unknown" when the network, the quota or the API's state kept it from
        telling; "not tried" where tokens are missing.
    gives
        What these tokens are good for.
    cause, advice
        Why it fails, and what to do next; empty where it works.
    status
        HTTP status; 0 where there was no answer.
    """

    profile: str
    tokens: str
    endpoint: str
    outcome: Outcome
    gives: str
    cause: str = ""
    advice: str = ""
    status: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def check_profile(profile: Profile, client: Client, tweet_id: str = "") -> list[Check]:
    """Try a profile's tokens, with one request for each kind.

    Parameters
    ----------
    profile
        What to try.
    client
        What to send with.
    tweet_id
        A Tweet of the profile's user: the three endpoints are then tried for its private
        metrics, one request each. Without one, totals is asked for a Tweet of somebody else's,
        whose refusal shows as well that the tokens are accepted.

    Returns
    -------
    list of Check
        The bearer token's first, then the user tokens'.
    """
    checks = [_check_app(profile, client)]
    if not tweet_id:
        gives = "all metrics of this user's own Tweets"
        request = Request("totals", (ANY_TWEET,), ("favorites",), profile)
        refused: tuple[type[ApiError], ...] = (ForbiddenTweetsError, UnavailableTweetsError)
        return [*checks, _check(profile, "user tokens", gives, request, client, refused)]
    endpoints: tuple[EndpointName, ...] = ("totals", "28hr", "historical")
    for endpoint in endpoints:
        metric = "engagements"
        request = Request(endpoint, (tweet_id,), (metric,), profile)
        gives = f"private metrics of Tweet {tweet_id}"
        checks.append(_check(profile, "user tokens", gives, request, client, ()))
        if checks[-1].outcome == "not tried":
            break
    return checks


def _check_app(profile: Profile, client: Client) -> Check:
    request = Request("totals", (ANY_TWEET,), ("favorites",), profile, auth="app")
    gives = "public metrics of anybody's Tweets"
    return _check(profile, "bearer token", gives, request, client, (UnavailableTweetsError,))


def _check(
    profile: Profile,
    tokens: str,
    gives: str,
    request: Request,
    client: Client,
    as_good: tuple[type[ApiError], ...],
) -> Check:
    def told(outcome: Outcome, cause: str = "", advice: str = "", status: int = 0) -> Check:
        return Check(profile.name, tokens, request.endpoint, outcome, gives, cause, advice, status)

    if not (profile.has_user if request.auth == "user" else profile.has_app):
        return told("not tried", *_missing(profile, request.auth))
    return _outcome(lambda: client.send(request), told, as_good)


def _outcome(
    send: Callable[[], object],
    told: Callable[..., Check],
    as_good: tuple[type[ApiError], ...],
) -> Check:
    try:
        send()
    except as_good as error:
        return told("works", status=error.status)
    except (RateLimitedError, ServerTroubleError) as error:
        return told("unknown", error.what, error.advice, error.status)
    except ConnectionTroubleError as error:
        return told("unknown", error.what, error.advice)
    except ApiError as error:
        return told("fails", error.what, error.advice, error.status)
    except EngagementError as error:
        return told("fails", error.what, error.advice)
    return told("works", status=200)


def _missing(profile: Profile, auth: str) -> tuple[str, str]:
    if auth == "app":
        cause = "There is neither a bearer token nor a consumer key and secret to fetch one with."
        return cause, "Without one, public metrics of other people's Tweets cannot be asked for."
    lacking = [part.replace("_", " ") for part in USER_FIELDS if not getattr(profile, part)]
    return (
        f"There is no {' and no '.join(lacking)}.",
        "Without user tokens, private metrics and 28hr and historical cannot be asked for:"
        " engagement-nb auth login.",
    )
