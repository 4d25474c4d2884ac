"""The arithmetic of pacing: which requests count against the quota, and when one more fits.

Nothing here waits, locks or reads a clock. Every method is given the time.

The rule is that of a sliding window, which is also safe for a fixed one. Each request counts for
one window from its arrival at the API, and a request may be sent while fewer than the limit
count. Two things are unknown and are bounded:

- *The arrival of a request.* Outbound time lies between the fastest seen and that plus this
  response's extra delay. The latest of these is assumed, so a request one window later is safe
  at any latency.
- *Requests of other clients.* If less of the limit remains than this user's requests explain,
  other clients spent the difference: see `Quota`.

Whether endpoints share a quota is not documented. Endpoints with the same limit are assumed to
share one quota, which is always safe. Endpoints with different limits have separate quotas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engagement_nb.client.pacing.headers import QuotaHeaders

GUARD = 0.004
"""Share of a window added to it, for outbound times shorter than any seen before."""
SHORTEST_GUARD = 0.005
LOOK_AGAIN = 0.02
"""Seconds between checks for a response that must come first."""
LONGEST_WAIT = 900.0
"""Seconds; X's longest window. A longer wait is a misread header and is ignored."""
REMEMBERED_WINDOWS = 3
"""Windows for which the largest use of other clients is left free for them."""
MARGIN = 0.03
"""Share of the limit that is also left free while other clients are active, because their next
requests arrive before a response shows them."""
SECOND = 1.0

_REQUEST = np.dtype([("number", "i8"), ("endpoint", "i8"), ("sent", "f8"), ("received", "f8")])
_Flags = NDArray[np.bool_]


@dataclass
class Quota:
    """One limit, and how much of it other clients use.

    Parameters
    ----------
    window
        Seconds.
    limit
        Requests per window, from the last response; 0 before the first.
    others
        Numbers of requests of other clients that counted at once, each with the end of its
        memory: (end, number).
    """

    window: float
    limit: int = 0
    others: list[tuple[float, int]] = field(default_factory=list)

    @property
    def length(self) -> float:
        """Seconds that a request counts for, with a guard."""
        return self.window + max(SHORTEST_GUARD, GUARD * self.window)

    @property
    def margin(self) -> int:
        """Requests that are also left free while other clients are active."""
        return math.ceil(MARGIN * self.limit)

    def reserved(self, now: float) -> int:
        """Requests to leave free for other clients in any window."""
        most = max((count for until, count in self.others if until > now), default=0)
        return most + self.margin if most else 0

    def allowed(self, now: float) -> int:
        """Number of this user's requests that may count at once."""
        return max(1, self.limit // 20, self.limit - self.reserved(now))

    def learn(self, counted: int, limit: int, remaining: int, now: float) -> None:
        """Learn from one response.

        Parameters
        ----------
        counted
            The most requests of this user that can have counted when the API counted this one.
        limit, remaining
            From the headers.
        now
            When the response arrived.
        """
        # Requests from before the first response count for their window, but they do not show
        # what others spend in each window.
        windows = 1 if self.limit == 0 else REMEMBERED_WINDOWS
        self.limit = limit
        self._note(limit - remaining - counted, now + windows * self.window, now)

    def note_refusal(self, now: float) -> None:
        """Count one more request of others, because one was refused that seemed to fit."""
        most = max((count for until, count in self.others if until > now), default=0)
        self._note(most + 1, now + self.window, now)

    def _note(self, count: int, until: float, now: float) -> None:
        if count > 0:
            kept = [(u, c) for u, c in self.others if u > now and (u > until or c > count)]
            self.others = [*kept, (until, count)]


class QuotaTracker:
    """Everything known about the quota of one app.

    Parameters
    ----------
    window
        Seconds that the limit is for.

    Attributes
    ----------
    requests
        Requests of the last windows, in order of sending: number, place of the endpoint in
        ``limits``, time of sending, and time of the first byte of the response (0: not yet).
    limits
        Requests per minute, by endpoint; 0 until a response has it.
    quotas
        The quotas of the minute and the second, by the limit that endpoints share.
    blocked_since, blocked_until
        After a 429: since when and until when no request is sent.
    refused_in_row, refused
        Number of 429s since the last response with data, where one round counts once; and of
        all 429s.
    changes
        Grows with each change that other processes need to know.
    """

    def __init__(self, window: float = 60.0) -> None:
        self.window = window
        self.requests = np.empty(0, _REQUEST)
        self.next_number = 0
        self.limits: dict[str, int] = {}
        self.quotas: dict[str, tuple[Quota, Quota]] = {}
        self.blocked_since = 0.0
        self.blocked_until = 0.0
        self.refused_in_row = 0
        self.refused = 0
        self.changes = 0

    def wait(self, endpoint: str, now: float) -> float:
        """Seconds until a request may be sent; 0 if it may be sent now."""
        if now < self.blocked_until:
            return self.blocked_until - now
        self._forget(now)
        group = self._group(endpoint)
        if not self.limits.get(endpoint):
            # The first request to an endpoint goes alone, because its response has the limit.
            # Until then the endpoint may share the quota of any other.
            if (self.requests["received"][group] == 0).any():
                return LOOK_AGAIN
            known = [name for name, limit in self.limits.items() if limit]
            return max((self.wait(name, now) for name in known), default=0.0)
        arrivals, sent = self._arrivals(now)[group], self.requests["sent"][group]
        due = now
        for quota in self._quotas(endpoint):
            if quota.limit == 0:
                continue
            fit = quota.allowed(now)
            counting = arrivals[arrivals > now - quota.length]
            if len(counting) >= fit:
                nth = len(counting) - fit
                due = max(due, float(np.partition(counting, nth)[nth]) + quota.length)
            if quota.reserved(now):
                # Spread over the window: a burst would hide other clients and block them.
                due = max(due, float(sent.max(initial=0.0)) + 0.9 * quota.window / fit)
        return due - now

    def enter(self, endpoint: str, now: float) -> int:
        """Count a request that is sent now, and return its number for `learn`."""
        self.limits.setdefault(endpoint, 0)
        number = self.next_number
        self.next_number += 1
        self.changes += 1
        row = np.array([(number, [*self.limits].index(endpoint), now, 0.0)], _REQUEST)
        self.requests = np.concatenate([self.requests, row])
        return number

    def learn(
        self, number: int, headers: QuotaHeaders, now: float, backoff: Callable[[int], float]
    ) -> None:
        """Learn from a response, or from the lack of one.

        Parameters
        ----------
        number
            The number of its request.
        headers
            What its headers say about the quota.
        now
            When its headers arrived.
        backoff
            Gives the seconds to wait after a number of refusals in a row, if the API names no
            wait.
        """
        self.changes += 1
        if 0 < headers.status < 400:
            self.refused_in_row = 0
        at = int(np.searchsorted(self.requests["number"], number))
        if at == len(self.requests) or self.requests["number"][at] != number:
            return  # Already forgotten.
        sent = self.requests["sent"]
        self.requests["received"][at] = max(now, float(sent[at]))
        endpoint = [*self.limits][self.requests["endpoint"][at]]
        self.limits[endpoint] = headers.limit or self.limits[endpoint]
        minute, second = self._quotas(endpoint)
        group, arrivals = self._group(endpoint), self._arrivals(now)
        for quota, limit, remaining in (
            (minute, headers.limit, headers.remaining),
            (second, headers.second_limit, headers.second_remaining),
        ):
            if limit and remaining is not None:
                before = sent <= arrivals[at]
                still = arrivals > sent[at] - quota.length
                counted = int(np.count_nonzero(group & before & still))
                quota.learn(counted, limit, remaining, now)
        if headers.status == 429:
            in_second = headers.second_remaining == 0 and bool(headers.remaining)
            (second if in_second else minute).note_refusal(now)
            self._block(float(sent[at]), headers, now, backoff)

    def left(self, endpoint: str, now: float) -> int | None:
        """Requests that may be sent now; None while the limit is unknown."""
        arrivals = self._arrivals(now)[self._group(endpoint)]
        room = [
            quota.allowed(now) - int(np.count_nonzero(arrivals > now - quota.length))
            for quota in self._quotas(endpoint)
            if quota.limit
        ]
        return max(0, min(room)) if room else None

    def others(self, endpoint: str, now: float) -> int:
        """Requests per minute that are left free for other clients."""
        return self._quotas(endpoint)[0].reserved(now)

    def _forget(self, now: float) -> None:
        """Forget requests that no longer count, and limits if there are no requests left."""
        if len(self.requests) and self.requests["sent"][0] < now - 3 * self.window:
            self.requests = self.requests[self.requests["sent"] > now - 2 * self.window]
        if not len(self.requests):
            self.limits.clear()
            self.quotas.clear()

    def _quotas(self, endpoint: str) -> tuple[Quota, Quota]:
        key = str(self.limits.get(endpoint, 0))
        return self.quotas.setdefault(key, (Quota(self.window), Quota(SECOND)))

    def _group(self, endpoint: str) -> _Flags:
        """Which requests count, or may count, against an endpoint's quotas."""
        limit = self.limits.get(endpoint, 0)
        sharing = [at for at, known in enumerate(self.limits.values()) if known in (0, limit)]
        return np.isin(self.requests["endpoint"], sharing)

    def _arrivals(self, now: float) -> NDArray[np.float64]:
        """Give the latest possible arrival of each request, minus the shortest outbound time."""
        sent, received = self.requests["sent"], self.requests["received"]
        finished = received > 0
        took = np.where(finished, received, now) - sent
        known = took[finished]
        floor = 0.0
        if len(known):
            # The shortest possible, estimated from the shortest seen and their spread.
            shortest, middle = known.min(), np.median(known)
            floor = shortest - 2 * (middle - shortest) / len(known) ** 0.5
        late = np.maximum(0.0, took - floor)
        # A killed process never gets its responses; its requests arrived long ago.
        late = np.where(finished, late, np.minimum(late, self.window / 4))
        arrivals: NDArray[np.float64] = sent + late
        return arrivals

    def _block(
        self, sent: float, headers: QuotaHeaders, now: float, backoff: Callable[[int], float]
    ) -> None:
        self.refused += 1
        if sent < self.blocked_since:
            return  # Sent before the last refusal was known, so it belongs to the same round.
        self.refused_in_row += 1
        self.blocked_since = now
        valid = headers.wait is not None and headers.wait <= LONGEST_WAIT
        wait = headers.wait if valid else backoff(self.refused_in_row)
        self.blocked_until = max(self.blocked_until, now + (wait or 0.0))

    # -- as bytes, for the store -----------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Convert to one line of JSON, followed by the bytes of the requests."""
        state = {name: value for name, value in vars(self).items() if name != "requests"}
        return orjson.dumps(state) + b"\n" + self.requests.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> QuotaTracker:
        """Read what `to_bytes` wrote.

        Raises
        ------
        TypeError, KeyError, ValueError, AttributeError
            No tracker wrote this content.
        """
        line, _, requests = content.partition(b"\n")
        state: dict[str, Any] = orjson.loads(line)
        tracker = cls(state["window"])
        tracker.requests = np.frombuffer(requests, _REQUEST).copy()
        for name in vars(tracker).keys() - {"requests", "quotas"}:
            setattr(tracker, name, state[name])
        for name, (minute, second) in state["quotas"].items():
            tracker.quotas[name] = (Quota(**minute), Quota(**second))
        return tracker
