"""What the headers of a response say about its quotas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from engagement_nb.apis.contract import Bucket

LARGEST_COUNT = 1_000_000
"""A larger limit is impossible. Ignoring it is safe, because the next response has one, too."""
LONGEST_RESET = 86_400.0 + 600.0
"""Seconds; quotas of a day exist. A later reset is a misread header and is ignored."""


@dataclass(frozen=True)
class Told:
    """What one response says about one quota.

    Parameters
    ----------
    limit, remaining
        Requests per window; None if missing.
    reset
        Seconds from now until the quota is full again; None if missing or past.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


def read_headers(headers: Mapping[str, str], buckets: Sequence[Bucket], now: float) -> list[Told]:
    """Read what a response says about each bucket; invalid values count as missing.

    Parameters
    ----------
    headers
        Headers of the response, with names in lower case (or a mapping that ignores case).
    buckets
        The buckets of its request, the widest first.
    now
        Seconds since the epoch, by this machine's clock.
    """
    # A reset is a time of the API's clock, so the API's own Date is subtracted if there is one.
    there = server_time(headers)
    there = now if there is None else there
    read: list[Told] = []
    for bucket in buckets:
        limit = _count(headers.get(bucket.headers.limit))
        told = Told(
            limit or None,
            _count(headers.get(bucket.headers.remaining)),
            _until(_number(headers.get(bucket.headers.reset)), there),
        )
        if limit and any(wider.limit and wider.limit <= limit for wider in read):
            # A second that allows the limit of the whole minute is no limit. Its remaining count
            # is then the minute's, and would look like requests of other clients.
            told = replace(told, limit=None)
        read.append(told)
    return read


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read the seconds of Retry-After, a number or a date; None if it is missing or invalid."""
    text = headers.get("retry-after") or ""
    seconds = _number(text)
    if seconds is not None:
        return seconds if 0 <= seconds <= LONGEST_RESET else None
    there = server_time(headers)
    return _until(server_time({"date": text}), now if there is None else there)


def server_time(headers: Mapping[str, str]) -> float | None:
    """Read the API's clock from the Date header: whole seconds since the epoch."""
    try:
        return parsedate_to_datetime(headers.get("date") or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _until(moment: float | None, now: float) -> float | None:
    return moment - now if moment is not None and 0 < moment - now <= LONGEST_RESET else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and 0 <= number <= LARGEST_COUNT else None
