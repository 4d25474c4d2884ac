"""Pacing: headers, backoff, and the pacer that threads and processes share."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import LIVE, hosts_at
from engagement_nb.client.pacing import (
    Pacer,
    Pacers,
    QuotaHeaders,
    QuotaStore,
    QuotaTracker,
    WaitStoppedError,
    backoff,
    read_headers,
)
from engagement_nb.client.pacing.pacer import quota_key
from engagement_nb.sandbox import Sandbox
from tests.client.profiles import profile_of
from tests.client.quota_model import Quota

MakeSandbox = Callable[..., Sandbox]
LOCAL = hosts_at("http://127.0.0.1:8642")
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS = pytest.mark.parametrize("kind", ["fixed", "sliding"])


# -- headers -----------------------------------------------------------------------------------


def test_missing_headers_are_none() -> None:
    assert read_headers({}, 200, 0.0) == QuotaHeaders(200)
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "59"}
    assert read_headers(headers, 200, 0.0) == QuotaHeaders(200, 60, 59)
    headers |= {"x-per-second-limit": "5", "x-per-second-remaining": "4"}
    assert read_headers(headers, 200, 0.0) == QuotaHeaders(200, 60, 59, 5, 4)


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
def test_the_wait_follows_the_clock_of_the_api(headers: dict[str, str], wait: float | None) -> None:
    assert read_headers(headers, 429, 1000.0).wait == wait


@ANY_SPEED
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-per-minute-limit", "x-per-minute-reset"]),
        st.text() | st.floats().map(str),
    )
)
def test_invalid_headers_are_ignored(headers: dict[str, str]) -> None:
    told = read_headers(headers, 200, 1000.0)
    assert told.wait is None or told.wait >= 0


def test_a_second_that_allows_the_whole_minute_limits_nothing() -> None:
    """Its remaining count is the minute's, so it does not show other clients."""
    tracker = QuotaTracker(60.0)
    for count in range(1, 9):
        sent = 1.5 * count
        assert tracker.wait("totals", sent) == 0
        headers = {
            "x-per-minute-limit": "10",
            "x-per-minute-remaining": str(10 - count),
            "x-per-second-limit": "10",
            "x-per-second-remaining": str(10 - count),
        }
        number = tracker.enter("totals", sent)
        tracker.learn(number, read_headers(headers, 200, 0.0), sent + 0.05, float)
        assert tracker.wait("totals", sent + 0.05) == 0


@pytest.mark.parametrize("number", ["20000000000000000000", "1e300", "-1", "inf", "nan", "soon"])
def test_an_impossible_number_is_ignored(number: str) -> None:
    names = ("minute-limit", "minute-remaining", "second-limit", "second-remaining")
    headers = {f"x-per-{name}": number for name in names}
    assert read_headers(headers, 200, 0.0) == QuotaHeaders(200)


# -- backoff -----------------------------------------------------------------------------------


@ANY_SPEED
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
    """Time that passes only when something sleeps."""

    now: float = 1_000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def pacer(self, path: Path | None = None) -> Pacer:
        return Pacer(QuotaStore(path, clock=lambda: self.now), sleep=self.sleep)


def ask(pacer: Pacer, clock: Clock, limit: int, left: int, status: int = 200) -> float:
    """Send one request, which takes no time; give the seconds that it waited."""
    began = clock.now
    ticket = pacer.acquire()
    told = {"x-per-minute-limit": str(limit), "x-per-minute-remaining": str(left)}
    pacer.learn(ticket, told, status)
    return clock.now - began


@KINDS
def test_two_pacers_on_one_file_share_one_quota(kind: str, tmp_path: Path) -> None:
    clock, quota = Clock(), Quota(20, 60.0, kind)
    pacers = [clock.pacer(tmp_path / "quota") for _ in range(2)]
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


def test_the_state_has_the_limit_and_what_is_left() -> None:
    clock = Clock()
    pacer = clock.pacer()
    assert pacer.state().limit is None
    ask(pacer, clock, 2, 1)
    state = pacer.state()
    assert (state.limit, state.left, state.wait, state.others) == (2, 1, 0.0, 0)
    pacer.acquire()
    assert pacer.state().left == 0
    assert 59 < pacer.state().wait < 61
    pacer.learn(1, {}, 429)
    assert pacer.state().refused == 1


@pytest.mark.parametrize("set_by", [-3600.0, -20.0, 3600.0])
def test_setting_the_wall_clock_changes_no_wait(
    set_by: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Pacer(QuotaStore(tmp_path / "quota"))
    told = {"x-per-minute-limit": "2", "x-per-minute-remaining": "1"}
    first.learn(first.acquire(), told, 200)
    wall = time.time()
    monkeypatch.setattr(time, "time", lambda: wall + set_by)
    second = Pacer(QuotaStore(tmp_path / "quota"))
    second.learn(second.acquire(), {**told, "x-per-minute-remaining": "0"}, 200)
    assert 55 < first.state().wait < 61
    assert 55 < second.state().wait < 61


def test_requests_before_a_restart_of_the_machine_do_not_count(tmp_path: Path) -> None:
    """The monotonic clock then starts again."""
    clock = Clock()
    ask(clock.pacer(tmp_path / "quota"), clock, 1, 0)
    clock.now = 5.0
    assert ask(clock.pacer(tmp_path / "quota"), clock, 1, 0) == 0


def test_each_wait_of_more_than_a_minute_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    pacer = clock.pacer()
    for waits in (1, 2):
        ticket = pacer.acquire()
        pacer.learn(ticket, {"retry-after": "600"}, 429)
        with caplog.at_level(logging.WARNING):
            pacer.acquire()
        assert len(caplog.records) == waits
        assert "429" in caplog.records[-1].getMessage()
        assert "10 minutes" in caplog.records[-1].getMessage()


def test_a_429_without_a_wait_backs_off_longer_each_time() -> None:
    """From a twentieth of the window on; at most half of each wait is random."""
    clock = Clock()
    pacer = clock.pacer()
    for longest in (3.0, 6.0, 12.0):
        pacer.learn(pacer.acquire(), {"x-per-minute-limit": "600"}, 429)
        assert longest / 2 <= pacer.state().wait <= longest


def test_a_reset_without_a_date_follows_the_clock_of_this_machine() -> None:
    clock = Clock()
    pacer = clock.pacer()
    pacer.learn(pacer.acquire(), {"x-per-minute-reset": str(time.time() + 30)}, 429)
    assert 29 < pacer.state().wait <= 30


def test_with_a_known_limit_no_request_waits_for_the_response_to_another() -> None:
    clock = Clock()
    pacer = clock.pacer()
    ask(pacer, clock, 10, 9)
    began = clock.now
    for _ in range(9):
        pacer.acquire()
    assert clock.now == began
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
    assert pacer.acquire() == 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pacer.acquire)
        time.sleep(0.05)
        pacer.stop()
        with pytest.raises(WaitStoppedError):
            waiting.result(timeout=5)


# -- the file that processes share ---------------------------------------------------------------


def foreign_database() -> bytes:
    """An SQLite database of another program."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE bookmarks (address TEXT)")
    content = database.serialize()
    database.close()
    return content


@ANY_SPEED
@given(st.binary(max_size=200))
def test_pacing_is_shared_whatever_the_file_contained_before(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path, clock = Path(directory) / "quota.sqlite3", Clock()
        path.write_bytes(content)
        ask(clock.pacer(path), clock, 5, 4)
        assert clock.pacer(path).state().left == 4


@pytest.mark.parametrize("content", [foreign_database(), b"no database at all" * 500])
def test_a_damaged_or_foreign_file_is_set_aside_whole(content: bytes, tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clock()
    path.write_bytes(content)
    ask(clock.pacer(path), clock, 5, 4)
    assert path.with_suffix(".damaged").read_bytes() == content
    assert clock.pacer(path).state().left == 4


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"window": 60}\n123', None, 5, "text"], ids=repr
)
def test_a_row_that_no_tracker_wrote_is_replaced(content: object, tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "new" / "folder" / "quota"
    ask(clock.pacer(path), clock, 2, 1)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE quota_2 SET tracker = ?", (content,))
        database.commit()
    ask(clock.pacer(path), clock, 2, 1)
    assert clock.pacer(path).state().left == 1


def test_a_file_damaged_while_in_use_loses_nothing_learned(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clock()
    pacer = clock.pacer(path)
    ask(pacer, clock, 5, 4)
    path.write_bytes(b"torn" * 2000)
    ask(pacer, clock, 5, 3)
    assert pacer.state().left == 3
    assert clock.pacer(path).state().left == 3


def test_a_file_removed_while_in_use_is_created_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clock()
    pacer = clock.pacer(path)
    ask(pacer, clock, 5, 4)
    path.unlink()
    ask(pacer, clock, 5, 3)
    assert clock.pacer(path).state().left == 3


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    clock, before = Clock(), os.umask(0)
    try:
        ask(clock.pacer(tmp_path / "state" / "quota.sqlite3"), clock, 5, 4)
    finally:
        os.umask(before)
    made = [tmp_path / "state", *(tmp_path / "state").iterdir()]
    assert [path.stat().st_mode & 0o077 for path in made] == [0] * len(made)


def test_files_that_nobody_used_for_a_day_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    for path in (old, new):
        path.write_text("")
    os.utime(old, (time.time() - 90_000,) * 2)
    Pacers(directory=tmp_path)(Profile("one", LOCAL, "key-of-app", "part-of-app"))
    assert not old.exists()
    assert new.exists()


def test_the_tracker_is_the_same_after_a_round_trip_through_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clock()
    pacer = clock.pacer(path)
    ticket = pacer.acquire("28hr")
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "40"}
    pacer.learn(ticket, headers, 200)
    other = clock.pacer(path)
    assert other.state("28hr") == pacer.state("28hr")
    assert other.state("28hr").others > 0
    other.acquire("28hr")
    assert pacer.state("28hr").left == other.state("28hr").left


def test_an_unusable_directory_is_reported_once_and_pacing_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a directory")
    clock = Clock()
    pacer = clock.pacer(tmp_path / "file" / "quota.sqlite3")
    with caplog.at_level(logging.WARNING):
        for left in (8, 7, 6):
            ask(pacer, clock, 9, left)
    assert pacer.state().limit == 9
    assert len(caplog.records) == 1


def test_a_process_killed_while_it_holds_the_lock_leaves_it_free(tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite3"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from engagement_nb.client.pacing import QuotaStore\n"
        "with QuotaStore(Path(sys.argv[1])).open():\n"
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
    Pacer(QuotaStore(path)).acquire()
    assert time.monotonic() - began < 5


def test_profiles_of_one_app_and_host_share_a_pacer_and_no_others(tmp_path: Path) -> None:
    pacers = Pacers(directory=tmp_path)
    one = Profile(
        "one",
        LOCAL,
        "key-of-app",
        "part-of-app",
        "1-token",
        "token secret",
    )
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
    pacers = Pacers(window=1.0, directory=tmp_path)
    began = time.monotonic()
    with (
        Client(pacer_for=pacers) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        request = Request("totals", ids, ("favorites",), profile)
        for done in [pool.submit(client.send, request) for _ in range(100)]:
            done.result()
    took = time.monotonic() - began
    assert [seen.status for seen in sandbox.log] == [200] * 100
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
