"""All options of a sandbox, each declared once: its type, limits, default and description.

Where the API's documents and recorded responses disagree, there is a switch here. Its default
is what the documents say; the preset "recorded" sets it to what was recorded. The command line,
the checks and the documentation come from this declaration.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
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


def system_clock() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """How one sandbox behaves; `switches` describes each field.

    The same ``seed``, ``now``, ``tweets`` and ``accounts`` give the same figures on every
    machine and every day.

    Raises
    ------
    ValueError
        A value cannot be used.
    """

    seed: Annotated[int, Meta(description="Seed of the world.")] = 1
    tweets: Annotated[
        int,
        Meta(
            ge=1,
            le=10**9,
            description="Size of the world on 2026-10-01. It grows by half of that every year.",
        ),
    ] = 20_000
    accounts: Annotated[
        int, Meta(ge=1, le=100_000, description="Number of accounts that gave the app tokens.")
    ] = 3
    now: Annotated[
        datetime | str | None,
        Meta(
            description="Moment at which the world stands still (ISO 8601, UTC unless it has a "
            "zone). By default the world follows the real time."
        ),
    ] = None
    hidden: Annotated[
        bool, Meta(description="Whether engagements include interactions that have no metric.")
    ] = True
    rates: Annotated[
        Mapping[str, float],
        Meta(
            description="Factors on the rate of a metric or a hidden interaction, by name: "
            '{"replies": 0.001} makes replies rare.'
        ),
    ] = field(default_factory=dict)
    skew_minutes: Annotated[
        float, Meta(ge=0, le=60, description="Counters are read up to this many minutes apart.")
    ] = 0.0
    per_minute: Annotated[
        Quota | None,
        Meta(description="Requests per window of window_seconds; none for no limit."),
    ] = 600
    per_second: Annotated[
        Quota | None, Meta(description="Requests per second; none for no such limit.")
    ] = None
    window: Annotated[Literal["fixed", "sliding"], Meta(description="Kind of the window.")] = (
        "fixed"
    )
    window_seconds: Annotated[Wait, Meta(description="Length of the window.")] = 60.0
    shared: Annotated[bool, Meta(description="Whether the endpoints share the limit.")] = True
    limit_headers: Annotated[
        Literal["published", "full"],
        Meta(
            description="published: x-per-minute-limit and -remaining, and the same of the "
            "second if there is such a limit; full: also the resets, and always the second."
        ),
    ] = "published"
    gzip: Annotated[
        Literal["required", "optional"],
        Meta(description="Whether a request without Accept-Encoding: gzip is refused (406)."),
    ] = "required"
    order: Annotated[
        Literal["by text", "as asked", "mixed"],
        Meta(
            description="Order of ids and metrics in a response. by text: ids by their text, "
            "metrics alphabetically; mixed: ids in no order, metrics as asked."
        ),
    ] = "by text"
    hour_without_day: Annotated[
        Literal["by day", "hour of day"],
        Meta(
            description="Shape of a grouping by hour without day. by day: day, then hour; hour "
            "of day: summed over the days."
        ),
    ] = "by day"
    recent_hours: Annotated[
        Literal[29, 28],
        Meta(
            description="Hours of 28hr. 29: the hours that enclose the last 28, as many as 29; "
            "28: the last 28 of them."
        ),
    ] = 29
    echoed_end: Annotated[
        Literal["rounded", "as asked"],
        Meta(
            description="The end that historical echoes. as asked: not rounded to the hour; "
            "without dates, now to the minute, and the start is rounded up."
        ),
    ] = "rounded"
    totals_echo: Annotated[
        bool, Meta(description="Whether totals echoes a start and an end, too.")
    ] = False
    lookback_days: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="How far back historical reaches; none for no limit but 2014-09-01."),
    ] = 365
    aged_on_windows: Annotated[
        bool,
        Meta(
            description="Whether 28hr and historical, too, omit impressions and engagements of "
            "Tweets older than 90 days."
        ),
    ] = False
    others: Annotated[
        Literal[403, 200],
        Meta(description="Status for Tweets of other accounts; 200 has errors and no groups."),
    ] = 403
    others_texts: Annotated[
        Literal["together", "by author"],
        Meta(description="One text per request or one per author."),
    ] = "together"
    totals_refuses_others: Annotated[
        bool,
        Meta(
            description="Whether totals refuses user tokens even public metrics of Tweets of "
            "other accounts."
        ),
    ] = True
    forbidden_metrics_status: Annotated[
        Literal[400, 403],
        Meta(description="Status for metrics that the endpoint or the tokens do not give."),
    ] = 400
    no_access_status: Annotated[
        Literal[401, 403], Meta(description="Status for an app without access to the product.")
    ] = 401
    reasons: Annotated[
        Literal["published", "detailed"],
        Meta(
            description="Reasons in a 401. published: one text for every bad signature or "
            "token; detailed: the real reason."
        ),
    ] = "published"
    say_unavailable: Annotated[
        bool,
        Meta(description="Whether a text about unavailable ids accompanies the list of them."),
    ] = True
    bare_numbers: Annotated[
        Share, Meta(description="Share of counts that are numbers instead of strings.")
    ] = 0.0
    lenient_ids: Annotated[
        bool,
        Meta(
            description="Whether ids may be numbers or have blanks around them, and Tweet.id is "
            "accepted."
        ),
    ] = True
    unknown_keys: Annotated[
        Literal["ignored", "refused"],
        Meta(description="What happens to unknown keys of a request."),
    ] = "ignored"
    user_signed_login: Annotated[
        bool,
        Meta(
            description="Whether a login may be signed with a user's tokens and without a callback."
        ),
    ] = False
    tier: Annotated[
        Literal["pay per use", "enterprise"],
        Meta(description="The app's contract for API v2; only enterprise has analytics."),
    ] = "pay per use"
    words: Annotated[
        Literal["tweet", "post"],
        Meta(description="Words that API v2 takes and gives: retweet_count or repost_count."),
    ] = "tweet"
    analytics_form: Annotated[
        Literal["both", "timestamped", "by granularity", "one object"],
        Meta(
            description="Form of v2's analytics. both: figures beside timestamped_metrics (2.167); "
            "timestamped: only there (2.166, with its fields); by granularity: there unless "
            "total; one object: as both, but a single Post is not in a list."
        ),
    ] = "both"
    old_posts: Annotated[
        Literal["field errors", "left out", "refused"],
        Meta(description="What v2's look-up gives for private fields of Posts over 30 days old."),
    ] = "field errors"
    foreign_posts: Annotated[
        Literal["left out", "kept"],
        Meta(description="Whether v2 keeps a foreign Post without the private fields asked for."),
    ] = "left out"
    problem_host: Annotated[
        Literal["api.x.com", "api.twitter.com"],
        Meta(description="Host in the type of v2's problem documents."),
    ] = "api.x.com"
    too_many: Annotated[
        Literal["problem", "code 88"],
        Meta(description="Form of v2's 429: a problem document, or the errors of the guides."),
    ] = "problem"
    oauth1_at_v2: Annotated[
        Literal["accepted", "refused"],
        Meta(description="Whether API v2 takes OAuth 1.0a, which X is retiring."),
    ] = "accepted"
    v2_limit: Annotated[
        Quota | None,
        Meta(description="Requests in 15 minutes at each path of API v2; none for the table's."),
    ] = None
    credits: Annotated[
        float, Meta(ge=0, le=10**9, description="Dollars that the app can spend at API v2.")
    ] = 20.0
    spend_cap: Annotated[
        Annotated[float, Meta(ge=0, le=10**9)] | None,
        Meta(description="Dollars that the account may spend at API v2; none for no cap."),
    ] = None
    post_cap: Annotated[
        int, Meta(ge=0, le=10**9, description="Posts that may be read at API v2 in a month.")
    ] = 3_000_000
    access_token_seconds: Annotated[
        Wait, Meta(description="Life of an access token of OAuth 2.0.")
    ] = 7200.0
    latency: Annotated[Seconds, Meta(description="Seconds that every response is delayed.")] = 0.0
    faults: Annotated[
        Mapping[str, Any] | Sequence[str],
        Meta(description="Faults to inject: what Faults.configure takes."),
    ] = ()
    request_timeout: Annotated[
        Wait, Meta(description="Seconds until an incomplete request is dropped.")
    ] = 30.0
    public_url: Annotated[
        str | Sequence[str],
        Meta(
            description="Address that clients call if a TLS proxy is in front of the sandbox, "
            "such as https://data-api.twitter.com; one or several. The sandbox accepts its "
            "host, and signatures cover it."
        ),
    ] = ""
    clock_skew: Annotated[
        float,
        Meta(
            ge=-(10**9),
            le=10**9,
            description="Seconds by which the sandbox's clock is ahead when it judges OAuth "
            "timestamps.",
        ),
    ] = 0.0
    timestamp_tolerance: Annotated[
        float, Meta(ge=1, le=10**6, description="Seconds that an OAuth timestamp may be off.")
    ] = 300.0
    clock: Annotated[
        Callable[[], datetime],
        Meta(description="Present moment of the world (aware); fixed if now is given."),
    ] = system_clock
    auth_clock: Annotated[
        Callable[[], float],
        Meta(
            description="Seconds since the Unix epoch, for OAuth timestamps and reset headers. "
            "Clients sign with the real time, whatever the time of the world."
        ),
    ] = time.time
    monotonic: Annotated[Callable[[], float], Meta(description="Seconds, for rate limits.")] = (
        time.monotonic
    )

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
    name, kind, default, description
        The declaration; the kind is its type.
    """

    name: str
    kind: Any
    default: Any
    description: str

    @property
    def simple(self) -> bool:
        """Whether its type alone tells which values it takes, so that text can be read."""
        return self.name not in ("now", "faults", "public_url") and not callable(self.default)

    @property
    def values(self) -> str:
        """The values that it takes, in words."""
        return _values(inspect.type_info(self.kind)) if self.simple else ""

    def check(self, value: Any) -> None:
        """Refuse a value of the wrong type or beyond the limits.

        Raises
        ------
        ValueError
            In one sentence that begins with the name.
        """
        try:
            msgspec.convert(value, self.kind)
        except msgspec.ValidationError:
            raise self._wrong(value) from None

    def read(self, text: str) -> Any:
        """Read a value from a command line: a word, a number, or JSON for an object.

        Raises
        ------
        ValueError
            The text is no value of this switch.
        """
        try:
            if text[:1] == "{":
                return msgspec.json.decode(text, type=self.kind)
            return msgspec.convert(None if text == "none" else text, self.kind, strict=False)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise self._wrong(text) from None

    def _wrong(self, value: Any) -> ValueError:
        return ValueError(f"{self.name} must be {self.values}, not {value!r}.")


@cache
def switches() -> dict[str, Switch]:
    """Every field of `Settings`, by name."""
    kinds = get_type_hints(Settings, include_extras=True)
    declared = {}
    for one in fields(Settings):
        kind = kinds[one.name]
        default = one.default if one.default_factory is MISSING else one.default_factory()
        description = next(n.description for n in kind.__metadata__ if n.description)
        declared[one.name] = Switch(one.name, kind, default, description)
    return declared


@cache
def recorded() -> dict[str, Any]:
    """What the preset "recorded" sets: what ``claims.toml`` says that was recorded."""
    claims = tomllib.loads(files(__package__).joinpath("claims.toml").read_text("utf-8"))["claim"]
    return {name: value for one in claims for name, value in one.get("recorded", {}).items()}


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
    return "an object of numbers"


def written(value: Any) -> str:
    """Give the value of a switch as it is written on the command line."""
    if isinstance(value, dict):
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
