"""The Engagement API's contract as data: metrics, endpoints, groupings, limits, ages.

Everything here comes from the API's published reference, guides and FAQ, or from recorded
responses. Nothing here fetches, waits or computes. The client and the sandbox both import this
module and share nothing else.

Names are wire names: the vendor's *Post* is a *Tweet* here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

EndpointName = Literal["totals", "28hr", "historical"]
By = Literal["day", "hour"]
MetricName = Literal[
    "impressions",
    "engagements",
    "favorites",
    "retweets",
    "replies",
    "video_views",
    "quote_tweets",
    "media_views",
    "media_engagements",
    "url_clicks",
    "hashtag_clicks",
    "detail_expands",
    "permalink_clicks",
    "app_install_attempts",
    "app_opens",
    "email_tweet",
    "user_follows",
    "user_profile_clicks",
]
"""Wire names, so that editors complete them: the keys of `METRICS`."""
Expected = Literal["counted", "not counted", "not said"]


@dataclass(frozen=True)
class Metric:
    """One metric of the API.

    Parameters
    ----------
    name
        Wire name, as sent in ``engagement_types``.
    label
        What a reader of a report calls it.
    on_totals, on_windows
        Whether ``totals``, and whether ``28hr`` and ``historical``, give it.
    needs_owner
        Whether ``totals`` gives it to the owner's tokens only. The windowed endpoints
        give everything to the owner only.
    expected
        What the documents say about its part in ``engagements``.
    """

    name: str
    label: str
    on_totals: bool
    on_windows: bool
    needs_owner: bool = True
    expected: Expected = "counted"


IMPRESSIONS_MAX_AGE = timedelta(days=90)
"""On totals only, for `AGE_LIMITED_ON_TOTALS`. The windowed endpoints have no such limit."""
AGE_LIMITED_ON_TOTALS = frozenset({"impressions", "engagements"})
VIDEO_VIEWS_MAX_AGE = timedelta(days=1800)
"""On all endpoints; for older Tweets the API still sends a "0"."""

_METRICS = (
    Metric("impressions", "impressions", True, True, expected="not counted"),
    Metric("engagements", "engagements", True, True),
    Metric("favorites", "likes", True, True, needs_owner=False),
    Metric("retweets", "reposts", True, True, needs_owner=False),
    Metric("replies", "replies", True, True, needs_owner=False),
    Metric("video_views", "video views", True, True, needs_owner=False,
           expected="not said"),
    Metric("quote_tweets", "quotes", True, False, needs_owner=False, expected="not said"),
    Metric("media_views", "media views", False, True, expected="not counted"),
    Metric("media_engagements", "media engagements", False, True),
    Metric("url_clicks", "URL clicks", False, True),
    Metric("hashtag_clicks", "hashtag clicks", False, True),
    Metric("detail_expands", "detail expands", False, True),
    Metric("permalink_clicks", "permalink clicks", False, True),
    Metric("app_install_attempts", "app install attempts", False, True),
    Metric("app_opens", "app opens", False, True),
    Metric("email_tweet", "shares by email", False, True),
    Metric("user_follows", "new follows", False, True),
    Metric("user_profile_clicks", "profile visits", False, True),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""All 18 metrics by wire name, in the order in which frames show them."""

METRIC_ALIASES = {"media_clicks": "media_engagements"}
"""Old wire names that the API was documented with (this one until 2017-10)."""

EXPORT_ONLY_METRICS = {
    "bookmarks": "bookmarks",
    "shares": "shares",
    "dial_phone": "phone calls",
}
"""Columns that export files have and the API does not: name in our frames, label."""

NO_CANDIDATES = frozenset({"impressions", "engagements"})
"""Never part of the sum that is compared with ``engagements``."""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: what it takes and what it gives."""

    name: EndpointName
    path: str
    max_ids: int
    group_by: tuple[str, ...]
    metrics: tuple[str, ...]
    own_only: bool


_SERIES = ("tweet.id", "engagement.type", "engagement.day", "engagement.hour")
_ON_TOTALS = tuple(metric.name for metric in _METRICS if metric.on_totals)
_ON_WINDOWS = tuple(metric.name for metric in _METRICS if metric.on_windows)
_ENDPOINTS = (
    Endpoint("totals", "/insights/engagement/totals", 250, _SERIES[:2], _ON_TOTALS, own_only=False),
    Endpoint("28hr", "/insights/engagement/28hr", 25, _SERIES, _ON_WINDOWS, own_only=True),
    Endpoint("historical", "/insights/engagement/historical", 25, _SERIES, _ON_WINDOWS,
             own_only=True),
)  # fmt: skip

ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ENDPOINTS}
"""All three endpoints by name."""

MAX_GROUPINGS = 3
FOUR_LEVEL_GROUPINGS = (
    _SERIES,
    ("engagement.type", "tweet.id", "engagement.day", "engagement.hour"),
)
"""The only accepted orders of four ``group_by`` items; one such grouping per request."""

RECENT_WINDOW = timedelta(hours=28)
MAX_WINDOW = timedelta(days=28)
MAX_LOOKBACK = timedelta(days=365)
"""Only newer pages state this; the sandbox has an option for it."""
FIRST_MOMENT = datetime(2014, 9, 1, tzinfo=UTC)
PUBLIC_COUNTS_KNOWN_FROM = datetime(2015, 9, 15, tzinfo=UTC)
"""Before this moment ``historical`` gives 0 for `ZERO_BEFORE_KNOWN`, which means not known."""
ZERO_BEFORE_KNOWN = frozenset({"favorites", "replies", "retweets"})
MEDIA_VIEWS_LEFT_ENGAGEMENTS = datetime(2017, 10, 9, tzinfo=UTC)

UNAVAILABLE = "unavailable_tweet_ids"
UNSUPPORTED_IMPRESSIONS = "unsupported_for_impressions_engagements_tweet_ids"
UNSUPPORTED_VIDEO = "unsupported_for_video_views_tweet_ids"
RESERVED_KEYS = frozenset(
    {"start", "end", "errors", UNAVAILABLE, UNSUPPORTED_IMPRESSIONS, UNSUPPORTED_VIDEO}
)
"""Keys that can stand beside the groupings of a response."""

MINUTE_HEADERS = ("x-per-minute-limit", "x-per-minute-remaining", "x-per-minute-reset")
SECOND_HEADERS = ("x-per-second-limit", "x-per-second-remaining", "x-per-second-reset")

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

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_SNOWFLAKE_ID = 29_700_859_247


def tweet_time(tweet_id: str | int) -> datetime | None:
    """When a Tweet was posted, read from its id.

    Parameters
    ----------
    tweet_id
        A Tweet id.

    Returns
    -------
    datetime or None
        UTC, to the millisecond; None for ids from before 2010-11-04, which carry no time.
    """
    number = int(tweet_id)
    if number < FIRST_SNOWFLAKE_ID:
        return None
    return _UNIX_EPOCH + timedelta(milliseconds=(number >> 22) + SNOWFLAKE_EPOCH_MS)


def snowflake(moment: datetime, low_bits: int = 0) -> int:
    """The Tweet id of a moment: the inverse of `tweet_time`.

    Parameters
    ----------
    moment
        An aware datetime.
    low_bits
        The 22 bits that distinguish Tweets of the same millisecond.
    """
    milliseconds = (moment - _UNIX_EPOCH) // timedelta(milliseconds=1)
    return ((milliseconds - SNOWFLAKE_EPOCH_MS) << 22) | low_bits


def wire_time(moment: datetime) -> str:
    """A moment as the API writes it, to the second in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_utc(value: datetime | str) -> datetime:
    """Convert a datetime, or ISO 8601 text, to UTC; without a zone it is UTC already.

    Raises
    ------
    ValueError, OverflowError
        The text is not an ISO 8601 time, or the time is out of range.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def label(name: str) -> str:
    """What a reader of a report calls a metric, for any column of a frame."""
    metric = METRICS.get(name)
    return metric.label if metric else EXPORT_ONLY_METRICS.get(name, name.replace("_", " "))
