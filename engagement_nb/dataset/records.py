"""The records of a dataset, as JSON: its world, its runs, and their finished requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any

import msgspec
import pyarrow as pa

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Auth, By, Span
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.apis.reasons import Reason
from engagement_nb.client.credentials import Profile
from engagement_nb.client.request import Request
from engagement_nb.metrics.problems import ProblemLog

METADATA_KEY, SEALED_KEY = b"engagement_nb", b"engagement_nb.run"
"""Of metadata in Parquet files: the description of a part, or the identity of the dataset in the
file of a sealed run; and the record of that run."""
FORMAT = 2
"""The newest format of these records that this version reads, and the one that it writes."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""What may become the name of a file or folder."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Name = Annotated[str, msgspec.Meta(pattern=rf"\A({NAME.pattern})?\Z")]
"""Checked where a record is read: a file from elsewhere must not choose a place to write to."""
Kind = tuple[Reason, str, str, str, tuple[str, ...]]
"""A kind of problem as a record has it: reason, scope, metrics, detail, and the Tweets."""


@dataclass(frozen=True)
class World:
    """Which world a sandbox has. Its Tweets and their past don't depend on the present.

    Parameters
    ----------
    seed, tweets
        The same for two worlds that have the same Tweets.
    now
        The moment at which it stands still; None if it follows the real time.
    """

    seed: int
    tweets: int
    now: Moment | None = None

    def __str__(self) -> str:
        since = f"standing still at {self.now:%Y-%m-%d %H:%M} UTC" if self.now else "at this moment"
        return f"Sandbox world: seed {self.seed}, {self.tweets:,} Tweets, {since}."


@dataclass(frozen=True)
class Identity:
    """What a dataset is.

    Parameters
    ----------
    source
        "sandbox" or "api".
    world
        The sandbox's world, where it is known.
    format
        Of the dataset's files.
    """

    source: str
    world: World | None = None
    format: int = 1


@dataclass(frozen=True)
class RunRecord:
    """What a run requested, as the dataset stores it.

    Parameters
    ----------
    ask
        Digest of the question: see `engagement_nb.dataset.ask_digest`.
    endpoint, by, metrics, windows, start, end
        What was asked, times in UTC.
    started_at
        When it began.
    snapshot
        Label of the snapshot of its parts; empty for figures of a period unless given.
    notes
        Sentences that a reader of the figures needs.
    id
        Name of the run's files: its start and a random suffix.
    done
        Whether every request is finished.
    problems
        What was missing when the run ended.
    api, span
        Name of the API, and what the figures of the endpoint cover. Runs of version 0.1.0 don't
        have them: they are of the Engagement API.
    requests
        Requests that the API answered, each time that the run was resumed to its end; None in
        runs of version 0.1.0.
    """

    ask: str
    endpoint: Name
    by: By | None
    metrics: tuple[str, ...]
    windows: tuple[tuple[Moment, Moment], ...]
    start: Moment | None
    end: Moment | None
    started_at: Moment
    snapshot: Name = ""
    notes: tuple[str, ...] = ()
    id: Name = ""
    done: bool = False
    problems: tuple[Kind, ...] = ()
    api: str = ENGAGEMENT.name
    span: Span | None = None
    requests: int | None = None

    def __post_init__(self) -> None:
        if self.span is None:
            endpoint = ENGAGEMENT.endpoints.get(self.endpoint)
            if endpoint is None:
                raise ValueError(f"{self.endpoint!r} is not an endpoint")
            object.__setattr__(self, "span", endpoint.span)

    @property
    def kind(self) -> str:
        """Endpoint and grouping: the folder of its parts."""
        return f"{self.endpoint}-{self.by}" if self.by else self.endpoint

    @property
    def sets(self) -> list[str]:
        """The folders of its parts: one for each window, or one for the snapshot."""
        return [self.folder(*window) for window in self.windows or [(None, None)]]

    def folder(self, start: datetime | None, end: datetime | None) -> str:
        """The folder of the parts of one window, or of the snapshot."""
        words = [f"{moment.astimezone(UTC):%Y%m%dT%H}" for moment in (start, end) if moment]
        words += [self.snapshot] if self.snapshot else []
        return f"parts/{self.kind}/{'_'.join(words)}"

    @property
    def log(self) -> ProblemLog:
        """The problems as a log."""
        log = ProblemLog()
        for reason, *kind, ids in self.problems:
            log.add(ids, reason, *kind)
        return log


def kinds_of(log: ProblemLog) -> tuple[Kind, ...]:
    """A log as records have it."""
    return tuple((*kind, tuple(ids)) for kind, ids in log.items())


class Part(msgspec.Struct, omit_defaults=True, eq=False, dict=True):
    """The result of one finished request, which is not sent again, as a file describes it.

    Made by `Part.of`. It has no tokens.

    Parameters
    ----------
    endpoint, by, metrics, start, end, auth
        Of the request.
    tweet_ids
        The Tweets that the response settles, with figures or as unavailable; Tweets that the
        response leaves out are not among them. In a sealed file, only those without rows.
    profile, owner
        Name of the profile whose tokens were used, and its user id.
    read_at
        When the response arrived, UTC.
    answered
        The window that the response names; empty if it names none.
    unavailable
        Tweets that the response lists as unavailable.
    unsupported
        Tweets that the response lists as too old for some metrics, by the reason of the rule.
    refused
        Whether the API refused the request; it has no rows then.
    forbidden
        Tweets of other users, as the refusal names them.
    authors
        Their authors by Tweet id, if the refusal names them.
    texts
        The API's own words.
    missing
        Tweets in the response that lack a metric, by metric.
    key
        That of the request.
    unsupported_impressions, unsupported_video
        Of version 0.1.0, in place of ``unsupported``.
    table
        The rows; None if only the description was read.
    """

    endpoint: str
    by: By | None
    metrics: tuple[str, ...]
    tweet_ids: tuple[str, ...]
    start: Moment | None
    end: Moment | None
    auth: Auth
    profile: str
    owner: str
    read_at: Moment
    answered: tuple[Moment, ...] = ()
    unavailable: tuple[str, ...] = ()
    unsupported: dict[Reason, tuple[str, ...]] = {}
    refused: bool = False
    forbidden: tuple[str, ...] = ()
    authors: dict[str, str] = {}
    texts: tuple[str, ...] = ()
    missing: dict[str, tuple[str, ...]] = {}
    key: Name = ""
    unsupported_impressions: tuple[str, ...] = ()
    unsupported_video: tuple[str, ...] = ()
    table: pa.Table | None = None

    def __post_init__(self) -> None:
        if len(self.answered) not in (0, 2):
            raise ValueError("a window has a start and an end")
        for reason, ids in (
            (Reason.OLDER_THAN_90_DAYS, self.unsupported_impressions),
            (Reason.OLDER_THAN_1800_DAYS, self.unsupported_video),
        ):
            if ids:
                self.unsupported = {reason: ids} | self.unsupported

    @classmethod
    def of(cls, request: Request, read_at: datetime, **more: Any) -> Part:
        """The part of a request; its other fields by name."""
        return cls(
            request.endpoint, request.by, request.metrics, request.tweet_ids, request.start,
            request.end, request.auth, request.profile.name, request.owner, read_at,
            key=request.key, **more,
        )  # fmt: skip

    @cached_property
    def request(self) -> Request:
        """The request for these Tweets, with a profile that has no tokens."""
        return Request(
            self.endpoint, self.tweet_ids, self.metrics, _owner(self.profile, self.owner), self.by,
            self.start, self.end, self.auth,
        )  # fmt: skip

    @property
    def period(self) -> Window | None:
        """The period of the figures; None for all time since posting."""
        return Window(*self.answered) if self.answered else self.request.window

    def __repr__(self) -> str:
        what = "refused" if self.refused else "answered"
        return f"<Part: {self.endpoint}, {len(self.tweet_ids)} Tweets, {what}>"


class Sealed(msgspec.Struct):
    """The footer of the file of a finished run."""

    record: RunRecord
    parts: list[Part]


@lru_cache(maxsize=256)
def _owner(name: str, user_id: str) -> Profile:
    """A profile without tokens: all that a dataset knows of one."""
    return Profile(name, user_id=user_id)


def encode(record: Any) -> bytes:
    """A record as JSON that names its format."""
    return msgspec.json.encode({**msgspec.to_builtins(record), "format": FORMAT})
