"""The body of a request, and a response read and checked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import httpx
import orjson

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.apis.engagement import (
    ENDPOINTS,
    ENGAGEMENT,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
    EndpointName,
)
from engagement_nb.apis.refusals import error_for
from engagement_nb.apis.times import as_utc, wire_time
from engagement_nb.client.credentials import Profile
from engagement_nb.client.credentials.secret import mask
from engagement_nb.client.cubes import DEPTH, MOST_DIGITS, Cube, read_cube
from engagement_nb.client.pacing import server_time
from engagement_nb.errors import ApiError, ServerTroubleError

GROUPING = "metrics"
"""Name of the only grouping in each request; no reserved key has this name."""

_MOST_TEXT = 100_000
"""Characters of the API's error texts; a refusal of 250 Tweets has about 20,000."""


@dataclass(frozen=True)
class Request:
    """One request.

    Parameters
    ----------
    endpoint
        "totals", "28hr" or "historical".
    tweet_ids
        At most 250 on totals, 25 on the others.
    metrics
        Wire names.
    by
        "day" or "hour" for a series, None for one figure per Tweet and metric.
    start, end
        Aware datetimes, for historical; ``end`` is exclusive. None for the past 4 weeks.
    auth
        "user" to sign with the user's tokens, "app" for the bearer token.
    profile
        Profile whose tokens are used.
    """

    endpoint: EndpointName
    tweet_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    profile: Profile
    by: By | None = None
    start: datetime | None = None
    end: datetime | None = None
    auth: Literal["user", "app"] = "user"

    @property
    def url(self) -> str:
        """Address of the endpoint."""
        return self.profile.hosts.api + ENDPOINTS[self.endpoint].path

    @property
    def window(self) -> Window | None:
        """The period; None if there is none."""
        return Window(self.start, self.end) if self.start and self.end else None

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        group_by = ["tweet.id", "engagement.type"]
        if self.by is not None:
            group_by.append("engagement.day")
        if self.by == "hour":
            group_by.append("engagement.hour")
        body: dict[str, Any] = {
            "tweet_ids": list(self.tweet_ids),
            "engagement_types": list(self.metrics),
            "groupings": {GROUPING: {"group_by": group_by}},
        }
        if self.start is not None:
            body["start"] = wire_time(self.start)
        if self.end is not None:
            body["end"] = wire_time(self.end)
        return body


@dataclass(frozen=True)
class Response:
    """The data of one response.

    Parameters
    ----------
    request
        The request.
    raw
        The body, decoded.
    counts
        The counts of a regular response as a cube, of any other as `groups`.
    start, end
        The window that the response names; None on totals.
    unavailable, unsupported_impressions, unsupported_video
        Tweet ids that the response lists as such.
    texts
        The ``errors`` beside the data.
    read_at
        When the response arrived, UTC.
    """

    request: Request
    raw: bytes = field(repr=False)
    counts: Cube | dict[str, Any] = field(repr=False)
    start: datetime | None
    end: datetime | None
    unavailable: tuple[str, ...]
    unsupported_impressions: tuple[str, ...]
    unsupported_video: tuple[str, ...]
    texts: tuple[str, ...]
    read_at: datetime

    @cached_property
    def groups(self) -> dict[str, Any]:
        """Tweet id → metric → count (text or number); by day, → day → count; by hour deeper."""
        if isinstance(self.counts, Cube):
            groups: dict[str, Any] = orjson.loads(self.raw)[GROUPING]
            return groups
        return self.counts


def read_response(
    request: Request, response: httpx.Response, raw: bytes, read_at: datetime
) -> Response:
    """Read the data of a response.

    Parameters
    ----------
    request
        The request.
    response
        Status and headers.
    raw
        The body, decoded.
    read_at
        When it arrived, UTC.

    Raises
    ------
    ApiError
        One of its subclasses, if there is no data.
    """
    where = f"{request.endpoint}, profile {request.profile.name!r}"
    regular = None
    if response.is_success:
        regular = read_cube(raw, GROUPING, request.metrics, request.by)
    document, counts = regular or _read_any(raw)
    if response.is_success and not isinstance(document, dict):
        kind = "JSON" if document is None else "a JSON object"
        page = ", but a web page" if raw.lstrip()[:1] == b"<" else ""
        raise ServerTroubleError(
            f"{where}: the API's response is not {kind}{page} (status {response.status_code}).",
            advice="Try again later. If this continues, check for a proxy or a sign-in page"
            " between here and the API.",
            status=response.status_code,
        )
    if not isinstance(document, dict):
        document = {}
    texts = _texts(document.get("errors"))
    if not response.is_success or not isinstance(counts, Cube | dict):
        raise _refusal(request, response, texts, where)
    if isinstance(counts, dict) and not _counts_everywhere(counts, DEPTH[request.by] + 1):
        raise ServerTroubleError(
            f"{where}: the API's response is not as documented: {GROUPING!r} must contain whole"
            " numbers by Tweet, metric, and day and hour if requested.",
            advice="Try again later. If this continues, look at the API's status page.",
            status=response.status_code,
        )
    return Response(
        request=request,
        raw=raw,
        counts=counts,
        start=_read_time(document.get("start")),
        end=_read_time(document.get("end")),
        unavailable=_ids(document.get(UNAVAILABLE)),
        unsupported_impressions=_ids(document.get(UNSUPPORTED_IMPRESSIONS)),
        unsupported_video=_ids(document.get(UNSUPPORTED_VIDEO)),
        texts=texts,
        read_at=read_at,
    )


def _read_any(raw: bytes) -> tuple[Any, Any]:
    """Parse a response into its document and groups; each is None if it is missing."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None, None
    return document, document.get(GROUPING) if isinstance(document, dict) else None


def _counts_everywhere(tree: object, depth: int) -> bool:
    """Whether a tree has this depth, and all of its leaves are counts."""
    if depth:
        return isinstance(tree, dict) and all(
            _counts_everywhere(branch, depth - 1) for branch in tree.values()
        )
    if isinstance(tree, str):
        return tree.isascii() and tree.isdigit() and len(tree) <= MOST_DIGITS
    return isinstance(tree, int) and not isinstance(tree, bool) and 0 <= tree < 10**MOST_DIGITS


def _refusal(
    request: Request, response: httpx.Response, texts: tuple[str, ...], where: str
) -> ApiError:
    there = server_time(response.headers)
    off = None if there is None else timedelta(seconds=time.time() - there)
    if response.is_redirect:
        target = response.headers.get("location", "")
        host = httpx.URL(target).host if target.startswith("http") else ""
        texts = (f"redirect to {host or 'another address'}",)
    return error_for(
        ENGAGEMENT,
        response.status_code,
        texts,
        where=where,
        tweet_ids=request.tweet_ids,
        clock_off=off,
    )


def _texts(errors: object) -> tuple[str, ...]:
    """Read ``errors``: an array of texts by the documents, but other forms are accepted."""
    if isinstance(errors, str):
        errors = [errors]
    if not isinstance(errors, list):
        return ()
    texts, length = [], 0
    for error in errors:
        text = str(error.get("message", error) if isinstance(error, dict) else error)
        length += len(text) + 1
        if length > _MOST_TEXT:
            break
        texts.append(text.replace("\0", " "))
    # All texts at once, because each search looks up the secrets.
    return tuple(mask("\0".join(texts)).split("\0")) if texts else ()


def _ids(listed: object) -> tuple[str, ...]:
    return tuple(str(item).strip() for item in listed) if isinstance(listed, list) else ()


def _read_time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return as_utc(text)
    except (ValueError, OverflowError):
        return None
