"""What an API is: endpoints, metrics, rules of age, quotas and refusals, as frozen data.

An API's facts are one object, `Api`, in a module of this folder. Plans, clients, datasets and
the sandbox ask its properties. None of them compares the name of an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.errors import ApiError, InputError

By = Literal["day", "hour"]
Auth = Literal["user", "app"]
Expected = Literal["counted", "not counted", "not said"]
Span = Literal["life", "recent", "period"]
"""What the figures of an endpoint cover: all time since a Tweet was posted, a fixed span before
the request, or a period with a start and an end."""


@dataclass(frozen=True)
class Rule:
    """A rule that hides metrics of older Tweets.

    Parameters
    ----------
    reason
        Why the metrics are missing.
    metrics
        Wire names.
    max_age
        Age from which a Tweet lacks them.
    known_from
        Instead of an age: older Tweets have the metrics from this moment on, so a period that
        begins later has them all. Without either, only the API's own lists name the Tweets.
    reads_zero
        Whether the API sends a "0" for such Tweets; otherwise it sends nothing.
    tolerated
        Whether a request may ask such Tweets for these metrics. What the API does otherwise is
        not known.
    before
        At a moment: it applies to Tweets that were posted before this one.
    """

    reason: Reason
    metrics: frozenset[str]
    max_age: timedelta | None = None
    known_from: datetime | None = None
    reads_zero: bool = False
    tolerated: bool = True
    before: datetime | None = None

    def applies(self, tweet_id: str) -> bool:
        """Whether a Tweet is too old to have the metrics."""
        return self.before is not None and posted_before(tweet_id, self.before)


class QuotaHeaders(NamedTuple):
    """Names of the headers about a quota, in lower case."""

    limit: str
    remaining: str
    reset: str


@dataclass(frozen=True)
class Bucket:
    """A quota of requests that refills.

    Parameters
    ----------
    api
        Name of the API.
    name
        What the quota is called, such as "minute".
    scope
        Whether all users of an app share it, or each user has one.
    window
        Time after which the quota is full again.
    headers
        Headers that tell its state; the reset is in seconds since the epoch.
    by_endpoint
        Whether each endpoint is known to have its own.
    """

    api: str
    name: str
    scope: Auth
    window: timedelta
    headers: QuotaHeaders
    by_endpoint: bool = False


@dataclass(frozen=True)
class Refusal:
    """A case in which an API gives no data.

    Parameters
    ----------
    key
        Short name of the case.
    pattern
        A regular expression for the API's text, in any case; empty to decide by status alone.
    statuses
        The statuses it comes with; empty for any.
    error
        The class of the error that is raised.
    cause
        What happened, in one sentence.
    advice
        What to do next, in one sentence.
    """

    key: str
    pattern: str
    statuses: Sequence[int]
    error: type[ApiError]
    cause: str
    advice: str

    def fits(self, status: int, text: str) -> bool:
        """Whether a response with this status and text is this case."""
        if self.statuses and status not in self.statuses:
            return False
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One endpoint: what it takes and what it gives.

    Parameters
    ----------
    name, path
        Its name, and its path at the API's host.
    max_ids
        Tweets per request.
    span
        What its figures cover.
    metrics
        Wire names of the metrics that it gives to a Tweet's owner.
    public
        Those that it gives to anybody; empty if it serves owners only.
    steps
        Steps of the series that it gives, if any.
    length
        Length of a recent span; of a period, the longest per request.
    rules
        Rules of age.
    group_by
        Items by which figures can be grouped, for APIs that name them.
    buckets
        Names of the quotas that a request is counted in.
    """

    name: str
    path: str
    max_ids: int
    span: Span
    metrics: tuple[str, ...]
    public: frozenset[str] = frozenset()
    steps: tuple[By, ...] = ()
    length: timedelta | None = None
    rules: tuple[Rule, ...] = ()
    group_by: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()

    @property
    def takes_period(self) -> bool:
        """Whether a request has a start and an end."""
        return self.span == "period"

    @property
    def of_life(self) -> bool:
        """Whether figures cover all time since a Tweet was posted."""
        return self.span == "life"

    @property
    def tolerant(self) -> bool:
        """Whether a request may ask Tweets of any age for every metric."""
        return all(rule.tolerated for rule in self.rules)

    @property
    def own_only(self) -> bool:
        """Whether it serves the owners of Tweets only."""
        return not self.public

    def needs_owner(self, metric: str) -> bool:
        """Whether only the tokens of a Tweet's owner get a metric."""
        return metric not in self.public


@dataclass(frozen=True)
class OAuth2:
    """How a user signs in by OAuth 2.0 with PKCE.

    Parameters
    ----------
    host, variable
        The live host, and the environment variable that names another.
    page
        Address of the page where a user allows an app, at the live host.
    page_path, token_path, user_path
        Paths at the host: of that page, of the tokens, and of whose tokens they are.
    scopes
        What to ask for.
    exchange
        Fields of a form that exchanges tokens of OAuth 1.0a.
    command
        The command that signs in.
    """

    host: str
    variable: str
    page: str
    page_path: str
    token_path: str
    user_path: str
    scopes: tuple[str, ...]
    exchange: Mapping[str, str]
    command: str


@dataclass(frozen=True, eq=False)
class Api:
    """The facts of one API.

    Parameters
    ----------
    name
        Short name, as datasets record it.
    title
        What people call it.
    endpoints
        By name.
    buckets
        Its quotas, the widest first.
    refusals
        The first row that fits a response explains it, so specific rows come first.
    first_moment
        There are no figures from before this moment.
    max_lookback
        A period that begins earlier may be refused.
    bills_reads
        Whether each Post that is returned has a price.
    oauth2
        How its users sign in by OAuth 2.0, if they can.
    """

    name: str
    title: str
    endpoints: Mapping[str, Endpoint]
    buckets: tuple[Bucket, ...]
    refusals: tuple[Refusal, ...]
    first_moment: datetime | None = None
    max_lookback: timedelta | None = None
    bills_reads: bool = False
    oauth2: OAuth2 | None = None

    @property
    def login(self) -> str:
        """The command that stores a user's tokens."""
        return self.oauth2.command if self.oauth2 else "engagement-nb auth login"

    def endpoint(self, name: str) -> Endpoint:
        """An endpoint by its name.

        Raises
        ------
        InputError
            The API has no such endpoint.
        """
        if name not in self.endpoints:
            raise InputError(
                f"There is no endpoint {name!r}.",
                advice=f"Choose one of: {', '.join(self.endpoints)}.",
            )
        return self.endpoints[name]

    def of_span(self, span: Span) -> Endpoint:
        """The endpoint to ask for figures of a span: the first that has it.

        Raises
        ------
        InputError
            The API has none.
        """
        for endpoint in self.endpoints.values():
            if endpoint.span == span:
                return endpoint
        words = {"life": "since posting", "recent": "of the last hours", "period": "of a period"}
        raise InputError(
            f"{self.title} has no figures {words[span]}.",
            advice=f"It has: {', '.join(self.endpoints)}.",
        )

    def __repr__(self) -> str:
        return f"<Api: {self.title}>"
