"""The adapter of X API v2: Post lookup with private fields, and Post analytics.

Sources disagree on many forms, so each known form is read alike: the words of Tweets and of
Posts, and four forms of analytics. A member that is null or absent is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import as_utc, wire_time
from engagement_nb.apis.v2 import (
    ANALYTICS_FIELDS,
    LOOKUP_FIELDS,
    MAX_PAGE,
    OLD_ANALYTICS_FIELDS,
    PATH_TIMELINE,
    PRIVATE,
    RENAMED,
    TOTALS,
    V2,
    WORDS_OF_POSTS,
)
from engagement_nb.client.adapters import Call, json_object, refusal_of, shown, unreadable
from engagement_nb.client.cubes import MOST_DIGITS
from engagement_nb.client.request import Request, Response

GRANULARITY = {None: "total", "day": "daily", "hour": "hourly"}
_GONE = frozenset({"resource-not-found", "not-authorized-for-resource", "resource-unavailable"})
_LONGEST_TOKEN = 2_000
"""Of a page. It goes into the next request's address."""
_OF_SERIES = ("id", "timestamp", "timestamped_metrics")


class V2Adapter:
    """Builds the requests of X API v2 and reads its responses."""

    api = V2
    _fields = "tweet.fields"
    """The parameter's name; the other is taken once the API knows only that."""

    def call(self, request: Request) -> Call:
        """Build the call of a request: see `engagement_nb.client.adapters.Adapter`."""
        endpoint = self.api.endpoint(request.endpoint)
        query = {"ids": ",".join(request.tweet_ids)}
        if endpoint.takes_period:
            fields = [f for f, name in ANALYTICS_FIELDS.items() if name in request.metrics]
            query |= {
                "granularity": GRANULARITY[request.by],
                "analytics.fields": ",".join([*_OF_SERIES, *fields]),
            }
            if request.start is not None and request.end is not None:
                # Times with milliseconds are refused.
                query["start_time"] = wire_time(request.start)
                query["end_time"] = wire_time(request.end)
        else:
            query[self._fields] = lookup_fields(request.metrics)
        return Call("GET", endpoint.path, query=query)

    def read(self, request: Request, raw: bytes, read_at: datetime) -> Response:
        """Read the figures of a response: see `engagement_nb.client.adapters.Adapter`."""
        document = json_object(raw)
        if document is None:
            raise unreadable(request, "not a JSON object")
        posts = [*_posts(document.get("data"))]
        problems = _dicts(document.get("errors"))
        of_period = self.api.endpoint(request.endpoint).takes_period
        try:
            read = _analytics if of_period else _lookup
            counts = {tweet_id: read(post, request) for tweet_id, post in posts}
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise unreadable(request, f"not as documented: {type(error).__name__}") from None
        gone, closed = _of_problems(problems, {*request.tweet_ids})
        texts = _texts(problems)
        # A page of a timeline may have no Posts.
        paged = isinstance(document.get("meta"), dict)
        if not (counts or gone or closed or paged):
            raise refusal_of(self.api, request, 200, texts)
        unsupported: dict[Reason, tuple[str, ...]] = {}
        if not of_period:
            unsupported = _without_private(dict(posts), closed, request)
        return Response(
            request=request,
            raw=raw,
            counts=counts,
            read_at=read_at,
            unavailable=tuple(gone - counts.keys()),
            unsupported=unsupported,
            forbidden=tuple(closed - counts.keys()),
            texts=texts,
        )

    def texts(self, raw: bytes) -> tuple[str, ...]:
        """The API's own words in a response without figures, with the kind of the problem."""
        document = json_object(raw)
        if document is None:
            return ()
        texts = _texts([document, *_dicts(document.get("errors"))])
        if any(re.search(RENAMED, text) for text in texts):
            self._fields = WORDS_OF_POSTS["tweet.fields"]
        return texts


class TimelineAdapter(V2Adapter):
    """Reads the timeline of a user page by page, each as a lookup of its Posts would be.

    Reposts are left out, because they belong to others.

    Parameters
    ----------
    user_id
        The user.
    start
        Only Posts from this moment on.

    Attributes
    ----------
    token
        Of the next page; empty before the first page and after the last.
    """

    def __init__(self, user_id: str, start: datetime | None = None) -> None:
        self._path = PATH_TIMELINE.format(user_id)
        self._start = start
        self.token = ""

    def call(self, request: Request) -> Call:
        """Build the call of the next page; the request's Tweets do not matter."""
        query = {
            "max_results": str(MAX_PAGE),
            "exclude": "retweets",
            self._fields: lookup_fields(request.metrics),
        }
        if self._start is not None:
            query["start_time"] = wire_time(self._start)
        if self.token:
            query["pagination_token"] = self.token
        return Call("GET", self._path, query=query)

    def read(self, request: Request, raw: bytes, read_at: datetime) -> Response:
        """Read a page; the response's request names its Posts. An empty page has no counts."""
        document = json_object(raw) or {}
        ids = tuple(tweet_id for tweet_id, _ in _posts(document.get("data")))
        looked_up = replace(request, endpoint=TOTALS.name, tweet_ids=ids)
        response = super().read(looked_up, raw, read_at)
        meta = document.get("meta")
        token = meta.get("next_token") if isinstance(meta, dict) else None
        if isinstance(token, str) and len(token) > _LONGEST_TOKEN:
            raise unreadable(request, f"its next_token has {len(token):,} characters")
        self.token = token if isinstance(token, str) else ""
        return response


def lookup_fields(metrics: tuple[str, ...]) -> str:
    """The fields that have these metrics. A member of them cannot be asked for alone."""
    members = [name for name, ours in LOOKUP_FIELDS.items() if {*ours.values()} & {*metrics}]
    return ",".join(["created_at", *members])


def _dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none if it is something else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _posts(data: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Post of a response by its id; the earliest page of analytics has one object."""
    for post in [data] if isinstance(data, dict) else _dicts(data):
        if isinstance(post.get("id"), str | int):
            yield str(post["id"]).strip(), post


def _count(value: object) -> int | None:
    """A count; None if it is not known. Recorded ones are numbers, or texts of digits."""
    if value is None:
        return None
    digits = str(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
        raise ValueError("not a count")
    return int(digits)


def _named(metrics: object, names: Mapping[str, str]) -> dict[str, int]:
    """The known counts of an object, by our names; the first of two names for one counts."""
    counts: dict[str, int] = {}
    members = metrics if isinstance(metrics, dict) else {}
    for field, name in names.items():
        count = _count(members.get(field))
        if count is not None:
            counts.setdefault(name, count)
    return counts


def _lookup(post: Mapping[str, Any], request: Request) -> dict[str, int]:
    counts: dict[str, int] = {}
    for member, names in LOOKUP_FIELDS.items():
        counts |= _named(post.get(member), names)
    return {name: count for name, count in counts.items() if name in request.metrics}


def _analytics(post: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The figures of one Post, nested as in the Engagement API: metric, then day, then hour."""
    names = {**ANALYTICS_FIELDS, **OLD_ANALYTICS_FIELDS}
    buckets = [
        (bucket.get("timestamp"), _named(bucket.get("metrics"), names))
        for bucket in _dicts(post.get("timestamped_metrics"))
    ]
    whole = _named(post, names)
    if request.by is None or request.window is None:
        counts = whole or (buckets[0][1] if buckets else {})
        return {name: count for name, count in counts.items() if name in request.metrics}
    if not buckets and whole and post.get("timestamp"):
        buckets = [(post["timestamp"], whole)]
    told = {as_utc(str(stamp)): counts for stamp, counts in buckets}
    names_told = {name for counts in told.values() for name in counts} & {*request.metrics}
    series: dict[str, Any] = {}
    step = "D" if request.by == "day" else "h"
    start, end = (pd.Timestamp(moment).tz_convert("UTC") for moment in request.window)
    for begun in pd.date_range(start.floor(step), end, freq=step, inclusive="left"):
        for name in names_told:
            # Whether zeros are listed is not documented, so what is left out is not known.
            count = told.get(begun, {}).get(name)
            if request.by == "day":
                series.setdefault(name, {})[f"{begun:%Y-%m-%d}"] = count
            else:
                hours = series.setdefault(name, {}).setdefault(f"{begun:%Y-%m-%d}", {})
                hours[f"{begun:%H}"] = count
    return series


def _kind(problem: Mapping[str, Any]) -> str:
    """The last part of a problem's type: hosts differ."""
    return str(problem.get("type") or "").rstrip("/").rpartition("/")[2]


def _of_problems(
    problems: Iterable[Mapping[str, Any]], asked: set[str]
) -> tuple[set[str], set[str]]:
    """The requested Tweets that are unavailable, and those with fields for their owner only."""
    gone: set[str] = set()
    closed: set[str] = set()
    for problem in problems:
        if problem.get("section") == "includes":
            continue
        named = problem.get("resource_id") or problem.get("value")
        if (tweet_id := str(named).strip()) in asked:
            if _kind(problem) in _GONE:
                gone.add(tweet_id)
            elif _kind(problem) == "not-authorized-for-field":
                closed.add(tweet_id)
    return gone, closed


def _without_private(
    posts: Mapping[str, Mapping[str, Any]], closed: set[str], request: Request
) -> dict[Reason, tuple[str, ...]]:
    """Posts that lack private figures: those of others, and for URL clicks those without a link.

    A Post of one's own has ``url_link_clicks`` only if it has a link.
    """
    if not PRIVATE & {*request.metrics}:
        return {}
    others, no_link = [], []
    for tweet_id, post in posts.items():
        private = post.get("non_public_metrics")
        if tweet_id in closed:
            others.append(tweet_id)
        elif isinstance(private, dict) and private and "url_link_clicks" not in private:
            no_link.append(tweet_id)
    found = {Reason.NEEDS_OWNER: tuple(others), Reason.NO_LINK: tuple(no_link)}
    return {reason: ids for reason, ids in found.items() if ids}


def _texts(problems: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What problems say, each once, after its kind, which decides what it means."""
    said: dict[str, None] = {}
    for problem in problems:
        words = [_kind(problem), problem.get("reason"), problem.get("title")]
        words += [problem.get("detail") or problem.get("message")]
        text = ": ".join(str(word) for word in words if isinstance(word, str) and word)
        if text and text != "about:blank":
            said[text] = None
    return shown(said)
