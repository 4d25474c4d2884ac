"""All options of a sandbox: here its type, limits and default, in ``claims.toml`` what each does.

Where the API's documents and recorded responses disagree, there is a switch here. Its default
is what the documents say; the preset "recorded" sets it to what was recorded. The command line,
the checks and the documentation come from both files.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, inspect

from engagement_nb.apis.times import as_utc

MAX_BODY_BYTES = 1_000_000
YEARS = (2014, 2100)
"""First and last year in which a world has Tweets."""
PRESETS = ("documented", "recorded")

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Wait = Annotated[float, Meta(ge=0.01, le=86_400)]
Quota = Annotated[int, Meta(ge=1, le=10**9)]
ClockSkew = Annotated[float, Meta(ge=-(10**9), le=10**9)]
Dollars = Annotated[float, Meta(ge=0, le=10**9)]


@dataclass(frozen=True)
class Settings:
    """How one sandbox behaves; `switches` describes each field.

    The same ``seed``, ``now``, ``tweets`` and ``accounts`` give the same figures on every
    machine and every day.

    Parameters
    ----------
    clock
        Present moment of the world (aware); fixed if ``now`` is given.
    auth_clock
        Seconds since the Unix epoch, for OAuth timestamps and reset headers. Clients sign with
        the real time, whatever the time of the world.
    monotonic
        Seconds, for rate limits.

    Raises
    ------
    ValueError
        A value cannot be used.
    """

    seed: int = 1
    tweets: Annotated[int, Meta(ge=1, le=10**9)] = 20_000
    accounts: Annotated[int, Meta(ge=1, le=100_000)] = 3
    now: datetime | str | None = None
    hidden: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    skew_minutes: Annotated[float, Meta(ge=0, le=60)] = 0.0
    per_minute: Quota | None = 600
    per_second: Quota | None = None
    window: Literal["fixed", "sliding"] = "fixed"
    window_seconds: Wait = 60.0
    shared: bool = True
    limit_headers: Literal["published", "full"] = "published"
    gzip: Literal["required", "optional"] = "required"
    order: Literal["by text", "as asked", "mixed"] = "by text"
    hour_without_day: Literal["by day", "hour of day"] = "by day"
    recent_hours: Literal[29, 28] = 29
    echoed_end: Literal["rounded", "as asked"] = "rounded"
    totals_echo: bool = False
    lookback_days: Annotated[int, Meta(ge=1, le=100_000)] | None = 365
    aged_on_windows: bool = False
    others: Literal[403, 200] = 403
    others_texts: Literal["together", "by author"] = "together"
    totals_refuses_others: bool = True
    forbidden_metrics_status: Literal[400, 403] = 400
    no_access_status: Literal[401, 403] = 401
    reasons: Literal["published", "detailed"] = "published"
    say_unavailable: bool = True
    bare_numbers: Share = 0.0
    lenient_ids: bool = True
    unknown_keys: Literal["ignored", "refused"] = "ignored"
    user_signed_login: bool = False
    tier: Literal["pay per use", "enterprise"] = "pay per use"
    words: Literal["tweet", "post"] = "tweet"
    analytics_form: Literal["both", "timestamped", "by granularity", "one object"] = "both"
    old_posts: Literal["field errors", "left out", "refused"] = "field errors"
    foreign_posts: Literal["left out", "kept"] = "left out"
    problem_host: Literal["api.x.com", "api.twitter.com"] = "api.x.com"
    too_many: Literal["problem", "code 88"] = "problem"
    oauth1_at_v2: Literal["accepted", "refused"] = "accepted"
    v2_limit: Quota | None = None
    credits: Dollars = 20.0
    spend_cap: Dollars | None = None
    post_cap: Annotated[int, Meta(ge=0, le=10**9)] = 3_000_000
    access_token_seconds: Wait = 7200.0
    latency: Seconds = 0.0
    faults: Mapping[str, Any] | Sequence[str] = field(default_factory=dict)
    request_timeout: Wait = 30.0
    public_url: str | Sequence[str] = ""
    clock_skew: ClockSkew = 0.0
    timestamp_tolerance: Annotated[float, Meta(ge=1, le=10**6)] = 300.0
    clock: Callable[[], datetime] = field(default=partial(datetime.now, UTC))
    auth_clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, preset: str = "documented", **options: Any) -> Settings:
        """Make the settings of a preset, with some of them changed.

        Parameters
        ----------
        preset
            "documented" or "recorded".
        **options
            Fields.
        """
        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}.")
        return cls(**(recorded() | options if preset == "recorded" else options))

    def __post_init__(self) -> None:
        for name, switch in switches().items():
            if switch.simple:
                switch.check(getattr(self, name))
        for url in self.public_urls:
            if not urlsplit(url).netloc:
                raise ValueError(f"public_url must be an address, not {url!r}.")
        if self.now is not None:
            moment = _instant(self.now)
            object.__setattr__(self, "now", moment)
            object.__setattr__(self, "clock", lambda: moment)

    @property
    def public_urls(self) -> tuple[str, ...]:
        """The addresses that clients call."""
        urls = self.public_url
        return tuple(urls) if not isinstance(urls, str) else (urls,) if urls else ()


@dataclass(frozen=True)
class Switch:
    """One field of `Settings`, as declared.

    Parameters
    ----------
    name, kind, default
        The declaration; the kind is its type.
    """

    name: str
    kind: Any
    default: Any

    @property
    def description(self) -> str:
        """What it does, in words."""
        words = (one["switches"] for one in claims() if self.name in one.get("switches", ()))
        return str(next(words)[self.name])

    @property
    def simple(self) -> bool:
        """Whether its type alone tells which values it takes, so that text can be read."""
        return self.name not in ("now", "public_url")

    @property
    def values(self) -> str:
        """The values that it takes, in words."""
        return _values(inspect.type_info(self.kind)) if self.simple else ""

    def check(self, value: Any, *, strict: bool = True) -> Any:
        """Give a value as its type; unless ``strict``, a text can be a number.

        Raises
        ------
        ValueError
            It is of the wrong type or beyond the limits, in one sentence that begins with the name.
        """
        try:
            return msgspec.convert(value, self.kind, strict=strict)
        except msgspec.ValidationError:
            raise ValueError(f"{self.name} must be {self.values}, not {value!r}.") from None

    def read(self, text: str) -> Any:
        """Read a value from a command line: a word, a number, or JSON for an object or a list.

        Raises
        ------
        ValueError
            The text is no value of this switch.
        """
        value: Any = None if text == "none" else text
        if text[:1] in ("{", "["):
            with suppress(msgspec.DecodeError):
                value = msgspec.json.decode(text)
        return self.check(value, strict=False)


@cache
def claims() -> list[dict[str, Any]]:
    """What the sandbox claims about the API, from ``claims.toml``."""
    text = files(__package__).joinpath("claims.toml").read_text("utf-8")
    listed: list[dict[str, Any]] = tomllib.loads(text)["claim"]
    return listed


@cache
def switches() -> dict[str, Switch]:
    """Every field of `Settings` but the clocks, by name."""
    kinds = get_type_hints(Settings, include_extras=True)
    defaults = (
        (one.name, one.default if one.default_factory is MISSING else one.default_factory())
        for one in fields(Settings)
    )
    return {
        name: Switch(name, kinds[name], default)
        for name, default in defaults
        if not callable(default)
    }


@cache
def recorded() -> dict[str, Any]:
    """What the preset "recorded" sets: what ``claims.toml`` says that was recorded."""
    return {name: value for one in claims() for name, value in one.get("recorded", {}).items()}


def _values(kind: inspect.Type) -> str:
    """Give the values of a type in words."""
    match kind:
        case inspect.Metadata(type=inner):
            return _values(inner)
        case inspect.UnionType(types=parts):
            return " or ".join(map(_values, parts))
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(written, values))}"
        case inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high):
            number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            return number if low is None else f"{number} from {low:,} to {high:,}"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "none"
        case inspect.ListType():
            return "a list"
        case inspect.DictType(value_type=inspect.AnyType()):
            return "an object"
    return "an object of numbers"


def written(value: Any) -> str:
    """Give the value of a switch as it is written on the command line."""
    if isinstance(value, dict | list | tuple):
        return msgspec.json.encode(value).decode()
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value).lower()


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
