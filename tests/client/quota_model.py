"""A model of a quota and its traffic, as events in simulated time; nothing sleeps."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from engagement_nb.client.pacing import Pacer
from engagement_nb.client.pacing import Quota as Seen
from engagement_nb.client.pacing.pacer import Ticket


class Quota:
    """A limit of requests per window, fixed or sliding, counted at arrival as the API does."""

    def __init__(self, limit: int, window: float, kind: str, phase: float = 0.0) -> None:
        self.limit, self.window, self.kind, self.phase = limit, window, kind, phase
        self.moments: list[float] = []

    def take(self, now: float) -> tuple[bool, int]:
        """Whether a request is accepted, and how many remain."""
        if self.kind == "fixed":
            began = math.floor((now + self.phase) / self.window) * self.window - self.phase
            self.moments = [moment for moment in self.moments if moment >= began]
        else:
            self.moments = [moment for moment in self.moments if moment > now - self.window]
        if len(self.moments) >= self.limit:
            return False, 0
        self.moments.append(now)
        return True, self.limit - len(self.moments)

    def resets_in(self, now: float) -> float:
        """Seconds to the end of a fixed window."""
        return self.window - (now + self.phase) % self.window


@dataclass
class Traffic:
    """The result of a run."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    strangers: int = 0
    strangers_refused: int = 0

    def share_of(self, quota: Quota) -> float:
        """Share of the quota that was used after the first ``limit`` requests."""
        first, last = quota.limit, len(self.accepted) - 1
        rate = (last - first) / (self.accepted[last] - self.accepted[first])
        return rate * quota.window / quota.limit


class Paced:
    """A pacer without waits, in simulated time."""

    def __init__(self, window: float, rng: random.Random) -> None:
        self.now = 1.0
        self.pacer = Pacer(
            window=window,
            clock=lambda: self.now,
            wall=lambda: self.now,
            rng=rng.random,
        )

    def attempt(self, endpoint: str, now: float) -> Ticket | float:
        self.now = now
        return self.pacer.attempt(endpoint)

    def learn(self, ticket: Ticket, now: float, status: int, **told: float | None) -> None:
        self.now = now
        headers = {
            f"x-per-{name.replace('_', '-')}": str(value)
            for name, value in told.items()
            if value is not None
        }
        self.pacer.learn(ticket, headers, status)

    def state(self, now: float, endpoint: str = "totals") -> Seen:
        self.now = now
        return self.pacer.state(endpoint)


def run(
    quota: Quota,
    windows: float,
    *,
    latency: float,
    jitter: float = 0.0,
    workers: int = 48,
    stranger: Callable[[random.Random], float] | None = None,
    stranger_ends: float = math.inf,
    tells_reset: bool = False,
    second: Quota | None = None,
    endpoints: tuple[str, ...] = ("totals",),
    own_quotas: dict[str, Quota] | None = None,
    seed: int = 1,
) -> tuple[Traffic, Paced]:
    """Let workers send as fast as a pacer allows.

    Parameters
    ----------
    quota, second
        Quotas of the minute and of the second.
    windows
        Duration, in windows of the quota.
    latency, jitter
        Seconds of a round trip, and the random part of them.
    workers
        Largest number of requests under way.
    stranger, stranger_ends
        Gives the seconds to the next request of another client; when that client stops.
    tells_reset
        Whether refusals say when the quota resets.
    endpoints
        Requested in turn.
    own_quotas
        By endpoint, if they do not share ``quota``.
    """
    rng = random.Random(seed)
    paced, traffic = Paced(quota.window, rng), Traffic()
    events: list[tuple[float, int, str, Any]] = []
    order = count()
    free, asleep, turn = workers, False, count()

    def at(moment: float, what: str, *data: Any) -> None:
        heapq.heappush(events, (moment, next(order), what, data))

    def way() -> float:
        return latency / 2 + rng.random() * jitter / 2

    at(0.0, "look")
    if stranger:
        at(0.0, "stranger")
    end = windows * quota.window
    while events and events[0][0] <= end:
        now, _, what, data = heapq.heappop(events)
        if what == "look":
            asleep = False
            while free:
                first = next(turn)
                rotated = [endpoints[(first + k) % len(endpoints)] for k in range(len(endpoints))]
                tried = [(paced.attempt(endpoint, now), endpoint) for endpoint in rotated[:1]]
                for endpoint in rotated[1:]:
                    if isinstance(tried[-1][0], Ticket):
                        break
                    tried.append((paced.attempt(endpoint, now), endpoint))
                ticket, endpoint = tried[-1]
                if not isinstance(ticket, Ticket):
                    asleep = True
                    wait = min(wait for wait, _ in tried if isinstance(wait, float))
                    at(now + min(wait, 0.2) + 0.001 * rng.random(), "look")
                    break
                free -= 1
                at(now + way(), "arrive", endpoint, ticket)
        elif what == "arrive":
            own = own_quotas[data[0]] if own_quotas else quota
            if (
                second is not None
                and len([m for m in second.moments if m > now - 1]) >= second.limit
            ):
                let_in, left = False, max(0, quota.limit - len(quota.moments))
            else:
                let_in, left = own.take(now)
            left2 = second.take(now)[1] if second is not None else None
            (traffic.accepted if let_in else traffic.refused).append(now)
            at(now + way(), "response", *data, let_in, left, left2, own.resets_in(now))
        elif what == "response":
            endpoint, ticket, let_in, left, left2, reset = data
            paced.learn(
                ticket,
                now,
                200 if let_in else 429,
                minute_limit=own_quotas[endpoint].limit if own_quotas else quota.limit,
                minute_remaining=left,
                second_limit=second.limit if second else None,
                second_remaining=left2,
                minute_reset=now + reset if tells_reset else None,
            )
            free += 1
            if not asleep:
                asleep = True
                at(now, "look")
        elif what == "stranger" and stranger and now < stranger_ends:
            let_in, _ = quota.take(now)
            traffic.strangers += 1
            traffic.strangers_refused += not let_in
            at(now + stranger(rng), "stranger")
    return traffic, paced
