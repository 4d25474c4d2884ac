"""The arithmetic of pacing: which requests count against the quota, and when one more fits.

Nothing here waits, locks or reads a clock; every function is given the time.

The rule is that of a sliding window, which is safe under a fixed one too: a request may leave
when fewer than the limit of our own still count, each counting for one window from its arrival
at the API. Two things are not known and are bounded instead:

- *When a request arrived.* Its way there took between the shortest way and that plus what its
  answer took longer than the quickest answer. So it is taken to have arrived that much later,
  and a request that follows it by one window is safe whatever the latency is.
- *Who else spends the quota.* Where the API says that less is left than our own requests
  explain, the difference is somebody else's. It counts for one window like ours, and the most
  that was seen in the last windows is left free for them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

GUARD = 0.004
"""Share of a window added to it, for ways that turn out shorter than any seen before."""
SHORTEST_GUARD = 0.005
LOOK_AGAIN = 0.02
"""Seconds between looks for the first answer, which tells the limit."""
REMEMBERED_WINDOWS = 2
"""For so many windows the most that others took is left free for them."""
ALL = "all"
SECOND = 1.0


@dataclass
class Entry:
    """One request of ours: when it left, and when its answer began to arrive (0: not yet)."""

    id: str
    endpoint: str
    sent: float
    received: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What one answer says about the quota.

    Parameters
    ----------
    status
        HTTP status; 0 where there was no answer.
    limit, remaining
        Of the minute; None where not told.
    second_limit, second_remaining
        Of the second.
    wait
        Seconds until the quota is whole again, where told.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    second_limit: int | None = None
    second_remaining: int | None = None
    wait: float | None = None


@dataclass
class Others:
    """What somebody else spends of one quota.

    Parameters
    ----------
    times
        When each of their requests was noticed, as long as it counts.
    peaks
        The most that counted at once, by number of the window, for the last windows.
    """

    times: list[float] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)

    def alive(self, now: float, window: float) -> int:
        """How many of theirs still count."""
        return len(self.times) - bisect_left(self.times, now - window)

    def add(self, count: int, now: float, window: float) -> None:
        """Count some of theirs that were noticed now."""
        self.times += [now] * count
        self.peaks[str(int(now // window))] = max(
            self.alive(now, window), self.peaks.get(str(int(now // window)), 0)
        )

    def expected(self, now: float, window: float) -> int:
        """How many of theirs to expect in any one window."""
        oldest = int(now // window) - REMEMBERED_WINDOWS
        recent = [count for number, count in self.peaks.items() if int(number) >= oldest]
        return max([self.alive(now, window), *recent])

    def prune(self, now: float, window: float) -> None:
        """Forget those that count no more."""
        del self.times[: bisect_left(self.times, now - window)]
        oldest = int(now // window) - REMEMBERED_WINDOWS
        self.peaks = {n: count for n, count in self.peaks.items() if int(n) >= oldest}


@dataclass
class Ledger:
    """All that is known of one app's quota: shared by its threads and processes.

    Parameters
    ----------
    window
        Seconds of the "minute".
    entries
        Requests of ours that may still count, in order of leaving.
    limits, second_limits
        By endpoint, as told.
    others, second_others
        By endpoint, or under `ALL`.
    blocked_until
        No request leaves before, after a 429.
    refused_in_row, refused
        429s since the last answer with data, counting one a round; and in all.
    """

    window: float = 60.0
    entries: list[Entry] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    second_limits: dict[str, int] = field(default_factory=dict)
    others: dict[str, Others] = field(default_factory=dict)
    second_others: dict[str, Others] = field(default_factory=dict)
    blocked_since: float = 0.0
    blocked_until: float = 0.0
    refused_in_row: int = 0
    refused: int = 0
    remaining: dict[str, int] = field(default_factory=dict)

    # -- what the pacer asks ---------------------------------------------------------------

    def wait(self, endpoint: str, now: float) -> float:
        """Seconds until a request may leave; 0 when it may leave at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if endpoint not in self.limits:
            # The first request goes alone: its answer tells the limit.
            alone = all(e.received or e.endpoint != endpoint for e in self.entries)
            return 0.0 if alone else LOOK_AGAIN
        arrivals = self._arrivals(endpoint, now)
        due = now
        for limit, window in self._gates(endpoint, now):
            counting = [a for a in arrivals if a + window + _guard(window) > now]
            if len(counting) >= limit:
                counting.sort()
                due = max(due, counting[len(counting) - limit] + window + _guard(window))
        return due - now

    def enter(self, entry: Entry) -> None:
        """Count a request that leaves now."""
        self.entries.append(entry)

    def learn(
        self, entry_id: str, reading: Reading, now: float, backoff: Callable[[int], float]
    ) -> None:
        """Take in what an answer, or the lack of one, says.

        Parameters
        ----------
        entry_id
            The request it answers.
        reading
            What it says.
        now
            When its headers arrived.
        backoff
            Seconds to wait after so many refusals in a row, where no wait is told.
        """
        entry = next((e for e in self.entries if e.id == entry_id), None)
        if entry is None:
            entry = Entry(entry_id, ALL, now)
        entry.received = now
        where = self._group(entry.endpoint)
        if reading.limit:
            self.limits[entry.endpoint] = reading.limit
        if reading.second_limit:
            self.second_limits[entry.endpoint] = reading.second_limit
        if reading.remaining is not None:
            self.remaining[entry.endpoint] = reading.remaining
        for told_limit, remaining, window, book in (
            (reading.limit, reading.remaining, self.window, self.others),
            (reading.second_limit, reading.second_remaining, SECOND, self.second_others),
        ):
            if told_limit and remaining is not None:
                others = book.setdefault(where, Others())
                unexplained = told_limit - remaining - self._ours_at(entry, now, window)
                unexplained -= others.alive(now, window)
                if unexplained > 0:
                    others.add(unexplained, now, window)
        if reading.status == 429:
            self._refuse(entry, reading, now, backoff)
        elif reading.status and reading.status < 400:
            self.refused_in_row = 0
        self.prune(now)

    def expected_others(self, endpoint: str, now: float) -> int:
        """Requests a minute that somebody else is taken to spend."""
        others = self.others.get(self._group(endpoint))
        return others.expected(now, self.window) if others else 0

    def left(self, endpoint: str, now: float) -> int | None:
        """Requests that may leave at once; None while the limit isn't known."""
        if endpoint not in self.limits:
            return None
        arrivals = self._arrivals(endpoint, now)
        return max(0, min(
            limit - sum(a + window + _guard(window) > now for a in arrivals)
            for limit, window in self._gates(endpoint, now)
        ))  # fmt: skip

    def prune(self, now: float) -> None:
        """Forget what counts no more."""
        slowest = max((e.received - e.sent for e in self.entries if e.received), default=0.0)
        keep_for = max(self.window, SECOND) * (1 + GUARD) + SHORTEST_GUARD + 1.5 * slowest
        floors = self._floors()
        self.entries = [e for e in self.entries if self._arrival(e, now, floors) + keep_for > now]
        for book, window in ((self.others, self.window), (self.second_others, SECOND)):
            for others in book.values():
                others.prune(now, window)
        if not self.entries:
            # A limit that was told long ago may have changed since.
            self.limits.clear()
            self.second_limits.clear()
            self.remaining.clear()

    # -- arithmetic ------------------------------------------------------------------------

    def _group(self, endpoint: str) -> str:
        return ALL

    def _gates(self, endpoint: str, now: float) -> list[tuple[int, float]]:
        where = self._group(endpoint)
        gates = []
        for limits, book, window in (
            (self.limits, self.others, self.window),
            (self.second_limits, self.second_others, SECOND),
        ):
            limit = limits.get(endpoint)
            if limit is None:
                continue
            others = book.get(where)
            theirs = others.expected(now, window) if others else 0
            if theirs:
                # One more than they were seen to take: the next may come before we hear of it.
                theirs += 1 + math.ceil(theirs / 20)
            gates.append((max(1, limit // 20, limit - theirs), window))
        return gates

    def _floors(self) -> dict[str, float]:
        floors: dict[str, float] = {}
        for e in self.entries:
            if e.received:
                took = e.received - e.sent
                floors[e.endpoint] = min(took, floors.get(e.endpoint, took))
        return floors

    def _arrival(self, e: Entry, now: float, floors: dict[str, float]) -> float:
        """The latest that a request can have arrived, less the shortest way there."""
        took = (e.received or now) - e.sent
        late = max(0.0, took - floors.get(e.endpoint, 0.0))
        if not e.received:
            # A process that was killed never hears its answers; its requests arrived long ago.
            late = min(late, self.window / 4)
        return e.sent + late

    def _arrivals(self, endpoint: str, now: float) -> list[float]:
        floors = self._floors()
        where = self._group(endpoint)
        return [
            self._arrival(e, now, floors) for e in self.entries if self._group(e.endpoint) == where
        ]

    def _ours_at(self, entry: Entry, now: float, window: float) -> int:
        """The most of ours that can have counted when this request did."""
        floors = self._floors()
        latest = self._arrival(entry, now, floors)
        where = self._group(entry.endpoint)
        return sum(
            self._group(e.endpoint) == where
            and e.sent <= latest
            and self._arrival(e, now, floors) > entry.sent - window - _guard(window)
            for e in self.entries
        )

    def _refuse(
        self, entry: Entry, reading: Reading, now: float, backoff: Callable[[int], float]
    ) -> None:
        self.refused += 1
        in_second = reading.second_remaining == 0 and (reading.remaining or 0) > 0
        book, window = (self.second_others, SECOND) if in_second else (self.others, self.window)
        book.setdefault(self._group(entry.endpoint), Others()).add(1, now, window)
        if entry.sent < self.blocked_since:
            return  # Left before we knew: the same refusal, told again.
        self.refused_in_row += 1
        self.blocked_since = now
        wait = reading.wait if reading.wait is not None else backoff(self.refused_in_row)
        self.blocked_until = max(self.blocked_until, now + min(wait, 2 * self.window))

    # -- as JSON ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ledger:
        """The ledger that `to_dict` gave.

        Raises
        ------
        TypeError, KeyError, ValueError
            Data that no ledger gave.
        """
        data = dict(data)
        data["entries"] = [Entry(**e) for e in data["entries"]]
        for book in ("others", "second_others"):
            data[book] = {name: Others(**o) for name, o in data[book].items()}
        return cls(**data)


def _guard(window: float) -> float:
    return max(SHORTEST_GUARD, GUARD * window)
