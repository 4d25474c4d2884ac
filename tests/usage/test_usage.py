"""The count of handles: none lost, none counted twice, in the months of the contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest

from engagement_nb.cli import run
from engagement_nb.errors import InputError
from engagement_nb.sources import connect
from engagement_nb.usage import (
    ENV_LEDGER,
    Contract,
    HandlesWarning,
    Ledger,
    summarize_usage,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(params=["folder", "address"])
def ledger(request, tmp_path):
    if request.param == "folder":
        return Ledger(tmp_path / "ledger")
    return Ledger(f"memory://{tmp_path.name}")


def test_a_handle_counts_once_however_often_it_is_entered(ledger):
    for hours in range(5):
        ledger.record({"12": "ann", "34": "bob"}, NOW - timedelta(hours=hours))
        Ledger(ledger.address).record(["12"], NOW - timedelta(hours=hours))
    assert summarize_usage(ledger, NOW).count == 2
    assert ledger.records()["handle"].tolist() == ["ann", "bob"]


def test_the_sandbox_is_counted_apart(ledger):
    ledger.record(["1", "2"], NOW, sandbox=True)
    ledger.record(["3"], NOW)
    assert summarize_usage(ledger, NOW).count == 1
    made_up = summarize_usage(ledger, NOW, sandbox=True)
    assert made_up.count == 2
    assert "SANDBOX" in made_up.sentence


@pytest.mark.parametrize(
    ("day", "zone", "moment", "begins", "after"),
    [
        (1, "UTC", "2026-11-30T23:59:59", "2026-11-01", "2026-12-01"),
        (1, "UTC", "2026-12-01T00:00:00", "2026-12-01", "2027-01-01"),
        (1, "America/Los_Angeles", "2026-12-01T07:59:59", "2026-11-01", "2026-12-01"),
        (1, "America/Los_Angeles", "2026-12-01T08:00:00", "2026-12-01", "2027-01-01"),
        (1, "Asia/Kolkata", "2026-11-30T18:29:59", "2026-11-01", "2026-12-01"),
        (1, "Asia/Kolkata", "2026-11-30T18:30:00", "2026-12-01", "2027-01-01"),
        (1, "Pacific/Kiritimati", "2026-11-30T10:00:00", "2026-12-01", "2027-01-01"),
        (15, "Europe/Berlin", "2026-11-14T22:59:59", "2026-10-15", "2026-11-15"),
        (15, "Europe/Berlin", "2026-11-14T23:00:00", "2026-11-15", "2026-12-15"),
        (15, "Europe/Berlin", "2026-07-14T22:00:00", "2026-07-15", "2026-08-15"),
        (31, "UTC", "2026-02-28T00:00:00", "2026-02-28", "2026-03-31"),
        (31, "UTC", "2026-03-30T23:00:00", "2026-02-28", "2026-03-31"),
        (29, "UTC", "2028-02-29T00:00:00", "2028-02-29", "2028-03-29"),
        (10, "UTC", "2027-01-05T00:00:00", "2026-12-10", "2027-01-10"),
        # Midnight of this day does not exist there: the clocks go from 0 to 1.
        (26, "Asia/Beirut", "2023-03-25T22:30:00", "2023-03-26", "2023-04-26"),
    ],
)
def test_billing_months_begin_where_the_contract_says(day, zone, moment, begins, after):
    contract = Contract(day=day, zone=zone)
    month = contract.month_of(contract.day_of(at(moment)))
    assert [str(part) for part in month] == [begins, after]


def test_every_day_is_in_exactly_one_billing_month():
    for first in range(1, 32):
        contract = Contract(day=first)
        day = date(2027, 12, 1)
        while day < date(2029, 2, 1):
            begins, after = contract.month_of(day)
            assert begins <= day < after
            assert contract.month_of(after)[0] == after
            day += timedelta(days=1)


def test_queries_before_and_after_a_month_begins_count_in_both_months(ledger):
    ledger.contract = Contract(handles=5, zone="America/Los_Angeles")
    ledger.record(["1"], at("2026-12-01T07:59:59"))
    ledger.record(["1"], at("2026-12-01T08:00:00"))
    found = summarize_usage(ledger, at("2026-12-01T09:00:00"))
    assert found.months["handles"].tolist() == [1, 1]
    assert found.months["new"].tolist() == [0, 1]
    assert found.left == 4


def test_changing_the_contract_s_day_recounts_the_records(ledger):
    ledger.record(["1"], at("2026-11-05T12:00:00"))
    ledger.record(["2"], at("2026-11-20T12:00:00"))
    assert summarize_usage(ledger, NOW).count == 2
    ledger.contract = Contract(day=15)
    assert summarize_usage(ledger, NOW).count == 1


def test_new_handles_are_those_of_no_earlier_month(ledger):
    ledger.record(["1", "2"], at("2026-09-10T00:00:00"))
    ledger.record(["2"], at("2026-10-10T00:00:00"))
    ledger.record(["1", "3"], at("2026-11-10T00:00:00"))
    found = summarize_usage(ledger, NOW)
    assert found.handles.set_index("user_id")["new"].to_dict() == {"1": False, "3": True}
    assert found.months["handles"].tolist() == [2, 1, 2]
    assert "1 new this month" in found.sentence


def test_an_empty_ledger_counts_0(ledger):
    found = summarize_usage(ledger, NOW)
    assert found.count == 0
    assert found._repr_html_()


def test_a_fetch_is_checked_against_contract_and_limit(ledger):
    ledger.contract = Contract(handles=3)
    ledger.record(["1", "2"], NOW)
    fine = ledger.check(["1", "3"], when=NOW)
    assert (fine.before, fine.after, fine.added, fine.over) == (2, 3, ("3",), False)
    over = ledger.check(["3", "4"], when=NOW)
    assert over.over
    assert "adds up to 2 handles" in over.sentence
    assert "4, but the contract has 3" in over.sentence
    assert ledger.check(["1", "2"], when=NOW).added == ()
    rehearsed = ledger.check(["9"] * 3, when=NOW, sandbox=True)
    assert (rehearsed.before, rehearsed.contracted, rehearsed.sandbox) == (0, 3, True)
    with pytest.raises(
        InputError, match=r"over the limit of 3 \(max_handles\); nothing was requested"
    ):
        ledger.check(["3", "4"], max_handles=3, when=NOW)
    assert ledger.check(["1"], max_handles=1, when=NOW).after == 2
    assert summarize_usage(ledger, NOW).count == 2


def test_a_fetch_records_only_the_owner_of_the_returned_tweets(tmp_path, monkeypatch):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path))
    with connect("sandbox", tweets=2000) as source:
        source.totals(source.tweet_ids("others", 5), metrics=["favorites"])
        assert summarize_usage(sandbox=True).count == 0
        # Its owner is not known beforehand, so that other profiles may be refused it first.
        source.historical(source.tweet_ids("own", 3))
        source.totals(source.tweet_ids("own", 3))
        owner = source.profiles[0]
    found = summarize_usage(sandbox=True)
    assert found.handles["user_id"].tolist() == [owner.user_id]
    assert found.handles["handle"].tolist() == [owner.name]
    assert summarize_usage().count == 0


def test_a_response_is_kept_if_its_handle_cannot_be_recorded(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    with connect("sandbox", tweets=2000) as source:
        (tmp_path / "ledger").write_text("a file where the folder should be")
        with pytest.warns(HandlesWarning, match="are not checked"):
            assert len(source.totals(source.tweet_ids("own", 3))) == 3
    assert "is not counted" in caplog.text


def test_a_fetch_warns_and_refuses_before_its_first_request(tmp_path, monkeypatch, capsys, sandbox):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "ids.txt").write_text("\n".join(sandbox.ids("own", 5)))
    asked = ["totals", "--ids", str(tmp_path / "ids.txt"), "--max-handles", "0"]
    seen = sandbox.requests_seen["totals"]
    assert run(["plan", *asked]) == 2
    assert run(["fetch", *asked, "-o", str(tmp_path / "data")]) == 2
    assert "over the limit of 0 (max_handles); nothing was requested" in capsys.readouterr().err
    assert sandbox.requests_seen["totals"] == seen
    assert run(["plan", *asked[:-2]]) == 0
    assert "adds up to 3 handles" in capsys.readouterr().out


def test_a_user_recorded_by_handle_alone_adds_no_handle(tmp_path, monkeypatch, capsys, sandbox):
    """A fetch is checked against the count that `usage` shows, whichever name the record has."""
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ENGAGEMENT_API_URL")
    (tmp_path / "ids.txt").write_text("\n".join(sandbox.ids("own", 3)))
    Ledger().record({"@sandbox_amber_1": "Sandbox_Amber_1"}, sandbox=True)
    fetch = ["fetch", "28hr", "--profile", sandbox.accounts[0].handle, "--ids",
             str(tmp_path / "ids.txt"), "--max-handles", "1"]  # fmt: skip
    assert run([*fetch, "-o", str(tmp_path / "one")]) == 0
    assert run([*fetch, "-o", str(tmp_path / "two")]) == 0
    assert "This adds" not in capsys.readouterr().err
    assert summarize_usage(sandbox=True).handles["user_id"].tolist() == [
        sandbox.accounts[0].user_id
    ]
    fetch[3] = sandbox.accounts[1].handle
    assert run([*fetch, "-o", str(tmp_path / "three")]) == 2
    assert "This adds 1 handle to the 1" in capsys.readouterr().err


def test_a_limit_needs_a_ledger_that_can_be_written(tmp_path, monkeypatch, capsys):
    """Uncounted handles would never reach a limit."""
    (tmp_path / "notes.txt").touch()
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "notes.txt" / "ledger"))
    asked = ["fetch", "totals", "-o", str(tmp_path / "data"), "--max-handles", "9"]
    assert run(asked) == 2
    told = capsys.readouterr().err
    assert "cannot be written to" in told
    assert "nothing was requested" in told
    assert not (tmp_path / "data").exists()


def test_checking_whether_a_ledger_is_writable_leaves_no_file(ledger):
    ledger.ensure_writable()
    assert ledger._store.find() == []


def test_a_record_that_was_cut_off_still_counts(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record({"7": "ann"}, NOW)
    (tmp_path / "live" / "2026-11-23" / "7").write_bytes(b'{"hand')
    (tmp_path / "live" / "2026-11-23" / "8").touch()
    (tmp_path / "live" / "2026-11-23" / ".DS_Store").touch()
    assert summarize_usage(ledger, NOW).handles["user_id"].tolist() == ["7", "8"]


WRITERS = """
import os, random, signal, sys, time
from datetime import UTC, datetime, timedelta
from engagement_nb.usage import Ledger
folder, seed = sys.argv[1], int(sys.argv[2])
start = datetime(2026, 11, 1, tzinfo=UTC)
pids = []
for worker in range(8):
    pid = os.fork()
    if not pid:
        said = os.open(f"{folder}/said-{worker}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        ledger, chance = Ledger(f"{folder}/ledger"), random.Random(seed + worker)
        while True:
            user = str(chance.randint(1, 300))
            ledger.record({user: f"name{user}"}, start + timedelta(days=chance.randint(0, 19)))
            os.write(said, f"{user}\\n".encode())
    pids.append(pid)
chance = random.Random(seed)
for pid in chance.sample(pids, 8):
    time.sleep(chance.uniform(0.02, 0.12))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


def test_eight_writers_killed_at_random_lose_no_handle_and_count_none_twice(tmp_path):
    subprocess.run([sys.executable, "-c", WRITERS, str(tmp_path), "5"], check=True, timeout=60)
    said = {user for path in tmp_path.glob("said-*") for user in path.read_text().split()}
    assert len(said) > 30
    found = summarize_usage(Ledger(tmp_path / "ledger"), NOW)
    counted = found.handles["user_id"].tolist()
    assert said <= set(counted)
    assert len(counted) == len(set(counted)) == found.count
    assert len(set(counted) - said) <= 8  # one a writer, killed before it could say so


@pytest.mark.parametrize(
    "wrong", [{"day": 0}, {"day": 32}, {"zone": "Mars/Olympus"}, {"zone": ""}, {"handles": 0}]
)
def test_impossible_contracts_are_refused(wrong):
    with pytest.raises(InputError):
        Contract(**wrong)


def test_an_invalid_user_id_is_refused(ledger):
    with pytest.raises(InputError, match="not a user id"):
        ledger.record(["../../etc"], NOW)


def test_the_ledger_is_the_user_s_own_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(ENV_LEDGER, raising=False)
    assert "engagement_nb" in Ledger().address
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "shared"))
    assert Ledger().address == str(tmp_path / "shared")
    with pytest.raises(InputError, match="cannot be used as an address"):
        Ledger("nosuch://bucket")


def test_a_file_is_no_ledger(tmp_path):
    """A file in the ledger's place is refused: it would look like a month without handles."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"notes\.txt is not a folder.*ENGAGEMENT_LEDGER"):
        Ledger(tmp_path / "notes.txt")


def test_damaged_settings_are_refused_in_a_sentence(tmp_path):
    ledger = Ledger(tmp_path)
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(InputError, match="usage --contract"):
        summarize_usage(ledger, NOW)


def test_the_command_shows_stores_and_exports(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    Ledger().record({"1": "ann", "2": "bob"})
    assert run(["usage", "--contract", "3"]) == 0
    assert "2 handles" in capsys.readouterr().out
    assert run(["usage", "--json", "--handles"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["handles"], found["contracted"], found["left"]) == (2, 3, 1)
    assert [user["handle"] for user in found["users"]] == ["ann", "bob"]
    assert run(["usage", "--export", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "day,user_id,handle,first_queried,sandbox"
    assert run(["usage", "--contract", "0"]) == 0
    assert Ledger().contract.handles is None
    capsys.readouterr()
    assert run(["usage", "--zone", "Mars"]) == 2
    assert "time zone" in capsys.readouterr().err


def test_records_of_a_newer_version_are_named_in_a_sentence(ledger):
    ledger.record({"7": "ann"}, NOW)
    ledger._store.publish("live/2026-11-23/8", b'{"format": 2}')
    with pytest.raises(InputError, match=r"live/2026-11-23/8 was written by a newer version"):
        ledger.records()
    ledger._store.publish("settings.json", b'{"format": 2, "handles": 5}')
    with pytest.raises(InputError, match=r"settings.json was written by a newer version"):
        assert ledger.contract


@pytest.mark.parametrize(
    "content", [b"[1]", b"\xff\xfe", b'{"handle": 5, "first_queried": {"a": 1}}', b'"text"', b"5"]
)
def test_a_record_with_odd_content_still_counts(ledger, content):
    ledger.record({"7": "ann"}, NOW)
    ledger.record({"9": "bob"}, NOW.replace(microsecond=5))
    ledger._store.publish("live/2026-11-23/8", content)
    assert summarize_usage(ledger, NOW).handles["user_id"].tolist() == ["7", "8", "9"]
    assert ledger.records()["first_queried"].notna().sum() == 2
    assert ledger.check(["8", "10"], when=NOW).added == ("10",)


def test_folders_of_a_ledger_that_are_not_days_are_ignored(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record({"7": "ann"}, NOW)
    for name in ("live/2026-13-45/8", "live/notes/9", "live/2026-11-22/x y", "else/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert summarize_usage(ledger, NOW).count == 1
    assert ledger.check(["8"], when=NOW).before == 1


def test_no_file_of_a_ledger_is_writable_by_everybody_even_with_umask_0(tmp_path):
    before = os.umask(0)
    try:
        ledger = Ledger(tmp_path / "new" / "ledger")
        ledger.contract = Contract(handles=5)
        ledger.record({"7": "ann"}, NOW)
    finally:
        os.umask(before)
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert len(made) == 6
    assert not any(path.stat().st_mode & 0o002 for path in made)


def test_cells_that_a_spreadsheet_would_run_are_escaped(ledger, tmp_path):
    ledger.record({"1": "=HYPERLINK(1)", "2": "-2+3", "@ann": "+ann"}, NOW)
    run(["usage", "--ledger", ledger.address, "--export", str(tmp_path / "usage.csv")])
    rows = [line.split(",") for line in (tmp_path / "usage.csv").read_text().splitlines()[1:]]
    assert [row[1:3] for row in rows] == [
        ["1", "'=HYPERLINK(1)"], ["2", "'-2+3"], ["'@ann", "'+ann"]
    ]  # fmt: skip


def test_a_ledger_goes_to_csv_in_the_days_of_its_zone(ledger, tmp_path, capsys):
    ledger.contract = Contract(zone="Asia/Tokyo")
    ledger.record({"1": "ann"}, at("2026-10-31T20:00:00"))
    ledger.record(["3"], NOW, sandbox=True)
    assert run(["usage", "--ledger", ledger.address, "--export", str(tmp_path / "usage.csv")]) == 0
    assert "2 records written" in capsys.readouterr().err
    rows = (tmp_path / "usage.csv").read_text().splitlines()
    assert rows[1] == "2026-11-01,1,ann,2026-10-31T20:00:00+00:00,False"


def test_going_over_a_contract_can_be_rehearsed_on_the_sandbox(tmp_path, monkeypatch):
    """Its count is a count of its own, and the warning says that nobody bills it."""
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    Ledger().contract = Contract(handles=1)
    Ledger().record(["12"])  # The count of the API is another.
    with connect("sandbox", tweets=60) as source:
        names = [profile.name for profile in source.profiles[:2]]
    said = r"2, but the contract has 1\. The sandbox bills nothing"
    for name, over in zip(names, (False, True), strict=True):
        warned = pytest.warns(HandlesWarning, match=said) if over else nullcontext()
        with connect("sandbox", tweets=60, profile=name) as source, warned:
            source.totals(source.tweet_ids(count=3))
    with pytest.raises(InputError, match="over the limit of 1"):
        Ledger().guard(["14"], max_handles=1, sandbox=True)
