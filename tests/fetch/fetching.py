"""Helpers of the fetching room's tests: profiles of a sandbox, and what it was asked."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import pandas as pd

from engagement_nb.client import Client
from engagement_nb.dataset import Dataset, RunWriter, ask_digest
from engagement_nb.fetch import Plan, Run, make_plan, record_of
from engagement_nb.metrics import Metrics
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import sandbox_profiles


class Asked:
    """Requests that a sandbox received, with their status, and the accounts that signed them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.requests: list[tuple[tuple[str, ...], Any, int]] = []
        self.accounts: set[int] = set()
        respond = sandbox.engine.respond

        def recording(question: Any, caller: Any, now: Any) -> Any:
            ids = tuple(map(str, question.ids))
            self.accounts.update([] if caller.account is None else [caller.account])
            try:
                found = respond(question, caller, now)
            except Exception:
                self.requests.append((ids, question.start, 400))
                raise
            self.requests.append((ids, question.start, 200))
            return found

        sandbox.engine.respond = recording  # type: ignore[method-assign]

    @property
    def pairs(self) -> Counter[tuple[str, Any]]:
        """How often each Tweet was answered for in each window."""
        return Counter((i, start) for ids, start, status in self.requests for i in ids
                       if status == 200)  # fmt: skip


def fetch(
    sandbox: Sandbox,
    tweet_ids: Sequence[str],
    endpoint: str = "totals",
    *,
    accounts: Sequence[int] | None = None,
    transport: httpx.BaseTransport | None = None,
    workers: int | None = None,
    **options: Any,
) -> Metrics:
    """Plan and fetch from a sandbox, with the tokens of some of its accounts."""
    profiles = sandbox_profiles(sandbox.url)
    if accounts is not None:
        profiles = [profiles[number] for number in accounts]
    plan = make_plan(tweet_ids, endpoint, profiles=profiles, **options)
    with Client(transport=transport) as client:
        return run_plan(plan, client, source="sandbox", progress=False, workers=workers)


def run_plan(
    plan: Plan,
    client: Client,
    *,
    source: str,
    dataset: Dataset | None = None,
    snapshot: str | None = None,
    **options: Any,
) -> Metrics:
    """Run a plan, in memory unless a dataset is given."""
    kept = dataset or Dataset.create(f"memory://{uuid.uuid4().hex}", source)
    run = Run(plan, client, kept.begin(record_of(plan, ask_of(plan), snapshot)), **options)
    run.go()
    return run.read(kept)


def ask_of(plan: Plan) -> str:
    """A digest of a plan's question."""
    question = plan.question
    period = [moment.isoformat() for moment in question.period or ()]
    asked = {"by": question.by, "metrics": question.metrics, "period": period}
    return ask_digest(question.endpoint.name, question.ids.ids, **asked)


def strangers(sandbox: Sandbox, count: int) -> list[str]:
    """Tweets of accounts that gave no tokens."""
    ids = sandbox.ids("others", 20_000)
    authors = sandbox.truth(ids).tweets.account
    return [i for i, author in zip(ids, authors, strict=True) if author >= 3][:count]


def mixed_ids(sandbox: Sandbox, count: int) -> tuple[list[str], dict[str, set[str]]]:
    """Ids of every kind, shuffled, some repeated, some malformed; also the ids by kind.

    The sandbox's world must have at least three times as many Tweets.
    """
    share = count / 10_000

    def pick(kind: str, each: int) -> set[str]:
        return {i for a in range(3) for i in sandbox.ids(kind, int(each * share), a)}

    kinds = {
        "own": pick("own", 1_700),
        "over-90-days": pick("over-90-days", 500),
        "over-1800-days": pick("over-1800-days", 400),
        "others": {*strangers(sandbox, int(1_500 * share))},
        "deleted": {*sandbox.ids("deleted", int(100 * share))},
        "protected": {*sandbox.ids("protected", int(150 * share))},
        "never-existed": {*sandbox.ids("never-existed", int(100 * share))},
        "malformed": {"12x", "6.49E+17", "no id"},
    }
    ids = sorted(set().union(*kinds.values()))
    ids += ids[: count - len(ids)]
    order = np.random.default_rng(1).permutation(len(ids))
    return [ids[place] for place in order], kinds


def writer_for(plan: Plan) -> RunWriter:
    """Stores a run of a plan in a dataset in memory."""
    dataset = Dataset.create(f"memory://{uuid.uuid4().hex}", "sandbox")
    return dataset.begin(record_of(plan, ask_of(plan)))


def account_for_each(metrics: Metrics, given: Sequence[str]) -> None:
    """Assert that every given entry has rows or is a whole problem, exactly once."""
    here = set(metrics.frame["tweet_id"])
    whole = metrics.problems.loc[metrics.problems["scope"] == "tweet", "tweet_id"]
    assert whole.is_unique
    assert here.isdisjoint(whole)
    assert here.union(whole) == set(given)
    if "time" not in metrics.frame.columns:
        assert metrics.frame["tweet_id"].is_unique
    some = metrics.problems.loc[metrics.problems["scope"] == "metrics"]
    assert set(some["tweet_id"]) <= here
    assert not some.duplicated(["tweet_id", "reason", "metrics"]).any()


def equal_to_truth(
    metrics: Metrics, sandbox: Sandbox, skip: Sequence[str] = (), **window: Any
) -> None:
    """Assert that every known figure equals the sandbox's truth."""
    frame = metrics.frame
    truth = sandbox.truth(list(frame["tweet_id"]), **window)
    for name in metrics.metric_names:
        known = frame[name].notna().to_numpy()
        got = frame[name][known].to_numpy(dtype="int64")
        if name not in skip:
            assert (got == truth.of(name)[known]).all(), name


def reasons(metrics: Metrics) -> dict[str, set[str]]:
    """Tweets by reason and scope, as in ``{"unavailable/tweet": {...}}``."""
    found: dict[str, set[str]] = {}
    for row in metrics.problems.itertuples():
        found.setdefault(f"{row.reason}/{row.scope}", set()).add(str(row.tweet_id))
    return found


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Assert that two frames have the same figures in any order, apart from ``read_at``."""
    keys = [name for name in ("tweet_id", "time") if name in one.columns]
    frames = [
        frame.drop(columns=["read_at"], errors="ignore").sort_values(keys, ignore_index=True)
        for frame in (one, other)
    ]
    pd.testing.assert_frame_equal(*frames)
