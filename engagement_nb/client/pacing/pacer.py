"""The pacer: it waits until the quota allows the next request, for threads and processes."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from engagement_nb.apis.contract import Bucket
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.client.pacing.headers import read_headers, retry_after
from engagement_nb.client.pacing.quota import FIRST_PATIENCE, Quota
from engagement_nb.client.pacing.rows import Rows
from engagement_nb.errors import EngagementError

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile

LONGEST_NAP = 0.2
"""Seconds after which a waiting thread checks for a stop and for news of other processes."""
LOOK_AGAIN = 0.02
"""Seconds between checks for the first response, which tells the limit."""
LONG_WAIT = 65.0
"""Seconds; longer than any wait within a minute's quota, so the cause is logged."""
ENV_STATE_DIR = "ENGAGEMENT_STATE_DIR"
_OLD = 24 * 3600.0
_WAITS_FOR_ANOTHER = (
    "Waiting for the response to a request of another process, which tells the quota. If that"
    f" process was stopped, this takes {FIRST_PATIENCE:.0f} seconds."
)

_log = logging.getLogger(__name__)


class WaitStoppedError(EngagementError):
    """`Pacer.stop` ended a wait for the quota."""


@dataclass(frozen=True)
class Clock:
    """The clocks of a pacer; tests have their own.

    Parameters
    ----------
    now
        Seconds since any moment. The default is the same for all processes of a machine, and
        nobody can set it.
    wall
        Seconds since the epoch.
    sleep
        Waits for a number of seconds.
    """

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class PacerState:
    """The state of the quota, for a progress bar.

    Parameters
    ----------
    limit
        Requests per window; None before the first response.
    left
        Requests that may be sent now; None before the first response.
    wait
        Seconds until the next request may be sent.
    others
        Requests per window that are left to other clients with the same quota.
    refused
        Responses with status 429 so far, in all processes that share this quota.
    window
        Seconds that the limit is for.
    """

    limit: int | None
    left: int | None
    wait: float
    others: int
    refused: int
    window: float

    @property
    def per_minute(self) -> float | None:
        """The limit as requests per minute; None if it is unknown."""
        return None if self.limit is None else self.limit * 60 / self.window


@dataclass(frozen=True)
class Ticket:
    """A request that was let through.

    Parameters
    ----------
    quotas
        Those that it counts in.
    numbers
        Its number in each of them.
    sent
        When, by the pacer's clock.
    """

    quotas: tuple[Quota, ...]
    numbers: tuple[int, ...]
    sent: float


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

    There is one pacer per app and host. Threads share the pacer, and processes share its rows.

    Parameters
    ----------
    rows
        What is known of the quotas; by default in memory.
    buckets
        The quotas that an API has, the widest first.
    window
        Seconds of the widest quota, if it differs from the API's: at a sandbox.
    clock
        The clocks.
    rng
        As for `backoff`.
    """

    def __init__(
        self,
        rows: Rows | None = None,
        *,
        buckets: Sequence[Bucket] = ENGAGEMENT.buckets,
        window: float | None = None,
        clock: Clock | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._rows = rows or Rows()
        self._buckets = tuple(buckets)
        if window is not None:
            widest = replace(buckets[0], window=timedelta(seconds=window))
            self._buckets = (widest, *self._buckets[1:])
        self._clock = clock or Clock()
        self._rng = rng
        self._turn = threading.Lock()
        self._stops = 0
        self._explained = 0.0

    def acquire(self, endpoint: str = "totals", holder: str = "") -> Ticket:
        """Wait until one request may be sent, count it, and return its ticket for `learn`.

        Parameters
        ----------
        endpoint
            Name of the endpoint.
        holder
            Whose quota it counts in; "" for the app's.

        Raises
        ------
        WaitStoppedError
            `stop` was called.
        """
        # One thread of a process watches the rows; the others queue for its turn.
        before = self._stops
        while not self._turn.acquire(timeout=LONGEST_NAP):
            self._check(before)
        try:
            while True:
                self._check(before)
                ticket = self.attempt(endpoint, holder)
                if isinstance(ticket, Ticket):
                    return ticket
                self._clock.sleep(min(ticket, LONGEST_NAP))
        finally:
            self._turn.release()

    def attempt(self, endpoint: str = "totals", holder: str = "") -> Ticket | float:
        """Count one request if it may be sent now; else give the seconds to wait.

        Parameters
        ----------
        endpoint, holder
            As for `acquire`.
        """
        now, quotas = self._clock.now(), self._quotas(endpoint, holder)

        def work(rows: Rows) -> Ticket | float:
            for quota in quotas:
                quota.tidy(rows, now)
            wait = max(quota.wait(rows, now) for quota in quotas)
            first = quotas[0].first(rows, now)
            if wait > 0 or first:
                self._explain(wait, first, now)
                return wait or LOOK_AGAIN
            return Ticket(quotas, tuple(quota.enter(rows, now) for quota in quotas), now)

        return self._rows.run(now, work)

    def learn(self, ticket: Ticket, headers: Mapping[str, str] | None, status: int = 0) -> None:
        """Learn from a response's headers, as soon as they arrive.

        Parameters
        ----------
        ticket
            What `acquire` returned.
        headers
            Headers of the response; None if there was none.
        status
            HTTP status; 0 if there was no response.
        """
        now, wall = self._clock.now(), self._clock.wall()
        quotas, numbers = ticket.quotas, ticket.numbers
        read = read_headers(headers or {}, [quota.bucket for quota in quotas], wall)
        wait = retry_after(headers or {}, wall)

        def work(rows: Rows) -> None:
            for quota, number, told in zip(quotas, numbers, read, strict=True):
                quota.learn(rows, number, ticket.sent, None if headers is None else told, now)
                if 0 < status < 400:
                    quota.accept(rows)
            if status == 429:
                # The one that is spent; if no header says so, the widest.
                told, quota = next(
                    (pair for pair in zip(read, quotas, strict=True) if pair[0].remaining == 0),
                    (read[0], quotas[0]),
                )
                until = told.reset if wait is None else wait
                quota.refuse(rows, ticket.sent, until, now, self._backoff(quota.window))

        self._rows.run(now, work)

    def stop(self) -> None:
        """End every wait under way with `WaitStoppedError`."""
        self._stops += 1

    def state(self, endpoint: str = "totals", holder: str = "") -> PacerState:
        """Give what is known of the widest quota now."""
        now = self._clock.now()
        quotas = self._quotas(endpoint, holder)

        def work(rows: Rows) -> PacerState:
            widest = quotas[0]
            return PacerState(
                limit=widest.limit(rows) or None,
                left=widest.left(rows, now),
                wait=max(quota.wait(rows, now) for quota in quotas),
                others=widest.others(rows, now),
                refused=sum(quota.refused(rows) for quota in quotas),
                window=widest.window,
            )

        return self._rows.run(now, work)

    def _quotas(self, endpoint: str, holder: str) -> tuple[Quota, ...]:
        scope = "user" if holder else "app"
        counted = [b for b in self._buckets if b.scope == scope] or self._buckets
        return tuple(Quota(bucket, holder, endpoint) for bucket in counted)

    def _explain(self, wait: float, first: tuple[float, int] | None, now: float) -> None:
        """Log the cause of an unusual wait, once."""
        cause, text = 0.0, ""
        if wait > LONG_WAIT:
            cause = round((now + wait) / LONG_WAIT)
            text = f"The quota is spent: the next request is sent in {wait / 60:.0f} minutes."
        elif first is not None and first[1] != os.getpid():
            cause, text = first[0], _WAITS_FOR_ANOTHER
        if text and cause != self._explained:
            self._explained = cause
            _log.warning(text)

    def _backoff(self, window: float) -> Callable[[int], float]:
        return lambda attempt: backoff(attempt, base=window / 20, cap=window, rng=self._rng)

    def _check(self, before: int) -> None:
        if self._stops != before:
            raise WaitStoppedError("Stopped while waiting for the quota.")


class Pacers:
    """Gives each profile the pacer of its app and host.

    Parameters
    ----------
    directory
        Directory of files that all processes of the user share, such as `state_directory`; None
        to keep the quotas in this process only.
    buckets, window
        As for `Pacer`.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        buckets: Sequence[Bucket] = ENGAGEMENT.buckets,
        window: float | None = None,
    ) -> None:
        self._options: dict[str, Any] = {"buckets": tuple(buckets), "window": window}
        self._directory = directory
        self._pacers: dict[str, Pacer] = {}
        self._lock = threading.Lock()

    def __call__(self, profile: Profile) -> Pacer:
        """Give the pacer of a profile."""
        key = quota_key(profile)
        with self._lock:
            if key not in self._pacers:
                path = None
                if self._directory is not None:
                    sweep(self._directory)
                    path = self._directory / f"{key}.sqlite3"
                self._pacers[key] = Pacer(Rows(path), **self._options)
            return self._pacers[key]


def quota_key(profile: Profile) -> str:
    """Name the quotas of a profile, by a digest of its app, its host and this machine.

    Machines that share a directory have separate files, because they share no clock.
    """
    app = profile.consumer_key or profile.bearer_token
    parts = (profile.hosts.api, app.reveal(), platform.node())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def state_directory() -> Path:
    """Give the directory of this user's quota files, from ``ENGAGEMENT_STATE_DIR`` if set."""
    named = os.environ.get(ENV_STATE_DIR)
    return Path(named or platformdirs.user_state_dir("engagement-nb")) / "quota"


def sweep(directory: Path) -> None:
    """Remove files not used for a day, such as those of stopped sandboxes."""
    with suppress(OSError):
        for file in list(directory.iterdir()):
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - _OLD:
                    file.unlink()
