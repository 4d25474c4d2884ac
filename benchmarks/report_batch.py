"""Reports from one dataset on two cores: this package against what one would do by hand.

(a) the two command lines, ``papermill`` and ``jupyter nbconvert``, two reports at a time;
(b) a pool of two long-lived processes that call papermill and nbconvert as libraries.

The same notebook, dataset and parameters each way, one after the other in one run. ``ours`` and
``theirs`` are seconds a report, starting everything included: of 100 reports for this package and
for the pool, and of 30 for the command lines, which share nothing from one report to the next, so
that more would only take longer. ``ENB_BENCH_REPORTS`` and ``ENB_BENCH_BY_HAND`` set other
numbers. It takes some six minutes on two quiet cores. ``cpu`` is processor seconds a report, which
other work on the machine disturbs less; ``cpu_ratio`` is theirs over ours. Memory is the peak of
the whole process tree, pages that processes share counted once (PSS). Linux only.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

import engagement_nb as enb
from engagement_nb.report.notebooks import EXPLORE, notebooks_folder

REPORTS = int(os.environ.get("ENB_BENCH_REPORTS", "100"))
BY_HAND = int(os.environ.get("ENB_BENCH_BY_HAND", str(min(REPORTS, 30))))
PR_SET_CHILD_SUBREAPER = 36
WORKERS = 2
TWEETS = 2000


def main() -> Iterator[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="enb-bench-"))
    # A fork server outlives the command that started it. As its new parent, this process can count
    # what it and its children used.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        dataset = folder / "dataset"
        with enb.connect("sandbox", dataset=dataset) as source:
            source.historical(source.tweet_ids("own", TWEETS))
        ours = measured(lambda: ours_batch(folder / "ours", dataset), REPORTS)
        for name, way, reports in (
            ("command lines", by_command_lines, BY_HAND),
            ("pool", by_pool, REPORTS),
        ):
            work = partial(way, folder / "theirs", dataset, reports)
            theirs = measured(work, reports)
            yield {
                "name": f"report batch against {name}",
                "ours": round(ours.seconds, 3),
                "theirs": round(theirs.seconds, 3),
                "ratio": round(theirs.seconds / ours.seconds, 2),
                "peak_mb": round(ours.peak / 1e6),
                "their_peak_mb": round(theirs.peak / 1e6),
                "cpu": round(ours.cpu, 2),
                "their_cpu": round(theirs.cpu, 2),
                "cpu_ratio": round(theirs.cpu / ours.cpu, 2),
                "reports": REPORTS,
                "their_reports": reports,
                "reports_a_minute": round(60 / ours.seconds, 1),
                "their_reports_a_minute": round(60 / theirs.seconds, 1),
            }
            shutil.rmtree(folder / "theirs", ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ours_batch(folder: Path, dataset: Path) -> None:
    folder.mkdir()
    manifest = folder / "manifest.csv"
    rows = "".join(f"report {number},{dataset}\n" for number in range(REPORTS))
    manifest.write_text("name,dataset\n" + rows)
    command = [sys.executable, "-m", "engagement_nb", "batch", str(manifest), "-o", str(folder)]
    quiet(*command, "--workers", str(WORKERS))
    assert len(list(folder.glob("reports/*/report.html"))) == REPORTS


def by_command_lines(folder: Path, dataset: Path, reports: int) -> None:
    folder.mkdir()

    def one(number: int) -> None:
        executed = folder / f"{number}.ipynb"
        notebook = str(notebooks_folder() / EXPLORE)
        quiet(sys.executable, "-m", "papermill", notebook, str(executed),
              "-p", "source", str(dataset), "--no-progress-bar")  # fmt: skip
        quiet(sys.executable, "-m", "nbconvert", "--to", "html", str(executed))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(reports)))
    assert len(list(folder.glob("*.html"))) == reports


def by_pool(folder: Path, dataset: Path, reports: int) -> None:
    folder.mkdir()
    notebook = str(notebooks_folder() / EXPLORE)
    work = [(notebook, str(folder / f"{n}.ipynb"), str(dataset)) for n in range(reports)]
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), initializer=silence) as pool:
        list(pool.map(convert, work))
    assert len(list(folder.glob("*.html"))) == reports


def silence() -> None:
    # Each kernel warns on the terminal that it shares with its parent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def convert(work: tuple[str, str, str]) -> None:
    import papermill
    from nbconvert import HTMLExporter

    notebook, executed, dataset = work
    done = papermill.execute_notebook(
        notebook, executed, parameters={"source": dataset}, progress_bar=False
    )
    global exporter
    exporter = exporter or HTMLExporter()
    html, _ = exporter.from_notebook_node(done)
    Path(executed).with_suffix(".html").write_text(html)


exporter: Any = None


def quiet(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@dataclass(frozen=True)
class Measured:
    """Seconds and processor seconds a report, and the highest memory in bytes."""

    seconds: float
    cpu: float
    peak: int


def measured(work: Callable[[], None], reports: int) -> Measured:
    with peak_memory() as peak:
        begun, spent = time.perf_counter(), processor_seconds()
        work()
        seconds, cpu = time.perf_counter() - begun, processor_seconds() - spent
    return Measured(seconds / reports, cpu / reports, peak[0])


def processor_seconds() -> float:
    """Of this process and of all its descendants, ended or not."""
    # Nobody waits for orphans, so that even those that have ended are still listed.
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in processes)


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The highest memory of all child processes together, looked at twice a second."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    import json

    for line in main():
        print(json.dumps(line))
