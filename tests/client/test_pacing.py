"""Pacing: as fast as the quota allows and not faster, alone or beside other clients."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.apis.contract import Bucket, QuotaHeaders
from engagement_nb.client.pacing import Pacer
from engagement_nb.client.pacing.pacer import LOOK_AGAIN, Ticket
from engagement_nb.client.pacing.quota import FIRST_PATIENCE
from tests.client.quota_model import Paced, Quota, run

KINDS = pytest.mark.parametrize("kind", ["fixed", "sliding"])


@KINDS
@pytest.mark.parametrize(
    ("limit", "latency"), [(1, 0.05), (10, 0.05), (10, 2.0), (60, 0.05), (60, 2.0), (600, 0.5)]
)
def test_one_client_uses_the_whole_quota_and_never_exceeds_it(
    kind: str, limit: int, latency: float
) -> None:
    windows = 4 if limit == 600 else 6
    quota = Quota(limit, 60.0, kind, phase=17.0)
    traffic, _ = run(quota, windows, latency=latency, jitter=latency / 5)
    assert traffic.refused == []
    assert traffic.share_of(quota) >= 0.97


@KINDS
@settings(derandomize=True, max_examples=25, deadline=None)
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
@pytest.mark.parametrize("limit", [10, 60])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_another_client_keeps_its_half_and_few_of_our_requests_are_refused(
    kind: str, limit: int, latency: float
) -> None:
    quota = Quota(limit, 60.0, kind, phase=17.0)
    windows = 12
    traffic, _ = run(
        quota, windows, latency=latency, jitter=latency / 5, stranger=lambda _: 120.0 / limit
    )
    ours = len(traffic.accepted) + len(traffic.refused)
    assert len(traffic.refused) / ours <= 0.01
    assert len(traffic.accepted) / windows >= 0.38 * limit
    assert traffic.strangers_refused / traffic.strangers <= 0.1


@KINDS
def test_another_client_with_random_requests_is_noticed(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, paced = run(quota, 10, latency=0.5, stranger=lambda rng: rng.expovariate(0.5), seed=3)
    assert len(traffic.refused) <= 0.03 * len(traffic.accepted)
    assert paced.state(600.0).others >= 20


@KINDS
def test_the_whole_quota_is_used_again_after_another_client_leaves(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, paced = run(quota, 12, latency=0.1, stranger=lambda _: 2.0, stranger_ends=240.0)
    late = [moment for moment in traffic.accepted if moment > 480.0]
    assert len(late) >= 0.95 * 4 * 60
    assert paced.state(720.0).others == 0


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
@pytest.mark.parametrize("limit", [10, 60])
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


def sent(paced: Paced, now: float, endpoint: str = "totals") -> Ticket:
    ticket = paced.attempt(endpoint, now)
    assert isinstance(ticket, Ticket), f"must wait {ticket} s"
    return ticket


def paced_for(window: float = 60.0) -> Paced:
    return Paced(window, random.Random(1))


def test_until_the_limit_is_known_requests_go_one_by_one() -> None:
    paced = paced_for()
    first = sent(paced, 1.0)
    assert paced.attempt("totals", 2.0) == LOOK_AGAIN
    paced.learn(first, 3.0, 500)
    second = sent(paced, 3.0)
    assert paced.attempt("totals", 3.5) == LOOK_AGAIN
    paced.learn(second, 4.0, 200, minute_limit=10, minute_remaining=8)
    state = paced.state(4.0)
    assert (state.limit, state.left, state.wait) == (10, 8, 0.0)


def test_a_first_request_without_a_response_delays_the_next_by_seconds_only() -> None:
    """Its process may have been killed, and then the response never comes."""
    paced = paced_for()
    sent(paced, 1.0)
    assert paced.attempt("totals", 1.0 + FIRST_PATIENCE - 0.01) == LOOK_AGAIN
    sent(paced, 1.0 + FIRST_PATIENCE)
    assert FIRST_PATIENCE <= 5.0


def test_a_changed_limit_is_followed() -> None:
    paced = paced_for()
    for limit in (100, 5):
        ticket = sent(paced, 1.0)
        paced.learn(ticket, 1.1, 200, minute_limit=limit, minute_remaining=limit - 1)
    assert paced.state(1.2).left == 3


def test_refusals_in_one_round_count_once_and_the_named_reset_is_kept() -> None:
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 1.0, 200, minute_limit=10, minute_remaining=9)
    tickets = [sent(paced, 1.0) for _ in range(5)]
    for ticket in tickets:
        paced.learn(ticket, 2.0, 429, minute_limit=10, minute_remaining=0, minute_reset=9.0)
    state = paced.state(2.0)
    assert (state.refused, state.wait) == (5, pytest.approx(7.0))
    # A second round would wait twice as long, if no reset were named.
    paced.learn(sent(paced, 70.0), 70.0, 429)
    assert 3.0 <= paced.state(70.0).wait <= 6.0


def test_after_an_accepted_request_the_wait_of_a_refusal_begins_anew() -> None:
    paced = paced_for()
    waits = []
    for at, status in ((1.0, 429), (100.0, 429), (200.0, 200), (300.0, 429)):
        paced.learn(sent(paced, at), at, status, minute_limit=100, minute_remaining=50)
        waits.append(paced.state(at).wait)
    assert 1.5 <= waits[0] <= 3.0 <= waits[1] <= 6.0
    assert 1.5 <= waits[3] <= 3.0


def test_an_impossible_reset_is_ignored() -> None:
    paced = paced_for()
    ticket = sent(paced, 1.0)
    paced.learn(ticket, 1.0, 429, minute_limit=10, minute_remaining=0, minute_reset=1e9)
    assert paced.state(1.0).wait <= 3.0


def test_requests_of_a_killed_process_are_forgotten() -> None:
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 1.1, 200, minute_limit=5, minute_remaining=4)
    for _ in range(4):
        sent(paced, 2.0)
    assert paced.state(3.0).wait > 0
    sent(paced, 77.0)  # Only the first request stopped counting.
    assert isinstance(paced.attempt("totals", 77.0), float)
    sent(paced, 77.3)


def test_a_failed_request_counts_from_its_failure_and_sets_no_fastest_time() -> None:
    """Else a refused connection would be the fastest response, and all others late."""
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 3.0, 200, minute_limit=2, minute_remaining=1)
    paced.pacer.learn(sent(paced, 3.0), None)  # At 3.0, at once.
    sent(paced, 61.3)
    assert isinstance(paced.attempt("totals", 63.1), float)
    sent(paced, 63.3)


def test_a_faster_response_moves_the_arrivals_that_slower_ones_bound() -> None:
    """They were bounded with the fastest seen until then."""
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 4.0, 200, minute_limit=2, minute_remaining=1)
    paced.learn(sent(paced, 4.0), 4.5, 200, minute_limit=2, minute_remaining=0)
    # The first may have arrived 2.5 seconds after its sending.
    assert isinstance(paced.attempt("totals", 61.0 + 2.6), float)
    sent(paced, 61.3 + 2.5)


def test_requests_of_other_clients_are_remembered_for_three_windows() -> None:
    """But those of before the first response for one window only, or until the reset."""
    for reset, ends in ((None, 61.0), (21.0, 21.0)):
        paced = paced_for()
        told = {"minute_limit": 10, "minute_remaining": 4, "minute_reset": reset}
        paced.learn(sent(paced, 1.0), 1.0, 200, **told)
        # 5 others and a margin of 3 %, in whole requests.
        assert [paced.state(now).others for now in (1.0, ends - 0.1, ends)] == [6, 6, 0]
        paced.learn(sent(paced, 100.0), 100.0, 200, **{**told, "minute_reset": None})
        assert [paced.state(now).others for now in (100.0, 279.9, 280.0)] == [6, 6, 0]


def test_each_refusal_of_a_request_that_seemed_to_fit_reserves_one_more() -> None:
    """For one window, and with a margin of 3 % of the limit."""
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 1.0, 200, minute_limit=10, minute_remaining=9)
    paced.learn(sent(paced, 2.0), 2.0, 429)
    assert [paced.state(now).others for now in (2.0, 61.9, 62.0)] == [2, 2, 0]
    paced.learn(sent(paced, 12.0), 12.0, 429)
    assert [paced.state(now).others for now in (12.0, 71.9, 72.0)] == [3, 3, 0]


def test_requests_at_one_endpoint_are_not_taken_for_those_of_other_clients_at_another() -> None:
    paced = paced_for()
    for n, endpoint in enumerate(("totals", "totals", "28hr", "totals"), 1):
        told = {"minute_limit": 10, "minute_remaining": 10 - n}
        paced.learn(sent(paced, 1.0 + n, endpoint), 1.0 + n, 200, **told)
        state = paced.state(1.0 + n, endpoint)
        assert (state.left, state.others) == (10 - n, 0)


@pytest.mark.parametrize(("limit", "left"), [(100, 4), (40, 1), (10, 0), (1, 0)])
def test_a_twentieth_of_the_limit_is_never_left_to_other_clients(limit: int, left: int) -> None:
    """And at least one request, of which one is spent here."""
    paced = paced_for()
    paced.learn(sent(paced, 1.0), 1.0, 200, minute_limit=limit, minute_remaining=0)
    assert paced.state(1.0).left == left
    sent(paced, 62.0)


# -- any window, and quotas of users -------------------------------------------------------------

HEADERS = QuotaHeaders("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")


def quarter(scope: Any, *, by_endpoint: bool | None = True) -> Bucket:
    """A quota for 15 minutes, as X API v2 has."""
    return Bucket(
        "v2", "15 minutes", scope, timedelta(minutes=15), HEADERS, by_endpoint=by_endpoint
    )


class Quarters:
    """A pacer with quotas for 15 minutes, in simulated time."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_000.0
        self.pacer = Pacer(
            buckets=[quarter("app", **options), quarter("user", **options)],
            clock=lambda: self.now,
            wall=lambda: self.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def ask(self, left: int, reset: float, *, limit: int = 300, status: int = 200,
            endpoint: str = "analytics", holder: str = "") -> None:  # fmt: skip
        headers = dict(zip(HEADERS, map(str, (limit, left, reset)), strict=True))
        self.pacer.learn(self.pacer.acquire(endpoint, "app", holder), headers, status)


def test_a_reset_901_seconds_away_is_waited_for() -> None:
    """A refusal at the very start of a window of 15 minutes, by a clock a second off."""
    quarters = Quarters()
    quarters.ask(0, 1_901.0, status=429)
    began = quarters.now
    quarters.pacer.acquire("analytics", "app")
    assert quarters.now - began == pytest.approx(901.0, abs=0.3)


def test_a_window_of_15_minutes_is_filled_and_never_exceeded() -> None:
    for kind in ("fixed", "sliding"):
        quarters, quota = Quarters(), Quota(50, 900.0, kind, phase=300.0)
        refused = 0
        for _ in range(200):
            ticket = quarters.pacer.acquire("analytics", "app")
            quarters.now += 0.2
            accepted, left = quota.take(quarters.now)
            refused += not accepted
            values = (50, left, quarters.now + quota.resets_in(quarters.now))
            headers = dict(zip(HEADERS, map(str, values), strict=True))
            quarters.pacer.learn(ticket, headers, 200 if accepted else 429)
        assert refused == 0
        assert quarters.now - 1_000.0 <= 3 * 900.0 / 0.97 + 60.0


def test_what_others_spent_before_the_first_response_is_free_again_at_the_reset() -> None:
    """With a window of 15 minutes, waiting for a whole one would cost most of an hour."""
    quarters = Quarters()
    quarters.ask(0, 1_100.0)
    began = quarters.now
    quarters.ask(299, 2_000.0)
    assert quarters.now - began <= 101.0
    assert quarters.pacer.state("analytics", "app").others == 0


def test_users_and_the_app_have_quotas_of_their_own() -> None:
    quarters = Quarters()
    for holder in ("", "user 1", "user 2"):
        quarters.ask(0, 1_800.0, limit=1, holder=holder)
        assert quarters.pacer.state("analytics", "app", holder).left == 0
    assert quarters.pacer.state("analytics", "app", "user 3").left is None
    assert quarters.now == 1_000.0


def test_requests_of_a_user_count_in_the_quotas_of_users_only() -> None:
    user = dataclasses.replace(quarter("user"), window=timedelta(minutes=5))
    pacer = Pacer(buckets=[quarter("app"), user])
    assert pacer.state("analytics", "app").window == 900.0
    assert pacer.state("analytics", "app", "user 1").window == 300.0
    # An API that has no quotas of users counts them in those of the app.
    assert Pacer(buckets=[user]).state("analytics", "app").window == 300.0


@pytest.mark.parametrize(("by_endpoint", "left"), [(True, None), (False, 0), (None, 0)])
def test_endpoints_share_a_quota_unless_each_has_its_own(
    by_endpoint: bool | None, left: int | None
) -> None:
    quarters = Quarters(by_endpoint=by_endpoint)
    quarters.ask(0, 1_800.0, limit=1, endpoint="lookup")
    assert quarters.pacer.state("analytics", "app").left == left
