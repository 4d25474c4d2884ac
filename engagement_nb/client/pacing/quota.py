"""The rule of pacing: when one more request fits into a quota.

Nothing here waits, locks or reads a clock. A `Quota` is given what is known, and the moment.

The rule is that of a sliding window, which is also safe for a fixed one. Each request counts for
one window from its arrival at the API, and a request may be sent while fewer than the limit
count. Two things are unknown and are bounded:

- *The arrival of a request.* Outbound time lies between that of the fastest response and the same
  plus this response's extra delay. The latest of these is assumed, so a request one window later
  is safe at any latency. A request in flight counts at any time.
- *Requests of other clients.* If less of the limit remains than this user's requests explain,
  other clients spent the difference. The most of it in `REMEMBERED_WINDOWS` is left free.

Whether endpoints share a quota is not published for every API. Then endpoints with the same limit
are assumed to share one, which is always safe, and those with different limits do not.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable

import msgspec

from engagement_nb.apis.contract import Bucket
from engagement_nb.client.pacing.headers import Told

GUARD = 0.004
"""Share of a window added to it, for outbound times shorter than any seen before."""
SHORTEST_GUARD = 0.02
"""Seconds; a busy machine delays a request by as much."""
FIRST_PATIENCE = 5.0
"""Seconds; the first request goes alone, because its response has the limit. If its process was
killed, there is no response, so the next one goes after this time."""
REMEMBERED_WINDOWS = 3
"""Windows for which the largest use of other clients is left free for them."""
MARGIN = 0.03
"""Share of the limit that is also left free while other clients are active, because their next
requests arrive before a response shows them."""
LOST_AFTER = 15.0
"""Seconds, at most a quarter of a window: an older request without a response has arrived. That
of a killed process never gets its response."""


def backoff(
    attempt: int,
    *,
    base: float,
    cap: float,
    rng: Callable[[], float] = random.random,
) -> float:
    """Give the seconds to wait before a retry.

    Parameters
    ----------
    attempt
        1 after the first failure.
    base
        Wait after the first failure; it doubles with each further failure.
    cap
        Longest wait. Half of a wait is random, so that many clients do not retry at once.
    rng
        Returns a number from 0 to 1.
    """
    # 2.0**1024 overflows; the cap applies long before that.
    whole = min(cap, base * 2.0 ** min(max(attempt, 1) - 1, 60))
    return whole * (1 - 0.5 * rng())


class Seen(msgspec.Struct):
    """What is known of a bucket at one endpoint. Moments are seconds of the pacer's clock.

    Parameters
    ----------
    limit
        Requests per window, from the last response; 0 before the first.
    fastest
        Seconds of the fastest response; None before the first.
    last
        When the last request was sent.
    flight
        When each request without a response was sent, by its number.
    arrived
        When each other request arrived at the latest, in order.
    counts_until
        When the last of them no longer counts.
    others
        Requests of other clients: until when they are remembered, and how many.
    refused_at, blocked
        When the last round of refusals began, and until when nothing is sent.
    in_row, refused
        Rounds of refusals in a row, and refusals in all.
    """

    limit: int = 0
    fastest: float | None = None
    last: float = 0.0
    flight: dict[str, float] = {}
    arrived: list[float] = []
    counts_until: float = 0.0
    others: list[tuple[float, int]] = []
    refused_at: float = 0.0
    blocked: float = 0.0
    in_row: int = 0
    refused: int = 0


Known = dict[str, dict[str, Seen]]
"""What is known, by bucket and endpoint."""


class Quota:
    """One bucket as one of its endpoints sees it, at one moment.

    Parameters
    ----------
    known
        What is known of all buckets. What this one learns is added.
    bucket
        Window and sharing.
    holder
        Whose bucket it is: a name for the app or the user.
    endpoint
        Name of the endpoint.
    now
        The moment.

    Attributes
    ----------
    window
        Seconds that the limit is for.
    limit
        Requests per window; None before the first response.
    left
        Requests that may be sent; None while the limit is unknown.
    wait
        Seconds until the next request may be sent.
    others
        Requests per window that are left to other clients with the same quota.
    refused
        Responses with status 429 so far, in all processes that share this quota.
    """

    def __init__(
        self, known: Known, bucket: Bucket, holder: str, endpoint: str, now: float
    ) -> None:
        parts = [bucket.api, bucket.name, bucket.scope, holder]
        name = "\t".join(parts + [endpoint] * bool(bucket.by_endpoint))
        self._of_bucket = known.setdefault(name, {})
        self._seen = self._of_bucket.setdefault(endpoint, Seen())
        self.bucket = bucket
        self.window = bucket.window.total_seconds()
        # A request counts for this long.
        self._length = self.window + max(SHORTEST_GUARD, GUARD * self.window)
        self._late = min(LOST_AFTER, self.window / 4)
        self._now = now
        limit, peers = self._peers()
        others, counting = self._others(), self._counting()
        self.limit = self._seen.limit or None
        self.others = others + math.ceil(MARGIN * limit) if others else 0
        self.refused = sum(seen.refused for seen in self._of_bucket.values())
        allowed = max(1, limit // 20, limit - self.others)
        self.left = max(0, allowed - len(counting)) if limit else None
        due = max(seen.blocked for seen in peers)
        if limit and due <= now:
            if len(counting) >= allowed:
                due = min(counting[-allowed], now) + self._length
            if self.others:
                # Spread over the window: a burst would hide other clients and block them.
                last = max(seen.last for seen in peers)
                due = max(due, last + 0.9 * self.window / allowed)
        self.wait = max(0.0, due - now)

    @property
    def per_minute(self) -> float | None:
        """The limit as requests per minute; None if it is unknown."""
        return None if self.limit is None else self.limit * 60 / self.window

    @property
    def first(self) -> str:
        """Number of the request whose response will tell the limit; "" if none is awaited."""
        number = next(reversed(self._seen.flight), "")
        patience = min(FIRST_PATIENCE, self._late)
        waits = number and not self.limit and self._now - self._seen.flight[number] < patience
        return number if waits else ""

    def _peers(self) -> tuple[int, list[Seen]]:
        """The limit that counts, and the endpoints that have it, or may have it."""
        of_bucket = self._of_bucket.values()
        known = [seen.limit for seen in of_bucket if seen.limit]
        limit = self._seen.limit or min(known, default=0)
        return limit, [seen for seen in of_bucket if seen.limit in (0, limit)]

    def _others(self) -> int:
        """The most requests of other clients in a window, as far as they are remembered."""
        noted = (note for seen in self._peers()[1] for note in seen.others)
        return max((count for until, count in noted if until > self._now), default=0)

    def _forget(self) -> None:
        """Forget what no longer counts, and the limits with the last request."""
        before = self._now - 2 * self._length
        of_bucket = self._of_bucket.values()
        for seen in of_bucket:
            del seen.arrived[: bisect_left(seen.arrived, before)]
            flight = seen.flight.items()
            seen.flight = {n: sent for n, sent in flight if sent + self._late >= before}
        if not any(seen.arrived or seen.flight for seen in of_bucket):
            for seen in of_bucket:
                seen.limit, seen.fastest = 0, None

    def _counting(self) -> list[float]:
        """When each of this user's requests that count now arrived at the latest, in order."""
        after, moments = self._now - self._length, []
        for seen in self._peers()[1]:
            moments += seen.arrived[bisect_right(seen.arrived, after) :]
            for sent in seen.flight.values():
                lost = sent + self._late
                moments.append(lost if lost < self._now else math.inf)
        return sorted(moment for moment in moments if moment > after)

    def enter(self, number: str) -> None:
        """Count a request that is sent now."""
        self._forget()
        self._seen.flight[number] = self._seen.last = self._now
        self._seen.counts_until = self._now + self._late + 2 * self._length

    def learn(self, number: str, told: Told | None) -> None:
        """Learn from a response, or from the lack of one.

        Parameters
        ----------
        number
            The number of its request.
        told
            What its headers say about this bucket; None without a response.
        """
        seen, arrived = self._seen, self._now
        sent = seen.flight.pop(number, None)
        if sent is None:
            return  # Already forgotten.
        if told is not None:
            took = max(0.0, self._now - sent)
            fastest = took if seen.fastest is None else min(took, seen.fastest)
            # The others were bounded with the fastest until now.
            later = (seen.fastest or fastest) - fastest
            seen.arrived = [moment + later for moment in seen.arrived] if later else seen.arrived
            seen.fastest = fastest
            arrived = sent + took - fastest
        insort(seen.arrived, arrived)
        if told is None or not told.limit:
            return
        first, seen.limit = not seen.limit, told.limit
        if told.remaining is not None:
            # Requests from before the first response count until the reset, but they do not show
            # what others spend in each window.
            seconds = min(told.reset or self.window, self.window)
            seconds = seconds if first else REMEMBERED_WINDOWS * self.window
            self._note(told.limit - told.remaining - self._own(sent, arrived), seconds)
        if first and told.remaining == 0 and told.reset:
            # Others spent it all, and only the reset ends that.
            seen.blocked = self._now + told.reset

    def _own(self, sent: float, arrived: float) -> int:
        """How many of this user's requests a response may have counted."""
        own = 0
        for seen in self._peers()[1]:
            own += len(seen.arrived) - bisect_right(seen.arrived, sent - self._length)
            own += sum(moment <= arrived for moment in seen.flight.values())
        return own

    def _note(self, count: int, seconds: float) -> None:
        until = self._now + seconds
        if count > 0:
            later = [n for n in self._seen.others if n[0] > self._now]
            self._seen.others = [n for n in later if n[0] > until or n[1] > count]
            self._seen.others.append((until, count))

    def accept(self) -> None:
        """Learn that a request was not refused."""
        self._seen.in_row = 0

    def refuse(self, sent: float, wait: float | None, rng: Callable[[], float]) -> None:
        """Learn that a request was refused (429), and send no other before the reset.

        Parameters
        ----------
        sent
            When it was sent.
        wait
            Seconds until the reset; None if the API names none.
        rng
            As for `backoff`.
        """
        # It seemed to fit, so other clients sent one more than is known.
        self._note(self._others() + 1, self.window)
        seen = self._seen
        seen.refused += 1
        if sent >= seen.refused_at:  # Else it belongs to the round of the last refusal.
            seen.refused_at, seen.in_row = self._now, seen.in_row + 1
            if wait is None or seen.in_row > 1:
                # A named wait that did not help was too short.
                own = backoff(seen.in_row, base=self.window / 20, cap=self.window, rng=rng)
                wait = max(wait or 0.0, own)
            seen.blocked = max(seen.blocked, self._now + wait)
