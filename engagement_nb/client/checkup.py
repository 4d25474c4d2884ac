"""Find out what a profile's tokens can do, with as few requests as possible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from engagement_nb.client.credentials.profiles import Profile
from engagement_nb.client.request import Request
from engagement_nb.client.sending import Client
from engagement_nb.errors import (
    ApiError,
    ConnectionTroubleError,
    EngagementError,
    ForbiddenTweetsError,
    NoAccessError,
    RateLimitedError,
    ServerTroubleError,
    UnavailableTweetsError,
)

ANY_TWEET = "20"
"""The first Tweet ever: public, and of another account than the user's."""
NO_TWEET = "1"
"""Older than the first."""


Outcome = Literal["works", "fails", "unknown", "not tried", "not sold"]


@dataclass(frozen=True)
class TokenCheck:
    """The result of trying one kind of tokens at one endpoint.

    Parameters
    ----------
    profile
        Name of the profile.
    tokens
        "bearer token" or "user tokens".
    endpoint
        Endpoint that was tried.
    outcome
        "works"; "fails"; "unknown" if the network, the quota or the API's state prevented a
        result; "not tried" if tokens are missing; "not sold" if the tokens are accepted, and the
        app's plan does not include an endpoint that is sold apart.
    gives
        What these tokens give access to.
    cause, advice
        Why it fails, and what to do next; empty if it works.
    status
        HTTP status; 0 if there was no response.
    """

    profile: str
    tokens: str
    endpoint: str
    outcome: Outcome
    gives: str
    cause: str = ""
    advice: str = ""
    status: int = 0


def check_profile(profile: Profile, client: Client, tweet_id: str = "") -> list[TokenCheck]:
    """Try a profile's tokens, with one request for each kind, or for each endpoint.

    Parameters
    ----------
    profile
        The profile to try.
    client
        The client to send with. Its API decides what is tried.
    tweet_id
        A Tweet of the profile's user. Its private metrics are then requested from all
        endpoints. Without one, what is requested is not the user's: the refusal also shows that
        the tokens are accepted.

    Returns
    -------
    list of TokenCheck
        The check of the bearer token first, then those of the user tokens. Where each Post has
        a price, a user's tokens are all that is tried, without an id on a Post that is not
        there, which costs nothing.
    """
    api = client.adapter.api
    life = api.of_span("life")
    checks = []
    if not api.bills_reads:
        public = Request(life.name, (ANY_TWEET,), ("favorites",), profile)
        gives = "public metrics of anybody's Tweets"
        checks.append(_check(replace(public, auth="app"), gives, client, (UnavailableTweetsError,)))
        if not tweet_id:
            gives = "all metrics of this user's own Tweets"
            refused = (ForbiddenTweetsError, UnavailableTweetsError)
            return [*checks, _check(public, gives, client, refused)]
    end = client.now().replace(minute=0, second=0, microsecond=0)
    for endpoint in api.endpoints.values() if profile.has_user else (life,):
        request = Request(endpoint.name, (tweet_id or NO_TWEET,), ("engagements",), profile)
        if endpoint.takes_period:
            request = replace(request, start=end - timedelta(days=1), end=end)
        whose = f"Tweet {tweet_id}" if tweet_id else "this user's own Tweets"
        checks.append(_check(request, f"private metrics of {whose}", client, ()))
    return checks


def _check(
    request: Request, gives: str, client: Client, accepted: tuple[type[ApiError], ...]
) -> TokenCheck:
    """Send a request; the ``accepted`` errors show that the tokens work."""
    profile, api = request.profile, client.adapter.api
    tokens = "user tokens" if request.auth == "user" else "bearer token"
    of = (profile.name, tokens, request.endpoint)
    outcome: Outcome = "fails"
    wrong: EngagementError
    try:
        response = client.send(request)
    except accepted as error:
        return TokenCheck(*of, "works", gives, status=error.status)
    except (RateLimitedError, ServerTroubleError, ConnectionTroubleError) as error:
        outcome, wrong = "unknown", error
    except EngagementError as error:
        wrong = error
        apart = api.bills_reads and api.endpoint(request.endpoint).own_only
        if apart and isinstance(error, NoAccessError):
            outcome = "not sold"
        elif not (profile.has_user if request.auth == "user" else profile.has_app):
            outcome = "not tried"
    else:
        [tweet_id] = request.tweet_ids
        if tweet_id == NO_TWEET or response.groups.get(tweet_id):
            return TokenCheck(*of, "works", gives, status=200)
        wrong = EngagementError(
            f"The tokens are accepted, and there are no such figures of Tweet {tweet_id}.",
            advice="Give the id of a Post of this user, from the last 30 days.",
        )
    status = wrong.status if isinstance(wrong, ApiError) else 0
    return TokenCheck(*of, outcome, gives, wrong.what, wrong.advice, status)
