"""The arithmetic of pacing: which requests count against the quota, and when one more fits.

Nothing here waits, locks or reads a clock; every function is given the time.

The rule is that of a sliding window, which is safe under a fixed one too: a request may leave
when fewer than the limit of our own still count, each counting for one window from its arrival
at the API. Two things are not known and are bounded instead:

- *When a request arrived.* Its way there took between the shortest way and that plus what its
  answer took longer than the quickest answer. So it is taken to have arrived that much later,
  and a request that follows it by one window is safe whatever the latency is.
- *Who else spends the quota.* Where the API says that less is left than our own requests
  explain, the difference is somebody else's: `engagement_nb.client.pacing.others`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement_nb.client.pacing.others import Others
from engagement_nb.client.pacing.sharing import Anchor, Sharing

GUARD = 0.004
"""Share of a window added to it, for ways that turn out shorter than any seen before."""
SHORTEST_GUARD = 0.005
LOOK_AGAIN = 0.02
"""Seconds between looks for an answer that has to come first."""
LONGEST_TOLD = 900.0
"""Seconds; a longer wait than X's longest window is a misread header, and not believed."""
ALL = "all"
SECOND = 1.0


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
class Quota:
    """One limit that requests of a group of endpoints count against.

    Parameters
    ----------
    window
        Seconds.
    limit
        As last told; None before.
    remaining
        As the newest answer tells, None before.
    newest
        Number of the request that the newest answer is for.
    others
        Who else spends it.
    """

    window: float
    limit: int | None = None
    remaining: int | None = None
    newest: int = -1
    others: Others = field(default_factory=Others)

    def ours(self, now: float) -> int:
        """How many of ours may count at once."""
        assert self.limit is not None  # noqa: S101
        theirs = self.others.expected(now, self.window, self.limit)
        return max(1, self.limit // 20, self.limit - theirs)


class Ledger:
    """All that is known of one app's quota: shared by its threads and processes.

    Parameters
    ----------
    window
        Seconds of the "minute".

    Attributes
    ----------
    number, sent, received, where
        Requests of ours that may still count, in order of leaving: their number, when they
        left, when their answer began to arrive (0: not yet), and their endpoint's index in
        ``endpoints``.
    quotas
        By endpoint, or under `ALL` while they share them: the minute's and the second's.
    sharing
        Whether they share them.
    blocked_since, blocked_until
        No request leaves before, after a 429.
    refused_in_row, refused
        429s since the last answer with data, counting one a round; and in all.
    changes
        Grows with everything that others need to know.
    """

    def __init__(self, window: float = 60.0) -> None:
        self.window = window
        self.number: NDArray[np.int64] = np.empty(0, np.int64)
        self.sent: NDArray[np.float64] = np.empty(0)
        self.received: NDArray[np.float64] = np.empty(0)
        self.where: NDArray[np.int64] = np.empty(0, np.int64)
        self.endpoints: list[str] = []
        self.next_number = 0
        self.quotas: dict[str, tuple[Quota, Quota]] = {}
        self.sharing = Sharing()
        self.blocked_since = 0.0
        self.blocked_until = 0.0
        self.refused_in_row = 0
        self.refused = 0
        self.changes = 0

    # -- what the pacer asks ---------------------------------------------------------------

    def wait(self, endpoint: str, now: float) -> float:
        """Seconds until a request may leave; 0 when it may leave at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        group, minute, second = self._of(endpoint)
        if minute.limit is None or endpoint not in self.sharing.told:
            # The first request of an endpoint goes alone: its answer tells the limit.
            return LOOK_AGAIN if (self.received[self._mine(endpoint)] == 0).any() else 0.0
        arrivals = self._arrivals(now)[group]
        due = now
        for quota in (minute, second):
            if quota.limit is None:
                continue
            counting = arrivals[arrivals > now - _length(quota.window)]
            ours = quota.ours(now)
            if len(counting) >= ours:
                nth = len(counting) - ours
                due = max(due, float(np.partition(counting, nth)[nth]) + _length(quota.window))
            if quota.others.about(now, quota.window) and quota.remaining is not None:
                # Spread over the window: a burst would leave us blind, and them refused.
                due = max(due, float(self.sent[group].max(initial=0.0)) + 0.9 * quota.window / ours)
                # With others about, no more are on their way than the newest answer leaves.
                on_way = int(np.count_nonzero(group & (self.number > quota.newest)))
                if on_way >= max(1, quota.remaining - quota.others.margin(quota.limit)):
                    pending = (self.received[group] == 0).any()
                    due = max(due, now + LOOK_AGAIN) if pending else due
        return due - now

    def enter(self, endpoint: str, now: float) -> int:
        """Count a request that leaves now; gives its number, for `learn`."""
        if endpoint not in self.endpoints:
            self.endpoints.append(endpoint)
        number = self.next_number
        self.next_number += 1
        self.changes += 1
        self.number = np.append(self.number, number)
        self.sent = np.append(self.sent, now)
        self.received = np.append(self.received, 0.0)
        self.where = np.append(self.where, self.endpoints.index(endpoint))
        return number

    def learn(
        self,
        endpoint: str,
        number: int,
        reading: Reading,
        now: float,
        backoff: Callable[[int], float],
    ) -> None:
        """Take in what an answer, or the lack of one, says.

        Parameters
        ----------
        endpoint, number
            The request it answers.
        reading
            What it says.
        now
            When its headers arrived.
        backoff
            Seconds to wait after so many refusals in a row, where no wait is told.
        """
        self.changes += 1
        at = int(np.searchsorted(self.number, number))
        known = at < len(self.number) and self.number[at] == number
        if known:
            self.received[at] = now
            self._judge_sharing(endpoint, at, reading, now)
            group, minute, second = self._of(endpoint)
            arrivals = self._arrivals(now)
            told = (
                (minute, reading.limit, reading.remaining),
                (second, reading.second_limit, reading.second_remaining),
            )
            for quota, limit, remaining in told:
                if not limit or remaining is None:
                    continue
                quota.limit = limit
                # The most of ours that can have counted when this request did.
                counted = (
                    group
                    & (self.sent <= arrivals[at])
                    & (arrivals > self.sent[at] - _length(quota.window))
                )
                unexplained = limit - remaining - int(np.count_nonzero(counted))
                first = quota.newest < 0
                quota.others.notice(unexplained, remaining, limit, now, quota.window, first=first)
                if number > quota.newest:
                    quota.newest, quota.remaining = number, remaining
            if reading.status == 429:
                in_second = reading.second_remaining == 0 and bool(reading.remaining)
                quota = second if in_second else minute
                quota.others.refused(now, quota.window)
                self._block(float(self.sent[at]), reading, now, backoff)
        if 0 < reading.status < 400:
            self.refused_in_row = 0
        self.prune(now)

    def limit(self, endpoint: str) -> int | None:
        """Requests a minute, as told."""
        return self._of(endpoint)[1].limit

    def left(self, endpoint: str, now: float) -> int | None:
        """Requests that may leave at once; None while the limit isn't known."""
        group, *quotas = self._of(endpoint)
        arrivals = self._arrivals(now)[group]
        room = [
            quota.ours(now) - int(np.count_nonzero(arrivals > now - _length(quota.window)))
            for quota in quotas
            if quota.limit is not None
        ]
        return max(0, min(room)) if room else None

    def others(self, endpoint: str, now: float) -> int:
        """Requests a minute that are left free for somebody else who was noticed."""
        minute = self._of(endpoint)[1]
        return 0 if minute.limit is None else minute.others.expected(now, self.window, minute.limit)

    def prune(self, now: float) -> None:
        """Forget what counts no more."""
        if len(self.number):
            took = np.where(self.received > 0, self.received - self.sent, 0.0)
            keep_for = _length(max(self.window, SECOND)) + 1.5 * float(took.max())
            if self.sent[0] + keep_for < now:
                keep = self._arrivals(now) + keep_for > now
                self.number, self.sent = self.number[keep], self.sent[keep]
                self.received, self.where = self.received[keep], self.where[keep]
        if not len(self.number):
            # A limit that was told long ago may have changed since.
            self.quotas.clear()
            self.sharing = Sharing()

    # -- arithmetic ------------------------------------------------------------------------

    def _of(self, endpoint: str) -> tuple[NDArray[np.bool_], Quota, Quota]:
        """The requests that share an endpoint's quotas, and the quotas."""
        apart = self.sharing.apart
        where = endpoint if apart else ALL
        group = self._mine(endpoint) if apart else np.ones(len(self.number), np.bool_)
        if where not in self.quotas:
            self.quotas[where] = (Quota(self.window), Quota(SECOND))
        return group, *self.quotas[where]

    def _mine(self, endpoint: str) -> NDArray[np.bool_]:
        known = endpoint in self.endpoints
        index = self.endpoints.index(endpoint) if known else -1
        mine: NDArray[np.bool_] = self.where == index
        return mine

    def _judge_sharing(self, endpoint: str, at: int, reading: Reading, now: float) -> None:
        if not reading.limit or reading.remaining is None:
            return
        sharing, before = self.sharing, self.sharing.apart
        sharing.told[endpoint] = reading.limit
        number = int(self.number[at])
        anchor = sharing.anchor(endpoint, number, reading.remaining, now)
        if anchor is not None:
            mine = self._mine(endpoint)
            between = (self.number > anchor.number) & (self.number <= number)
            # Of the others only those that surely came after the one and before the other.
            surely = (self.sent >= anchor.at) & (self.received > 0)
            surely &= self.received <= self.sent[at]
            same = int(np.count_nonzero(mine & between))
            others = int(np.count_nonzero(~mine & between & surely))
            sharing.judge(endpoint, number, reading.remaining, now, same, others)
        if sharing.apart != before:
            self.quotas.clear()

    def _arrivals(self, now: float) -> NDArray[np.float64]:
        """The latest that each request can have arrived, less the shortest way there."""
        answered = self.received > 0
        took = np.where(answered, self.received, now) - self.sent
        floors = np.zeros(len(self.endpoints))
        for index in range(len(self.endpoints)):
            mine = took[answered & (self.where == index)]
            if len(mine):
                # The shortest way there is, judged from the shortest seen and how they spread.
                half = len(mine) // 2
                shortest, middle = mine.min(), np.partition(mine, half)[half]
                floors[index] = shortest - 2 * (middle - shortest) / len(mine) ** 0.5
        late = np.maximum(0.0, took - floors[self.where]) if len(took) else took
        # A process that was killed never hears its answers; its requests arrived long ago.
        late = np.where(answered, late, np.minimum(late, self.window / 4))
        return self.sent + late

    def _block(
        self, sent: float, reading: Reading, now: float, backoff: Callable[[int], float]
    ) -> None:
        self.refused += 1
        if sent < self.blocked_since:
            return  # It left before we knew: the same refusal, told again.
        self.refused_in_row += 1
        self.blocked_since = now
        told = reading.wait is not None and reading.wait <= LONGEST_TOLD
        wait = reading.wait if told else backoff(self.refused_in_row)
        self.blocked_until = max(self.blocked_until, now + (wait or 0.0))

    # -- as plain data ---------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data and arrays, for the store."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ledger:
        """The ledger that `to_dict` gave, after a way through JSON.

        Raises
        ------
        TypeError, KeyError, ValueError, AttributeError
            Data that no ledger gave.
        """
        ledger = cls(float(data["window"]))
        for name in ("number", "where"):
            setattr(ledger, name, np.array(data[name], np.int64))
        for name in ("sent", "received"):
            setattr(ledger, name, np.array(data[name], np.float64))
        for name in _PLAIN:
            setattr(ledger, name, data[name])
        told, anchors = data["sharing"]["told"], data["sharing"]["anchors"]
        anchors = {name: Anchor(**anchor) for name, anchor in anchors.items()}
        ledger.sharing = Sharing(told, anchors, data["sharing"]["rounds"])
        for name, (minute, second) in data["quotas"].items():
            ledger.quotas[name] = (_quota(minute), _quota(second))
        if not len(ledger.number) == len(ledger.sent) == len(ledger.received) == len(ledger.where):
            raise ValueError("columns of different lengths")
        return ledger


_PLAIN = (
    "endpoints",
    "next_number",
    "blocked_since",
    "blocked_until",
    "refused_in_row",
    "refused",
    "changes",
)


def _quota(data: dict[str, Any]) -> Quota:
    return Quota(**{**data, "others": Others(**data["others"])})


def _length(window: float) -> float:
    return window + max(SHORTEST_GUARD, GUARD * window)
