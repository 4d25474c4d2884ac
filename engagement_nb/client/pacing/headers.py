"""What an answer's headers say about the quota."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from engagement_nb.client.pacing.ledger import Reading
from engagement_nb.vocabulary import (
    HEADER_LIMIT,
    HEADER_REMAINING,
    HEADER_RESET,
    HEADER_SECOND_LIMIT,
    HEADER_SECOND_REMAINING,
    HEADER_SECOND_RESET,
)


def read_headers(headers: Mapping[str, str], status: int, now: float) -> Reading:
    """What an answer's headers say about the quota; whatever cannot be read is not told.

    Parameters
    ----------
    headers
        Of the answer, under names in lower case (or any mapping that ignores case).
    status
        HTTP status; 0 where there was no answer.
    now
        Seconds since the epoch, by this machine's clock.
    """
    remaining = _count(headers.get(HEADER_REMAINING))
    second_remaining = _count(headers.get(HEADER_SECOND_REMAINING))
    return Reading(
        status=status,
        limit=_count(headers.get(HEADER_LIMIT)) or None,
        remaining=remaining,
        second_limit=_count(headers.get(HEADER_SECOND_LIMIT)) or None,
        second_remaining=second_remaining,
        wait=_wait(headers, now, in_second=second_remaining == 0 and bool(remaining)),
    )


def server_time(headers: Mapping[str, str]) -> float | None:
    """The API's clock, from the Date header: seconds since the epoch, whole."""
    try:
        return parsedate_to_datetime(headers.get("date") or "").timestamp()
    except (ValueError, TypeError):
        return None


def _wait(headers: Mapping[str, str], now: float, *, in_second: bool) -> float | None:
    # The API's own clock where it tells it: a reset is a time of that clock.
    there = server_time(headers)
    there = now if there is None else there
    told = headers.get("retry-after")
    if told:
        seconds = _number(told)
        if seconds is None:
            until = server_time({"date": told})
            seconds = None if until is None else until - there
        if seconds is not None and seconds >= 0:
            return seconds
    reset = _number(headers.get(HEADER_SECOND_RESET if in_second else HEADER_RESET))
    if reset is None or reset <= there:
        return None
    return reset - there


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number >= 0 else None
