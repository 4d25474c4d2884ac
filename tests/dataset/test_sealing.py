"""A finished run is one file; nothing is lost or doubled on the way, and strangers are held off."""

from __future__ import annotations

import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile
from engagement_nb.dataset import Dataset, Part, RunRecord
from engagement_nb.dataset.files import Files
from engagement_nb.dataset.frames import TIME
from engagement_nb.errors import DatasetError
from engagement_nb.fetch import make_plan
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import sandbox_profiles
from tests.fetch.fetching import Asked, run_plan, same

NOW = datetime(2026, 11, 4, 15, tzinfo=UTC)
NAMES = ("engagements", "favorites")


def record(snapshot: str = "one", ask: str = "what", at: datetime = NOW) -> RunRecord:
    return RunRecord(ask, "totals", None, NAMES, (), None, None, at, snapshot)


def part(first: int, count: int = 50, value: int = 1, names: tuple[str, ...] = NAMES) -> Part:
    ids = [str(10**18 + n) for n in range(first, first + count)]
    columns = {"tweet_id": pa.array(ids, pa.string())}
    columns |= {name: pa.array([value] * count, pa.int64()) for name in names}
    columns["read_at"] = pa.array([NOW] * count, TIME)
    gone = str(10**18 + 10**6 + first)
    request = Request("totals", (*ids, gone), names, Profile("owner", user_id="1"))
    return Part.of(request, NOW, unavailable=(gone,), table=pa.table(columns))


def lacking(*parts: Part) -> ProblemLog:
    log = ProblemLog()
    for one in parts:
        log.add(one.unavailable, Reason.UNAVAILABLE)
    return log


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "ds", "sandbox")


def files_in(dataset: Dataset) -> list[str]:
    root = Path(dataset.store.root)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_finished_run_is_one_file_in_the_order_of_ids(dataset: Dataset) -> None:
    """Nine files are enough to be read by several threads at once."""
    writer = dataset.begin(record())
    parts = [part(n, value=n) for n in (150, 0, 50, 100, 400, 200, 350, 250, 300)]
    for one in parts:
        writer.put(one)
    before = dataset.read("totals")
    assert len(before.frame) == 450
    assert "is unfinished" in before.about.notes[0]
    writer.close(lacking(*parts), done=True)
    sealed = f"runs/{writer.record.id}.parquet"
    assert files_in(dataset) == ["dataset.json", sealed]
    assert not (Path(dataset.store.root) / "parts").exists()
    rows = pq.read_table(Path(dataset.store.root) / sealed).to_pandas()
    assert list(rows.columns) == ["tweet_id", *NAMES, "read_at", "start", "end", "part"]
    assert list(rows["tweet_id"]) == sorted(rows["tweet_id"])
    after = dataset.read("totals")
    same(after.frame, before.frame)
    assert after.about.requests == before.about.requests == 9
    assert len(after.problems) == 9
    assert after.account.balanced
    assert [run.snapshot for run in dataset.runs()] == ["one"]
    found = Files(dataset.store).parts(writer.record.sets)
    again = {p.request.key: {*p.tweet_ids} for p in found.values()}
    assert set(map(frozenset, again.values())) == {frozenset(p.tweet_ids) for p in parts}


@pytest.mark.parametrize("kept", ["parts and record", "record", "some parts"])
def test_a_run_killed_between_sealing_and_removing_loses_and_doubles_nothing(
    dataset: Dataset, tmp_path: Path, kept: str
) -> None:
    writer = dataset.begin(record())
    for n in (0, 50, 100):
        writer.put(part(n, value=n))
    root = tmp_path / "ds"
    shutil.copytree(root, tmp_path / "before")
    writer.close(lacking(), done=True)
    expected = dataset.read("totals")
    left = [*(tmp_path / "before").rglob("*.parquet")] if kept != "record" else []
    left = left[:1] if kept == "some parts" else left
    for path in [*left, *(tmp_path / "before/runs").glob("*.json")]:
        target = root / path.relative_to(tmp_path / "before")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    found = Dataset.open(root).read("totals")
    same(found.frame, expected.frame)
    assert found.about.requests == 3
    assert [run.done for run in Dataset.open(root).runs()] == [True]
    Dataset.open(root).begin(record("two", "other"))
    assert len(files_in(dataset)) == 3, "the next run removes what was left"
    same(Dataset.open(root).read("totals", snapshot="one").frame, expected.frame)


def test_a_run_killed_before_sealing_is_finished_by_the_next(dataset: Dataset) -> None:
    writer = dataset.begin(record())
    writer.put(part(0))
    resumed = Dataset.open(dataset.store.where).begin(record())
    assert resumed.record.id == writer.record.id
    (found,) = resumed.parts()
    assert found.tweet_ids == part(0).tweet_ids
    resumed.put(part(50))
    resumed.close(lacking(), done=True)
    assert len(dataset.read("totals").frame) == 100
    assert len(files_in(dataset)) == 2


def test_of_two_runs_at_once_the_second_leaves_no_part_of_the_first(dataset: Dataset) -> None:
    first, second = dataset.begin(record()), dataset.begin(record())
    first.put(part(0))
    first.close(lacking(), done=True)
    second.put(part(0))
    second.close(lacking(), done=True)
    assert [name for name in files_in(dataset) if name.startswith("parts")] == []
    assert dataset.read("totals").about.requests == 1


@pytest.mark.parametrize("removed", ["dataset.json", "parts", ""])
def test_a_run_whose_files_are_removed_meanwhile_is_not_done(
    dataset: Dataset, removed: str
) -> None:
    writer = dataset.begin(record())
    writer.put(part(0))
    gone = Path(dataset.store.root) / removed
    gone.unlink() if gone.is_file() else shutil.rmtree(gone)
    writer.put(part(50))
    with pytest.raises(DatasetError, match="were removed while it was written"):
        writer.close(lacking(), done=True)
    assert [name for name in files_in(dataset) if "/" in name and "parts" not in name] == [
        f"runs/{writer.record.id}.json"
    ]


def test_a_sealed_request_is_found_and_not_sent_again(dataset: Dataset) -> None:
    """Another run of the same snapshot finds what an earlier one settled, refusals too."""
    writer = dataset.begin(record())
    refused = Part.of(
        Request("totals", ("7", "5"), NAMES, Profile("owner", user_id="1")), NOW, refused=True
    )
    writer.put(part(0))
    writer.put(refused)
    writer.close(lacking(), done=True)
    other = Dataset.open(dataset.store.where).begin(record(ask="other"))
    assert len([*other.parts()]) == 2
    found = other.find(refused.request)
    assert found is not None
    assert (found.refused, found.tweet_ids) == (True, ("7", "5"))
    settled = other.find(part(0).request)
    assert settled is not None
    assert {*settled.tweet_ids} == {*part(0).tweet_ids}
    assert settled.unavailable == part(0).unavailable


def test_a_run_that_seals_keeps_what_another_run_read_in_the_same_snapshot(
    dataset: Dataset,
) -> None:
    """Parts of a snapshot belong to nobody: who finishes first seals all, with every column."""
    killed = dataset.begin(record(ask="more"))
    killed.put(part(100, names=("engagements", "replies")))
    writer = dataset.begin(record())
    writer.put(part(0))
    writer.close(lacking(), done=True)
    found = Dataset.open(dataset.store.where).read("totals", metrics=["engagements"])
    assert len(found.frame) == 100
    (sealed,) = (Path(dataset.store.root) / "runs").glob("*.parquet")
    assert "replies" in pq.read_schema(sealed).names
    resumed = dataset.begin(record(ask="more"))
    assert len([*resumed.parts()]) == 2


def test_a_reader_finds_rows_that_are_sealed_while_it_reads(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = dataset.begin(record())
    writer.put(part(0))
    reader = Dataset.open(dataset.store.where)
    rows = reader._files.rows

    def late(*args: object) -> object:
        monkeypatch.setattr(reader._files, "rows", rows)
        found = rows(*args)  # type: ignore[arg-type]
        writer.close(lacking(), done=True)
        return found

    monkeypatch.setattr(reader._files, "rows", late)
    assert len(reader.read("totals").frame) == 50


def test_many_rows_are_sealed_in_pieces(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_nb.dataset.writing.ROWS_AT_ONCE", 64)
    monkeypatch.setattr("engagement_nb.dataset.writing.ROWS_PER_GROUP", 32)
    writer = dataset.begin(record())
    for n in (200, 0, 100):
        writer.put(part(n, 100, value=n))
    expected = dataset.read("totals").frame
    writer.close(lacking(), done=True)
    same(dataset.read("totals").frame, expected)
    (sealed,) = (Path(dataset.store.root) / "runs").glob("*.parquet")
    assert pq.read_metadata(sealed).num_row_groups > 5
    one = list(expected["tweet_id"][:1])
    assert list(dataset.read("totals", tweet_ids=one).frame["tweet_id"]) == one


def test_a_finished_fetch_costs_only_added_tweets(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = make_sandbox(tweets=2_000, now="2026-11-29")
    asked = Asked(sandbox)
    ids = sandbox.ids("own", 40)
    period = {"start": "2026-10-01", "end": "2026-11-20", "by": "day"}

    def into(some: list[str]) -> Metrics:
        plan = make_plan(some, "historical", profiles=sandbox_profiles(sandbox.url), **period)
        with Client() as client:
            kept = Dataset.create(tmp_path / "ds", "sandbox")
            return run_plan(plan, client, source="sandbox", dataset=kept, progress=False)

    into(ids[:30])
    first = len(asked.requests)
    whole = into(ids)
    assert max(asked.pairs.values()) == 1
    assert len(asked.requests) <= 2 * first
    assert set(whole.frame["tweet_id"]) | set(whole.problems["tweet_id"]) == {*ids}


# --- earlier versions


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A dataset that version 0.1.0 fetched: days, totals, and sums of two windows."""
    with zipfile.ZipFile(Path(__file__).with_name("dataset-0.1.0.zip")) as file:
        file.extractall(tmp_path)
    return tmp_path / "ds"


def test_a_dataset_of_the_first_version_is_read(old: Path) -> None:
    dataset = Dataset.open(old)
    assert [run.kind for run in dataset.runs()] == ["historical-day", "totals", "historical"]
    assert [run.span for run in dataset.runs()] == ["period", "life", "period"]
    assert all(run.done for run in dataset.runs())
    days = dataset.read("historical", by="day")
    assert days.frame[["impressions", "engagements", "favorites"]].sum().tolist() == [587, 52, 20]
    assert sorted(days.problems["reason"]) == ["posted later"] * 3 + ["unavailable"]
    totals = dataset.read("totals")
    assert totals.frame["engagements"].sum() == 113
    assert list(totals.problems["reason"]) == ["unavailable"]
    sums = dataset.read("historical")
    assert (len(sums.frame), sums.frame["engagements"].sum()) == (3, 52)
    assert len(dataset.part_names()) == 3


def test_a_dataset_of_the_first_version_grows(old: Path) -> None:
    """Its requests are found; a finished run seals them, and older versions then refuse it."""
    dataset = Dataset.create(old, "sandbox")
    (days, totals, _) = dataset.runs()
    writer = dataset.begin(record(totals.snapshot, "other"))
    assert [len(p.tweet_ids) for p in writer.parts()] == [7]
    writer.put(part(0))
    writer.close(lacking(), done=True)
    found = Dataset.open(old).read("totals")
    assert len(found.frame) == 56
    assert found.frame["engagements"].sum() == 113 + 50
    assert days in Dataset.open(old).runs()
    assert orjson.loads((old / "dataset.json").read_bytes())["format"] == 2


# --- what strangers may put into a dataset


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("snapshot", "../../../victim/x"),
        ("id", "../../victim/y"),
        ("id", "another"),
        ("endpoint", "../../victim"),
        ("endpoint", "/tmp/victim"),
        ("by", "../../victim"),
        ("snapshot", "..\\..\\victim"),
        ("problems", [["no such reason", "tweet", "", "", ["1"]]]),
        ("windows", [["2026-10-01T00:00:00", "2026-10-02T00:00:00"]]),
        ("metrics", "favorites"),
    ],
)
def test_a_received_record_cannot_name_a_place_outside(
    dataset: Dataset, tmp_path: Path, name: str, value: object
) -> None:
    """Every value of a record is checked before it becomes the name of a file."""
    writer = dataset.begin(record())
    path = Path(dataset.store.root) / f"runs/{writer.record.id}.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {name: value}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError, match=path.name):
        Dataset.open(dataset.store.where).begin(record())
    with pytest.raises(DatasetError, match=path.name):
        Dataset.open(dataset.store.where).read()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_a_received_dataset_is_not_written_through(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "ds/parts").symlink_to(tmp_path / "victim", target_is_directory=True)
    writer = dataset.begin(record())
    with pytest.raises(DatasetError, match="leads out of"):
        writer.put(part(0))
    assert not [*(tmp_path / "victim").iterdir()]


@pytest.mark.parametrize("name", ["runs/x.json", "runs/x.parquet", "parts/totals/one/x.parquet"])
def test_a_pipe_in_a_dataset_is_refused_and_not_read(dataset: Dataset, name: str) -> None:
    """Reading a pipe would wait forever."""
    dataset.begin(record()).put(part(0))
    os.mkfifo(dataset.store.path(name))
    errors: list[str] = []

    def read() -> None:
        try:
            Dataset.open(dataset.store.where).read("totals")
        except DatasetError as error:
            errors.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert f"{Path(name).name} is not a file" in errors[0]


def test_rows_that_are_not_of_tweets_are_one_sentence(dataset: Dataset) -> None:
    writer = dataset.begin(record())
    good = part(0, 1)
    writer.put(good)
    (path,) = Path(dataset.store.root).rglob("parts/**/*.parquet")
    table = pq.read_table(path)
    odd = table.set_column(0, "tweet_id", pa.array(["12a"]))
    pq.write_table(odd.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(DatasetError) as damaged:
        dataset.read("totals")
    assert damaged.value.what.startswith("A file of the dataset is damaged: ")
    assert damaged.value.advice == (
        "Remove that file and fetch again: only its Tweets are requested."
    )
    texts = table.set_column(1, "engagements", pa.array(["many"]))
    pq.write_table(texts.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(DatasetError, match="damaged"):
        dataset.read("totals")


def test_snapshots_read_as_a_series_have_a_row_for_each(dataset: Dataset) -> None:
    """A daily snapshot of totals is a series of what was read on each day."""
    for day in range(3):
        writer = dataset.begin(record(f"day{day}", f"what{day}", NOW + timedelta(day)))
        writer.put(part(0, value=10 + day))
        writer.close(lacking(), done=True)
    every = dataset.read("totals", snapshot="all").frame
    assert len(every) == 150
    assert every.groupby("snapshot")["engagements"].sum().tolist() == [500, 550, 600]
    assert dataset.read("totals").frame["engagements"].sum() == 600
    assert dataset.read("totals", snapshot="day1").frame["engagements"].sum() == 550
    assert NOW - timedelta(1) < every["read_at"].min()


def test_a_time_outside_the_calendar_in_a_received_file_is_damage(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    writer = dataset.begin(record())
    writer.put(part(0, 5))
    writer.close(lacking(part(0, 5)), done=True)
    [file] = (tmp_path / "ds").rglob("*.parquet")
    table, footer = pq.read_table(file), pq.read_metadata(file).metadata
    field = table.schema.field("read_at")
    late = pa.array([10**18] * len(table), pa.int64()).cast(field.type)
    table = table.set_column(table.schema.get_field_index("read_at"), field, late)
    pq.write_table(table.replace_schema_metadata(footer), file)
    with pytest.raises(DatasetError, match="A file of the dataset is damaged"):
        Dataset.open(tmp_path / "ds").read("totals")
