"""One request for figures, and the data of its response, whatever the API."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Auth, By
from engagement_nb.apis.reasons import Reason
from engagement_nb.client.credentials import Profile
from engagement_nb.client.cubes import Cube


@dataclass(frozen=True)
class Request:
    """One request.

    Parameters
    ----------
    endpoint
        Name of an endpoint of the API, such as "totals".
    tweet_ids
        At most as many as the endpoint takes.
    metrics
        Wire names.
    profile
        Profile whose tokens are used.
    by
        "day" or "hour" for a series, None for one figure per Tweet and metric.
    start, end
        Aware datetimes, for endpoints that take a period; ``end`` is exclusive.
    auth
        "user" to sign with the user's tokens, "app" for the bearer token.
    """

    endpoint: str
    tweet_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    profile: Profile
    by: By | None = None
    start: datetime | None = None
    end: datetime | None = None
    auth: Auth = "user"

    @property
    def window(self) -> Window | None:
        """The period; None if there is none."""
        return Window(self.start, self.end) if self.start and self.end else None

    @property
    def owner(self) -> str:
        """User id of the tokens; empty for requests without a user's tokens."""
        return self.profile.user_id if self.auth == "user" else ""

    @property
    def key(self) -> str:
        """A digest of the request: equal requests have equal keys at any time."""
        window = [None if m is None else m.astimezone(UTC) for m in (self.start, self.end)]
        question = [self.endpoint, list(self.tweet_ids), sorted(self.metrics), *window, self.by,
                    self.auth, self.owner or self.profile.name]  # fmt: skip
        return hashlib.sha256(orjson.dumps(question)).hexdigest()[:32]


@dataclass(frozen=True)
class Response:
    """The data of one response.

    Parameters
    ----------
    request
        The request.
    raw
        The body, decoded.
    counts
        Tweet id → metric → count (text or number); by day, → day → count; by hour deeper. Or a
        cube of the same.
    read_at
        When the response arrived, UTC.
    start, end
        The window that the response names, if any.
    unavailable
        Tweets that the response lists as unavailable.
    unsupported
        Tweets that the response lists as too old for some metrics, by the reason of the rule.
    forbidden
        Tweets left out because they are not of the user whose tokens were used.
    texts
        The API's own words beside the data.
    grouping
        Key of the counts in the body, where ``counts`` is a cube.
    """

    request: Request
    raw: bytes = field(repr=False)
    counts: Cube | dict[str, Any] = field(repr=False)
    read_at: datetime
    start: datetime | None = None
    end: datetime | None = None
    unavailable: tuple[str, ...] = ()
    unsupported: Mapping[Reason, tuple[str, ...]] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    grouping: str = ""

    @cached_property
    def groups(self) -> dict[str, Any]:
        """The counts as nested dicts: see ``counts``."""
        if isinstance(self.counts, Cube):
            groups: dict[str, Any] = orjson.loads(self.raw)[self.grouping]
            return groups
        return self.counts
