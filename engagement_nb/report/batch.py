"""Many reports from one manifest: fetch once, render in a pool, write an index."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engagement_nb import engine as engine_room
from engagement_nb.engine.scratch import lock, sweep
from engagement_nb.errors import ReportError, require_extra
from engagement_nb.metrics.problems import tweets_missing
from engagement_nb.report.fetches import REPORTS, Layout, RunState, prepare
from engagement_nb.report.index import index_html
from engagement_nb.report.job import Job, slug
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.manifest import read_manifest
from engagement_nb.report.notebooks import refuse_secrets
from engagement_nb.report.pdf import require_browser
from engagement_nb.report.publish import DONE, make, read_record
from engagement_nb.store import Store

LOCK = ".batch.lock"
INDEX, SUMMARY = "index.html", "summary.json"
_LOG_LINE = "{desc}: {n_fmt} of {total_fmt} reports, {elapsed}{postfix}"
SCHEDULER_SECONDS = 20
"""Longest time until a Dask scheduler responds."""
WORKERS_SECONDS = 5.0
"""Time without workers until a warning."""


@dataclass(frozen=True)
class Batch:
    """The results of a batch.

    Parameters
    ----------
    folder
        Its folder.
    records
        One per report, in the manifest's order: see `engagement_nb.report.publish`.
    resumed
        Names of reports that were finished before.
    seconds
        How long the run took.
    fetched
        What this run fetched, by dataset.
    """

    folder: str
    records: Sequence[Mapping[str, Any]]
    resumed: Sequence[str]
    seconds: float
    fetched: Mapping[str, Any]

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """Records of reports that failed."""
        return [record for record in self.records if record["status"] != DONE]

    @property
    def missing_tweets(self) -> int:
        """Requested Tweets without figures for all or a part of the period."""
        return sum(tweets_missing(record.get("problems", ())) for record in self.records)

    def to_dict(self) -> dict[str, Any]:
        """The results as plain JSON: counts, and one entry per report."""
        return {
            "folder": self.folder,
            "reports": len(self.records),
            "done": len(self.records) - len(self.failed),
            "failed": len(self.failed),
            "resumed": len(self.resumed),
            "missing_tweets": self.missing_tweets,
            "seconds": round(self.seconds, 1),
            "fetched": dict(self.fetched),
            "each": [
                {
                    "name": record["name"],
                    "status": record["status"],
                    "error": record.get("error", ""),
                    "folder": f"{REPORTS}/{slug(record['name'])}",
                    **record.get("figures", {}),
                }
                for record in self.records
            ],
        }


def make_batch(
    manifest: str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    only_failed: bool = False,
    title: str = "",
    look: Look = PLAIN,
    notebooks: str | Path | None = None,
    engine: str = "fast",
    cell_timeout: int | None = 600,
    pdf: bool = False,
    progress: bool | None = None,
    now: datetime | None = None,
) -> Batch:
    """Make all reports of a manifest, and their index.

    If the last run was cut off, this resumes it: nothing is fetched or rendered twice. If the
    last run finished, this starts a new one, which renders the reports whose figures changed.

    Parameters
    ----------
    manifest
        See `engagement_nb.report.manifest.read_manifest`.
    out
        A folder or an fsspec address.
    workers
        Reports at a time on this machine; by default one per processor.
    scheduler
        Address of a Dask scheduler (``tcp://...``) whose workers make the reports. They must be
        able to reach ``out`` and the inputs.
    only_failed
        Fetch and make only the reports that failed last time or were never made.
    title
        Title of the index.
    look, notebooks, engine, cell_timeout, pdf
        See `engagement_nb.report.make_report`.
    progress
        Whether to show a progress bar; by default on a terminal.
    now
        The moment from which relative periods are counted; by default the present.

    Raises
    ------
    InputError
        The manifest cannot be used. Nothing was started.
    """
    started = datetime.now(UTC)
    sweep()
    if pdf:
        require_browser()
    refuse_secrets({"title": title, "subtitle": look.subtitle}, "option")
    subjects = read_manifest(manifest, notebooks)
    store, now = Store(out), now or started
    layout = Layout(store)
    with locked(store):
        state = RunState.open(store, now, resume=only_failed)
        before = {each.name: read_record(Store(layout.report(each))) for each in subjects}
        chosen = {
            name
            for name, record in before.items()
            if not only_failed or record.get("status") != DONE
        }
        prepared = prepare(
            subjects, chosen, layout, state, now, cell_timeout=cell_timeout, engine=engine, pdf=pdf,
            look=look,
        )  # fmt: skip
        jobs, records = [], {}
        for job, failure in prepared:
            if failure is None:
                jobs.append(job)
            else:
                records[job.name] = make(job, stopped_by=failure)[0]
        with open_pool(workers, scheduler, len(jobs)) as pool:
            records |= _render_all(jobs, pool, progress, failed=len(records))
        batch = Batch(
            folder=str(out),
            records=[records.get(each.name) or before[each.name] for each in subjects],
            resumed=[name for name, record in records.items() if record.get("resumed")],
            seconds=(datetime.now(UTC) - started).total_seconds(),
            fetched=state.fetched,
        )
        index = index_html(
            batch.records, title=title or f"Reports: {Path(manifest).stem}", made_at=started
        )
        store.publish(INDEX, index.encode())
        store.publish(SUMMARY, json.dumps(batch.to_dict(), indent=1, ensure_ascii=False).encode())
        state.ended = True
        state.keep(store)
        return batch


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Keep other batches out of a local folder; a killed process keeps nobody out.

    Raises
    ------
    ReportError
        Another batch is at work there. The message says which.
    """
    if not store.local:
        yield
        return
    path = Path(store.path(LOCK))
    if not path.exists():
        store.publish(LOCK, b"")
    with path.open("r+") as file:
        try:
            lock(file)
        except OSError:
            raise ReportError(
                f"Another batch is at work in {store.where}: {file.read() or 'it just began'}.",
                advice="Wait for its end, or choose another folder.",
            ) from None
        file.truncate()
        now = datetime.now(UTC)
        file.write(
            f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M} UTC"
        )
        file.flush()
        yield
        file.seek(0)
        file.truncate()


@contextmanager
def open_pool(workers: int | None, scheduler: str | None, jobs: int) -> Iterator[Executor]:
    """Open a `concurrent.futures` executor: threads, or the workers of a Dask cluster.

    Threads are enough, because each notebook runs in a process of its own.
    """
    if scheduler is None:
        count = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
        engine_room.resume()
        pool = ThreadPoolExecutor(max(1, min(count, jobs)), thread_name_prefix="report")
        try:
            yield pool
        except BaseException:
            # Nobody needs the running notebooks any more. Their threads end with them.
            engine_room.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return
    require_extra("dask", "distributed")
    # Imported here because it is an extra.
    from distributed import Client

    # If the scheduler is lost, each record says so; Dask would log tracebacks too.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise ReportError(
            f"No Dask scheduler responds at {scheduler} ({type(error).__name__}).",
            advice="Start one with dask scheduler, and workers with dask worker ADDRESS.",
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except OSError:
            # Some clusters start them later. If the scheduler is lost, the records say so.
            print(
                f"The Dask scheduler at {scheduler} has no workers, so no report is made yet. Start"
                f" some with dask worker {scheduler}, or press Ctrl-C to stop.",
                file=sys.stderr,
            )
        yield client.get_executor(pure=False)


def _render_all(
    jobs: Sequence[Job], pool: Executor, progress: bool | None, *, failed: int
) -> dict[str, dict[str, Any]]:
    """The record of each job, by name. A job whose worker broke is one failed report."""
    records: dict[str, dict[str, Any]] = {}
    futures: dict[Future[dict[str, Any]], Job] = {pool.submit(_record_of, job): job for job in jobs}
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    with tqdm(
        total=len(jobs),
        desc="Rendering",
        unit="report",
        disable=progress is False or not jobs or sys.stderr is None,
        file=None if on_terminal else _Lines(),
        # A log gets a line every 30 seconds.
        mininterval=0.2 if on_terminal else 30,
        bar_format=None if on_terminal else _LOG_LINE,
        dynamic_ncols=on_terminal,
    ) as bar:
        for future in as_completed(futures):
            job = futures[future]
            try:
                record = future.result()
            except Exception as error:
                record = make(job, stopped_by=ReportError(_worker_error(error)))[0]
            records[job.name] = record
            failed += record["status"] != DONE
            bar.set_postfix(failed=failed, refresh=False)
            bar.update()
    return records


class _Lines(io.TextIOBase):
    """Standard error for a log: a new line instead of a bar that is drawn over itself."""

    def write(self, text: str) -> int:
        if line := text.strip():
            print(line, file=sys.stderr)
        return len(text)


def _worker_error(error: Exception) -> str:
    """Why a worker returned no record."""
    # Dask has such a class too, besides that of the standard library.
    if "Cancelled" in type(error).__name__:
        return (
            "The scheduler was lost before this report was made. Run the same command again when"
            " the scheduler is back."
        )
    return f"Its worker was lost or broke: {type(error).__name__}: {error}".removesuffix(": ")


def _record_of(job: Job) -> dict[str, Any]:
    """Make a report, here or on another machine, and return its record."""
    return make(job)[0]
