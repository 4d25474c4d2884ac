"""All options of a sandbox.

Where the API's documents and recorded responses disagree, there is a switch here. Its default is
what the documents say.
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

from engagement_nb.apis.times import as_utc

MAX_BODY_BYTES = 1_000_000
YEARS = (2014, 2100)
"""First and last year in which a world has Tweets."""


def system_clock() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """How one sandbox behaves.

    The same ``seed``, ``now``, ``tweets`` and ``accounts`` give the same figures on every
    machine and every day.

    Parameters
    ----------
    seed
        Seed of the world.
    tweets
        Size of the world on 2026-10-01. It grows by half of that every year.
    accounts
        Number of accounts that gave the app tokens.
    now
        Moment at which the world stands still (ISO 8601, UTC unless it has a zone). By default
        the world follows the real time.
    hidden
        Whether engagements include interactions that have no metric.
    rates
        Factors on the rate of a metric or a hidden interaction, by name: replies=0.001 makes
        replies very rare.
    skew_minutes
        Counters are read up to this many minutes apart.
    per_minute
        Requests per window of window_seconds; none for no limit.
    per_second
        Requests per second; none for no such limit.
    window
        Kind of the window.
    window_seconds
        Length of the window.
    shared
        Whether the endpoints share the limit.
    limit_headers
        published: x-per-minute-limit and -remaining; full: also x-per-minute-reset and
        x-per-second-limit, -remaining and -reset, which were recorded.
    gzip
        Whether a request without Accept-Encoding: gzip is refused (406).
    order
        Order of ids and metrics in a response; sorted: ids ascending, metrics alphabetical.
    hour_without_day
        Shape of a grouping by hour without day. by day: day, then hour, as documented; hour of
        day: summed over the days, as recorded.
    lookback_days
        How far back historical reaches; none for no limit but 2014-09-01.
    others
        Status for Tweets of other accounts; 200 has errors and no groups.
    others_texts
        One text per request or one per author.
    totals_refuses_others
        Whether totals refuses user tokens even public metrics of Tweets of other accounts.
    forbidden_metrics_status
        Status for metrics that the endpoint or the tokens do not give.
    no_access_status
        Status for an app without access to the product.
    reasons
        Reasons in a 401. published: one text for every bad signature or token; detailed: the
        real reason.
    say_unavailable
        Whether a text about unavailable ids accompanies the list of them.
    bare_numbers
        Share of counts that are numbers instead of strings.
    lenient_ids
        Whether ids may be numbers or have blanks around them, and Tweet.id is accepted.
    unknown_keys
        What happens to unknown keys of a request.
    latency
        Seconds that every response is delayed.
    faults
        Faults to inject: what Faults.configure takes.
    request_timeout
        Seconds until an incomplete request is dropped.
    public_url
        Address that clients call if a TLS proxy is in front of the sandbox, such as
        https://data-api.twitter.com. The sandbox accepts its host, and signatures cover it.
    user_signed_login
        Whether a login may be signed with a user's tokens and without a callback, as the
        vendor's explorer does.
    clock_skew
        Seconds by which the sandbox's clock is ahead when it judges OAuth timestamps.
    timestamp_tolerance
        Seconds that an OAuth timestamp may be off.
    clock
        Present moment of the world (aware); fixed if now is given.
    auth_clock
        Seconds since the Unix epoch, for OAuth timestamps and reset headers. Clients sign with
        the real time, whatever the time of the world.
    monotonic
        Seconds, for rate limits.
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
    public_url: str | Sequence[str] = ""
    user_signed_login: bool = False
    clock_skew: float = 0.0
    timestamp_tolerance: float = 300.0
    clock: Callable[[], datetime] = system_clock
    auth_clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    @property
    def public_urls(self) -> tuple[str, ...]:
        """The addresses that clients call."""
        urls = self.public_url
        return tuple(urls) if not isinstance(urls, str) else (urls,) if urls else ()

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
        for url in self.public_urls:
            if not urlsplit(url).netloc:
                raise ValueError(f"public_url must be an address, not {url!r}.")
        if self.now is not None:
            moment = _instant(self.now)
            object.__setattr__(self, "now", moment)
            object.__setattr__(self, "clock", lambda: moment)


def _instant(value: datetime | str) -> datetime:
    try:
        moment = as_utc(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"now must be an ISO 8601 moment, not {value!r}.") from None
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(
            f"now must be within {YEARS[0]} to {YEARS[1]}, when a world has Tweets, not {value}."
        )
    return moment


CHOICES: dict[str, tuple[Any, ...]] = {
    name: get_args(kind)
    for name, kind in get_type_hints(Settings).items()
    if get_origin(kind) is Literal
}
"""Values of each switch; the first is the default."""
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
"""Smallest and largest value of each number."""


def description(name: str) -> str:
    """The documentation of one of the `Settings`; "" if Python dropped docstrings."""
    text = inspect.cleandoc(Settings.__doc__ or "")
    found = re.search(rf"^{name}\n((?: {{4}}.+\n?)+)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
