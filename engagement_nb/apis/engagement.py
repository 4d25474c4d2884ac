"""The facts of X's Engagement API, all in this file.

Everything here comes from the API's published reference, guides and FAQ, or from recorded
responses. The client and the sandbox share these facts and nothing else.

Names are wire names: the vendor's *Post* is a *Tweet* here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from engagement_nb.apis.contract import (
    Api,
    Bucket,
    Endpoint,
    Expected,
    QuotaHeaders,
    Refusal,
    Rule,
)
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.refusals import refusals_of_http
from engagement_nb.errors import (
    ForbiddenMetricsError,
    ForbiddenTweetsError,
    NoAccessError,
    PeriodError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableTweetsError,
)

EndpointName = Literal["totals", "28hr", "historical"]

METRICS: dict[str, Expected] = {
    "impressions": "not counted",
    "engagements": "counted",
    "favorites": "counted",
    "retweets": "counted",
    "replies": "counted",
    "video_views": "not said",
    "quote_tweets": "not said",
    "media_views": "not counted",
    "media_engagements": "counted",
    "url_clicks": "counted",
    "hashtag_clicks": "counted",
    "detail_expands": "counted",
    "permalink_clicks": "counted",
    "app_install_attempts": "counted",
    "app_opens": "counted",
    "email_tweet": "counted",
    "user_follows": "counted",
    "user_profile_clicks": "counted",
}
"""All 18 metrics by wire name, in the order in which frames show them: what the documents say about
their part in ``engagements``."""

METRIC_ALIASES = {"media_clicks": "media_engagements"}
"""Old wire names that the API was documented with (this one until 2017-10)."""

NO_CANDIDATES = frozenset({"impressions", "engagements"})
"""Never part of the sum that is compared with ``engagements``."""

RECENT_WINDOW = timedelta(hours=28)
MAX_WINDOW = timedelta(days=28)
MAX_LOOKBACK = timedelta(days=365)
"""Only newer pages state this; the sandbox has an option for it."""
FIRST_MOMENT = datetime(2014, 9, 1, tzinfo=UTC)
PUBLIC_COUNTS_KNOWN_FROM = datetime(2015, 9, 15, tzinfo=UTC)
"""Before this moment ``historical`` gives 0 for `ZERO_BEFORE_KNOWN`, which means not known."""
ZERO_BEFORE_KNOWN = frozenset({"favorites", "replies", "retweets"})
MEDIA_VIEWS_LEFT_ENGAGEMENTS = datetime(2017, 10, 9, tzinfo=UTC)

IMPRESSIONS_MAX_AGE = timedelta(days=90)
"""On totals only. The other endpoints have no such limit, but may list Tweets as too old."""
VIDEO_VIEWS_MAX_AGE = timedelta(days=1800)
"""On all endpoints; for older Tweets the API still sends a "0"."""

_AGED = frozenset({"impressions", "engagements"})
_VIDEO = Rule(
    Reason.OLDER_THAN_1800_DAYS, frozenset({"video_views"}), VIDEO_VIEWS_MAX_AGE, reads_zero=True
)
_LISTED = Rule(Reason.OLDER_THAN_90_DAYS, _AGED)
_EARLY = Rule(
    Reason.BEFORE_2015_09_15,
    ZERO_BEFORE_KNOWN,
    known_from=PUBLIC_COUNTS_KNOWN_FROM,
    reads_zero=True,
)

_SERIES = ("tweet.id", "engagement.type", "engagement.day", "engagement.hour")
_PUBLIC = frozenset({"favorites", "retweets", "replies", "video_views", "quote_tweets"})
_TOTALS = Endpoint(
    "totals",
    "/insights/engagement/totals",
    max_ids=250,
    span="life",
    metrics=tuple(name for name in METRICS if name in _AGED | _PUBLIC),
    public=_PUBLIC,
    rules=(Rule(Reason.OLDER_THAN_90_DAYS, _AGED, IMPRESSIONS_MAX_AGE), _VIDEO),
    group_by=_SERIES[:2],
    buckets=("minute", "second"),
)
_RECENT = Endpoint(
    "28hr",
    "/insights/engagement/28hr",
    max_ids=25,
    span="recent",
    metrics=tuple(name for name in METRICS if name != "quote_tweets"),
    steps=("day", "hour"),
    length=RECENT_WINDOW,
    rules=(_LISTED, _VIDEO),
    group_by=_SERIES,
    buckets=("minute", "second"),
)
_HISTORICAL = replace(
    _RECENT,
    name="historical",
    path="/insights/engagement/historical",
    span="period",
    length=MAX_WINDOW,
    rules=(_LISTED, _VIDEO, _EARLY),
)
ENDPOINTS = {endpoint.name: endpoint for endpoint in (_TOTALS, _RECENT, _HISTORICAL)}
"""All three endpoints by name."""

MAX_GROUPINGS = 3
FOUR_LEVEL_GROUPINGS = (
    _SERIES,
    ("engagement.type", "tweet.id", "engagement.day", "engagement.hour"),
)
"""The only accepted orders of four ``group_by`` items; one such grouping per request."""

UNAVAILABLE = "unavailable_tweet_ids"
UNSUPPORTED_IMPRESSIONS = "unsupported_for_impressions_engagements_tweet_ids"
UNSUPPORTED_VIDEO = "unsupported_for_video_views_tweet_ids"
MINUTE = Bucket(
    "engagement",
    "minute",
    scope="app",
    window=timedelta(minutes=1),
    headers=QuotaHeaders("x-per-minute-limit", "x-per-minute-remaining", "x-per-minute-reset"),
)
"""By contract; whether the minute is fixed or sliding, and whether the endpoints share it, is
not published."""
SECOND = Bucket(
    "engagement",
    "second",
    scope="app",
    window=timedelta(seconds=1),
    headers=QuotaHeaders("x-per-second-limit", "x-per-second-remaining", "x-per-second-reset"),
)
"""Seen in recorded responses, not documented."""

TOKEN_VARIABLES = {
    "consumer_key": "TWITTER_CONSUMER_KEY",
    "consumer_secret": "TWITTER_CONSUMER_SECRET",
    "access_token": "TWITTER_ACCESS_TOKEN",
    "access_token_secret": "TWITTER_ACCESS_TOKEN_SECRET",
    "bearer_token": "TWITTER_BEARER_TOKEN",
}
"""The environment variable of each key and token."""
ENV_API_URL = "ENGAGEMENT_API_URL"
ENV_AUTH_URL = "ENGAGEMENT_AUTH_URL"

LIVE_API_URL = "https://data-api.twitter.com"
LIVE_AUTH_URL = "https://api.twitter.com"
PATH_REQUEST_TOKEN = "/oauth/request_token"  # noqa: S105
PATH_AUTHORIZE = "/oauth/authorize"
PATH_ACCESS_TOKEN = "/oauth/access_token"  # noqa: S105
PATH_BEARER_TOKEN = "/oauth2/token"  # noqa: S105

_AUTH = (401, 403)
_NOT_SERVER = tuple(range(200, 500))
_REFUSALS = (
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
        " of the app that has it. It is sold with Enterprise contracts only; X API v2 is sold per"
        " Post (pages read in 2026-11).",
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
        "period", r"\bstart\b|\bend\b|future|period|weeks|\bdate|365|days|time range", (400,),
        PeriodError,
        "The API does not accept this period.",
        "Give start before end, both in UTC, at most 28 days apart, not in the future and not"
        " before 2014-09-01 (by newer pages: not over 365 days back).",
    ),
    *refusals_of_http(ENV_API_URL),
)  # fmt: skip

ENGAGEMENT = Api(
    name="engagement",
    title="Engagement API",
    endpoints=ENDPOINTS,
    buckets=(MINUTE, SECOND),
    refusals=_REFUSALS,
    first_moment=FIRST_MOMENT,
    max_lookback=MAX_LOOKBACK,
)
"""The Engagement API."""
