"""Every choice that a sandbox can be started with, in one place.

Where the API's documents and recorded answers disagree, there is a switch here; its default
is the published reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

MAX_BODY_BYTES = 1_000_000


def system_clock() -> datetime:
    """Present moment, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """How one sandbox behaves.

    Parameters
    ----------
    seed, tweets, accounts
        The world. ``tweets`` is its size on 2026-10-01; it goes on growing by half of that a
        year.
    hidden
        False for a world in which engagements hide nothing.
    rates
        Factors on how often a metric or a hidden kind happens, by name: ``{"replies": 0.001}``
        makes replies a metric that is almost unused.
    skew_minutes
        Counters are read up to this many minutes apart.
    per_minute, per_second, window, window_seconds, shared
        The limit: requests a window of ``window_seconds``, "fixed" or "sliding", for all
        endpoints together or for each; and a second, optional, a second. None for no limit.
    reset_header
        Whether answers carry ``x-per-minute-reset``, which is seen but not published.
    hour_without_day
        "by day": grouped by day, then hour, as documented; "hour of day": summed over the
        days, as recorded.
    lookback_days
        How far back ``historical`` reaches; None for no limit but 2014-09-01.
    others
        Tweets of others refused with "403", or with "200" and ``errors`` but no groups.
    others_texts
        One text a request ("together") or one an author ("by author").
    totals_refuses_others
        Whether user tokens on ``totals`` are refused Tweets of others even for public metrics.
    forbidden_metrics_status, no_access_status
        Status for a metric not given (400 or 403); for an app without access (401 or 403).
    reasons
        "published": one text for every failed signature or token; "detailed": the real one.
    say_unavailable
        Whether the text about unavailable ids stands beside the list of them.
    bare_numbers
        Share of counts that come as numbers instead of strings.
    lenient_ids
        Whether ids may be numbers and have blanks around them, and ``Tweet.id`` be spelled so.
    unknown_keys
        Unknown keys of a request are "ignored" or "refused".
    latency
        Seconds that every answer waits.
    faults
        What `Faults.configure` takes: rates, script, paths.
    clock_skew
        Seconds by which the sandbox's clock is ahead when it judges OAuth timestamps.
    timestamp_tolerance
        Seconds that an OAuth timestamp may be off.
    clock
        The present moment (aware) of the world: what has been posted, what is old.
    auth_clock
        Seconds since the Unix epoch, for OAuth timestamps; clients sign with the real time.
    monotonic
        Seconds, for limits; by default `time.monotonic`.
    """

    seed: int = 1
    tweets: int = 20_000
    accounts: int = 3
    hidden: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    skew_minutes: float = 0.0
    per_minute: int | None = 600
    per_second: int | None = None
    window: Literal["fixed", "sliding"] = "fixed"
    window_seconds: float = 60.0
    shared: bool = True
    reset_header: bool = False
    hour_without_day: Literal["by day", "hour of day"] = "by day"
    lookback_days: int | None = 365
    others: Literal["403", "200"] = "403"
    others_texts: Literal["together", "by author"] = "together"
    totals_refuses_others: bool = True
    forbidden_metrics_status: int = 400
    no_access_status: int = 401
    reasons: Literal["published", "detailed"] = "published"
    say_unavailable: bool = True
    bare_numbers: float = 0.0
    lenient_ids: bool = True
    unknown_keys: Literal["ignored", "refused"] = "ignored"
    latency: float = 0.0
    faults: Mapping[str, Any] | Sequence[str] = ()
    clock_skew: float = 0.0
    timestamp_tolerance: float = 300.0
    clock: Callable[[], datetime] = system_clock
    auth_clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(map(str, choices))
                raise ValueError(f"{name} must be one of {listed}, not {getattr(self, name)!r}.")
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least:,} to {most:,}, not {value:,}.")


CHOICES: dict[str, tuple[Any, ...]] = {
    "window": ("fixed", "sliding"),
    "hour_without_day": ("by day", "hour of day"),
    "others": ("403", "200"),
    "others_texts": ("together", "by author"),
    "forbidden_metrics_status": (400, 403),
    "no_access_status": (401, 403),
    "reasons": ("published", "detailed"),
    "unknown_keys": ("ignored", "refused"),
}
"""What a switch can be set to; the first is the default."""
RANGES: dict[str, tuple[float, float]] = {
    "tweets": (1, 10**9),
    "accounts": (1, 100_000),
    "skew_minutes": (0, 60),
    "per_minute": (1, 10**9),
    "per_second": (1, 10**9),
    "window_seconds": (0.01, 86_400),
    "lookback_days": (1, 100_000),
    "bare_numbers": (0, 1),
    "latency": (0, 3600),
    "timestamp_tolerance": (1, 10**6),
}
"""Least and most of a number."""
