"""Run a plan: concurrently, with retries, around refusals, resuming interrupted runs.

A run works in waves. Each wave forms the fewest requests for the outstanding Tweets, given the
known owners and tokens. Threads send the requests, and the run records the responses. What a
response reveals (who owns a Tweet, which tokens are dead) shapes the next wave. A run ends when
no Tweet is outstanding, or no tokens are left to try.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from engagement_nb.apis.availability import Window
from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Client, Request
from engagement_nb.client.pacing import WaitStoppedError, backoff
from engagement_nb.collect.meter import Meter
from engagement_nb.collect.outcome import (
    MAX_ABSENCES,
    EmptyResponseError,
    Outcome,
    part_of,
    part_of_refusal,
)
from engagement_nb.dataset import Part, RunWriter
from engagement_nb.errors import (
    ApiError,
    BadRequestError,
    ConnectionTroubleError,
    CredentialsError,
    EngagementError,
    ForbiddenMetricsError,
    ForbiddenTweetsError,
    NoAccessError,
    RateLimitedError,
    ServerTroubleError,
    UnauthenticatedError,
    UnavailableTweetsError,
)
from engagement_nb.planning import Plan
from engagement_nb.planning.routing import requests_for

MOST_WORKERS = 64
MOST_WORKERS_BY_HOUR = 40
"""A response may take 3 MB, and one core parses about fifty per second."""
MAX_CONSECUTIVE_FAILURES = 2
"""The run halts after this many failed requests in a row without any response."""
_PATIENCE = 0.5
"""Seconds that an interrupted run waits for responses to requests already sent."""


_REJECTIONS = (400, 401, 403)


@dataclass(frozen=True)
class Retry:
    """How a kind of error is retried.

    Parameters
    ----------
    attempts
        How often a request is sent in total.
    base, cap
        Seconds before the second attempt. They double with each attempt, up to the cap, and
        half of them is random: see `engagement_nb.client.pacing.backoff`. None: the pacer waits.
    """

    attempts: int
    base: float | None
    cap: float = 30.0


WORTH_A_RETRY: dict[type[EngagementError], Retry] = {
    # The pacer sees each 429 and delays all requests.
    RateLimitedError: Retry(attempts=30, base=None),
    EmptyResponseError: Retry(attempts=MAX_ABSENCES, base=0.5),
    ServerTroubleError: Retry(attempts=8, base=0.5),
    ConnectionTroubleError: Retry(attempts=8, base=0.5),
}
"""All other errors are final: the API would refuse the same tokens, Tweets or metrics again."""

UNEXPLAINED_REJECTION = Retry(attempts=4, base=0.25)
"""A rejection without a text may come from a proxy, so it is final only if it repeats."""


def retry_for(error: BaseException) -> Retry | None:
    """How to retry after an error; None if the error is final."""
    if isinstance(error, ApiError) and error.status in _REJECTIONS and not error.texts:
        return UNEXPLAINED_REJECTION
    return next((retry for kind, retry in WORTH_A_RETRY.items() if isinstance(error, kind)), None)


class RunOptions(TypedDict, total=False):
    """How to run a plan.

    Parameters
    ----------
    workers
        Number of threads; None for as many as use the whole quota at the measured latency.
    progress
        Whether to show a progress bar; None to show it on a terminal and in a notebook.
    sleep
        Waits for some seconds, or until the run is stopped; tests replace it.
    """

    workers: int | None
    progress: bool | None
    sleep: Callable[[float], object] | None


class Run:
    """One run of a plan.

    Parameters
    ----------
    plan
        What to request.
    client
        Sends single requests.
    writer
        Stores finished requests.
    **options
        See `RunOptions`.
    """

    def __init__(
        self, plan: Plan, client: Client, writer: RunWriter, **options: Unpack[RunOptions]
    ) -> None:
        self.plan = plan
        self.outcome = Outcome(plan)
        self.error: EngagementError | None = None
        self.halted: EngagementError | None = None
        self.rate_limited = 0
        self._client = client
        self._writer = writer
        self._workers = options.get("workers")
        self._progress = options.get("progress")
        self._stop = threading.Event()
        self._sleep = options.get("sleep") or self._stop.wait
        self._todo: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Request, Part | Exception | None, int]] = (
            queue.SimpleQueue()
        )
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._responses = 0
        self._latency = math.inf
        self._failures_in_a_row = 0
        self._dead_windows: dict[Window | None, str] = {}
        self._live_windows: set[Window | None] = set()

    def go(self) -> Outcome:
        """Send all requests, and return the outcome.

        Raises
        ------
        EngagementError
            The first error, if no data arrived; or the error of storing a finished request.
        KeyboardInterrupt
            Raised again, after requests that finish within a second are stored.
        """
        # Refusals first: they tell which responses without private metrics are final.
        for part in sorted(self._writer.parts(), key=lambda part: not part.refused):
            self.outcome.take(part)
        found = self.outcome.tweets
        with Meter(self._progress) as meter:
            try:
                while not self.halted:
                    requests, hopeless = requests_for(
                        self.plan, self.outcome.known, self.outcome.outstanding, probe=True
                    )
                    for tweet_id, reason in hopeless.items():
                        self.outcome.give_up([tweet_id], reason, self._why(tweet_id, reason))
                    if not requests:
                        break
                    before = self._mark()
                    self._wave(requests, meter)
                    if self._mark() == before:
                        break
            except BaseException:
                self._end_early()
                raise
            finally:
                self._stop.set()
                for _ in self._threads:
                    self._todo.put(None)
        if self.outcome.left:
            error = self.halted or self.error
            self.outcome.fail_rest(_reason(error), str(error or ""))
        if self.error and not self.outcome.tweets and not found:
            raise self.error
        return self.outcome

    def _mark(self) -> tuple[int, ...]:
        """Compares unequal after a wave that settled or revealed anything."""
        known = self.outcome.known
        refused = sum(map(len, known.refused.values()))
        denied = sum(map(len, known.denied.values()))
        absences = self.outcome.absences.total()
        return self.outcome.left, absences, refused, len(known.dead), denied, len(known.owners)

    def _why(self, tweet_id: str, reason: Reason) -> str:
        what = str(self.error.what) if reason == Reason.NOT_AUTHENTICATED and self.error else ""
        return f"{what} {self.outcome.unapproved(tweet_id)}".strip()

    def _wave(self, requests: list[Request], meter: Meter) -> None:
        for request in requests:
            self._todo.put(request)
        pending = len(requests)
        meter.expect(pending)
        while pending:
            self._staff(pending)
            try:
                request, result, responses_before = self._ended.get(timeout=0.2)
            except queue.Empty:
                continue
            halves = self._take(request, result, responses_before)
            for half in halves:
                self._todo.put(half)
            pending += len(halves) - 1
            meter.expect(len(halves))
            meter.done(self.outcome.tweets, self._left_of_minute)

    def _left_of_minute(self) -> tuple[int | None, int | None]:
        state = self._client.pacer(self.plan.profiles[0]).state(self.plan.endpoint.name)
        return state.left, state.limit

    def _take(
        self, request: Request, result: Part | Exception | None, responses_before: int
    ) -> list[Request]:
        """Record the result of a request, and return the requests that must follow at once."""
        if isinstance(result, Part):
            self.outcome.take(result)
            self.outcome.note_absent(request, result)
            if result.refused and not result.forbidden and len(request.tweet_ids) > 1:
                middle = len(request.tweet_ids) // 2
                return [
                    replace(request, tweet_ids=request.tweet_ids[:middle]),
                    replace(request, tweet_ids=request.tweet_ids[middle:]),
                ]
        elif isinstance(result, EngagementError):
            if not isinstance(result, WaitStoppedError) and not self.halted:
                self._take_error(request, result, responses_before)
        elif result is not None:
            raise result
        return []

    def _take_error(self, request: Request, error: EngagementError, responses_before: int) -> None:
        self.error = self.error or error
        known = self.outcome.known
        if isinstance(error, UnauthenticatedError | NoAccessError | CredentialsError):
            known.dead.add((self.plan.profiles.index(request.profile), request.auth))
        elif isinstance(error, ForbiddenMetricsError) and {*error.metrics} & {*request.metrics}:
            known.denied.setdefault(request.auth, set()).update(error.metrics)
        elif isinstance(error, tuple(WORTH_A_RETRY)):
            self.outcome.fail(request, _reason(error), str(error))
            no_response = self._responses == responses_before
            self._failures_in_a_row = self._failures_in_a_row + 1 if no_response else 0
            if self._failures_in_a_row >= MAX_CONSECUTIVE_FAILURES:
                # Several requests in a row got no response despite retries, so the cause is
                # not in these requests, and the rest would fail too.
                self.halted = error
                self._stop.set()
        elif isinstance(error, ApiError):
            self.outcome.fail(request, Reason.REFUSED, str(error))
        else:
            raise error

    def _staff(self, pending: int) -> None:
        """Start as many threads as use the whole quota at the measured latency (Little's law)."""
        most = MOST_WORKERS_BY_HOUR if self.plan.by == "hour" else MOST_WORKERS
        most = min(most, pending, self._workers or most)
        if len(self._threads) >= most:
            return
        wanted = self._workers or 4
        if self._workers is None and self._responses:
            _, limit = self._left_of_minute()
            # The quickest response: the others may have waited for the quota too.
            wanted = max(wanted, math.ceil(2 * (limit or 0) / 60 * self._latency) + 2)
        for _ in range(min(wanted, most) - len(self._threads)):
            thread = threading.Thread(target=self._work, name="collect", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _end_early(self) -> None:
        """Stop, and record what finishes within a moment."""
        self._stop.set()
        self._client.stop()
        until = time.monotonic() + _PATIENCE
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < until:
            for _ in self._threads:
                self._todo.put(None)
            try:
                _, result, _ = self._ended.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(result, Part):
                self.outcome.take(result)

    def _work(self) -> None:
        while (request := self._todo.get()) is not None:
            responses_before = self._responses
            try:
                result: Part | Exception | None = self._fetch(request)
            except Exception as error:
                result = error
            self._ended.put((request, result, responses_before))

    def _fetch(self, request: Request) -> Part | None:
        """Send a request until it has a response; None if the run no longer needs it.

        Raises
        ------
        EngagementError
            The last error, if no further attempt is worthwhile.
        """
        window = request.window
        dead = (self.plan.profiles.index(request.profile), request.auth) in self.outcome.known.dead
        if self._stop.is_set() or dead:
            return None
        if window in self._dead_windows:
            raise BadRequestError(self._dead_windows[window])
        found = self._writer.find(request)
        if found and {*request.tweet_ids} <= {*found.tweet_ids}:
            return found
        attempt = 0
        while True:
            attempt += 1
            began = time.monotonic()
            try:
                response = self._client.send(request)
                part = self._client.parse_offloaded(
                    response.raw, part_of, response, self.plan.made_at
                )
                del response  # It is many times larger than the part.
            except (ForbiddenTweetsError, UnavailableTweetsError) as error:
                part = part_of_refusal(request, error, self._client.now())
            except EngagementError as error:
                wait = self._wait_after(error, attempt)
                if isinstance(error, BadRequestError) and window not in self._live_windows:
                    self._dead_windows[window] = str(error)
                if wait is None or self._stop.is_set():
                    raise
                self._sleep(wait)
                if self._stop.is_set():
                    return None
                continue
            self._writer.put(part)
            self._live_windows.add(window)
            with self._lock:
                self._responses += 1
                self._latency = min(self._latency, time.monotonic() - began)
                self.outcome.requests += 1
            return part

    def _wait_after(self, error: EngagementError, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; None for no further attempt."""
        if isinstance(error, RateLimitedError):
            with self._lock:
                self.rate_limited += 1
        retry = retry_for(error)
        if retry is None or attempt >= retry.attempts:
            return None
        return 0.0 if retry.base is None else backoff(attempt, base=retry.base, cap=retry.cap)


def _reason(error: EngagementError | None) -> Reason:
    """Why the Tweets of a failed request are missing."""
    left_out = isinstance(error, EmptyResponseError)
    return Reason.NO_ANSWER if left_out else Reason.REQUEST_FAILED
