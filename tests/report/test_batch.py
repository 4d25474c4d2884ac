"""Batches: fetch once, render all, survive failures, resume."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup

import engagement_nb as enb
from engagement_nb.metrics import handed_over
from engagement_nb.report.batch import locked, make_batch
from engagement_nb.report.notebooks import EXPLORE
from engagement_nb.report.publish import GAP, TABLES
from engagement_nb.store import Store
from tests.report.batches import manifest, record, run, summary
from tests.report.report_inputs import export, quick_notebooks, without_times

FAILS = "raise enb.EngagementError('The figures of this account end early.')"


def test_a_failed_report_does_not_stop_the_others(inputs, capsys):
    """The index says why, its notebook is kept, and the exit code is 1."""
    crash = 'Third,export.csv,"import os; os._exit(1)"'
    fails = f'Second,export.csv,"{FAILS}"'
    path = manifest(inputs, "First,export.csv,", fails, crash, "Fourth one,export.csv,")
    assert run(inputs, path, "--json", "--title", "Week <1>") == 1
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["done"], told["failed"], told["resumed"]) == (2, 2, 0)
    assert [each["status"] for each in told["each"]] == ["done", "failed", "failed", "done"]
    assert told["each"][0]["posts"] == 60
    assert "Traceback" not in said.err
    assert told == summary(inputs)

    reports = inputs / "out" / "reports"
    assert {path.name for path in reports.iterdir()} == {"first", "second", "third", "fourth-one"}
    assert {path.name for path in (reports / "first").iterdir()} == {
        EXPLORE, "gap.json", "report.html", "made.json", *TABLES[GAP],
    }  # fmt: skip
    assert "explore_gap" in (reports / "second" / EXPLORE).read_text()

    page = BeautifulSoup((inputs / "out" / "index.html").read_text(), "html.parser")
    assert page.h1.text == "Week <1>"
    assert "The figures of this account end early." in page.find(class_="failure").text
    assert "died at cell" in page.find(class_="failure").text
    assert [next(row.th.stripped_strings) for row in page.tbody.find_all("tr")] == [
        "First",
        "Second",
        "Third",
        "Fourth one",
    ]
    for link in page.find_all("a", href=True):
        if not link["href"].startswith("#"):
            assert (inputs / "out" / link["href"]).is_file(), link
    assert len(page.find(class_="multiples").find_all("svg")) == 2


def test_a_log_gets_lines_with_the_number_of_failures(inputs, capsys):
    """It has no carriage returns, no bar of zero reports, and counts rows that could not start."""
    path = manifest(inputs, "First,export.csv,", "Lost,nowhere.csv,")
    assert run(inputs, path, "--progress") == 1
    said = capsys.readouterr().err
    assert "\r" not in said
    assert "1 of 1 reports" in said
    assert "failed=1" in said
    manifest(inputs, "Lost,nowhere.csv,")
    assert run(inputs, path, "--progress") == 1
    assert "0 reports" not in capsys.readouterr().err


def test_only_failed_makes_only_failed_reports(inputs):
    """Finished reports do not change, and the index lists all."""
    path = manifest(inputs, "First,export.csv,", f'Second,export.csv,"{FAILS}"')
    assert run(inputs, path) == 1
    first = record(inputs, "first")
    manifest(inputs, "First,export.csv,", "Second,export.csv,", "New,export.csv,")
    assert run(inputs, path, "--only-failed") == 0
    assert record(inputs, "first") == first
    assert [each["status"] for each in summary(inputs)["each"]] == ["done"] * 3


def test_a_report_is_made_again_only_if_an_input_changed(inputs):
    """A lost file, another parameter and another input each cause it."""
    path = manifest(inputs, "First,export.csv,", "Second,export.csv,")
    assert run(inputs, path) == 0

    def made() -> list[str]:
        return [record(inputs, name)["made_at"] + str(record(inputs, name)["seconds"])
                for name in ("first", "second")]  # fmt: skip

    before = made()
    assert run(inputs, path) == 0
    assert made() == before
    assert summary(inputs)["resumed"] == 2

    (inputs / "out" / "reports" / "first" / "report.html").unlink()
    assert run(inputs, path) == 0
    after = made()
    assert after[0] != before[0]
    assert after[1] == before[1]

    manifest(inputs, "First,export.csv,x = 1", "Second,export.csv,")
    assert run(inputs, path) == 0
    assert (made()[0] != after[0], made()[1] == after[1]) == (True, True)

    export(inputs, posts=70)
    assert run(inputs, path) == 0
    assert summary(inputs)["resumed"] == 0
    now = record(inputs, "second")
    assert (now["figures"]["posts"], now["previous"]["posts"]) == (70, 60)
    page = BeautifulSoup((inputs / "out" / "index.html").read_text(), "html.parser")
    assert "%" in page.tbody.select_one("td .note").text


def test_a_failed_report_has_no_files_of_an_earlier_one(inputs):
    """Old figures beside a new failure would be mistaken for new ones."""
    path = manifest(inputs, "First,export.csv,")
    assert run(inputs, path) == 0
    manifest(inputs, f'First,export.csv,"{FAILS}"')
    assert run(inputs, path) == 1
    folder = inputs / "out" / "reports" / "first"
    assert "not complete" in (folder / "report.html").read_text()
    assert record(inputs, "first")["previous"]["posts"] == 60


def test_figures_are_fetched_once_and_rendered_without_the_network(
    inputs, make_sandbox, monkeypatch
):
    """Rows that share Tweets share requests, and a resumed batch fetches nothing."""
    sandbox = make_sandbox(tweets=300)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    own = sandbox.ids("own", 50)
    (inputs / "some.txt").write_text("\n".join(own[:30]))
    (inputs / "others.txt").write_text("\n".join(own[20:]))
    quick_notebooks(inputs / "notebooks")
    path = manifest(inputs, "one,sandbox,totals,some.txt", "two,sandbox,totals,others.txt",
                    header="name,source,endpoint,ids")  # fmt: skip
    assert run(inputs, path) == 0
    asked = len([entry for entry in sandbox.log if "insights" in str(entry)])
    with enb.connect("sandbox") as source:
        assert asked == len(source.plan(own, "totals").requests)
    for name in ("one", "two"):
        executed = nbformat.read(inputs / "out" / "reports" / name / EXPLORE, 4)
        assert handed_over(executed)["metrics"]["tweets"] == 30
    assert all(record(inputs, name)["sandbox"] for name in ("one", "two"))
    assert "SANDBOX DATA" in (inputs / "out" / "index.html").read_text()

    # A run that was cut off after the fetch: what is missing is rendered from the dataset.
    state = inputs / "out" / "batch.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "ended": False}))
    shutil.rmtree(inputs / "out" / "reports" / "two")
    sandbox.stop()
    assert run(inputs, path) == 0
    assert summary(inputs)["resumed"] == 1


def test_a_failed_fetch_fails_only_its_own_reports(inputs, make_sandbox, monkeypatch):
    """The index says that tokens were refused, and the other reports are made."""
    sandbox = make_sandbox(tweets=120)
    (inputs / "ids.txt").write_text("\n".join(sandbox.ids("own", 5)))
    for name, value in {**sandbox.env, "TWITTER_ACCESS_TOKEN_SECRET": "not-the-one"}.items():
        monkeypatch.setenv(name, value)
    path = manifest(inputs, "one,api,historical,ids.txt,", "two,,,,export.csv",
                    header="name,source,endpoint,ids,export")  # fmt: skip
    assert run(inputs, path) == 1
    one, two = summary(inputs)["each"]
    assert (one["status"], two["status"]) == ("failed", "done")
    assert one["error"].startswith("Nothing could be fetched.")
    assert record(inputs, "one")["error"] == one["error"]

    monkeypatch.setenv("TWITTER_ACCESS_TOKEN_SECRET", sandbox.env["TWITTER_ACCESS_TOKEN_SECRET"])
    assert run(inputs, path, "--only-failed") == 0
    assert [each["status"] for each in summary(inputs)["each"]] == ["done", "done"]


def start(folder: Path, path: Path, *words: str) -> subprocess.Popen:
    words = words if "--progress" in words else ("--no-progress", *words)
    command = [sys.executable, "-m", "engagement_nb", "batch", str(path), "-o", str(folder / "out"),
               "--notebooks", str(folder / "notebooks"), *words]  # fmt: skip
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "TMPDIR": str(folder / "tmp")})  # fmt: skip


def finished(folder: Path) -> dict[str, float]:
    """Finished reports, with the time when they were finished."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in (folder / "out" / "reports").glob("*/made.json")
        if json.loads(path.read_text())["status"] == "done"
    }


def wait_for(happens, process: subprocess.Popen | None = None, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        if process is not None and process.poll() is not None:
            raise AssertionError(process.stderr.read())
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_work_in(folder) -> list[int]:
    """Processes whose working directory is in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
    return found


ENDS = ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143))
"""`tests/cli/test_surroundings.py` has SIGHUP, which one handler takes with SIGTERM."""


def test_a_killed_batch_resumes(inputs, monkeypatch):
    """Nothing is rendered twice or missing, and no process or folder is left.

    One batch is ended in each way, one after the other; each time one more report is finished.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(inputs / "tmp"))
    path = manifest(
        inputs,
        *(
            f"r{n},export.csv,\"import pathlib, time; pathlib.Path('{inputs}/begun{n}').touch(); "
            f"list(iter(lambda: time.sleep(0.02) or pathlib.Path('{inputs}/go{n}').exists(), "
            'True))"'
            for n in range(len(ENDS) + 2)
        ),
    )
    before: dict[str, float] = {}
    for n, (number, code) in enumerate(ENDS):
        (inputs / f"go{n}").touch()
        waits = inputs / f"begun{n + 1}"
        waits.unlink(missing_ok=True)
        batch = start(inputs, path)
        wait_for(lambda n=n, w=waits: len(finished(inputs)) == n + 1 and w.exists(), batch)
        batch.send_signal(number)
        _, said = batch.communicate(timeout=20)
        assert batch.returncode == code
        assert "Traceback" not in said
        # Kernels die with their parent, and a moment after it.
        wait_for(lambda: not at_work_in(inputs / "tmp"))
        assert before.items() <= finished(inputs).items()
        before = finished(inputs)
        assert sorted(before) == [f"r{done}" for done in range(n + 1)]
        left = list((inputs / "tmp").iterdir())
        assert all(path.name.startswith("enb-") for path in left)
        assert bool(left) == (number == signal.SIGKILL)
        for thing in (inputs / "tmp").rglob("*"):
            os.utime(thing, (0, 0), follow_symlinks=False)
    for n in range(len(ENDS), len(ENDS) + 2):
        (inputs / f"go{n}").touch()
    assert run(inputs, path) == 0
    after = finished(inputs)
    assert len(after) == len(ENDS) + 2
    assert {name: after[name] for name in before} == before
    assert summary(inputs)["resumed"] == len(before)
    assert not list((inputs / "tmp").iterdir())
    assert not list((inputs / "out").rglob(".tmp-*"))


@pytest.mark.parametrize(
    ("place", "code", "told"),
    [
        (">/dev/full", 1, "error: No space left on device."),
        (">&-", 0, ""),
        ("2>/dev/full", 0, ""),
    ],
)
def test_a_full_or_closed_output_costs_no_report(inputs, place, code, told):
    """All reports are made, and there is at most one error message."""
    path = manifest(inputs, "First,export.csv,")
    words = [sys.executable, "-m", "engagement_nb", "batch", str(path), "-o", str(inputs / "out"),
             "--notebooks", str(inputs / "notebooks"), "--no-progress"]  # fmt: skip
    command = ["sh", "-c", f'exec "$@" {place}', "sh", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == (1 if told else 0)
    assert summary(inputs)["done"] == 1


def test_a_name_that_the_locale_cannot_write_is_an_error(inputs):
    """The message says which variable to set."""
    path = inputs / "manifest.csv"
    path.write_text("name,export\nÜbersicht,export.csv\n", encoding="utf-8")
    words = ["batch", str(path), "-o", str(inputs / "out")]
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "engagement_nb", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **ascii_only},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "LC_ALL=C.UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_to_is_an_error_of_the_batch(inputs, capsys):
    """If a file is in the place of the folder, the exit code is 1 and no report is started."""
    path = manifest(inputs, "First,export.csv,")
    (inputs / "out").write_text("")
    assert run(inputs, path) == 1
    said = capsys.readouterr().err
    assert "out cannot be written to" in said
    assert said.count("\n") == 1


def test_a_batch_can_write_to_an_fsspec_address(inputs):
    """Reports and records are written there, and found again by the next run."""
    path = manifest(inputs, "First,export.csv,")
    made = make_batch(path, "memory://batch/out", notebooks=inputs / "notebooks", progress=False)
    assert not made.failed
    import fsspec

    files = fsspec.filesystem("memory").find("/batch/out")
    assert "/batch/out/index.html" in files
    assert "/batch/out/reports/first/report.html" in files
    again = make_batch(path, "memory://batch/out", notebooks=inputs / "notebooks", progress=False)
    assert again.resumed == ["First"]


def worker(address: str, folder: Path, name: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "2",
               "--no-nanny", "--host", "127.0.0.1", "--no-dashboard", "--name", name,
               "--local-directory", str(folder / name)]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def dask_scheduler(folder: Path) -> tuple[subprocess.Popen, str]:
    told = folder / "scheduler.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port",
         "0", "--no-dashboard", "--no-jupyter", "--scheduler-file", str(told)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: told.exists() and told.read_text().strip().endswith("}"))
    return process, json.loads(told.read_text())["address"]


def test_a_cluster_makes_the_same_reports_even_if_a_worker_is_lost(inputs):
    """One of two worker processes is killed during the run."""
    pytest.importorskip("distributed")
    path = manifest(inputs, *[f'r{n},export.csv,"import time; time.sleep(0.3)"' for n in range(6)])
    scheduler, address = dask_scheduler(inputs)
    workers = []
    try:
        workers = [worker(address, inputs, name) for name in ("a", "b")]
        batch = start(inputs, path, "--scheduler", address)
        wait_for(lambda: len(finished(inputs)) >= 2, batch)
        os.kill(workers[0].pid, signal.SIGKILL)
        batch.communicate(timeout=120)
        assert batch.returncode == 0
    finally:
        for process in [*workers, scheduler]:
            process.kill()
            process.wait()
    assert [each["status"] for each in summary(inputs)["each"]] == ["done"] * 6
    assert len(list((inputs / "out" / "reports").iterdir())) == 6
    there = without_times((inputs / "out/reports/r3/report.html").read_text())
    shutil.rmtree(inputs / "out")
    manifest(inputs, 'r3,export.csv,"import time; time.sleep(0.3)"')
    assert run(inputs, path) == 0
    assert without_times((inputs / "out/reports/r3/report.html").read_text()) == there


def test_a_missing_cluster_is_an_error(inputs, capsys, monkeypatch):
    """The message has the address, and the exit code is 1."""
    monkeypatch.setattr("engagement_nb.report.batch.SCHEDULER_SECONDS", 1)
    path = manifest(inputs, "First,export.csv,")
    assert run(inputs, path, "--scheduler", "tcp://127.0.0.1:9") == 1
    assert "No Dask scheduler responds at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_a_cluster_without_workers_is_warned_of_and_a_lost_one_is_an_error(inputs, monkeypatch):
    """The warning appears while the batch waits, and each lost report has its error."""
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    path = manifest(inputs, "First,export.csv,")
    hasty = (
        "import engagement_nb.report.batch as batch, engagement_nb.cli as cli;"
        "batch.WORKERS_SECONDS, batch.SCHEDULER_SECONDS = 0.1, 2; cli.main()"
    )
    scheduler, address = dask_scheduler(inputs)
    said = inputs / "said.txt"
    words = ["batch", str(path), "-o", str(inputs / "out"), "--scheduler", address]
    with said.open("w") as errors:
        batch = subprocess.Popen([sys.executable, "-c", hasty, *words], stderr=errors)
    try:
        wait_for(lambda: f"{address} has no workers" in said.read_text())
        scheduler.kill()
        assert batch.wait(60) == 1
    finally:
        for process in (batch, scheduler):
            process.kill()
            process.wait()
    assert "failed: First: The scheduler was lost" in said.read_text()
    assert "Traceback" not in said.read_text()


def test_two_batches_in_one_folder_are_one_too_many(inputs, capsys):
    """The second one says which process has the folder, and the first one finishes."""
    path = manifest(inputs, "First,export.csv,")
    with locked(Store(inputs / "out")):
        assert run(inputs, path) == 1
        assert f"Another batch is at work in {inputs / 'out'}: process {os.getpid()} on" in (
            capsys.readouterr().err
        )
    assert run(inputs, path) == 0


def test_a_batch_killed_while_it_fetches_asks_for_nothing_twice(inputs, make_sandbox, monkeypatch):
    """All figures are there at the end, from as many requests as without a kill.

    ``ENB_KILLS`` sets another number of kills.
    """
    sandbox = make_sandbox(tweets=600)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    ids = sandbox.ids("own", 300)
    (inputs / "ids.txt").write_text("\n".join(ids))
    path = manifest(inputs, "one,sandbox,28hr,ids.txt", header="name,source,endpoint,ids")
    quick_notebooks(inputs / "notebooks", "metrics = enb.connect(source).last_28_hours(ids_file)")
    kills = int(os.environ.get("ENB_KILLS", "1"))
    sandbox.faults.latency = 0.5
    for _ in range(kills):
        batch = start(inputs, path)
        answered = len(answers(sandbox))
        wait_for(lambda before=answered: len(answers(sandbox)) > before, batch)
        batch.kill()
        batch.communicate(timeout=20)
        wait_for(lambda: not at_work_in(inputs / "tmp"))
    sandbox.faults.latency = 0.0
    assert run(inputs, path) == 0
    # Requests that were on their way at a kill may have been sent twice: see the promises.
    once = -(-len(ids) // 25) + -(-len(ids) // 250)
    assert once <= len(answers(sandbox)) <= once + 16 * kills
    (told,) = summary(inputs)["fetched"].values()
    assert told["tweets"] + told["missing"] == len(ids)


def answers(sandbox) -> list:
    """The requests for figures that a sandbox saw."""
    return [seen for seen in list(sandbox.log) if "insights" in str(seen)]
