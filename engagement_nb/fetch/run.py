"""Run a plan: concurrently, with retries and around refusals, in memory or into a dataset.

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
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from tqdm import tqdm

from engagement_nb.apis.availability import Window
from engagement_nb.apis.reasons import UNFINISHED, Reason
from engagement_nb.apis.times import wire_time
from engagement_nb.client import Client, Request
from engagement_nb.client.pacing import Quota, WaitStoppedError, backoff
from engagement_nb.dataset import Dataset, Part, RunRecord, RunWriter
from engagement_nb.errors import (
    ApiError,
    BadRequestError,
    ConnectionTroubleError,
    CredentialsError,
    EngagementError,
    ForbiddenMetricsError,
    ForbiddenTweetsError,
    NoAccessError,
    PeriodError,
    RateLimitedError,
    ServerTroubleError,
    UnauthenticatedError,
    UnavailableTweetsError,
)
from engagement_nb.fetch.part import EmptyResponseError, part_of, part_of_refusal
from engagement_nb.fetch.plan import Plan
from engagement_nb.fetch.state import MAX_ABSENCES, State
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.problems import ProblemLog

_T = TypeVar("_T")

MOST_WORKERS = 64
MOST_WORKERS_BY_HOUR = 40
"""A response may take 3 MB, and one core parses about fifty per second."""
MAX_CONSECUTIVE_FAILURES = 2
"""The run halts after this many failed requests in a row without any response."""
MAX_REJECTIONS = 2
"""After so many rejected requests for a period and none accepted, no more are sent for it; after
one if the API says that the period is the cause."""
BAR_AFTER = 1.5
"""Seconds: shorter runs show no bar."""
_PATIENCE = 0.5
"""Seconds that an interrupted run waits for responses to requests already sent."""
_REJECTIONS = (400, 401, 403)


WORTH_A_RETRY: dict[type[EngagementError], tuple[int, float]] = {
    # The pacer sees each 429 and delays all requests.
    RateLimitedError: (30, 0.0),
    EmptyResponseError: (MAX_ABSENCES, 0.5),
    ServerTroubleError: (8, 0.5),
    ConnectionTroubleError: (8, 0.5),
}
"""How often a request is sent in total, and the seconds before the second attempt: see
`engagement_nb.client.pacing.backoff`. All other errors are final: the API would refuse the same
tokens, Tweets or metrics again."""
UNEXPLAINED_REJECTION = (4, 0.25)
"""A rejection without a text may come from a proxy, so it is final only if it repeats."""


def sent(send: Callable[[], _T], pause: Callable[[float], object] = time.sleep) -> _T:
    """What sending a request gives, after as many attempts as are worthwhile.

    Parameters
    ----------
    send
        Sends the request once.
    pause
        Waits for some seconds before the next attempt; an error of it ends the attempts.

    Raises
    ------
    EngagementError
        The last error, if no further attempt is worthwhile.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return send()
        except EngagementError as error:
            if isinstance(error, ApiError) and error.status in _REJECTIONS and not error.texts:
                attempts, base = UNEXPLAINED_REJECTION
            else:
                fitting = (r for kind, r in WORTH_A_RETRY.items() if isinstance(error, kind))
                attempts, base = next(fitting, (1, 0.0))
            if attempt >= attempts:
                raise
        pause(backoff(attempt, base=base, cap=30.0))


def record_of(plan: Plan, ask: str, snapshot: str | None = None) -> RunRecord:
    """What a run of a plan asks for."""
    question = plan.question
    start, end = question.period or (None, None)
    return RunRecord(
        ask=ask,
        endpoint=question.endpoint.name,
        by=question.step,
        metrics=question.metrics,
        windows=tuple((w.start, w.end) for w in plan.windows if w is not None),
        start=start,
        end=end,
        started_at=datetime.now(UTC),
        snapshot=snapshot or "",
        notes=plan.notes,
        api=question.api.name,
        span=question.endpoint.span,
    )


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
    workers
        Number of threads; None for as many as use the whole quota at the measured latency. With
        0, this thread sends one request after the other.
    progress
        Whether to show a progress bar; None to show it on a terminal and in a notebook.
    sleep
        Waits for some seconds, or until the run is stopped; tests replace it.

    Attributes
    ----------
    state
        Which Tweets are done, which are missing, and why.
    requests
        Requests of this run that the API answered, with data or with a refusal.
    rate_limited
        Those with status 429.
    error
        The first error, or the one that stopped the run.
    """

    def __init__(
        self,
        plan: Plan,
        client: Client,
        writer: RunWriter,
        *,
        workers: int | None = None,
        progress: bool | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.plan = plan
        self.record = writer.record
        self.state = State(plan)
        self.requests = 0
        self.rate_limited = 0
        self.error: EngagementError | None = None
        self._client = client
        self._writer = writer
        self._workers = workers
        self._progress = progress
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait
        self._todo: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Request, Part | Exception, int]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._responses = 0
        self._latency = math.inf
        # Failed requests by the number of responses when they began: any response begins a new row.
        self._failures: Counter[int] = Counter()
        self._rejections: dict[Window | None, list[BadRequestError]] = {}
        self._accepted_windows: set[Window | None] = set()

    def go(self, parts: Iterable[Part] = ()) -> None:
        """Send all requests, in bounded memory, and store how the run ended.

        Then every Tweet of the plan has rows, or is in the problems once with scope "tweet".

        Parameters
        ----------
        parts
            Requests that were finished to find the Tweets: they are stored first, and counted.

        Raises
        ------
        EngagementError
            The first error, if no data arrived; or the error of storing a finished request.
        KeyboardInterrupt
            Raised again, after requests that finish within a second are stored.
        """
        for part in parts:
            self._writer.put(part)
            self.requests += 1
        try:
            self._send_all()
        except EngagementError:
            self._close()
            raise
        except BaseException:
            with suppress(EngagementError, OSError):
                self._writer.spend(self.requests)
            raise
        self._close()

    def _send_all(self) -> None:
        # Refusals first: they tell which responses without private metrics are final.
        for part in sorted(self._writer.parts(), key=lambda part: not part.refused):
            self.state.take(part)
        before = self.state.tweets
        with _progress_bar(self._progress) as bar:
            try:
                while not self._stop.is_set():
                    router = self.state.router()
                    requests, hopeless = router.requests(self.state.outstanding, probe=True)
                    for tweet_id, reason in hopeless.items():
                        dead = self.error if reason == Reason.NOT_AUTHENTICATED else None
                        self.state.give_up([tweet_id], reason, dead.what if dead else "")
                    if not requests:
                        break
                    mark = self._mark()
                    self._wave(requests, bar)
                    if self._mark() == mark:
                        break
            except BaseException:
                self._end_early()
                raise
            finally:
                self._stop.set()
                for _ in self._threads:
                    self._todo.put(None)
        if self.state.left:
            self.state.fail_rest(_reason(self.error), str(self.error or ""))
        if self.error and not self.state.tweets and not before:
            raise self.error

    def _close(self) -> None:
        """Store the problems, and that the run is finished if it is."""
        self._writer.close(self.problems, done=self.done, requests=self.requests)
        self.record = self._writer.record

    @cached_property
    def problems(self) -> ProblemLog:
        """Missing data, once the run has ended."""
        return self.state.problems()

    @property
    def tweets(self) -> int:
        """Tweets with rows."""
        return len(self.state.in_frame())

    @property
    def missing(self) -> int:
        """Tweets without rows."""
        return len(self.problems.of_scope("tweet"))

    @property
    def partial(self) -> int:
        """Tweets with figures of a part of the period only."""
        return len(self.problems.of_scope("period"))

    @property
    def done(self) -> bool:
        """Whether every request of the plan is finished."""
        return not any(row["reason"] in UNFINISHED for row in self.problems.counts())

    @property
    def trouble(self) -> str:
        """What stopped the run, in words; empty if nothing did."""
        return "" if self.done else str(self.error or "")

    def read(self, dataset: Dataset) -> Metrics:
        """The figures from the dataset, in the order of the requested Tweets."""
        question = self.plan.question
        days_of = question.zone if question.step != question.by else None
        metrics = dataset.read_run(self.record, self.plan.tweet_ids, days_of)
        about = replace(metrics.about, requests=self.requests)
        account = replace(metrics.account.naming(self.plan.left_out), requests=self.requests)
        if account.coverage is not None:
            covered = replace(account.coverage, holes=self.state.holes())
            account = replace(account, coverage=covered)
        return replace(metrics, about=about, account=account)

    def to_dict(self) -> dict[str, Any]:
        """How the run ended, as plain values for JSON."""
        return {
            "endpoint": self.record.endpoint,
            "span": self.record.span,
            "by": self.plan.question.by,
            "zone": self.plan.question.zone,
            "start": self.record.start and wire_time(self.record.start),
            "end": self.record.end and wire_time(self.record.end),
            "snapshot": self.record.snapshot or None,
            "tweets": self.tweets,
            "missing": self.missing,
            "partial": self.partial,
            "requests": self.requests,
            "rate_limited": self.rate_limited,
            "done": self.done,
            "problems": self.problems.counts(),
        }

    def _mark(self) -> tuple[int, ...]:
        """Compares unequal after a wave that settled or revealed anything."""
        known = self.state.known
        refused = sum(map(len, known.refused.values()))
        denied = sum(map(len, known.denied.values()))
        absences = self.state.absences.total()
        return self.state.left, absences, refused, len(known.dead), denied, len(known.owners)

    def _wave(self, requests: Sequence[Request], bar: Any) -> None:
        for request in requests:
            self._todo.put(request)
        pending = len(requests)
        bar.total += pending
        while pending:
            if self._workers == 0:
                self._work_once(self._todo.get())
            else:
                self._staff(pending)
            try:
                request, result, responses_before = self._ended.get(timeout=0.2)
            except queue.Empty:
                continue
            halves = self._take(request, result, responses_before)
            for half in halves:
                self._todo.put(half)
            pending += len(halves) - 1
            bar.total += len(halves)
            self._show_progress(bar)

    def _show_progress(self, bar: Any) -> None:
        """Count one finished request, and show what is left of the quota."""
        if bar.disable:
            return
        quota, told = self._quota(), f"{self.state.tweets:,} Tweets"
        if quota.limit is not None:
            minutes = quota.window / 60
            span = "this minute" if minutes <= 1 else f"these {minutes:g} minutes"
            told += f", {quota.left} of {quota.limit} left {span}"
        bar.set_postfix_str(told, refresh=False)
        bar.update(1)

    def _quota(self) -> Quota:
        return self._client.quota(self.plan.profiles[0], self.plan.question.endpoint.name)

    def _take(
        self, request: Request, result: Part | Exception, responses_before: int
    ) -> list[Request]:
        """Record the result of a request, and return the requests that must follow at once."""
        if isinstance(result, Part):
            self.state.take(result)
            self.state.note_absent(request, result)
            if result.refused and not result.forbidden and len(request.tweet_ids) > 1:
                middle = len(request.tweet_ids) // 2
                return [
                    replace(request, tweet_ids=request.tweet_ids[:middle]),
                    replace(request, tweet_ids=request.tweet_ids[middle:]),
                ]
        elif not isinstance(result, EngagementError):
            raise result
        elif not isinstance(result, WaitStoppedError) and not self._stop.is_set():
            self._take_error(request, result, responses_before)
        return []

    def _take_error(self, request: Request, error: EngagementError, responses_before: int) -> None:
        self.error = self.error or error
        known = self.state.known
        if isinstance(error, UnauthenticatedError | NoAccessError | CredentialsError):
            known.dead.add(self._tokens(request))
        elif isinstance(error, ForbiddenMetricsError) and {*error.metrics} & {*request.metrics}:
            known.denied.setdefault(request.auth, set()).update(error.metrics)
        elif isinstance(error, tuple(WORTH_A_RETRY)):
            self.state.fail(request, _reason(error), str(error))
            self._failures[responses_before] += 1
            if self._failures[self._responses] >= MAX_CONSECUTIVE_FAILURES:
                # Several requests in a row got no response despite retries, so the cause is
                # not in these requests, and the rest would fail too.
                self.error = error
                self._stop.set()
        elif isinstance(error, ApiError):
            self.state.fail(request, Reason.REFUSED, str(error))
        else:
            raise error

    def _tokens(self, request: Request) -> tuple[int, str]:
        return self.plan.profiles.index(request.profile), request.auth

    def _staff(self, pending: int) -> None:
        """Start as many threads as use the whole quota at the measured latency (Little's law)."""
        most = MOST_WORKERS_BY_HOUR if self.plan.question.step == "hour" else MOST_WORKERS
        most = min(most, pending, self._workers or most)
        if len(self._threads) >= most:
            return
        wanted = self._workers or 4
        if self._workers is None and self._latency < math.inf:
            per_second = (self._quota().per_minute or 0) / 60
            # The quickest response: the others may have waited for the quota too.
            wanted = max(wanted, math.ceil(2 * per_second * self._latency) + 2)
        for _ in range(min(wanted, most) - len(self._threads)):
            thread = threading.Thread(target=self._work, name="fetch", daemon=True)
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
                self.state.take(result)

    def _work(self) -> None:
        while (request := self._todo.get()) is not None:
            self._work_once(request)

    def _work_once(self, request: Request | None) -> None:
        if request is None:
            return
        responses_before = self._responses
        try:
            result: Part | Exception = self._finish(request)
        except Exception as error:
            result = error
        self._ended.put((request, result, responses_before))

    def _finish(self, request: Request) -> Part:
        """Send a request until it has a response.

        Raises
        ------
        WaitStoppedError
            The run no longer needs it.
        EngagementError
            The last error, if no further attempt is worthwhile.
        """
        self._check(request)
        stored = self._writer.find(request)
        if stored and {*request.tweet_ids} <= {*stored.tweet_ids}:
            return stored

        def pause(seconds: float) -> None:
            self._sleep(seconds)
            self._check(request)

        try:
            part = sent(lambda: self._send(request), pause)
        except BadRequestError as error:
            if request.window is not None:
                # The period may be the cause.
                with self._lock:
                    self._rejections.setdefault(request.window, []).append(error)
            raise
        self._writer.put(part)
        with self._lock:
            self._accepted_windows.add(request.window)
            self._responses += 1
        return part

    def _check(self, request: Request) -> None:
        """Raise if a request is not to be sent: the run ended, or it would be refused."""
        if self._stop.is_set() or self._tokens(request) in self.state.known.dead:
            raise WaitStoppedError("The run no longer needs this request.")
        rejections = self._rejections.get(request.window, ())
        if request.window in self._accepted_windows or not rejections:
            return
        if len(rejections) >= MAX_REJECTIONS or isinstance(rejections[-1], PeriodError):
            raise BadRequestError(str(rejections[-1]))

    def _send(self, request: Request) -> Part:
        """Send a request once; a final refusal of its Tweets is a part, too."""
        began = time.monotonic()
        try:
            response = self._client.send(request)
        except (ForbiddenTweetsError, UnavailableTweetsError) as error:
            self._count()
            return part_of_refusal(request, error, self._client.now())
        except ApiError as error:
            self._count(limited=isinstance(error, RateLimitedError))
            raise
        self._count()
        self._latency = min(self._latency, time.monotonic() - began)
        settings = (self.plan.question.api, self.plan.question.asked_at)
        # The response is many times larger than the part, and is dropped here.
        return self._client.parse_offloaded(response.raw, part_of, response, *settings)

    def _count(self, *, limited: bool = False) -> None:
        with self._lock:
            self.requests += 1
            self.rate_limited += limited


def _reason(error: EngagementError | None) -> Reason:
    """Why the Tweets of a failed request are missing."""
    left_out = isinstance(error, EmptyResponseError)
    return Reason.NO_ANSWER if left_out else Reason.REQUEST_FAILED


def _progress_bar(show: bool | None) -> Any:
    """A bar for runs that take longer than a moment; None to show it only where somebody looks."""
    if show is False:
        return tqdm(disable=True, total=0)
    # Imported late: in a notebook it imports the widgets too.
    from tqdm.auto import tqdm as of_place

    return of_place(
        total=0,
        unit="request",
        delay=BAR_AFTER,
        disable=None if show is None else False,
        leave=False,
        # The quota comes in bursts: only the overall average predicts the time left.
        smoothing=0,
    )
