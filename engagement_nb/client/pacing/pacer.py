"""The pacer: it waits until the quota allows the next request, for threads and processes."""

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
"""Seconds after which a waiting thread checks for a stop and for news of other processes."""
LONG_WAIT = 65.0
"""Seconds; longer than any wait for a minute's quota, so the cause is logged."""

_log = logging.getLogger(__name__)


class WaitStoppedError(EngagementError):
    """`Pacer.stop` ended a wait for the quota."""


@dataclass(frozen=True)
class PacerState:
    """The state of the quota, for a progress bar.

    Parameters
    ----------
    limit
        Requests per minute; None before the first response.
    left
        Requests that may be sent now; None before the first response.
    wait
        Seconds until the next request may be sent.
    others
        Requests per minute of other clients with the same quota.
    refused
        Responses with status 429 so far, in all processes that share this quota.
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
    """Give the seconds to wait before a retry.

    Parameters
    ----------
    attempt
        1 after the first failure.
    base
        Wait after the first failure; it doubles with each further failure.
    cap
        Longest wait.
    jitter
        Share of the wait that is random, so that many clients do not retry at once.
    rng
        Returns a number from 0 to 1.
    """
    # 2.0**1024 overflows; the cap applies long before that.
    whole = min(cap, base * 2.0 ** min(max(attempt, 1) - 1, 60))
    return whole * (1 - jitter * rng())


class Pacer:
    """Lets requests through as fast as the quota allows, and not faster.

    There is one pacer per app and host. Threads share the pacer, and processes share its
    tracker through the store.

    Parameters
    ----------
    store
        Where the tracker is kept; by default in memory.
    sleep
        Function that waits for a number of seconds.
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
        """Wait until one request may be sent, count it, and return its number for `learn`.

        Raises
        ------
        WaitStoppedError
            `stop` was called.
        """
        # One thread of a process watches the tracker; the others queue for its turn.
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
        """Learn from a response's headers, as soon as they arrive.

        Parameters
        ----------
        number
            What `acquire` returned.
        headers
            Headers of the response; None if there was none.
        status
            HTTP status; 0 if there was no response.
        """
        now = self._store.now()
        read = read_headers(headers or {}, status, time.time())
        with self._store.open() as tracker:
            tracker.learn(number, read, now, self._backoff)

    def stop(self) -> None:
        """End every wait under way with `WaitStoppedError`."""
        self._stops += 1

    def state(self, endpoint: str = "totals") -> PacerState:
        """Give what is known of the quota now."""
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
    """Gives each profile the pacer of its app and host, shared by all processes of the user.

    Parameters
    ----------
    window
        Seconds that the limit is for; other than 60 only at the sandbox.
    directory
        Directory of the shared files; by default `state_directory`.
    """

    def __init__(self, *, window: float = 60.0, directory: str | Path | None = None) -> None:
        self._window = window
        self._directory = Path(directory) if directory is not None else state_directory()
        self._pacers: dict[str, Pacer] = {}
        self._lock = threading.Lock()

    def __call__(self, profile: Profile) -> Pacer:
        """Give the pacer of a profile."""
        key = quota_key(profile)
        with self._lock:
            if key not in self._pacers:
                sweep(self._directory)
                store = QuotaStore(self._directory / f"{key}.sqlite3", window=self._window)
                self._pacers[key] = Pacer(store)
            return self._pacers[key]


def quota_key(profile: Profile) -> str:
    """Name the quota of a profile, by a digest of its app, its host and this machine.

    Machines that share a directory have separate files, because they share no clock.
    """
    app = profile.consumer_key or profile.bearer_token
    parts = (profile.hosts.api, app.reveal(), platform.node())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
