"""Every choice that a sandbox can be started with, in one place.

Where the API's documents and recorded responses disagree, there is a switch here. Its default is
the published reading.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

MAX_BODY_BYTES = 1_000_000
YEARS = (2014, 2100)
"""First and last year in which a world has Tweets."""


def system_clock() -> datetime:
    """Present moment, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """How one sandbox behaves.

    With the same ``seed``, ``now``, ``tweets`` and ``accounts`` every figure is the same on
    every machine and every day.

    Parameters
    ----------
    seed
        Seed of the world.
    tweets
        Size of the world on 2026-10-01. It grows by half of that every year.
    accounts
        How many accounts gave the app tokens.
    now
        Moment at which the world stands still (ISO 8601, UTC unless it says otherwise). By
        default the world follows the real time.
    hidden
        Whether engagements hide anything.
    rates
        Factors on how often a metric or a hidden kind happens, by name: replies=0.001 makes
        replies almost unused.
    skew_minutes
        Counters are read up to this many minutes apart.
    per_minute
        Requests a window of window_seconds; none for no limit.
    per_second
        Requests a second; none for no such limit.
    window
        Kind of the window.
    window_seconds
        Length of the window.
    shared
        Whether the endpoints share the limit.
    limit_headers
        full: also x-per-minute-reset and x-per-second-limit, -remaining and -reset, which are
        recorded; published: x-per-minute-limit and -remaining.
    gzip
        Whether a request without Accept-Encoding: gzip is refused (406).
    order
        Order of ids and metrics in a response; sorted: ids ascending, metrics by the alphabet.
    hour_without_day
        Shape of a grouping by hour without day. by day: day, then hour, as documented; hour of
        day: summed over the days, as recorded.
    lookback_days
        How far back historical reaches; none for no limit but 2014-09-01.
    others
        Status for Tweets of others; 200 has errors and no groups.
    others_texts
        One text a request or one an author.
    totals_refuses_others
        Whether user tokens on totals are refused Tweets of others even for public metrics.
    forbidden_metrics_status
        Status for metrics that are not given.
    no_access_status
        Status for an app without access to the product.
    reasons
        Reasons of a 401. published: one text for every failed signature or token; detailed: the
        real one.
    say_unavailable
        Whether a text about unavailable ids stands beside the list of them.
    bare_numbers
        Share of counts that come as numbers instead of strings.
    lenient_ids
        Whether ids may be numbers or have blanks around them, and Tweet.id be spelled so.
    unknown_keys
        What happens to unknown keys of a request.
    latency
        Seconds that every response waits.
    faults
        What goes wrong: what Faults.configure takes.
    request_timeout
        Seconds until a half-sent request is given up.
    public_url
        Address that clients call where a TLS proxy stands before the sandbox, such as
        https://data-api.twitter.com. Its host is answered, and signatures cover it.
    clock_skew
        Seconds by which the sandbox's clock is ahead when it judges OAuth timestamps.
    timestamp_tolerance
        Seconds that an OAuth timestamp may be off.
    clock
        Present moment of the world (aware); fixed where now is given.
    auth_clock
        Seconds since the Unix epoch, for OAuth timestamps and reset headers. Clients sign with
        the real time, independent of the world's.
    monotonic
        Seconds, for limits.
    """

    seed: int = 1
    tweets: int = 20_000
    accounts: int = 3
    now: datetime | str | None = None
    hidden: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    skew_minutes: float = 0.0
    per_minute: int | None = 600
    per_second: int | None = None
    window: Literal["fixed", "sliding"] = "fixed"
    window_seconds: float = 60.0
    shared: bool = True
    limit_headers: Literal["full", "published"] = "full"
    gzip: Literal["required", "optional"] = "required"
    order: Literal["sorted", "as asked"] = "sorted"
    hour_without_day: Literal["by day", "hour of day"] = "by day"
    lookback_days: int | None = 365
    others: Literal["403", "200"] = "403"
    others_texts: Literal["together", "by author"] = "together"
    totals_refuses_others: bool = True
    forbidden_metrics_status: Literal[400, 403] = 400
    no_access_status: Literal[401, 403] = 401
    reasons: Literal["published", "detailed"] = "published"
    say_unavailable: bool = True
    bare_numbers: float = 0.0
    lenient_ids: bool = True
    unknown_keys: Literal["ignored", "refused"] = "ignored"
    latency: float = 0.0
    faults: Mapping[str, Any] | Sequence[str] = ()
    request_timeout: float = 30.0
    public_url: str = ""
    clock_skew: float = 0.0
    timestamp_tolerance: float = 300.0
    clock: Callable[[], datetime] = system_clock
    auth_clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                listed = ", ".join(map(str, choices))
                raise ValueError(f"{name} must be one of {listed}, not {value!r}.")
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least:,} to {most:,}, not {value:,}.")
        if self.public_url and not urlsplit(self.public_url).netloc:
            raise ValueError(f"public_url must be an address, not {self.public_url!r}.")
        if self.now is not None:
            moment = _instant(self.now)
            object.__setattr__(self, "now", moment)
            object.__setattr__(self, "clock", lambda: moment)


def _instant(value: datetime | str) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"now must be an ISO 8601 moment, not {value!r}.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(
            f"now must be within {YEARS[0]} to {YEARS[1]}, when a world has Tweets, not {value}."
        )
    return moment.astimezone(UTC)


CHOICES: dict[str, tuple[Any, ...]] = {
    name: get_args(kind)
    for name, kind in get_type_hints(Settings).items()
    if get_origin(kind) is Literal
}
"""What a switch can be set to; the first is the default."""
_LIMITS: dict[str, tuple[float, float]] = {
    "tweets": (1, 10**9),
    "accounts": (1, 100_000),
    "skew_minutes": (0, 60),
    "per_minute": (1, 10**9),
    "per_second": (1, 10**9),
    "window_seconds": (0.01, 86_400),
    "lookback_days": (1, 100_000),
    "bare_numbers": (0, 1),
    "latency": (0, 3600),
    "request_timeout": (0.01, 3600),
    "timestamp_tolerance": (1, 10**6),
}
"""Least and most of a number."""


def description(name: str) -> str:
    """What the documentation says of one of the `Settings`; "" where Python drops it."""
    text = inspect.cleandoc(Settings.__doc__ or "")
    found = re.search(rf"^{name}\n((?: {{4}}.+\n?)+)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
