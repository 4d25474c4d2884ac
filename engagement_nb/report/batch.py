"""Many reports from one manifest: fetch once, render in a pool, tell what became of each."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engagement_nb.errors import ReportError, require_extra
from engagement_nb.problems import tweets_missing
from engagement_nb.report import processes
from engagement_nb.report.fetch import RunState, dataset_name, fetch_all
from engagement_nb.report.index import index_html
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.make import dates_for
from engagement_nb.report.manifest import Row, read_manifest, slug
from engagement_nb.report.notebooks import refuse_secrets
from engagement_nb.report.pdf import require_browser
from engagement_nb.report.render import (
    DONE,
    FAILED,
    Job,
    fingerprint,
    read_record,
    render,
    write_record,
)
from engagement_nb.report.scratch import sweep
from engagement_nb.store import Store

INDEX, SUMMARY, REPORTS = "index.html", "summary.json", "reports"
SCHEDULER_SECONDS = 20
"""How long a Dask scheduler may take to answer."""
WORKERS_SECONDS = 5.0
"""How long it may be without workers until that is told; then every tenfold of it."""


@dataclass(frozen=True)
class Batch:
    """What became of a batch.

    Parameters
    ----------
    folder
        Where it is.
    records
        One a report, in the manifest's order: see `engagement_nb.report.render`.
    resumed
        Names of reports that were there already.
    seconds
        How long it took.
    fetched
        What was fetched in this run, by dataset.
    """

    folder: str
    records: Sequence[Mapping[str, Any]]
    resumed: Sequence[str]
    seconds: float
    fetched: Mapping[str, Any]

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """Records of reports that could not be made."""
        return [record for record in self.records if record["status"] != DONE]

    @property
    def missing_tweets(self) -> int:
        """Tweets that were asked for and are in no report, or for a part of the period only."""
        return sum(tweets_missing(record.get("problems", ())) for record in self.records)

    def to_dict(self) -> dict[str, Any]:
        """For a scheduler: counts, and a line a report."""
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
    """Make every report of a manifest, and an index of them.

    A batch that was cut off goes on where it stopped: what was fetched is not fetched again,
    what was rendered is not rendered again. One that came to its end and is run again fetches
    anew, and renders what has changed.

    Parameters
    ----------
    manifest
        See `engagement_nb.report.manifest.read_manifest`.
    out
        A folder or an fsspec address.
    workers
        Reports at a time on this machine; as many as it has processors when not given.
    scheduler
        Address of a Dask scheduler (``tcp://...``) whose workers make the reports; ``out``
        and the inputs must be where they can reach them.
    only_failed
        Only the reports that failed last time or were never made; fetch only for those.
    title
        Of the index.
    look, notebooks, engine, cell_timeout, pdf
        See `engagement_nb.report.make_report`.
    progress
        Show a bar with the time to finish; None: where somebody can see it.
    now
        The moment that relative periods are counted from; the present unless given.

    Raises
    ------
    InputError
        The manifest cannot be used: found before anything is started.
    """
    begun = datetime.now(UTC)
    sweep()
    if pdf:
        require_browser()
    refuse_secrets({"title": title, "subtitle": look.subtitle}, "option")
    rows = read_manifest(manifest, notebooks)
    store, now = Store(out), now or begun
    state = RunState.open(store, now, resume=only_failed)
    folders = {row.name: f"{_root(store)}/{REPORTS}/{row.folder}" for row in rows}
    before = {row.name: read_record(Store(folders[row.name])) for row in rows}
    chosen = [row for row in rows if not only_failed or before[row.name].get("status") != DONE]
    names = {row.name for row in chosen}
    unfetched = fetch_all(rows, names, store, state, now, progress)
    prints = cache(fingerprint)  # hundreds of reports may share a source
    jobs, records = [], {}
    for row in chosen:
        if trouble := row.broken or unfetched.get(row.name):
            told = row.broken or f"Nothing could be fetched. {trouble}"
            records[row.name] = _failed(row, folders[row.name], told)
            continue
        source, found = row.source, {}
        if row.fetch is not None:
            found = state.fetched[dataset_name(row.fetch)]
            source = f"{_root(store)}/{dataset_name(row.fetch)}"
        jobs.append(
            Job(
                row=row,
                folder=folders[row.name],
                source=source,
                fingerprint=prints(source),
                parameters={**row.parameters, **dates_for(row.notebook, found)},
                notes=tuple(found.get("notes", ())),
                engine=engine,
                cell_timeout=cell_timeout,
                pdf=pdf,
                look=look,
            )
        )
    with open_pool(workers, scheduler, len(jobs)) as pool:
        records |= _render_all(jobs, pool, progress, failed=len(records))
    batch = Batch(
        folder=str(out),
        records=[records.get(row.name) or before[row.name] for row in rows],
        resumed=[name for name, record in records.items() if record.get("resumed")],
        seconds=(datetime.now(UTC) - begun).total_seconds(),
        fetched=state.fetched,
    )
    index = index_html(
        batch.records, title=title or f"Reports: {Path(manifest).stem}", made_at=begun
    )
    store.publish(INDEX, index.encode())
    store.publish(SUMMARY, json.dumps(batch.to_dict(), indent=1, ensure_ascii=False).encode())
    state.ended = True
    state.keep(store)
    return batch


def _root(store: Store) -> str:
    """The address of a store, which is the same whatever the working directory is."""
    return (store.where if "://" in store.where else str(Path(store.where).absolute())).rstrip("/")


@contextmanager
def open_pool(workers: int | None, scheduler: str | None, jobs: int) -> Iterator[Executor]:
    """Where reports are made: threads of this process, or the workers of a Dask cluster.

    Both are `concurrent.futures.Executor`. Threads do here: each notebook runs in a process of
    its own.
    """
    if scheduler is None:
        count = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
        processes.resume()
        pool = ThreadPoolExecutor(max(1, min(count, jobs)), thread_name_prefix="report")
        try:
            yield pool
        except BaseException:
            # Notebooks that run are of no use any more; their threads end with them.
            processes.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return
    require_extra("dask", "distributed")
    # Imported here because it is an extra.
    from distributed import Client

    # What it logs with a traceback when the scheduler is lost, each report's record says.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise ReportError(
            f"No Dask scheduler answers at {scheduler} ({type(error).__name__}).",
            advice="Start one with dask scheduler, and workers with dask worker ADDRESS.",
        ) from None
    ended = threading.Event()
    watch = threading.Thread(target=_tell_of_none, args=(client, scheduler, ended), daemon=True)
    with client:
        watch.start()
        try:
            yield client.get_executor(pure=False)
        finally:
            ended.set()


def _tell_of_none(client: Any, scheduler: str, ended: threading.Event) -> None:
    """Say that nobody works, again and again: some clusters start workers only when asked."""
    pause = WORKERS_SECONDS
    while not ended.wait(pause):
        pause = 10 * WORKERS_SECONDS
        try:
            workers = client.scheduler_info()["workers"]
        except (OSError, RuntimeError):
            continue  # lost, or closed: the reports say so
        if not workers:
            print(
                f"The Dask scheduler at {scheduler} has no workers, so nothing is made yet. Start"
                f" some with dask worker {scheduler}, or stop this with Ctrl-C.",
                file=sys.stderr,
            )


def _render_all(
    jobs: Sequence[Job], pool: Executor, progress: bool | None, *, failed: int
) -> dict[str, dict[str, Any]]:
    """Every job's record, by name; a job whose worker broke is a failed report, not an end."""
    records: dict[str, dict[str, Any]] = {}
    futures: dict[Future[dict[str, Any]], Job] = {pool.submit(render, job): job for job in jobs}
    seen = sys.stderr is not None and sys.stderr.isatty()
    with tqdm(
        total=len(jobs),
        desc="Rendering",
        unit="report",
        disable=progress is False or not jobs or sys.stderr is None,
        file=None if seen else _Lines(),
        # In a log, a line now and then; the bar tells the time to finish.
        mininterval=0.2 if seen else 30,
        bar_format=None if seen else "{desc}: {n_fmt} of {total_fmt} reports, {elapsed}{postfix}",
        dynamic_ncols=seen,
    ) as bar:
        for future in as_completed(futures):
            job = futures[future]
            try:
                record = future.result()
            except Exception as error:
                record = _failed(job.row, job.folder, _lost(error))
            records[job.row.name] = record
            failed += record["status"] != DONE
            bar.set_postfix(failed=failed, refresh=False)
            bar.update()
    return records


class _Lines(io.TextIOBase):
    """Standard error for a log: a line each time that a bar would be drawn over itself."""

    def write(self, text: str) -> int:
        if line := text.strip():
            print(line, file=sys.stderr)
        return len(text)


def _lost(error: Exception) -> str:
    """Why a report came to nothing outside of its own work."""
    # Dask has a class of its own for it besides the one of the standard library.
    if "Cancelled" in type(error).__name__:
        return (
            "The scheduler was lost before this report was made. Run the same command again when"
            " it is back."
        )
    return f"Its worker was lost or broke: {type(error).__name__}: {error}".removesuffix(": ")


def _failed(row: Row, folder: str, error: str) -> dict[str, Any]:
    """The record of a report that nobody could begin."""
    store = Store(folder)
    return write_record(store, row, read_record(store), status=FAILED, error=error)
