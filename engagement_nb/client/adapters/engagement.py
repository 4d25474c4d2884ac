"""The adapter of the Engagement API: the body of a request, and a response read and checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from engagement_nb.apis.engagement import (
    ENGAGEMENT,
    METRIC_ALIASES,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
)
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import as_utc, wire_time
from engagement_nb.client.adapters import Call, json_object, refusal_of, shown, unreadable
from engagement_nb.client.cubes import DEPTH, MOST_DIGITS, Cube, read_cube
from engagement_nb.client.request import Request, Response

GROUPING = "metrics"
"""Name of the only grouping in each request; no reserved key has this name."""

_JSON = {"Content-Type": "application/json"}


class EngagementAdapter:
    """Builds the requests of the Engagement API and reads its responses."""

    api = ENGAGEMENT

    def call(self, request: Request) -> Call:
        """Build the call of a request: see `engagement_nb.client.adapters.Adapter`."""
        path = self.api.endpoint(request.endpoint).path
        return Call("POST", path, content=orjson.dumps(body_of(request)), headers=_JSON)

    def read(self, request: Request, raw: bytes, read_at: datetime) -> Response:
        """Read the figures of a response: see `engagement_nb.client.adapters.Adapter`."""
        regular = read_cube(raw, GROUPING, request.metrics, request.by)
        document = regular[0] if regular else json_object(raw)
        if document is None:
            page = ", but a web page" if raw.lstrip()[:1] == b"<" else ""
            raise unreadable(request, f"not a JSON object{page}")
        counts = regular[1] if regular else document.get(GROUPING)
        texts = _texts(document.get("errors"))
        if not isinstance(counts, Cube | dict):
            raise refusal_of(self.api, request, 200, texts)
        if isinstance(counts, dict) and not _counts_everywhere(counts, DEPTH[request.by] + 1):
            raise unreadable(
                request,
                f"not as documented: {GROUPING!r} must contain whole numbers by Tweet, metric, and"
                " day and hour if requested",
            )
        return Response(
            request=request,
            raw=raw,
            counts=counts if isinstance(counts, Cube) else _present_names(counts),
            read_at=read_at,
            start=_read_time(document.get("start")),
            end=_read_time(document.get("end")),
            unavailable=_ids(document.get(UNAVAILABLE)),
            unsupported={
                Reason.OLDER_THAN_90_DAYS: _ids(document.get(UNSUPPORTED_IMPRESSIONS)),
                Reason.OLDER_THAN_1800_DAYS: _ids(document.get(UNSUPPORTED_VIDEO)),
            },
            texts=texts,
            grouping=GROUPING,
        )

    def texts(self, raw: bytes) -> tuple[str, ...]:
        """The API's own words in a response without figures."""
        return _texts((json_object(raw) or {}).get("errors"))


def body_of(request: Request) -> dict[str, Any]:
    """The JSON body of a request."""
    group_by = ["tweet.id", "engagement.type"]
    if request.by is not None:
        group_by.append("engagement.day")
    if request.by == "hour":
        group_by.append("engagement.hour")
    body: dict[str, Any] = {
        "tweet_ids": list(request.tweet_ids),
        "engagement_types": list(request.metrics),
        "groupings": {GROUPING: {"group_by": group_by}},
    }
    if request.start is not None:
        body["start"] = wire_time(request.start)
    if request.end is not None:
        body["end"] = wire_time(request.end)
    return body


def _present_names(groups: dict[str, Any]) -> dict[str, Any]:
    """Groups with the present names of metrics; old ones count where the present one lacks."""
    old = METRIC_ALIASES
    return {
        tweet_id.strip(): {
            old.get(name, name): counts
            for name, counts in values.items()
            if name not in old or old[name] not in values
        }
        for tweet_id, values in groups.items()
    }


def _counts_everywhere(tree: object, depth: int) -> bool:
    """Whether a tree has this depth, and all of its leaves are counts."""
    if depth:
        return isinstance(tree, dict) and all(
            _counts_everywhere(branch, depth - 1) for branch in tree.values()
        )
    if isinstance(tree, str):
        return tree.isascii() and tree.isdigit() and len(tree) <= MOST_DIGITS
    return isinstance(tree, int) and not isinstance(tree, bool) and 0 <= tree < 10**MOST_DIGITS


def _texts(errors: object) -> tuple[str, ...]:
    """Read ``errors``: an array of texts by the documents, but other forms are accepted."""
    if isinstance(errors, str):
        errors = [errors]
    if not isinstance(errors, list):
        return ()
    return shown(
        str(error.get("message", error) if isinstance(error, dict) else error) for error in errors
    )


def _ids(listed: object) -> tuple[str, ...]:
    listed = listed if isinstance(listed, list) else []
    return tuple(dict.fromkeys(str(item).strip() for item in listed))


def _read_time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return as_utc(text)
    except (ValueError, OverflowError):
        return None
