"""The headers of a response about the quota."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from engagement_nb.apis.engagement import MINUTE, SECOND

_LARGEST_COUNT = 1_000_000
"""A larger limit is impossible. Ignoring it is safe, because the next response has one, too."""


@dataclass(frozen=True)
class QuotaHeaders:
    """What one response says about the quota.

    Parameters
    ----------
    status
        HTTP status; 0 if there was no response.
    limit, remaining
        Requests per minute; None if missing.
    second_limit, second_remaining
        Requests per second; None if missing.
    wait
        Seconds until the quota resets; None if missing.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    second_limit: int | None = None
    second_remaining: int | None = None
    wait: float | None = None


def read_headers(headers: Mapping[str, str], status: int, now: float) -> QuotaHeaders:
    """Read the headers about the quota; invalid values count as missing.

    Parameters
    ----------
    headers
        Headers of the response, with names in lower case (or a mapping that ignores case).
    status
        HTTP status; 0 if there was no response.
    now
        Seconds since the epoch, by this machine's clock.
    """
    limit, remaining = (_count(headers.get(name)) for name in MINUTE.headers[:2])
    second_limit, second_remaining = (_count(headers.get(name)) for name in SECOND.headers[:2])
    if limit and second_limit and second_limit >= limit:
        # A second that allows the limit of the whole minute is no limit. Its remaining count is
        # then the minute's, and would look like requests of other clients within that second.
        second_limit = None
    return QuotaHeaders(
        status=status,
        limit=limit or None,
        remaining=remaining,
        second_limit=second_limit or None,
        second_remaining=second_remaining,
        wait=_wait(headers, now, in_second=second_remaining == 0 and bool(remaining)),
    )


def server_time(headers: Mapping[str, str]) -> float | None:
    """Read the API's clock from the Date header: whole seconds since the epoch."""
    try:
        return parsedate_to_datetime(headers.get("date") or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _wait(headers: Mapping[str, str], now: float, *, in_second: bool) -> float | None:
    # A reset is a time of the API's clock, so the API's own Date is subtracted if there is one.
    server_now = server_time(headers)
    server_now = now if server_now is None else server_now
    retry_after = headers.get("retry-after")
    if retry_after:
        seconds = _number(retry_after)
        if seconds is None:
            until = server_time({"date": retry_after})
            seconds = None if until is None else until - server_now
        if seconds is not None and seconds >= 0:
            return seconds
    reset = _number(headers.get((SECOND.headers if in_second else MINUTE.headers)[2]))
    if reset is None or reset <= server_now:
        return None
    return reset - server_now


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and 0 <= number <= _LARGEST_COUNT else None
