"""The dataset: what is finished is kept whole, found again, read back, and never mixed up."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile
from engagement_nb.dataset import Dataset, Part, RunRecord, RunWriter
from engagement_nb.dataset.files import Files
from engagement_nb.dataset.frames import TIME
from engagement_nb.dataset.records import FORMAT, Identity, encode
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.fetch import make_plan
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import sandbox_profiles
from engagement_nb.store import STALE_AFTER, Store, decode_record
from tests.fetch.fetching import Asked, account_for_each, fetch, run_plan, same

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
MONTHS = {"start": MIDNIGHT - timedelta(days=45), "end": MIDNIGHT - timedelta(days=1)}


def into(dataset: Dataset, sandbox: Sandbox, ids: list[str], endpoint: str = "totals",
         snapshot: str | None = None, **options: Any) -> Metrics:  # fmt: skip
    plan = make_plan(ids, endpoint, profiles=sandbox_profiles(sandbox.url), **options)
    with Client() as client:
        return run_plan(plan, client, source="sandbox", dataset=dataset, snapshot=snapshot,
                       progress=False)  # fmt: skip


@pytest.mark.parametrize("by", [None, "day", "hour"])
def test_a_dataset_and_memory_give_the_same_figures(
    sandbox: Sandbox, tmp_path: Path, by: str
) -> None:
    ids = [*sandbox.ids("own", 40), *sandbox.ids("deleted", 3), *sandbox.ids("over-1800-days", 5)]
    options = {**MONTHS, "by": by}
    memory = fetch(sandbox, ids, "historical", **options)
    kept = into(Dataset.create(tmp_path / "ds", "sandbox"), sandbox, ids, "historical", **options)
    assert list(kept.frame["tweet_id"]) == list(memory.frame["tweet_id"])
    same(kept.frame, memory.frame)
    pd.testing.assert_frame_equal(kept.problems, memory.problems)
    assert kept.about.sandbox
    account_for_each(kept, ids)
    again = Dataset.open(tmp_path / "ds").read("historical", by=by)
    same(again.frame, memory.frame)
    assert (again.about.start, again.about.end) == (memory.about.start, memory.about.end)


def test_finished_requests_are_not_repeated(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """The same period costs no request again; added Tweets cost only their own."""
    sandbox = make_sandbox()
    asked = Asked(sandbox)
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 60)
    into(dataset, sandbox, ids[:50], "historical", **MONTHS)
    before = len(asked.requests)
    into(dataset, sandbox, ids[:50], "historical", **MONTHS)
    assert len(asked.requests) == before
    more = into(dataset, sandbox, ids, "historical", **MONTHS)
    assert max(asked.pairs.values()) == 1
    account_for_each(more, ids)


def test_final_refusals_are_not_repeated(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = make_sandbox()
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = [i for account in range(3) for i in sandbox.ids("own", 20, account)]
    one = into(dataset, sandbox, ids, "historical", **MONTHS)
    before = sandbox.requests_seen["historical"]
    two = into(dataset, sandbox, ids, "historical", **MONTHS)
    assert sandbox.requests_seen["historical"] == before
    same(one.frame, two.frame)


def test_snapshots_of_totals_are_kept_apart_and_show_growth(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """Each finished fetch makes a snapshot; counters grow from one to the next."""
    moment = [NOW - timedelta(hours=30)]
    sandbox = make_sandbox(clock=lambda: moment[0], timestamp_tolerance=200_000)
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 40)
    first = into(dataset, sandbox, ids, snapshot="monday")
    moment[0] = NOW
    second = into(dataset, sandbox, ids, snapshot="tuesday")
    assert [run.snapshot for run in dataset.runs()] == ["monday", "tuesday"]
    same(dataset.read("totals").frame, second.frame)
    same(dataset.read("totals", snapshot="monday").frame, first.frame)
    every = dataset.read("totals", snapshot="all").frame
    assert len(every) == 80
    wide = every.pivot(index="tweet_id", columns="snapshot", values="impressions")
    assert (wide["tuesday"] >= wide["monday"]).all()
    assert (wide["tuesday"] > wide["monday"]).any()
    with pytest.raises(InputError, match="monday, tuesday"):
        dataset.read("totals", snapshot="friday")
    with pytest.raises(InputError, match="label"):
        into(dataset, sandbox, ids, snapshot="../x")


def begin(dataset: Dataset, now: datetime, snapshot: str | None = None) -> str:
    """The snapshot of a fetch that begins at a moment."""
    return dataset.begin(run_of("the same question", now, snapshot or "")).record.snapshot


def run_of(ask: str, now: datetime, snapshot: str) -> RunRecord:
    return RunRecord(ask, "totals", None, ("favorites",), (), None, None, now, snapshot)


def test_an_interrupted_fetch_resumes_its_snapshot_for_a_day(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    monday = datetime(2026, 11, 2, 6, tzinfo=UTC)
    assert begin(dataset, monday) == "20261102T060000Z"
    assert begin(dataset, monday + timedelta(hours=23)) == "20261102T060000Z"
    week_later = monday + timedelta(days=7)
    assert begin(dataset, week_later) == "20261109T060000Z"
    assert begin(dataset, week_later, "mine") == "mine"
    assert begin(dataset, week_later + timedelta(days=9), "mine") == "mine"
    assert len(dataset.runs()) == 3


def test_a_finished_fetch_is_followed_by_a_new_snapshot(sandbox: Sandbox, tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    into(dataset, sandbox, sandbox.ids("own", 5))
    (first,) = dataset.runs()
    assert first.done
    assert dataset.unfinished(first.ask, None, datetime.now(UTC)) is None


def test_reading_by_filter(sandbox: Sandbox, tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 30)
    whole = into(dataset, sandbox, ids, "historical", by="hour", **MONTHS).frame
    start = MONTHS["end"] - timedelta(days=3)
    some = dataset.read(
        "historical", by="hour", tweet_ids=ids[:4], metrics=["favorites"], start=start
    ).frame
    assert list(some.columns) == ["tweet_id", "created_at", "time", "favorites", "source"]
    expected = whole[whole["tweet_id"].isin(ids[:4]) & (whole["time"] >= start)]
    same(some, expected[list(some.columns)])
    with pytest.raises(InputError, match="not fetched"):
        dataset.read("historical", by="hour", metrics=["quote_tweets"])
    with pytest.raises(InputError, match=r"has no totals\. It has: historical-hour\."):
        dataset.read("totals")


def test_days_and_sums_are_made_from_hours(sandbox: Sandbox, tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 20)
    into(dataset, sandbox, ids, "historical", by="hour", **MONTHS)
    same(dataset.read("historical", by="day").frame,
         fetch(sandbox, ids, "historical", by="day", **MONTHS).frame)  # fmt: skip
    same(dataset.read("historical").frame, fetch(sandbox, ids, "historical", **MONTHS).frame)


def test_overlapping_periods_count_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Hours fetched twice, by overlapping weekly runs, count once."""
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 10)
    early, late = MONTHS["start"], MONTHS["end"]
    week = timedelta(days=7)
    into(dataset, sandbox, ids, "historical", by="day", start=early, end=late - week)
    into(dataset, sandbox, ids, "historical", by="day", start=early + week, end=late)
    same(dataset.read("historical", by="day").frame,
         fetch(sandbox, ids, "historical", by="day", **MONTHS).frame)  # fmt: skip


def test_a_dataset_at_an_fsspec_address(sandbox: Sandbox) -> None:
    dataset = Dataset.create("memory://kept", "sandbox")
    ids = sandbox.ids("own", 30)
    kept = into(dataset, sandbox, ids, "historical", by="day", **MONTHS)
    same(Dataset.open("memory://kept").read().frame, kept.frame)
    assert not [name for name in dataset.store.fs.find("/kept") if ".tmp-" in name]


def test_sandbox_and_real_figures_are_not_mixed(tmp_path: Path) -> None:
    Dataset.create(tmp_path / "ds", "sandbox")
    assert Dataset.open(tmp_path / "ds").sandbox
    with pytest.raises(DatasetError, match="must not mix"):
        Dataset.create(tmp_path / "ds", "api")


def test_a_folder_that_is_not_a_dataset_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a dataset"):
        Dataset.open(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match="other files"):
        Dataset.create(tmp_path, "sandbox")
    with pytest.raises(DatasetError, match="is not a folder"):
        Dataset.create(tmp_path / "notes.txt", "sandbox")
    with pytest.raises(DatasetError, match="empty"):
        Dataset.create(tmp_path / "new", "sandbox").read()


def test_files_of_a_killed_writer_are_ignored_and_removed_when_stale(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    ids = sandbox.ids("own", 5)
    into(dataset, sandbox, ids, snapshot="one")
    folder = tmp_path / "ds/runs"
    fresh, stale = folder / ".tmp-fresh-x.parquet", folder / ".tmp-stale-x.parquet"
    for path in (fresh, stale):
        path.write_bytes(b"PAR1 torn")
    long_ago = time.time() - 2 * STALE_AFTER
    os.utime(stale, (long_ago, long_ago))
    assert len(dataset.read("totals").frame) == 5
    into(dataset, sandbox, ids, snapshot="one")
    assert fresh.exists()
    assert not stale.exists()


def test_a_damaged_file_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    into(dataset, sandbox, sandbox.ids("own", 5), snapshot="one")
    (path,) = (tmp_path / "ds/runs").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=path.name):
        Dataset.open(tmp_path / "ds").read("totals")


def test_two_runs_into_one_dataset_at_once(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """Both runs finish, and the dataset equals that of one run."""
    sandbox = make_sandbox(latency=0.01)
    ids = sandbox.ids("own", 200)
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    found: list[Metrics] = []

    def run() -> None:
        found.append(
            into(Dataset.create(tmp_path / "ds", "sandbox"), sandbox, ids, "historical", **MONTHS)
        )

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = fetch(sandbox, ids, "historical", **MONTHS)
    same(found[0].frame, alone.frame)
    same(found[1].frame, alone.frame)
    same(dataset.read("historical").frame, alone.frame)


def some_part(number: int = 0) -> Part:
    table = pa.table(
        {
            "tweet_id": [str(10**18 + number * 1_000 + n) for n in range(1_000)],
            "favorites": pa.array(range(number, number + 1_000), pa.int64()),
            "read_at": pa.array([NOW] * 1_000, TIME),
        }
    )
    ids = tuple(table["tweet_id"].to_pylist())
    return Part.of(
        Request("totals", ids, ("favorites",), Profile("owner", user_id="1")), NOW, table=table
    )


def test_a_run_that_two_processes_work_on_loses_nothing(tmp_path: Path) -> None:
    """The second resumes what the first is still at; each seals what it finds, in its own file."""
    first = Dataset.create(tmp_path / "ds", "sandbox").begin(run_of("what", NOW, "one"))
    second = Dataset.open(tmp_path / "ds").begin(run_of("what", NOW, "one"))
    assert second.find(some_part(0).request) is None
    first.put(some_part(0))
    assert second.find(some_part(0).request) is not None
    second.put(some_part(1))
    first.close(ProblemLog(), done=True)
    second.put(some_part(2))
    second.close(ProblemLog(), done=True)
    dataset = Dataset.open(tmp_path / "ds")
    assert len(dataset.read().frame) == 3_000
    assert len(dataset.part_names()) == 3
    assert all(run.done for run in dataset.runs())


@pytest.mark.parametrize("later", [0, 1])
def test_the_period_of_a_run_spans_those_of_its_responses(tmp_path: Path, later: int) -> None:
    """Responses on either side of a full hour differ by an hour, which a note says."""
    writer = Dataset.create(tmp_path / "ds", "sandbox").begin(run_of("what", NOW, "one"))
    hour = timedelta(hours=1)
    spans = [(MIDNIGHT + n * hour, MIDNIGHT + (28 + n) * hour) for n in (0, later)]
    for number, span in enumerate(spans):
        writer.put(structs.replace(some_part(number), answered=span))
    writer.close(ProblemLog(), done=True)
    about = Dataset.open(tmp_path / "ds").read().about
    assert (about.start, about.end) == (spans[0][0], spans[1][1])
    note = "The hour changed while it was read: the 28 hours of some Tweets are an hour later."
    assert about.notes == (note,) * later


def test_a_part_describes_itself_completely() -> None:
    part = some_part()
    data = encode(structs.replace(part, table=None))
    back = decode_record(data, "x", Part, FORMAT)
    assert encode(back) == data
    assert back.request == part.request
    assert back.request.key == part.request.key
    assert some_part(1).request.key != part.request.key


def test_a_part_of_the_first_version_is_read() -> None:
    """It has lists by name instead of by reason."""
    description = {
        "format": 1, "endpoint": "totals", "by": None, "metrics": ["favorites"],
        "tweet_ids": ["10", "11"], "start": None, "end": None, "auth": "user",
        "profile": "acme", "owner": "5", "read_at": NOW, "answered": [], "unavailable": ["11"],
        "unsupported_impressions": [], "unsupported_video": ["10"], "refused": False,
        "forbidden": [], "authors": {}, "texts": [], "missing": {},
    }  # fmt: skip
    part = decode_record(orjson.dumps(description), "x", Part, FORMAT)
    assert part.tweet_ids == ("10", "11")
    assert (part.request.profile.name, part.request.owner) == ("acme", "5")
    assert part.unsupported[Reason.OLDER_THAN_1800_DAYS] == ("10",)
    assert part.read_at == NOW


def _fill_up(folder: str, errors: Any) -> None:
    """Write parts until the system refuses more, as a full disk does."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.dont_write_bytecode = True  # files of modules would be cut short
    writer = RunWriter(Files(Store(folder)), Identity("sandbox"), run_of("full disk", NOW, "one"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
    try:
        for number in range(3):
            part = some_part(number)
            few, table = part.tweet_ids[:3], part.table.slice(0, 3)
            small = part if number else structs.replace(part, tweet_ids=few, table=table)
            writer.put(small)
    except DatasetError as error:
        errors.put(str(error))


def test_a_full_disk_is_a_clear_error_and_no_file_is_torn(tmp_path: Path) -> None:
    """A system that refuses to write is one sentence, and only whole files remain."""
    context = multiprocessing.get_context("fork")
    errors = context.Queue()
    process = context.Process(target=_fill_up, args=(str(tmp_path / "ds"), errors))
    process.start()
    message = errors.get(timeout=20)
    process.join(20)
    assert "cannot be written to" in message
    assert "Stored data is kept" in message
    (written,) = [path for path in (tmp_path / "ds").rglob("*") if path.is_file()]
    assert pq.read_table(written).num_rows == 3


@pytest.mark.parametrize("name", ["dataset.json", "runs/*.json"])
def test_a_record_of_a_newer_version_is_refused_by_name(tmp_path: Path, name: str) -> None:
    Dataset.create(tmp_path / "ds", "sandbox").begin(run_of("what", NOW, "one"))
    path = min((tmp_path / "ds").glob(name), key=lambda found: len(found.name))
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"format": 3}))
    with pytest.raises(DatasetError, match=rf"{path.name} was written by a newer version"):
        Dataset.open(tmp_path / "ds").read()


def test_a_part_of_a_newer_version_is_refused() -> None:
    newer = orjson.dumps(
        orjson.loads(encode(structs.replace(some_part(), table=None))) | {"format": 3}
    )
    with pytest.raises(DatasetError, match="newer version"):
        decode_record(newer, "x", Part, FORMAT)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"5", b"{}", b'{"metrics": 5}', b'{"metrics": [], "other": 1}', b"\xff"]
)
def test_a_run_file_with_odd_content_is_named(
    sandbox: Sandbox, tmp_path: Path, content: bytes
) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    into(dataset, sandbox, sandbox.ids("own", 5), snapshot="one")
    (tmp_path / "ds" / "runs" / "20990101T000000Z-x.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"20990101T000000Z-x\.json (is damaged|cannot be read)"):
        dataset.read()


FETCH = """
import resource, sys
sys.dont_write_bytecode = True  # files of modules would be cut short
from engagement_nb.cli import run
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(run(sys.argv[2:]))
"""


def test_a_dataset_on_a_full_disk_resumes_to_the_end(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """A system that refuses larger parts is one sentence; with space again, the fetch completes."""
    sandbox = make_sandbox()
    ids = sandbox.ids("own", 60)
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    environment = {**os.environ, **sandbox.env, "ENGAGEMENT_STATE_DIR": str(tmp_path / "state"),
                   "ENGAGEMENT_LEDGER": str(tmp_path / "ledger")}  # fmt: skip
    period = [str(MONTHS[name].date()) for name in ("start", "end")]
    command = ["fetch", "historical", "--source", "api", "--ids", str(tmp_path / "ids.txt"),
               "--by", "hour", "--start", period[0], "--end", period[1], "--no-progress",
               "-o", str(tmp_path / "ds")]  # fmt: skip

    def fetch_with(room: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", FETCH, str(room), *command]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    full = fetch_with(15_000)
    assert full.returncode == 1, full.stderr
    assert "cannot be written to" in full.stderr
    assert "rerun the command" in full.stderr
    assert "Traceback" not in full.stderr
    done = fetch_with(100_000_000)
    assert done.returncode == 0, done.stderr
    same(Dataset.open(tmp_path / "ds").read().frame,
         fetch(sandbox, ids, "historical", by="hour", **MONTHS).frame)  # fmt: skip
