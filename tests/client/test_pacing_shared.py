"""Pacing: headers, backoff, and the pacer that threads and processes share."""

from __future__ import annotations

import logging
import os
import re
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

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import LIVE, hosts_at
from engagement_nb.client.pacing import Pacer, WaitStoppedError, backoff
from engagement_nb.client.pacing.headers import Told, read_headers, retry_after
from engagement_nb.client.pacing.pacer import state_file
from engagement_nb.client.pacing.quota import FIRST_PATIENCE
from engagement_nb.sandbox import Sandbox
from tests.client.profiles import profile_of
from tests.client.quota_model import Quota

MakeSandbox = Callable[..., Sandbox]
LOCAL = hosts_at("http://127.0.0.1:8642")
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS = pytest.mark.parametrize("kind", ["fixed", "sliding"])


# -- headers -----------------------------------------------------------------------------------


def read(headers: dict[str, str]) -> list[Told]:
    return read_headers(headers, ENGAGEMENT.buckets, 1000.0)


def test_missing_headers_are_none() -> None:
    assert read({}) == [Told(), Told()]
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "59"}
    assert read(headers) == [Told(60, 59), Told()]
    headers |= {"x-per-second-limit": "5", "x-per-second-remaining": "4"}
    assert read(headers) == [Told(60, 59), Told(5, 4)]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "90000"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:49 GMT"}, 9.0),
        (
            {
                "date": "Thu, 01 Jan 1970 00:20:00 GMT",
                "retry-after": "Thu, 01 Jan 1970 00:20:09 GMT",
            },
            9.0,
        ),
    ],
)
def test_a_wait_that_is_asked_for_follows_the_clock_of_the_api(
    headers: dict[str, str], wait: float | None
) -> None:
    assert retry_after(headers, 1000.0) == wait


@pytest.mark.parametrize(
    ("headers", "resets"),
    [
        ({"x-per-minute-reset": "1010"}, (10.0, None)),
        ({"x-per-minute-reset": "990"}, (None, None)),
        ({"x-per-minute-reset": "1901"}, (901.0, None)),
        ({"x-per-minute-reset": "89000"}, (None, None)),
        ({"date": "Thu, 01 Jan 1970 00:20:00 GMT", "x-per-minute-reset": "1230"}, (30.0, None)),
        ({"x-per-second-reset": "1001", "x-per-minute-reset": "1050"}, (50.0, 1.0)),
    ],
)
def test_a_reset_follows_the_clock_of_the_api(
    headers: dict[str, str], resets: tuple[float | None, ...]
) -> None:
    assert tuple(told.reset for told in read(headers)) == resets


@ANY_SPEED
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-per-minute-limit", "x-per-minute-reset"]),
        st.text() | st.floats().map(str),
    )
)
def test_invalid_headers_are_ignored(headers: dict[str, str]) -> None:
    for wait in (retry_after(headers, 1000.0), *(told.reset for told in read(headers))):
        assert wait is None or wait >= 0


def test_a_second_that_allows_the_whole_minute_limits_nothing() -> None:
    """Its remaining count is the minute's, so it does not show other clients."""
    clock = Clocks()
    pacer = clock.pacer()
    for count in range(1, 9):
        headers = {
            "x-per-minute-limit": "10",
            "x-per-minute-remaining": str(10 - count),
            "x-per-second-limit": "10",
            "x-per-second-remaining": str(10 - count),
        }
        began = clock.now
        pacer.learn(pacer.acquire(), headers, 200)
        assert clock.now == began
        clock.now += 1.5


def test_a_limit_of_a_second_is_read_if_it_is_below_that_of_the_minute() -> None:
    headers = {"x-per-minute-limit": "10", "x-per-second-remaining": "3"}
    limits = {second: read({**headers, "x-per-second-limit": second})[1] for second in "019"}
    assert limits == {"0": Told(None, 3), "1": Told(1, 3), "9": Told(9, 3)}
    for second in ("10", "11"):
        assert read({**headers, "x-per-second-limit": second}) == [Told(10), Told(None, 3)]


@pytest.mark.parametrize("number", ["20000000000000000000", "1e300", "-1", "inf", "nan", "soon"])
def test_an_impossible_number_is_ignored(number: str) -> None:
    names = ("minute-limit", "minute-remaining", "second-limit", "second-remaining")
    assert read({f"x-per-{name}": number for name in names}) == [Told(), Told()]


def test_a_refusal_by_the_second_waits_for_the_second() -> None:
    clock = Clocks()
    pacer = clock.pacer()
    told = {
        "x-per-minute-limit": "60",
        "x-per-minute-remaining": "59",
        "x-per-minute-reset": str(clock.now + 50),
        "x-per-second-limit": "5",
        "x-per-second-remaining": "0",
        "x-per-second-reset": str(clock.now + 1),
    }
    pacer.learn(pacer.acquire(), told, 429)
    assert pacer.attempt() == pytest.approx(1.0)


# -- backoff -----------------------------------------------------------------------------------


@ANY_SPEED
@given(st.integers(-3, 5000), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(attempt: int, lot: float) -> None:
    wait = backoff(attempt, base=1.0, cap=60.0, rng=lambda: lot)
    assert 0.5 <= wait <= 60.0


def test_backoff_doubles_up_to_its_cap() -> None:
    waits = [backoff(n, base=1.0, cap=10.0, rng=lambda: 0.0) for n in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


# -- the pacer, with a clock of its own ----------------------------------------------------------


@dataclass
class Clocks:
    """Time that passes only when something sleeps."""

    now: float = 1_000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def pacer(self, path: Path | None = None) -> Pacer:
        return Pacer(path, clock=lambda: self.now, wall=lambda: self.now, sleep=self.sleep)


def told(pacer: Pacer, endpoint: str = "totals") -> tuple[object, ...]:
    """What a pacer knows of its widest quota."""
    quota = pacer.state(endpoint)
    return quota.limit, quota.left, quota.wait, quota.others, quota.refused


def ask(pacer: Pacer, clock: Clocks, limit: int, left: int, status: int = 200) -> float:
    """Send one request, which takes no time; give the seconds that it waited."""
    began = clock.now
    ticket = pacer.acquire()
    told = {"x-per-minute-limit": str(limit), "x-per-minute-remaining": str(left)}
    pacer.learn(ticket, told, status)
    return clock.now - began


@KINDS
def test_two_pacers_on_one_file_share_one_quota(kind: str, tmp_path: Path) -> None:
    clock, quota = Clocks(), Quota(20, 60.0, kind)
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
    clock = Clocks()
    pacer = clock.pacer()
    assert pacer.state().limit is None
    ask(pacer, clock, 2, 1)
    state = pacer.state()
    assert (state.limit, state.left, state.wait, state.others) == (2, 1, 0.0, 0)
    ticket = pacer.acquire()
    assert pacer.state().left == 0
    assert 59 < pacer.state().wait < 61
    pacer.learn(ticket, {}, 429)
    assert pacer.state().refused == 1
    assert pacer.state().window == 60.0


@pytest.mark.parametrize("set_by", [-3600.0, -20.0, 3600.0])
def test_setting_the_wall_clock_changes_no_wait(
    set_by: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Pacer(tmp_path / "quota")
    told = {"x-per-minute-limit": "2", "x-per-minute-remaining": "1"}
    first.learn(first.acquire(), told, 200)
    wall = time.time()
    monkeypatch.setattr(time, "time", lambda: wall + set_by)
    second = Pacer(tmp_path / "quota")
    second.learn(second.acquire(), {**told, "x-per-minute-remaining": "0"}, 200)
    assert 55 < first.state().wait < 61
    assert 55 < second.state().wait < 61


def test_requests_before_a_restart_of_the_machine_do_not_count(tmp_path: Path) -> None:
    """The monotonic clock then starts again."""
    clock = Clocks()
    ask(clock.pacer(tmp_path / "quota"), clock, 1, 0)
    clock.now = 5.0
    assert ask(clock.pacer(tmp_path / "quota"), clock, 1, 0) == 0


def test_a_thread_that_waited_for_the_lock_forgets_nothing() -> None:
    """It read the clock before another thread counted a request."""
    clock = Clocks()
    pacer = clock.pacer()
    ask(pacer, clock, 5, 4)
    clock.now -= 0.5
    assert pacer.state().left == 4


def test_each_wait_of_more_than_a_minute_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clocks()
    pacer = clock.pacer()
    for waits in (1, 2):
        ticket = pacer.acquire()
        pacer.learn(ticket, {"retry-after": "600"}, 429)
        with caplog.at_level(logging.WARNING):
            pacer.acquire()
        assert len(caplog.records) == waits
        assert "10 minutes" in caplog.records[-1].getMessage()


def test_requests_that_no_longer_count_take_no_room_in_the_file(tmp_path: Path) -> None:
    """Else each request of the day would make each later one slower."""
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    sizes = []
    for user in ("one", "two"):
        pacer = clock.pacer(path)
        for _ in range(200):
            ticket = pacer.acquire("totals", "app", user)
            pacer.learn(ticket, {"x-per-minute-limit": "1000"})
        with closing(sqlite3.connect(path)) as file:
            sizes.append(len(file.execute("SELECT known FROM quota_4").fetchone()[0]))
        clock.now += 400.0
    assert sizes[0] > 1500
    assert sizes[1] < 1.2 * sizes[0]


def test_a_429_without_a_wait_backs_off_longer_each_time() -> None:
    """From a twentieth of the window on; at most half of each wait is random."""
    clock = Clocks()
    pacer = clock.pacer()
    for longest in (3.0, 6.0, 12.0):
        pacer.learn(pacer.acquire(), {"x-per-minute-limit": "600"}, 429)
        assert longest / 2 <= pacer.state().wait <= longest


def test_a_named_wait_that_does_not_help_backs_off_longer_each_time() -> None:
    clock = Clocks()
    pacer = clock.pacer()
    told = {"x-per-minute-limit": "600", "retry-after": "0"}
    pacer.learn(pacer.acquire(), told, 429)
    assert pacer.state().wait < 0.2
    for longest in (6.0, 12.0):
        pacer.learn(pacer.acquire(), told, 429)
        assert longest / 2 <= pacer.state().wait <= longest


def test_a_reset_without_a_date_follows_the_clock_of_this_machine() -> None:
    clock = Clocks()
    pacer = clock.pacer()
    pacer.learn(pacer.acquire(), {"x-per-minute-reset": str(clock.now + 30)}, 429)
    assert 29 < pacer.state().wait <= 30


def test_with_a_known_limit_no_request_waits_for_the_response_to_another() -> None:
    clock = Clocks()
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
    pacer.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pacer.acquire)
        time.sleep(0.05)
        pacer.stop()
        with pytest.raises(WaitStoppedError):
            waiting.result(timeout=5)


# -- the file that processes share ---------------------------------------------------------------


def database_of(script: str) -> bytes:
    """An SQLite database that a script makes."""
    database = sqlite3.connect(":memory:")
    database.executescript(script)
    content = database.serialize()
    database.close()
    return content


FOREIGN = database_of("CREATE TABLE bookmarks (address TEXT)")
WITHOUT_VALUE = database_of(
    "CREATE TABLE quota_4 (place INTEGER PRIMARY KEY, known BLOB);"
    "INSERT INTO quota_4 VALUES (1, NULL)"
)
# sqlite3 cannot decode its own words about this one.
UNREADABLE = WITHOUT_VALUE.replace(b"CREATE", b"CREA\xc9E")


@ANY_SPEED
@given(st.binary(max_size=200))
def test_pacing_is_shared_whatever_the_file_contained_before(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path, clock = Path(directory) / "quota.sqlite3", Clocks()
        path.write_bytes(content)
        ask(clock.pacer(path), clock, 5, 4)
        assert clock.pacer(path).state().left == 4


@pytest.mark.parametrize(
    "content", [FOREIGN, WITHOUT_VALUE, UNREADABLE, b"no database at all" * 500]
)
def test_a_damaged_or_foreign_file_is_set_aside_whole(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    path.write_bytes(content)
    ask(clock.pacer(path), clock, 5, 4)
    assert path.with_suffix(".damaged").read_bytes() == content
    assert clock.pacer(path).state().left == 4
    said = f"{path} was damaged or of another program; it is now quota.damaged."
    assert caplog.messages == [said]


def test_without_a_file_a_process_paces_itself_alone_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    path.mkdir()
    pacer = clock.pacer(path)
    ask(pacer, clock, 5, 4)
    ask(pacer, clock, 5, 3)
    assert pacer.state().left == 3
    said = f"The quota cannot be shared with other processes of yours: {path} cannot be used ("
    assert [text.startswith(said) for text in caplog.messages] == [True]


def test_each_machine_has_a_file_of_quotas_in_the_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines with one home share no clock."""
    monkeypatch.delenv("ENGAGEMENT_STATE_DIR", raising=False)
    assert state_file().parent == Path(platformdirs.user_state_dir("engagement-nb")) / "quota"
    monkeypatch.setenv("ENGAGEMENT_STATE_DIR", str(tmp_path))
    here = state_file()
    assert (here.parent, here.suffix) == (tmp_path / "quota", ".sqlite3")
    assert re.fullmatch("[0-9a-f]{24}", here.stem)
    monkeypatch.setattr("platform.node", lambda: "another machine")
    assert state_file() != here


def test_after_damage_to_the_file_the_next_response_tells_what_is_left(tmp_path: Path) -> None:
    """What this user spent before counts like the requests of other clients."""
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    pacer = clock.pacer(path)
    ask(pacer, clock, 5, 4)
    path.write_bytes(b"torn" * 2000)
    ask(pacer, clock, 5, 3)
    assert pacer.state().left == 2
    assert told(clock.pacer(path)) == told(pacer)


def test_a_file_removed_while_in_use_is_created_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    pacer = clock.pacer(path)
    ask(pacer, clock, 5, 4)
    path.unlink()
    ask(pacer, clock, 5, 3)
    assert told(clock.pacer(path)) == told(pacer)
    assert path.exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_and_all_directories_made_for_it_are_its_owners_alone(tmp_path: Path) -> None:
    clock, before = Clocks(), os.umask(0)
    try:
        ask(clock.pacer(tmp_path / ".local" / "state" / "quota" / "a.sqlite3"), clock, 5, 4)
    finally:
        os.umask(before)
    made = [*tmp_path.rglob("*")]
    assert len(made) == 4
    assert [path.stat().st_mode & 0o077 for path in made] == [0] * len(made)


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs two users")
def test_a_directory_of_another_user_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.chown(tmp_path, 12345, 12345)
    clock = Clocks()
    ask(clock.pacer(tmp_path / "quota.sqlite3"), clock, 5, 4)
    assert [*tmp_path.iterdir()] == []
    assert "belongs to another user" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_directory_that_others_can_change_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o777)
    clock = Clocks()
    ask(clock.pacer(tmp_path / "quota.sqlite3"), clock, 5, 4)
    assert [*tmp_path.iterdir()] == []
    assert "can be changed by others (mode 0777)" in caplog.text


def test_a_quota_that_nobody_used_for_a_day_is_forgotten(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    pacer = clock.pacer(path)
    for app in ("old", "new"):
        clock.now += 80_000
        ticket = pacer.acquire("totals", app)
        pacer.learn(ticket, {"x-per-minute-limit": "5", "x-per-minute-remaining": "4"}, 200)
    clock.now += 10_000
    assert [pacer.state("totals", app).limit for app in ("old", "new")] == [None, 5]


def test_the_state_is_the_same_in_another_process(tmp_path: Path) -> None:
    path, clock = tmp_path / "quota.sqlite3", Clocks()
    pacer = clock.pacer(path)
    ticket = pacer.acquire("28hr")
    headers = {"x-per-minute-limit": "60", "x-per-minute-remaining": "40"}
    pacer.learn(ticket, headers, 200)
    other = clock.pacer(path)
    assert told(other, "28hr") == told(pacer, "28hr")
    assert other.state("28hr").others > 0
    other.acquire("28hr")
    assert pacer.state("28hr").left == other.state("28hr").left


def test_an_unusable_directory_is_reported_once_and_pacing_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a directory")
    clock = Clocks()
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
        "from engagement_nb.client.pacing.shared import Shared\n"
        "with Shared(Path(sys.argv[1])).use(time.monotonic()):\n"
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
    Pacer(path).acquire()
    assert time.monotonic() - began < 5


def test_a_process_killed_during_the_first_request_stalls_the_next_for_seconds_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its response would have told the limit. The wait was three minutes, without a word."""
    path = tmp_path / "quota.sqlite3"
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from engagement_nb.client.pacing import Pacer\n"
        "Pacer(Path(sys.argv[1])).acquire()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    clock = Clocks(time.monotonic())
    began = clock.now
    with caplog.at_level(logging.WARNING):
        clock.pacer(path).acquire()
    assert FIRST_PATIENCE - 1 < clock.now - began < FIRST_PATIENCE + 0.01
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting for the response to a request of another process, which tells the quota."
        " If that process was stopped, this takes 5 seconds."
    ]


def test_profiles_of_one_app_and_host_share_a_quota_and_no_others() -> None:
    client = Client(pacer=Pacer())
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
    ticket = client.pacer.acquire("totals", *client._holder(one, "user"))
    told = {"x-per-minute-limit": "5", "x-per-minute-remaining": "4"}
    client.pacer.learn(ticket, told, 200)
    others = (one, other_user, other_app, replace(one, hosts=LIVE))
    limits = [client.quota(profile, "totals").limit for profile in others]
    assert limits == [5, 5, None, None]
    assert "key" not in ticket.app


# -- over a socket -------------------------------------------------------------------------------


@KINDS
def test_threads_fill_the_quota_of_a_real_server(
    kind: str, make_sandbox: MakeSandbox, tmp_path: Path
) -> None:
    sandbox = make_sandbox(tweets=300, per_minute=30, window=kind, window_seconds=1.0, latency=0.05)
    profile, ids = profile_of(sandbox), tuple(sandbox.ids("own", 1))
    pacer = Pacer(tmp_path / "quota.sqlite3", window=1.0)
    began = time.monotonic()
    with (
        Client(pacer=pacer) as client,
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
