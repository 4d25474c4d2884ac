"""Pacing: as fast as the quota allows and not faster, alone or beside others."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.client import Client, Request
from engagement_nb.credentials import Profile
from engagement_nb.hosts import LIVE, SANDBOX
from engagement_nb.pacing import (
    FileStore,
    Ledger,
    MemoryStore,
    Pacer,
    Pacers,
    Reading,
    WaitStoppedError,
    backoff,
    read_headers,
)
from engagement_nb.pacing.shared import quota_key
from engagement_nb.sandbox import Sandbox
from tests.profiles import profile_of
from tests.quota_model import Quota, run

MakeSandbox = Callable[..., Sandbox]
KINDS = pytest.mark.parametrize("kind", ["fixed", "sliding"])


@KINDS
@pytest.mark.parametrize("limit", [1, 10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 0.5, 2.0])
def test_alone_the_quota_is_used_whole_and_never_exceeded(
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
def test_alone_nothing_is_ever_refused(
    kind: str, limit: int, latency: float, jitter: float, phase: float, workers: int, seed: int
) -> None:
    """Whatever the latency and its wobble: arrivals are bounded, not guessed."""
    quota = Quota(limit, 60.0, kind, phase)
    traffic, _ = run(quota, 2.5, latency=latency, jitter=jitter, workers=workers, seed=seed)
    # A way shorter than all before by more than the guard is the one thing that isn't bounded.
    assert len(traffic.refused) <= (1 if jitter > 0.4 else 0)


@KINDS
@pytest.mark.parametrize("limit", [10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_a_stranger_who_takes_half_keeps_it_and_hardly_anything_of_ours_is_refused(
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
def test_a_stranger_who_comes_at_random_is_noticed(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, ledger = run(quota, 10, latency=0.5, stranger=lambda rng: rng.expovariate(0.5), seed=3)
    assert len(traffic.refused) <= 0.03 * len(traffic.accepted)
    assert ledger.others("totals", 600.0) >= 20


@KINDS
def test_when_the_stranger_leaves_the_whole_quota_is_used_again(kind: str) -> None:
    quota = Quota(60, 60.0, kind)
    traffic, ledger = run(quota, 12, latency=0.1, stranger=lambda _: 2.0, stranger_ends=240.0)
    late = [moment for moment in traffic.accepted if moment > 480.0]
    assert len(late) >= 0.95 * 4 * 60
    assert ledger.others("totals", 720.0) == 0


@pytest.mark.parametrize("tells_reset", [True, False])
def test_a_quota_that_somebody_emptied_before_is_waited_for(tells_reset: bool) -> None:
    quota = Quota(30, 60.0, "fixed")
    for _ in range(30):
        quota.take(0.0)
    traffic, _ = run(quota, 4, latency=0.1, tells_reset=tells_reset)
    assert len(traffic.refused) <= (1 if tells_reset else 5)
    assert len(traffic.accepted) >= 60


def test_a_limit_by_second_is_kept_as_well() -> None:
    minute, second = Quota(600, 60.0, "fixed"), Quota(5, 1.0, "sliding")
    traffic, _ = run(minute, 0.5, latency=0.1, second=second)
    assert traffic.refused == []
    assert 130 <= len(traffic.accepted) <= 155


def test_three_endpoints_that_share_the_quota_are_paced_together() -> None:
    quota = Quota(60, 60.0, "sliding")
    traffic, _ = run(quota, 5, latency=0.2, endpoints=("totals", "28hr", "historical"))
    assert traffic.refused == []
    assert traffic.share_of(quota) >= 0.95


@KINDS
@pytest.mark.parametrize("limit", [10, 60, 600])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_endpoints_that_share_the_quota_are_never_taken_to_have_their_own(
    kind: str, limit: int, latency: float
) -> None:
    quota = Quota(limit, 60.0, kind, phase=17.0)
    traffic, ledger = run(
        quota, 4, latency=latency, jitter=latency / 5, endpoints=("totals", "28hr", "historical")
    )
    assert traffic.refused == []
    assert not ledger.sharing.apart


@KINDS
@pytest.mark.parametrize("limits", [(60, 60, 60), (60, 20, 10)])
def test_quotas_of_their_own_are_found_out_and_used_whole(
    kind: str, limits: tuple[int, int, int]
) -> None:
    """By limits that differ, or by requests that cost the other endpoints nothing."""
    names = ("totals", "28hr", "historical")
    own = {name: Quota(n, 60.0, kind, phase=17.0) for name, n in zip(names, limits, strict=True)}
    traffic, ledger = run(
        own["totals"], 8, latency=0.2, jitter=0.02, workers=8, endpoints=names, own_quotas=own
    )
    assert ledger.sharing.apart
    late = [moment for moment in traffic.accepted if moment > 240.0]
    assert len(late) >= 0.95 * 4 * sum(limits)
    assert len(traffic.refused) <= 2


def test_until_the_limit_is_known_requests_go_one_by_one() -> None:
    ledger = Ledger()
    first = ledger.enter("totals", 0.0)
    assert ledger.wait("totals", 1.0) > 0
    ledger.learn("totals", first, Reading(500), 2.0, backoff)
    assert ledger.wait("totals", 2.0) == 0
    second = ledger.enter("totals", 2.0)
    ledger.learn("totals", second, Reading(200, 10, 8), 3.0, backoff)
    assert ledger.left("totals", 3.0) == 8
    assert ledger.limit("totals") == 10


def test_a_limit_that_changes_is_followed() -> None:
    ledger = Ledger()
    for limit in (100, 5):
        number = ledger.enter("totals", 1.0)
        ledger.learn("totals", number, Reading(200, limit, limit - 1), 1.1, backoff)
    assert ledger.left("totals", 1.2) == 3


def test_refusals_in_one_round_count_once_and_the_wait_told_is_kept() -> None:
    ledger = Ledger()
    numbers = [ledger.enter("totals", 0.0) for _ in range(5)]
    for number in numbers:
        ledger.learn("totals", number, Reading(429, 10, 0, wait=7.0), 1.0, backoff)
    assert (ledger.refused, ledger.refused_in_row) == (5, 1)
    assert ledger.wait("totals", 1.0) == pytest.approx(7.0)


def test_a_wait_beyond_all_reason_is_not_believed() -> None:
    ledger = Ledger()
    number = ledger.enter("totals", 0.0)
    ledger.learn("totals", number, Reading(429, 10, 0, wait=1e9), 1.0, lambda attempt: 3.0)
    assert ledger.wait("totals", 1.0) <= 3.0


def test_a_killed_process_does_not_hold_its_places_for_ever() -> None:
    ledger = Ledger()
    first = ledger.enter("totals", 0.0)
    ledger.learn("totals", first, Reading(200, 5, 4), 0.1, backoff)
    for _ in range(4):
        ledger.enter("totals", 1.0)
    assert ledger.wait("totals", 2.0) > 0
    assert ledger.wait("totals", 80.0) == 0


# -- headers -----------------------------------------------------------------------------------


def test_headers_are_read_as_far_as_they_are_there() -> None:
    assert read_headers({}, 200, 0.0) == Reading(200)
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "59"}
    assert read_headers(headers, 200, 0.0) == Reading(200, 60, 59)
    headers |= {"x-per-second-limit": "5", "x-per-second-remaining": "4"}
    assert read_headers(headers, 200, 0.0) == Reading(200, 60, 59, 5, 4)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"x-per-minute-reset": "1010"}, 10.0),
        ({"x-per-minute-reset": "990"}, None),
        ({"date": "Thu, 01 Jan 1970 00:20:00 GMT", "x-per-minute-reset": "1230"}, 30.0),
        (
            {
                "date": "Thu, 01 Jan 1970 00:20:00 GMT",
                "retry-after": "Thu, 01 Jan 1970 00:20:09 GMT",
            },
            9.0,
        ),
        (
            {
                "x-per-minute-remaining": "5",
                "x-per-second-remaining": "0",
                "x-per-second-reset": "1001",
                "x-per-minute-reset": "1050",
            },
            1.0,
        ),
    ],
)
def test_the_wait_is_taken_as_told_by_the_apis_own_clock(
    headers: dict[str, str], wait: float | None
) -> None:
    assert read_headers(headers, 429, 1000.0).wait == wait


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-per-minute-limit", "x-per-minute-reset"]),
        st.text() | st.floats().map(str),
    )
)
def test_headers_that_make_no_sense_are_passed_over(headers: dict[str, str]) -> None:
    reading = read_headers(headers, 200, 1000.0)
    assert reading.wait is None or reading.wait >= 0


# -- backoff -----------------------------------------------------------------------------------


@given(st.integers(-3, 5000), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(attempt: int, lot: float) -> None:
    wait = backoff(attempt, base=1.0, cap=60.0, jitter=0.5, rng=lambda: lot)
    assert 0.5 <= wait <= 60.0


def test_backoff_doubles_up_to_its_cap() -> None:
    waits = [backoff(n, base=1.0, cap=10.0, jitter=0.0) for n in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


# -- the pacer, with a clock of its own ----------------------------------------------------------


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.mark.parametrize("store", ["memory", "file"])
@KINDS
def test_two_pacers_on_one_store_share_one_quota(store: str, kind: str, tmp_path: Path) -> None:
    clock, quota = Clock(), Quota(20, 60.0, kind)
    shared = MemoryStore()
    pacers = [
        Pacer(
            shared if store == "memory" else FileStore(tmp_path / "quota.json"),
            clock=clock,
            sleep=clock.sleep,
        )
        for _ in range(2)
    ]
    began, refused = clock.now, 0
    for number in range(140):
        pacer = pacers[number % 2]
        ticket = pacer.acquire()
        clock.now += 0.02
        let_in, left = quota.take(clock.now)
        refused += not let_in
        clock.now += 0.02
        headers = {"x-per-minute-limit": "20", "x-per-minute-remaining": str(left)}
        pacer.learn(ticket, headers, 200 if let_in else 429)
    assert refused == 0
    assert (clock.now - began) / 60 <= 6.0 / 0.97 + 0.1
    assert pacers[0].state().others == 0


def test_the_state_tells_limit_and_what_is_left() -> None:
    clock = Clock()
    pacer = Pacer(clock=clock, sleep=clock.sleep)
    assert pacer.state().limit is None
    ticket = pacer.acquire()
    pacer.learn(ticket, {"x-per-minute-limit": "2", "x-per-minute-remaining": "1"}, 200)
    state = pacer.state()
    assert (state.limit, state.left, state.wait, state.others) == (2, 1, 0.0, 0)
    pacer.acquire()
    assert pacer.state().left == 0
    assert 59 < pacer.state().wait < 61


def test_a_wait_can_be_stopped() -> None:
    pacer = Pacer()
    pacer.acquire()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(pacer.acquire) for _ in range(2)]
        time.sleep(0.05)
        pacer.stop()
        for one in waiting:
            with pytest.raises(WaitStoppedError):
                one.result(timeout=5)


def test_after_a_stop_a_pacer_can_be_used_again() -> None:
    pacer = Pacer()
    pacer.stop()
    assert pacer.acquire().endpoint == "totals"


# -- the file that processes share ---------------------------------------------------------------


@settings(deadline=None)
@given(st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b'{"window": 60.0}']))
def test_a_torn_or_foreign_file_is_begun_anew(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "quota.json"
        path.write_bytes(content)
        assert Pacer(FileStore(path)).acquire().number == 0


def test_the_ledger_survives_the_way_through_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.json", Clock(time.time())
    pacer = Pacer(FileStore(path), clock=clock, sleep=clock.sleep)
    ticket = pacer.acquire("28hr")
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "40"}
    pacer.learn(ticket, headers, 200)
    other = Pacer(FileStore(path), clock=clock, sleep=clock.sleep)
    assert other.state("28hr") == pacer.state("28hr")
    assert other.state("28hr").others > 0
    other.acquire("28hr")
    assert pacer.state("28hr").left == other.state("28hr").left


def test_a_directory_that_cannot_be_used_is_told_once_and_pacing_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a directory")
    pacer = Pacer(FileStore(tmp_path / "file" / "quota.json"))
    with caplog.at_level(logging.WARNING):
        for left in ("8", "7", "6"):
            ticket = pacer.acquire()
            pacer.learn(ticket, {"x-per-minute-limit": "9", "x-per-minute-remaining": left}, 200)
    assert pacer.state().limit == 9
    assert len(caplog.records) == 1


def test_a_process_killed_while_it_holds_the_lock_leaves_it_free(tmp_path: Path) -> None:
    path = tmp_path / "quota.json"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from engagement_nb.pacing import FileStore\n"
        "with FileStore(Path(sys.argv[1])).open(60.0):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    began = time.monotonic()
    Pacer(FileStore(path)).acquire()
    assert time.monotonic() - began < 5


def test_profiles_of_one_app_and_host_share_a_pacer_and_no_others(tmp_path: Path) -> None:
    pacers = Pacers(directory=tmp_path)
    one = Profile("one", SANDBOX, "key", "secret", "1-token", "token secret")
    other_user = replace(one, name="two", access_token="2-token")
    other_app = replace(one, consumer_key="another key")
    assert pacers(one) is pacers(other_user)
    assert pacers(one) is not pacers(other_app)
    assert pacers(one) is not pacers(replace(one, hosts=LIVE))
    assert "key" not in quota_key(one)


# -- over a socket -------------------------------------------------------------------------------


@KINDS
def test_threads_fill_the_quota_of_a_real_server(
    kind: str, make_sandbox: MakeSandbox, tmp_path: Path
) -> None:
    sandbox = make_sandbox(tweets=300, per_minute=30, window=kind, window_seconds=1.0, latency=0.05)
    profile, ids = profile_of(sandbox), tuple(sandbox.ids("own", 1))
    statuses: list[int] = []
    pacers = Pacers(window=1.0, directory=tmp_path)
    began = time.monotonic()
    with (
        Client(pacer_for=pacers, on_event=lambda sent: statuses.append(sent.status)) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        request = Request("totals", ids, ("favorites",), profile)
        for done in [pool.submit(client.send, request) for _ in range(100)]:
            done.result()
    took = time.monotonic() - began
    assert statuses == [200] * 100
    assert took > 3.0  # More than three windows' worth cannot pass in three windows.


def test_a_pacer_of_many_threads_lets_no_more_through_than_the_limit() -> None:
    pacer = Pacer()
    ticket = pacer.acquire()
    pacer.learn(ticket, {"x-per-minute-limit": "25", "x-per-minute-remaining": "24"}, 200)
    let_through = []

    def ask() -> None:
        with suppress(WaitStoppedError):
            while True:
                pacer.acquire()
                let_through.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 5
    while len(let_through) < 24 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    pacer.stop()
    for thread in threads:
        thread.join()
    assert len(let_through) == 24
