"""The pacer: it waits until the quota allows the next request, for threads and processes."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import platformdirs

from engagement_nb.apis.contract import Bucket
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.client.pacing.headers import read_headers, retry_after
from engagement_nb.client.pacing.quota import FIRST_PATIENCE, Known, Quota
from engagement_nb.client.pacing.shared import Shared
from engagement_nb.errors import EngagementError

LONGEST_NAP = 0.2
"""Seconds after which a waiting thread checks for a stop and for news of other processes."""
LOOK_AGAIN = 0.02
"""Seconds between checks for the first response, which tells the limit."""
LONG_WAIT = 65.0
"""Seconds; longer than any wait within a minute's quota, so the cause is logged."""
ENV_STATE_DIR = "ENGAGEMENT_STATE_DIR"
_WAITS_FOR_ANOTHER = (
    "Waiting for the response to a request of another process, which tells the quota. If that"
    f" process was stopped, this takes {FIRST_PATIENCE:.0f} seconds."
)

_log = logging.getLogger(__name__)


class WaitStoppedError(EngagementError):
    """`Pacer.stop` ended a wait for the quota."""


@dataclass(frozen=True)
class Ticket:
    """A request that was let through.

    Parameters
    ----------
    endpoint, app, user
        As for `Pacer.acquire`.
    number
        Its number, unlike that of any other request of any process.
    sent
        When, by the pacer's clock.
    """

    endpoint: str
    app: str
    user: str
    number: str
    sent: float


class Pacer:
    """Lets requests through as fast as the quota allows, and not faster.

    Threads share the pacer, and processes share its file.

    Parameters
    ----------
    path
        File that processes share, such as `state_file`: see `engagement_nb.client.pacing.shared`;
        None for none.
    buckets
        The quotas that an API has, the widest first.
    window
        Seconds of the widest quota, if it differs from the API's: at a sandbox.
    clock
        Seconds since any moment. The default is the same for all processes of a machine, and
        nobody can set it.
    wall
        Seconds since the epoch.
    sleep
        Waits for a number of seconds.
    rng
        As for `backoff`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        buckets: Sequence[Bucket] = ENGAGEMENT.buckets,
        window: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._shared = Shared(path)
        self._buckets = tuple(buckets)
        if window is not None:
            widest = replace(buckets[0], window=timedelta(seconds=window))
            self._buckets = (widest, *self._buckets[1:])
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._rng = rng
        self._turns: dict[tuple[str, str, str], threading.Lock] = {}
        self._stops = 0
        self._explained: object = None

    def acquire(self, endpoint: str = "totals", app: str = "", user: str = "") -> Ticket:
        """Wait until one request may be sent, count it, and return its ticket for `learn`.

        Parameters
        ----------
        endpoint
            Name of the endpoint.
        app
            Any name of the app at its host.
        user
            Any name of the user whose quota it counts in; "" for the app's.

        Raises
        ------
        WaitStoppedError
            `stop` was called.
        """
        # One thread of a process watches a quota; the others queue for its turn.
        before = self._stops
        turn = self._turns.setdefault((endpoint, app, user), threading.Lock())
        while not turn.acquire(timeout=LONGEST_NAP):
            self._check(before)
        try:
            while True:
                self._check(before)
                ticket = self.attempt(endpoint, app, user)
                if isinstance(ticket, Ticket):
                    return ticket
                self._sleep(min(ticket, LONGEST_NAP))
        finally:
            turn.release()

    def attempt(self, endpoint: str = "totals", app: str = "", user: str = "") -> Ticket | float:
        """Count one request if it may be sent now; else give the seconds to wait.

        Parameters
        ----------
        endpoint, app, user
            As for `acquire`.
        """
        now = self._clock()
        with self._shared.use(now) as known:
            quotas = self._quotas(known, endpoint, app, user, now)
            wait, first = max(quota.wait for quota in quotas), quotas[0].first
            if wait > 0 or first:
                self._explain(wait, first, now)
                return wait or LOOK_AGAIN
            number = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
            for quota in quotas:
                quota.enter(number)
            return Ticket(endpoint, app, user, number, now)

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
        now, wall = self._clock(), self._wall()
        with self._shared.use(now) as known:
            quotas = self._quotas(known, ticket.endpoint, ticket.app, ticket.user, now)
            read = read_headers(headers or {}, [quota.bucket for quota in quotas], wall)
            for quota, told in zip(quotas, read, strict=True):
                quota.learn(ticket.number, None if headers is None else told)
                if 0 < status < 400:
                    quota.accept()
            if status == 429:
                # The one that is spent; if no header says so, the widest.
                told, quota = next(
                    (pair for pair in zip(read, quotas, strict=True) if pair[0].remaining == 0),
                    (read[0], quotas[0]),
                )
                named = retry_after(headers or {}, wall)
                wait = told.reset if named is None else named
                quota.refuse(ticket.sent, wait, self._rng)

    def stop(self) -> None:
        """End every wait under way with `WaitStoppedError`."""
        self._stops += 1

    def state(self, endpoint: str = "totals", app: str = "", user: str = "") -> Quota:
        """Give the widest quota as it is now."""
        now = self._clock()
        with self._shared.use(now) as known:
            return self._quotas(known, endpoint, app, user, now)[0]

    def _quotas(self, known: Known, endpoint: str, app: str, user: str, now: float) -> list[Quota]:
        scope, holder = ("user", f"{app} {user}") if user else ("app", app)
        counted = [b for b in self._buckets if b.scope == scope] or self._buckets
        return [Quota(known, bucket, holder, endpoint, now) for bucket in counted]

    def _explain(self, wait: float, first: str, now: float) -> None:
        """Log the cause of an unusual wait, once."""
        if wait > LONG_WAIT:
            cause: object = round((now + wait) / LONG_WAIT)
            text = f"The quota is spent: the next request is sent in {wait / 60:.0f} minutes."
        elif first and not first.startswith(f"{os.getpid()}-"):
            cause, text = first, _WAITS_FOR_ANOTHER
        else:
            return
        if cause != self._explained:
            self._explained = cause
            _log.warning(text)

    def _check(self, before: int) -> None:
        if self._stops != before:
            raise WaitStoppedError("Stopped while waiting for the quota.")


def state_file() -> Path:
    """Give this user's file of quotas, in ``ENGAGEMENT_STATE_DIR`` if set.

    Machines that share a directory have separate files, because they share no clock.
    """
    named = os.environ.get(ENV_STATE_DIR) or platformdirs.user_state_dir("engagement-nb")
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:24]
    return Path(named) / "quota" / f"{machine}.sqlite3"
