"""Waiting for one's turn: the ledger, shared by threads and processes, with a clock."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engagement_nb.client.pacing.headers import read_headers
from engagement_nb.client.pacing.ledger import Reading
from engagement_nb.client.pacing.store import MemoryStore, Store
from engagement_nb.errors import EngagementError

LONGEST_NAP = 0.2
"""Seconds after which a waiting thread looks whether it is to stop, and what others learned."""


class WaitStoppedError(EngagementError):
    """A wait for the quota was ended by `Pacer.stop`."""


@dataclass(frozen=True)
class PacerState:
    """What a progress bar shows of the quota.

    Parameters
    ----------
    limit
        Requests a minute, as told; None before the first answer.
    left
        Requests that may leave at once; None before the first answer.
    wait
        Seconds until the next request may leave.
    others
        Requests a minute that somebody else spends of the same quota.
    refused
        429s so far, by anyone who shares this ledger, as long as it is in use.
    """

    limit: int | None
    left: int | None
    wait: float
    others: int
    refused: int


@dataclass(frozen=True)
class Ticket:
    """Leave to send one request; hand it back to `Pacer.learn`."""

    number: int
    endpoint: str


def backoff(
    attempt: int,
    *,
    base: float = 1.0,
    cap: float = 60.0,
    jitter: float = 0.5,
    rng: Callable[[], float] = random.random,
) -> float:
    """Seconds to wait before trying again.

    Parameters
    ----------
    attempt
        1 after the first failure.
    base
        Wait after the first failure, doubled at each further one.
    cap
        Never longer than this.
    jitter
        The share of the wait that is drawn by lot, so that many clients don't come at once.
    rng
        Gives a number from 0 to 1.
    """
    # 2.0**1024 overflows; long before that the cap holds.
    whole = min(cap, base * 2.0 ** min(max(attempt, 1) - 1, 60))
    return whole * (1 - jitter * rng())


class Pacer:
    """Lets requests leave as fast as the quota allows, and not faster.

    One pacer for an app and a host; any number of threads may share it, and processes share
    what it knows through its store.

    Parameters
    ----------
    store
        Where the ledger is kept; in memory unless given.
    window
        Seconds of the "minute" that the limit is for.
    clock, sleep
        Seconds since the epoch, and waiting.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        window: float = 60.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.window = window
        self._store = store or MemoryStore()
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._stops = 0

    def acquire(self, endpoint: str = "totals") -> Ticket:
        """Wait until one request may leave, and count it.

        Raises
        ------
        WaitStoppedError
            `stop` was called.
        """
        # One thread a process watches the ledger; the others queue for its place.
        before = self._stops
        while not self._turn.acquire(timeout=LONGEST_NAP):
            self._check(before)
        try:
            while True:
                self._check(before)
                with self._store.open(self.window) as ledger:
                    now = self._clock()
                    ledger.prune(now)
                    wait = ledger.wait(endpoint, now)
                    if wait <= 0:
                        return Ticket(ledger.enter(endpoint, now), endpoint)
                self._sleep(min(wait, LONGEST_NAP))
        finally:
            self._turn.release()

    def learn(self, ticket: Ticket, headers: Mapping[str, str] | None, status: int = 0) -> Reading:
        """Take in an answer's headers; call it as soon as they are there, or with None.

        Parameters
        ----------
        ticket
            What `acquire` gave.
        headers
            Of the answer; None where none came.
        status
            HTTP status, 0 where none came.
        """
        now = self._clock()
        reading = read_headers(headers or {}, status, now)
        with self._store.open(self.window) as ledger:
            ledger.learn(ticket.endpoint, ticket.number, reading, now, self._backoff)
        return reading

    def stop(self) -> None:
        """End every wait that is under way with `WaitStoppedError`."""
        self._stops += 1

    def state(self, endpoint: str = "totals") -> PacerState:
        """What is known of the quota now."""
        with self._store.open(self.window) as ledger:
            now = self._clock()
            return PacerState(
                limit=ledger.limit(endpoint),
                left=ledger.left(endpoint, now),
                wait=ledger.wait(endpoint, now),
                others=ledger.others(endpoint, now),
                refused=ledger.refused,
            )

    def _check(self, before: int) -> None:
        if self._stops != before:
            raise WaitStoppedError("Stopped while waiting for the quota.")

    def _backoff(self, attempt: int) -> float:
        return backoff(attempt, base=self.window / 20, cap=self.window)
