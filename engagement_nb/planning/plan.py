"""A plan: what is wanted, the requests it takes, and what is unavailable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By, Endpoint
from engagement_nb.apis.times import posted_before, wire_time
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.problems import ProblemLog
from engagement_nb.usage import user_of
from engagement_nb.words import counted


@dataclass(frozen=True, eq=False)
class Plan:
    """A planned fetch: its requests, its price and what is unavailable. Made by `make_plan`.

    Parameters
    ----------
    endpoint, by, metrics
        What is requested. Metrics are wire names, including those that the endpoint lacks.
    start, end
        The period in UTC on whole hours, ``end`` exclusive; None for totals and 28hr.
    windows
        The period cut into spans that one request may have; ``(None,)`` without a period.
    tweet_ids
        The Tweets to request, each once.
    given
        Number of distinct entries given, including unavailable ones.
    owners
        User id (or handle) of the owner, by Tweet id, if the source of the ids names it.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    log
        Problems known before the first request.
    requests
        The requests, assuming that every Tweet of unknown owner is the first profile's.
    limit
        Requests per minute, if known.
    notes
        Sentences that a reader of the figures needs.
    hints
        Sentences about the price.
    made_at
        The moment at which ages are counted.
    """

    endpoint: Endpoint
    by: By | None
    metrics: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    windows: tuple[Window | None, ...]
    tweet_ids: tuple[str, ...]
    given: int
    owners: Mapping[str, str]
    profiles: tuple[Profile, ...]
    log: ProblemLog
    requests: tuple[Request, ...]
    limit: float | None
    notes: tuple[str, ...]
    hints: tuple[str, ...]
    made_at: datetime

    @property
    def problems(self) -> pd.DataFrame:
        """What is known to be unavailable before the first request: a frame of problems."""
        return self.log.frame()

    @property
    def offered(self) -> tuple[str, ...]:
        """The requested metrics that the endpoint gives."""
        return tuple(name for name in self.metrics if name in self.endpoint.metrics)

    @property
    def signers(self) -> dict[str, str]:
        """User id and profile of each handle that the requests may count this month.

        A Tweet of unknown owner may belong to any profile with user tokens, so it counts all of
        them: a needless warning is better than a bill. An unknown user id is written as "@" and
        the profile's name, as in the usage ledger.
        """
        signing = [request.profile for request in self.requests if request.auth == "user"]
        if self.unknown_owners:
            signing += [profile for profile in self.profiles if profile.has_user]
        return {user_of(profile): profile.name for profile in signing}

    @property
    def handles(self) -> tuple[str, ...]:
        """User ids of the owners that the requests may count this billing month."""
        return tuple(self.signers)

    @property
    def unknown_owners(self) -> int:
        """How many Tweets of unknown owner are requested with user tokens."""
        signed = {t for r in self.requests if r.auth == "user" for t in r.tweet_ids}
        return len(signed.difference(self.owners))

    @property
    def minutes(self) -> float | None:
        """How many minutes the requests take at the known limit; None if it is unknown."""
        return len(self.requests) / self.limit if self.limit else None

    def tweets_by_window(self) -> dict[Window | None, list[str]]:
        """The Tweets to request in each window: those posted before it ends."""
        return {
            window: [t for t in self.tweet_ids if window is None or posted_before(t, window.end)]
            for window in self.windows
        }

    def windows_of(self, tweet_id: str) -> tuple[Window | None, ...]:
        """The windows that end after a Tweet was posted."""
        return tuple(w for w in self.windows if w is None or posted_before(tweet_id, w.end))

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values for JSON."""
        return {
            "endpoint": self.endpoint.name,
            "by": self.by,
            "start": self.start and wire_time(self.start),
            "end": self.end and wire_time(self.end),
            "windows": len(self.windows),
            "metrics": list(self.metrics),
            "tweets_given": self.given,
            "tweets": len(self.tweet_ids),
            "requests": len(self.requests),
            "limit_per_minute": self.limit,
            "minutes": None if self.minutes is None else round(self.minutes, 2),
            "handles": list(self.handles),
            "by_owner": self._by_owner(),
            "problems": self.log.counts(),
            "notes": [*self.notes, *self.hints],
        }

    def _by_owner(self) -> list[dict[str, Any]]:
        counts = Counter((request.profile.name, request.auth) for request in self.requests)
        return [
            {"profile": name, "auth": auth, "requests": n} for (name, auth), n in counts.items()
        ]

    def __repr__(self) -> str:
        return f"<Plan: {str(self).splitlines()[0]}>"

    def __str__(self) -> str:
        what = f"{self.endpoint.name}, {counted(len(self.tweet_ids), 'Tweet')}"
        if self.by:
            what += f" by {self.by}"
        if self.start is not None and self.end is not None:
            what += f", {Window(self.start, self.end)}"
        lines = [what, f"  requests  {len(self.requests):,}{self._time()}"]
        for row in self._by_owner():
            tokens = "user tokens" if row["auth"] == "user" else "bearer, public metrics"
            lines.append(f"            {row['requests']:,} by {row['profile']} ({tokens})")
        if self.handles:
            most = "up to " if len(self.handles) > 1 and self.unknown_owners else ""
            lines.append(f"  handles   {most}{len(self.handles):,} counted for this billing month")
        lines += [f"  {line}" for line in self.log.lines("unavailable  ")]
        lines += [f"  note      {note}" for note in (*self.notes, *self.hints)]
        return "\n".join(lines)

    def _time(self) -> str:
        if self.minutes is None:
            return "; the first response tells the limit per minute"
        time = "less than a minute" if self.minutes < 1 else f"{self.minutes:.1f} minutes"
        return f"; {time} at {self.limit:g} per minute"
