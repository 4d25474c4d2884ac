"""The body of a request for metrics, read and checked as the API does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from engagement_nb.apis.contract import Endpoint
from engagement_nb.apis.engagement import (
    FIRST_MOMENT,
    FOUR_LEVEL_GROUPINGS,
    MAX_GROUPINGS,
    MAX_WINDOW,
    METRIC_ALIASES,
    METRICS,
    RECENT_WINDOW,
)
from engagement_nb.apis.times import as_utc, full_hour, next_full_hour
from engagement_nb.sandbox.messages import RefusedError, shown
from engagement_nb.sandbox.settings import Settings

KNOWN_KEYS = {"tweet_ids", "engagement_types", "groupings", "start", "end"}
_MIX = 0x9E3779B97F4A7C15
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Body:
    """A valid request body.

    Parameters
    ----------
    ids
        Tweet ids, each once, in the order of the response.
    metrics
        By the name that the client sent: the present name of the metric.
    groupings
        By the name that the client sent: the items of ``group_by``.
    start, end
        The window in whole hours, UTC; None where figures cover all time.
    echoed_end
        The end as the response echoes it.
    """

    endpoint: Endpoint
    ids: tuple[int, ...]
    metrics: dict[str, str]
    groupings: dict[str, tuple[str, ...]]
    start: datetime | None
    end: datetime | None
    echoed_end: datetime | None


def read_body(endpoint: Endpoint, raw: bytes, settings: Settings, now: datetime) -> Body:
    """Read and check a request's body.

    Raises
    ------
    RefusedError
        With status 400, or the status of the settings for metrics that are not given.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RefusedError(400, "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The request body must be a JSON object.")
    unknown = sorted(set(body) - KNOWN_KEYS)
    if unknown and settings.unknown_keys == "refused":
        raise RefusedError(400, f"Unknown parameters: {', '.join(unknown)[:200]}")
    ids = _ids(body.get("tweet_ids"), endpoint, settings)
    metrics = _metrics(body.get("engagement_types"), endpoint, settings)
    groupings = _groupings(body.get("groupings"), endpoint, settings)
    window = _window(body, endpoint, settings, now)
    if settings.order == "by text":
        ids, metrics = tuple(sorted(ids, key=str)), dict(sorted(metrics.items()))
    elif settings.order == "mixed":
        ids = tuple(sorted(ids, key=lambda number: number * _MIX % 2**64))
    return Body(endpoint, ids, metrics, groupings, *window)


def _ids(value: Any, endpoint: Endpoint, settings: Settings) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise RefusedError(400, "tweet_ids must be a non-empty array of Tweet IDs.")
    if len(value) > endpoint.max_ids:
        raise RefusedError(
            400, f"The number of Tweet IDs must not exceed {endpoint.max_ids} per request."
        )
    return tuple(dict.fromkeys(_id(item, settings) for item in value))


def _id(item: Any, settings: Settings) -> int:
    number = item if type(item) is int and settings.lenient_ids else None
    if isinstance(item, str):
        text = item.strip() if settings.lenient_ids else item
        digits = text.isascii() and text.isdigit() and len(text) <= 19
        number = int(text) if digits else None
    if number is None or not 0 < number < 2**63:
        raise RefusedError(400, f"Invalid Tweet ID: {shown(item)}")
    return number


def _metrics(value: Any, endpoint: Endpoint, settings: Settings) -> dict[str, str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise RefusedError(400, "engagement_types must be a non-empty array of metric names.")
    metrics = {name: str(METRIC_ALIASES.get(name, name)) for name in value}
    unknown = [shown(name) for name, metric in metrics.items() if metric not in METRICS]
    if unknown:
        raise RefusedError(400, f"Unknown engagement types: {', '.join(unknown)}")
    forbidden = [name for name, metric in metrics.items() if metric not in endpoint.metrics]
    if forbidden:
        raise forbidden_metrics(forbidden, settings)
    return metrics


def forbidden_metrics(names: list[str], settings: Settings) -> RefusedError:
    """Refuse metrics that the endpoint or the tokens do not give."""
    return RefusedError(
        settings.forbidden_metrics_status, f"Forbidden to access metrics: {', '.join(names)}"
    )


def _groupings(value: Any, endpoint: Endpoint, settings: Settings) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise RefusedError(400, "groupings must be an object of one to three groupings.")
    if len(value) > MAX_GROUPINGS:
        raise RefusedError(400, f"No more than {MAX_GROUPINGS} groupings are allowed per request.")
    groupings = {name: _group_by(name, spec, settings) for name, spec in value.items()}
    wrong = [
        item
        for items in groupings.values()
        for item in dict.fromkeys(items)
        if item not in endpoint.group_by or (len(items) == 4 and items not in FOUR_LEVEL_GROUPINGS)
    ]
    four_levels = [items for items in groupings.values() if len(items) == 4]
    twice = [items for items in groupings.values() if len(set(items)) < len(items)]
    if wrong or twice:
        listed = ", ".join(dict.fromkeys(map(shown, wrong or twice[0])))
        raise RefusedError(
            400,
            "One or more of the groupBys you have specified are not supported: "
            f"({listed}). Please adjust your request and try again.",
        )
    if len(four_levels) > 1:
        raise RefusedError(400, "Only one grouping with four group_by values is allowed.")
    return groupings


def _group_by(name: str, spec: Any, settings: Settings) -> tuple[str, ...]:
    items = spec.get("group_by") if isinstance(spec, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(i, str) for i in items):
        raise RefusedError(400, f"Grouping {shown(name)} must have a non-empty group_by array.")
    if settings.unknown_keys == "refused" and len(spec) > 1:
        raise RefusedError(400, f"Grouping {shown(name)} has unknown parameters.")
    if settings.lenient_ids:
        return tuple("tweet.id" if item == "Tweet.id" else item for item in items)
    return tuple(items)


def _window(
    body: dict[str, Any], endpoint: Endpoint, settings: Settings, now: datetime
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Give the first hour, the end of the last one, and the end as it is echoed."""
    if endpoint.of_life:
        return None, None, None
    end = next_full_hour(now)
    if not endpoint.takes_period:
        hours = timedelta(hours=settings.recent_hours)
        return max(full_hour(now - RECENT_WINDOW), end - hours), end, end
    as_asked = settings.echoed_end == "as asked"
    begin, finish = _moment(body.get("start"), "start"), _moment(body.get("end"), "end")
    echoed = finish
    if finish is None:
        finish = min(now, begin + MAX_WINDOW) if begin is not None else now
        echoed = finish.replace(second=0, microsecond=0)
    if begin is None:
        begin = finish - MAX_WINDOW
        begin = next_full_hour(begin) if as_asked else begin
    if finish > now or begin > now:
        raise RefusedError(400, "start and end must not be in the future.")
    start, end = full_hour(begin), next_full_hour(finish)
    if start >= end:
        raise RefusedError(400, "start must be before end.")
    if finish - begin > MAX_WINDOW:
        raise RefusedError(400, "The period between start and end must not exceed 4 weeks.")
    if start < FIRST_MOMENT:
        raise RefusedError(400, "start must not be before 2014-09-01.")
    days = settings.lookback_days
    if days is not None and start < full_hour(now).replace(hour=0) - timedelta(days=days):
        raise RefusedError(400, f"start must not be more than {days} days in the past.")
    return start, end, echoed if as_asked else end


def _moment(value: Any, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value.strip()):
            return as_utc(value.strip())
    except (ValueError, OverflowError):
        pass
    raise RefusedError(400, f"{name} must be an ISO 8601 date or time in UTC, not {shown(value)}.")
