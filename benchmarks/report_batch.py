"""Reports from one dataset on two cores: this package against what one would do by hand.

(a) the two command lines, ``papermill`` and ``jupyter nbconvert``, two reports at a time;
(b) a pool of two long-lived processes that call papermill and nbconvert as libraries.

The same notebook, parameters and number of reports each way. ``ENB_BENCH_REPORTS`` sets how
many (100 unless given); figures are seconds for all of them, memory is the peak of the whole
process tree, pages that processes share counted once (PSS).
"""

from __future__ import annotations

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
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

import engagement_nb as enb
from engagement_nb.report.notebooks import EXPLORE, notebooks_folder

REPORTS = int(os.environ.get("ENB_BENCH_REPORTS", "100"))
WORKERS = 2
TWEETS = 2000


def main() -> Iterator[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="enb-bench-"))
    try:
        dataset = folder / "dataset"
        with enb.open_source("sandbox", dataset=dataset) as source:
            source.historical(source.tweet_ids("own", TWEETS))
        ours, peak = measured(lambda: ours_batch(folder / "ours", dataset))
        note = {"reports": REPORTS, "reports_a_minute": round(60 * REPORTS / ours, 1)}
        for name, way in (("command lines", by_command_lines), ("pool", by_pool)):
            theirs, their_peak = measured(lambda way=way: way(folder / "theirs", dataset))
            yield {
                "name": f"report batch against {name}",
                "ours": round(ours, 2),
                "theirs": round(theirs, 2),
                "ratio": round(theirs / ours, 2),
                "peak_mb": round(peak / 1e6),
                "their_peak_mb": round(their_peak / 1e6),
                "their_reports_a_minute": round(60 * REPORTS / theirs, 1),
                **note,
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


def by_command_lines(folder: Path, dataset: Path) -> None:
    folder.mkdir()

    def one(number: int) -> None:
        executed = folder / f"{number}.ipynb"
        notebook = str(notebooks_folder() / EXPLORE)
        quiet(sys.executable, "-m", "papermill", notebook, str(executed),
              "-p", "source", str(dataset), "--no-progress-bar")  # fmt: skip
        quiet(sys.executable, "-m", "nbconvert", "--to", "html", str(executed))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, range(REPORTS)))
    assert len(list(folder.glob("*.html"))) == REPORTS


def by_pool(folder: Path, dataset: Path) -> None:
    folder.mkdir()
    notebook = str(notebooks_folder() / EXPLORE)
    work = [(notebook, str(folder / f"{n}.ipynb"), str(dataset)) for n in range(REPORTS)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        list(pool.map(convert, work))
    assert len(list(folder.glob("*.html"))) == REPORTS


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


def measured(work: Callable[[], None]) -> tuple[float, int]:
    with peak_memory() as peak:
        begun = time.perf_counter()
        work()
        seconds = time.perf_counter() - begun
    return seconds, peak[0]


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
