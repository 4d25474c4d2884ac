"""The facts of X API v2 for the figures that the Engagement API has, all in this file.

From the vendor's documents and their repository (snapshot of 2026-08-22, OpenAPI 2.167), and from
responses that public clients recorded to 2026-10. The client and the sandbox share these facts
and nothing else. Names of metrics are those of the Engagement API where it has them.

The documents say *Post* since 2026-08-07; the live API still takes and gives the words of *Tweet*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from engagement_nb.apis.contract import (
    Api,
    Bucket,
    Endpoint,
    OAuth2,
    QuotaHeaders,
    Refusal,
    Rule,
)
from engagement_nb.apis.names import wire_name
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.refusals import refusals_of_http
from engagement_nb.errors import (
    NoAccessError,
    RateLimitedError,
    ServerTroubleError,
    SpendingError,
    UnauthenticatedError,
)

ENV_V2_URL = "ENGAGEMENT_V2_URL"
LIVE_URL = "https://api.x.com"
PATH_LOOKUP = "/2/tweets"
PATH_POST = "/2/tweets/{}"
PATH_TIMELINE = "/2/users/{}/tweets"
PATH_ME = "/2/users/me"
PATH_ANALYTICS = "/2/tweets/analytics"
PATH_AUTHORIZE = "/i/oauth2/authorize"
PATH_TOKEN = "/2/oauth2/token"  # noqa: S105
SCOPES = ("tweet.read", "users.read", "offline.access")
"""The last one gives a refresh token."""
CODE_SECONDS = 30
REFRESH_TOKEN_LIFE = timedelta(days=180)
"""Some six months, by the guide; each refresh token works once."""
GRANT_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
OAUTH1_TOKEN_TYPE = "urn:x:params:oauth:token-type:oauth1_token"  # noqa: S105
"""A token of OAuth 1.0a (``subject_token``) and its secret (``oauth_token_secret``) are exchanged
for a pair of OAuth 2.0 at the token endpoint. Each exchange ends the pair issued before."""

MAX_LOOKUP = 100
MAX_PAGE = 100
MIN_PAGE = 5
TIMELINE_POSTS = 3200
TIMELINE_POSTS_WITHOUT_REPLIES = 800
"""The newest Posts that a timeline gives."""
WORDS_OF_POSTS = {
    "retweet_count": "repost_count",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "tweets": "posts",
    "tweet.fields": "post.fields",
    "tweet": "post",
}
"""What description 2.167 renamed. The live API still spoke the old words on 2026-09-24."""
PRIVATE_FOR = timedelta(days=30)
"""Private fields exist for Posts made in the last 30 days."""


def ours(*fields: str) -> dict[str, str]:
    """Our name of each field, by the table of names."""
    return {field: str(wire_name(field)) for field in fields}


LOOKUP_FIELDS = {
    "public_metrics": ours(
        "impression_count", "like_count", "retweet_count", "repost_count", "reply_count",
        "quote_count", "bookmark_count",
    ),
    "non_public_metrics": ours("engagements", "url_link_clicks", "user_profile_clicks"),
}  # fmt: skip
"""Our name of each member of a Post's metrics. Impressions are the public ones for every Post,
because the private ones exist for 30 days only. ``repost_count`` is the word of 2.167."""
PRIVATE = frozenset(LOOKUP_FIELDS["non_public_metrics"].values())

ANALYTICS_FIELDS = ours(
    "impressions", "engagements", "likes", "retweets", "replies", "quote_tweets", "media_views",
    "url_clicks", "hashtag_clicks", "detail_expands", "permalink_clicks", "app_install_attempts",
    "app_opens", "email_tweet", "follows", "user_profile_clicks", "bookmarks", "shares",
)  # fmt: skip
"""Our name of each metric of ``tweets/analytics`` (2.167)."""
OLD_ANALYTICS_FIELDS = ours("link_clicks", "media_engagements", "profile_visits")
"""Names of 2.166 that count where the present name is missing."""

_HEADERS = QuotaHeaders("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
WINDOW = timedelta(minutes=15)
APP = Bucket("v2", "app", "app", WINDOW, _HEADERS, by_endpoint=True)
USER = Bucket("v2", "user", "user", WINDOW, _HEADERS, by_endpoint=True)
"""Each endpoint has a quota for the app and one for each user. The headers tell the one that the
request counts in, and can differ from the published table."""
LIMITS = {
    PATH_LOOKUP: (3500, 5000),
    PATH_POST: (450, 900),
    PATH_TIMELINE: (10_000, 900),
    PATH_ANALYTICS: (300, 300),
    PATH_ME: (75, 75),
}
"""Published requests per window: for the app with a bearer token, and for a user. Those of the
last one are assumed."""

TOTALS = Endpoint(
    "totals",
    PATH_LOOKUP,
    max_ids=MAX_LOOKUP,
    span="life",
    metrics=tuple(
        name
        for name in ANALYTICS_FIELDS.values()
        if name in PRIVATE | {*LOOKUP_FIELDS["public_metrics"].values()}
    ),
    public=frozenset(LOOKUP_FIELDS["public_metrics"].values()),
    rules=(
        Rule(Reason.OLDER_THAN_30_DAYS, PRIVATE, PRIVATE_FOR, tolerated=False),
        Rule(Reason.NEEDS_OWNER, PRIVATE),
        Rule(Reason.NO_LINK, frozenset({"url_clicks"})),
    ),
    buckets=("user", "app"),
)
"""Post lookup with private fields. It has no detail expands, hashtag clicks, permalink clicks and
follows."""
HISTORICAL = Endpoint(
    "historical",
    PATH_ANALYTICS,
    max_ids=100,
    span="period",
    metrics=tuple(ANALYTICS_FIELDS.values()),
    steps=("day", "hour"),
    # Not published. Shorter periods only cost more requests, which have no price.
    length=timedelta(days=28),
    buckets=("user",),
)
"""Post analytics, for Enterprise contracts. How far back it reaches is not published."""


@dataclass(frozen=True)
class Prices:
    """What a read costs, in US dollars.

    Parameters
    ----------
    post
        Each Post returned, if it is not an owned read.
    owned
        Each Post of the timeline of the user who owns the app.
    user
        Each user returned, by expansion or look-up.
    cap
        Posts per month that can be read.
    read_on
        When the vendor's page was read.
    source
        That page.
    """

    post: float = 0.005
    owned: float = 0.001
    user: float = 0.010
    cap: int = 3_000_000
    read_on: date = date(2026, 11, 1)
    source: str = "docs.x.com, X API pricing"


PRICES = Prices()
"""Pay-per-use. The same Post is billed once per UTC day (a "soft guarantee"). A lookup by id of
one's own Post costs the full price."""

RENAMED = r"\[tweet\.fields\] is not one of"
_REFUSALS = (
    Refusal(
        "renamed", RENAMED, (400,), ServerTroubleError,
        "The API has renamed tweet.fields to post.fields.",
        "Try again: the next request has the new name.",
    ),
    Refusal(
        "monthly cap", r"usage-?cap", (429,), SpendingError,
        "The app has read as many Posts as it may this month.",
        "Wait for the next month, or raise the cap in the console. Waiting 15 minutes does not"
        " help.",
    ),
    Refusal(
        "rate limit", "", (429,), RateLimitedError,
        "The quota of these 15 minutes is spent.",
        "Wait for the next window; if this comes often, something else spends the same quota.",
    ),
    Refusal(
        "no credits", "", (402,), SpendingError,
        "The app's credits are spent.",
        f"Buy credits in the console (${PRICES.post} a Post on {PRICES.read_on}), or choose fewer"
        " Posts.",
    ),
    Refusal(
        "spend cap", r"spend-?cap", (403,), SpendingError,
        "The spending limit of the account is reached.",
        "Raise the limit in the console, or wait for the next billing period.",
    ),
    Refusal(
        "tier", r"client-not-enrolled|client-forbidden|appropriate level of api access", (403,),
        NoAccessError,
        "The app's plan does not include this endpoint.",
        "Post analytics is sold with Enterprise contracts (pages read in 2026-11). Ask totals for"
        " figures since posting, or keep daily snapshots. If the app has a contract, check that it"
        " is in a project.",
    ),
    Refusal(
        "wrong kind of token", r"unsupported-authentication", (403,), UnauthenticatedError,
        "This endpoint needs a user's tokens, not a bearer token.",
        "Sign in as the owner of the Posts: engagement-nb auth login --v2.",
    ),
    Refusal(
        "app permissions", r"oauth1-permissions", (403,), NoAccessError,
        "The app lacks the permission for this endpoint with OAuth 1.0a.",
        "Set the app's permissions to read in the console, then sign in again.",
    ),
    Refusal(
        "not authenticated", "", (401,), UnauthenticatedError,
        "The API does not accept this token: it is wrong, expired or revoked.",
        "Sign in again: engagement-nb auth login --v2.",
    ),
    Refusal(
        "no access", "", (403,), NoAccessError,
        "The API forbids this request.",
        "See the API's own words, and check the app's plan and permissions in the console.",
    ),
    *refusals_of_http(ENV_V2_URL),
)  # fmt: skip

V2 = Api(
    name="v2",
    title="X API v2",
    endpoints={endpoint.name: endpoint for endpoint in (TOTALS, HISTORICAL)},
    buckets=(USER, APP),
    refusals=_REFUSALS,
    bills_reads=True,
    oauth2=OAuth2(
        host=LIVE_URL,
        variable=ENV_V2_URL,
        page="https://x.com/i/oauth2/authorize",
        page_path=PATH_AUTHORIZE,
        token_path=PATH_TOKEN,
        user_path=PATH_ME,
        scopes=SCOPES,
        exchange={"grant_type": GRANT_EXCHANGE, "subject_token_type": OAUTH1_TOKEN_TYPE},
        command="engagement-nb auth login --v2",
    ),
)
"""X API v2."""
CLIENT_VARIABLES = {
    "client_id": "TWITTER_CLIENT_ID",
    "client_secret": "TWITTER_CLIENT_SECRET",
}
"""The environment variables of an app's keys for OAuth 2.0."""
