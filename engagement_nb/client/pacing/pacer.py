"""Waiting for one's turn: the quota's tracker, with a clock, for threads and processes."""

from __future__ import annotations

import hashlib
import logging
import platform
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engagement_nb.client.pacing.headers import read_headers
from engagement_nb.client.pacing.store import QuotaStore, state_directory, sweep
from engagement_nb.errors import EngagementError

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile

LONGEST_NAP = 0.2
"""Seconds after which a waiting thread checks whether to stop, and what others learned."""
LONG_WAIT = 65.0
"""Seconds; a spent quota of a minute takes less, so a longer wait has a cause to be named."""

_log = logging.getLogger(__name__)


class WaitStoppedError(EngagementError):
    """A wait for the quota was ended by `Pacer.stop`."""


@dataclass(frozen=True)
class PacerState:
    """What a progress bar shows of the quota.

    Parameters
    ----------
    limit
        Requests a minute, as told; None before the first response.
    left
        Requests that may leave at once; None before the first response.
    wait
        Seconds until the next request may leave.
    others
        Requests a minute that other clients spend of the same quota.
    refused
        429s so far, of all processes that share this quota.
    """

    limit: int | None
    left: int | None
    wait: float
    others: int
    refused: int


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
        Wait after the first failure; it doubles with each further one.
    cap
        Longest wait.
    jitter
        The share of the wait that is random, so that many clients don't come at once.
    rng
        Returns a number from 0 to 1.
    """
    # 2.0**1024 overflows; the cap applies long before that.
    whole = min(cap, base * 2.0 ** min(max(attempt, 1) - 1, 60))
    return whole * (1 - jitter * rng())


class Pacer:
    """Lets requests leave as fast as the quota allows, and not faster.

    There is one pacer for an app and a host. Threads share it, and processes share what it
    knows through its store.

    Parameters
    ----------
    store
        Where the tracker is kept; in memory unless given.
    sleep
        Waits for so many seconds.
    """

    def __init__(
        self, store: QuotaStore | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store or QuotaStore()
        self._sleep = sleep
        self._turn = threading.Lock()
        self._stops = 0
        self._explained = 0.0

    def acquire(self, endpoint: str = "totals") -> int:
        """Wait until one request may leave, count it, and return its number for `learn`.

        Raises
        ------
        WaitStoppedError
            `stop` was called.
        """
        # One thread of a process watches the tracker; the others queue for its place.
        before = self._stops
        while not self._turn.acquire(timeout=LONGEST_NAP):
            self._check(before)
        try:
            while True:
                self._check(before)
                with self._store.open() as tracker:
                    now = self._store.now()
                    wait = tracker.wait(endpoint, now)
                    if wait <= 0:
                        return tracker.enter(endpoint, now)
                    until = tracker.blocked_until
                if wait > LONG_WAIT and until != self._explained:
                    self._explained = until
                    _log.warning(
                        "The API refused a request (429) and asks to wait: the next request is"
                        " sent in %.0f minutes.",
                        wait / 60,
                    )
                self._sleep(min(wait, LONGEST_NAP))
        finally:
            self._turn.release()

    def learn(self, number: int, headers: Mapping[str, str] | None, status: int = 0) -> None:
        """Take in a response's headers; call it as soon as they arrive, or with None.

        Parameters
        ----------
        number
            What `acquire` returned.
        headers
            Of the response; None if there was none.
        status
            HTTP status; 0 if there was no response.
        """
        now = self._store.now()
        told = read_headers(headers or {}, status, time.time())
        with self._store.open() as tracker:
            tracker.learn(number, told, now, self._backoff)

    def stop(self) -> None:
        """End every wait that is under way with `WaitStoppedError`."""
        self._stops += 1

    def state(self, endpoint: str = "totals") -> PacerState:
        """What is known of the quota now."""
        with self._store.open() as tracker:
            now = self._store.now()
            return PacerState(
                limit=tracker.limits.get(endpoint) or None,
                left=tracker.left(endpoint, now),
                wait=tracker.wait(endpoint, now),
                others=tracker.others(endpoint, now),
                refused=tracker.refused,
            )

    def _check(self, before: int) -> None:
        if self._stops != before:
            raise WaitStoppedError("Stopped while waiting for the quota.")

    def _backoff(self, attempt: int) -> float:
        return backoff(attempt, base=self._store.window / 20, cap=self._store.window)


class Pacers:
    """Gives each profile the pacer of its app at its host, shared by one user's processes.

    Parameters
    ----------
    window
        Seconds of the "minute" that the limit is for; only the sandbox has others.
    directory
        Where processes share what they know; `state_directory` unless given.
    """

    def __init__(self, *, window: float = 60.0, directory: str | Path | None = None) -> None:
        self._window = window
        self._directory = Path(directory) if directory is not None else state_directory()
        self._pacers: dict[str, Pacer] = {}
        self._lock = threading.Lock()

    def __call__(self, profile: Profile) -> Pacer:
        """The pacer of a profile's app."""
        key = quota_key(profile)
        with self._lock:
            if key not in self._pacers:
                sweep(self._directory)
                store = QuotaStore(self._directory / f"{key}.sqlite3", window=self._window)
                self._pacers[key] = Pacer(store)
            return self._pacers[key]


def quota_key(profile: Profile) -> str:
    """Name of the quota that a profile spends: a digest of its app and host, and this machine.

    A directory that machines share holds a file for each: they have no clock in common.
    """
    app = profile.consumer_key or profile.bearer_token
    parts = (profile.hosts.api, app.reveal(), platform.node())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
