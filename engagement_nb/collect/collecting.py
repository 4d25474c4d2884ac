"""Run a plan and return its metrics, in memory or into a dataset.

`running` has the threads, retries and refusals; `outcome` keeps what the responses reveal.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Unpack

from engagement_nb.apis.reasons import UNFINISHED
from engagement_nb.apis.times import wire_time
from engagement_nb.client import Client
from engagement_nb.collect.running import Run, RunOptions
from engagement_nb.dataset import Dataset, RunRecord, RunWriter, ask_digest
from engagement_nb.errors import EngagementError
from engagement_nb.metrics import Metrics
from engagement_nb.planning import Plan
from engagement_nb.problems import ProblemLog


def collect(
    plan: Plan,
    client: Client,
    *,
    source: str,
    dataset: Dataset | None = None,
    snapshot: str | None = None,
    **options: Unpack[RunOptions],
) -> Metrics:
    """Run a plan, and return its figures and problems.

    Parameters
    ----------
    plan
        What to request: see `engagement_nb.planning.make_plan`.
    client
        Sends the requests.
    source
        "sandbox" or "api".
    dataset
        Keeps each finished request, and finds it again. Without it everything stays in memory.
    snapshot
        For a dataset: see `engagement_nb.dataset`.
    **options
        See `engagement_nb.collect.running.RunOptions`.

    Returns
    -------
    Metrics
        Every Tweet of the plan has rows, or is in the problems once with scope "tweet".

    Raises
    ------
    EngagementError
        The first error, if no data arrived; or a part could not be written.
    KeyboardInterrupt
        Raised within a second; a dataset keeps the finished requests.
    """
    kept = dataset or Dataset.create(f"memory://engagement_nb-{uuid.uuid4().hex}", source)
    try:
        ended = collect_into(kept, plan, client, snapshot=snapshot, **options)
        return ended.read(kept, plan.tweet_ids)
    finally:
        if dataset is None:
            kept.store.fs.rm(kept.store.root, recursive=True)


@dataclass(frozen=True)
class Collected:
    """How a run into a dataset ended.

    Parameters
    ----------
    record
        What it asked for.
    tweets
        Tweets with figures.
    requests
        Requests that got a response in this run, without those that an earlier run finished.
    rate_limited
        Responses with status 429.
    problems
        Missing data.
    done
        Whether every request of the plan is finished.
    trouble
        What stopped the run, in words; empty if nothing did.
    """

    record: RunRecord
    tweets: int
    requests: int
    rate_limited: int
    problems: ProblemLog
    done: bool
    trouble: str = ""

    @property
    def missing(self) -> int:
        """Tweets without figures."""
        return len(self.problems.of_scope("tweet"))

    @property
    def partial(self) -> int:
        """Tweets with figures of a part of the period only."""
        return len(self.problems.of_scope("period"))

    def read(self, dataset: Dataset, tweet_ids: Sequence[str]) -> Metrics:
        """The figures from the dataset, in the order of the requested Tweets."""
        found = dataset.read_run(self.record, tweet_ids)
        return replace(found, problems=self.problems.frame())

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "endpoint": self.record.endpoint,
            "by": self.record.by,
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


def collect_into(
    dataset: Dataset,
    plan: Plan,
    client: Client,
    *,
    ask: str | None = None,
    snapshot: str | None = None,
    **options: Unpack[RunOptions],
) -> Collected:
    """Run a plan into a dataset, in bounded memory; resume an earlier run if there is one.

    Parameters
    ----------
    dataset, plan, client, snapshot, **options
        As for `collect`.
    ask
        Digest of the user's question: see `engagement_nb.dataset.ask_digest`. By default the
        digest of the plan itself.

    Raises
    ------
    EngagementError, KeyboardInterrupt
        As for `collect`.
    """
    writer = dataset.begin(record_of(plan, ask or digest_of(plan), snapshot))
    run = Run(plan, client, writer, **options)
    try:
        run.go()
    except EngagementError:
        _close(writer, run)
        raise
    return _close(writer, run)


def _close(writer: RunWriter, run: Run) -> Collected:
    problems = run.outcome.problems()
    done = not any(row["reason"] in UNFINISHED for row in problems.counts())
    ended = Collected(
        record=writer.record,
        tweets=len(run.outcome.in_frame()),
        requests=run.outcome.requests,
        rate_limited=run.rate_limited,
        problems=problems,
        done=done,
        trouble="" if done else str(run.halted or run.error or ""),
    )
    writer.close(problems.frame(), done=done, summary=ended.to_dict())
    return ended


def record_of(plan: Plan, ask: str, snapshot: str | None = None) -> RunRecord:
    """What a run of a plan asks for."""
    return RunRecord(
        ask=ask,
        endpoint=plan.endpoint.name,
        by=plan.by,
        metrics=plan.metrics,
        windows=tuple((w.start, w.end) for w in plan.windows if w is not None),
        start=plan.start,
        end=plan.end,
        started_at=datetime.now(UTC),
        snapshot=snapshot or "",
        notes=plan.notes,
    )


def digest_of(plan: Plan) -> str:
    """The digest of a plan's question."""
    period = [None if moment is None else moment.isoformat() for moment in (plan.start, plan.end)]
    return ask_digest(
        plan.endpoint.name, plan.tweet_ids, by=plan.by, metrics=plan.metrics, period=period
    )
