"""Pacing: as fast as the quota allows and not faster, alone or beside other clients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.client.pacing import (
    QuotaHeaders,
    QuotaTracker,
    backoff,
)
from engagement_nb.client.pacing.tracker import Quota as QuotaOfOne
from engagement_nb.sandbox import Sandbox
from tests.client.quota_model import Quota, run

MakeSandbox = Callable[..., Sandbox]
KINDS = pytest.mark.parametrize("kind", ["fixed", "sliding"])


@KINDS
@pytest.mark.parametrize("limit", [1, 10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 0.5, 2.0])
def test_one_client_uses_the_whole_quota_and_never_exceeds_it(
    kind: str, limit: int, latency: float
) -> None:
    windows = 4 if limit == 600 else 6
    quota = Quota(limit, 60.0, kind, phase=17.0)
    traffic, _ = run(quota, windows, latency=latency, jitter=latency / 5)
    assert traffic.refused == []
    assert traffic.share_of(quota) >= 0.97


@KINDS
@settings(derandomize=True, max_examples=50, deadline=None)
@given(
    limit=st.integers(1, 80),
    latency=st.floats(0.0, 5.0),
    jitter=st.floats(0.0, 5.0),
    phase=st.floats(0.0, 59.0),
    workers=st.integers(1, 100),
    seed=st.integers(0, 9),
)
def test_one_client_is_never_refused(
    kind: str, limit: int, latency: float, jitter: float, phase: float, workers: int, seed: int
) -> None:
    """At any latency and jitter: arrivals are bounded, not guessed."""
    quota = Quota(limit, 60.0, kind, phase)
    traffic, _ = run(quota, 2.5, latency=latency, jitter=jitter, workers=workers, seed=seed)
    # Only an outbound time shorter than all before by more than the guard is not bounded.
    assert len(traffic.refused) <= (1 if jitter > 0.4 else 0)


@KINDS
@pytest.mark.parametrize("limit", [10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_another_client_keeps_its_half_and_few_of_our_requests_are_refused(
    kind: str, limit: int, latency: float
) -> None:
    quota = Quota(limit, 60.0, kind, phase=17.0)
    windows = 6 if limit == 600 else 12
    traffic, _ = run(
        quota, windows, latency=latency, jitter=latency / 5, stranger=lambda _: 120.0 / limit
    )
    ours = len(traffic.accepted) + len(traffic.refused)
    assert len(traffic.refused) / ours <= 0.02
    assert len(traffic.accepted) / windows >= 0.38 * limit
    assert traffic.strangers_refused / traffic.strangers <= 0.1


@KINDS
def test_another_client_with_random_requests_is_noticed(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, tracker = run(
        quota, 10, latency=0.5, stranger=lambda rng: rng.expovariate(0.5), seed=3
    )
    assert len(traffic.refused) <= 0.03 * len(traffic.accepted)
    assert tracker.others("totals", 600.0) >= 20


@KINDS
def test_the_whole_quota_is_used_again_after_another_client_leaves(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, tracker = run(quota, 12, latency=0.1, stranger=lambda _: 2.0, stranger_ends=240.0)
    late = [moment for moment in traffic.accepted if moment > 480.0]
    assert len(late) >= 0.95 * 4 * 60
    assert tracker.others("totals", 720.0) == 0


@pytest.mark.parametrize("tells_reset", [True, False])
def test_a_quota_that_is_already_spent_is_waited_for(tells_reset: bool) -> None:
    quota = Quota(30, 60.0, "fixed")
    for _ in range(30):
        quota.take(0.0)
    traffic, _ = run(quota, 4, latency=0.1, tells_reset=tells_reset)
    assert len(traffic.refused) <= (1 if tells_reset else 5)
    assert len(traffic.accepted) >= 60


def test_a_limit_per_second_is_kept_too() -> None:
    minute, second = Quota(600, 60.0, "fixed"), Quota(5, 1.0, "sliding")
    traffic, _ = run(minute, 0.5, latency=0.1, second=second)
    assert traffic.refused == []
    assert 130 <= len(traffic.accepted) <= 155


@KINDS
@pytest.mark.parametrize("limit", [10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_endpoints_with_the_same_limit_share_one_quota(
    kind: str, limit: int, latency: float
) -> None:
    quota = Quota(limit, 60.0, kind, phase=17.0)
    traffic, _ = run(
        quota, 4, latency=latency, jitter=latency / 5, endpoints=("totals", "28hr", "historical")
    )
    assert traffic.refused == []


@KINDS
def test_endpoints_with_different_limits_have_separate_quotas(kind: str) -> None:
    limits = {"totals": 60, "28hr": 20, "historical": 10}
    own = {name: Quota(limit, 60.0, kind, phase=17.0) for name, limit in limits.items()}
    traffic, _ = run(
        own["totals"],
        8,
        latency=0.2,
        jitter=0.02,
        workers=8,
        endpoints=tuple(limits),
        own_quotas=own,
    )
    late = [moment for moment in traffic.accepted if moment > 240.0]
    assert len(late) >= 0.95 * 4 * sum(limits.values())
    assert len(traffic.refused) <= 2


def test_until_the_limit_is_known_requests_go_one_by_one() -> None:
    tracker = QuotaTracker()
    first = tracker.enter("totals", 0.0)
    assert tracker.wait("totals", 1.0) > 0
    tracker.learn(first, QuotaHeaders(500), 2.0, backoff)
    assert tracker.wait("totals", 2.0) == 0
    second = tracker.enter("totals", 2.0)
    tracker.learn(second, QuotaHeaders(200, 10, 8), 3.0, backoff)
    assert tracker.left("totals", 3.0) == 8
    assert tracker.limits["totals"] == 10


def test_a_changed_limit_is_followed() -> None:
    tracker = QuotaTracker()
    for limit in (100, 5):
        number = tracker.enter("totals", 1.0)
        tracker.learn(number, QuotaHeaders(200, limit, limit - 1), 1.1, backoff)
    assert tracker.left("totals", 1.2) == 3


def test_refusals_in_one_round_count_once_and_the_named_wait_is_kept() -> None:
    tracker = QuotaTracker()
    numbers = [tracker.enter("totals", 0.0) for _ in range(5)]
    for number in numbers:
        tracker.learn(number, QuotaHeaders(429, 10, 0, wait=7.0), 1.0, backoff)
    assert (tracker.refused, tracker.refused_in_row) == (5, 1)
    assert tracker.wait("totals", 1.0) == pytest.approx(7.0)


def test_an_impossible_wait_is_ignored() -> None:
    tracker = QuotaTracker()
    number = tracker.enter("totals", 0.0)
    tracker.learn(number, QuotaHeaders(429, 10, 0, wait=1e9), 1.0, lambda attempt: 3.0)
    assert tracker.wait("totals", 1.0) <= 3.0


def test_requests_of_a_killed_process_are_forgotten() -> None:
    tracker = QuotaTracker()
    first = tracker.enter("totals", 0.0)
    tracker.learn(first, QuotaHeaders(200, 5, 4), 0.1, backoff)
    for _ in range(4):
        tracker.enter("totals", 1.0)
    assert tracker.wait("totals", 2.0) > 0
    assert tracker.wait("totals", 80.0) == 0


def test_requests_of_other_clients_are_remembered_for_three_windows() -> None:
    """But those of before the first response for one window only."""
    quota = QuotaOfOne(60.0)
    quota.learn(counted=1, limit=10, remaining=4, now=0.0)
    assert [quota.reserved(now) for now in (0.0, 59.9, 60.0)] == [6, 6, 0]
    quota.learn(counted=1, limit=10, remaining=4, now=100.0)
    assert [quota.reserved(now) for now in (100.0, 279.9, 280.0)] == [6, 6, 0]
    assert (quota.allowed(100.0), quota.allowed(280.0)) == (4, 10)


def test_each_refusal_of_a_request_that_seemed_to_fit_reserves_one_more() -> None:
    """For one window, and with a margin of 3 % of the limit."""
    quota = QuotaOfOne(60.0, limit=10)
    quota.note_refusal(0.0)
    assert [quota.reserved(now) for now in (0.0, 59.9, 60.0)] == [2, 2, 0]
    quota.note_refusal(10.0)
    assert [quota.reserved(now) for now in (10.0, 69.9, 70.0)] == [3, 3, 0]


def test_a_twentieth_of_the_limit_is_never_left_to_other_clients() -> None:
    quota = QuotaOfOne(60.0, limit=100)
    quota.learn(counted=0, limit=100, remaining=0, now=0.0)
    assert quota.allowed(1.0) == 5
