"""Many reports from one manifest: fetch once, render in a pool, tell what became of each."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engagement_nb.problems import tweets_missing
from engagement_nb.report.fetch import RunState, dataset_name, fetch_all
from engagement_nb.report.fingerprint import fingerprint
from engagement_nb.report.index import index_html
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.make import dates_for
from engagement_nb.report.manifest import Row, read_manifest, slug
from engagement_nb.report.notebooks import EXPLORE, NotebookFile, find_notebook, refuse_secrets
from engagement_nb.report.pdf import require_browser
from engagement_nb.report.pool import open_pool
from engagement_nb.report.render import (
    DONE,
    FAILED,
    Job,
    figures_before,
    read_record,
    render,
    write_record,
)
from engagement_nb.report.scratch import sweep
from engagement_nb.store import Store

INDEX, SUMMARY, REPORTS = "index.html", "summary.json", "reports"


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
    notebook = find_notebook(EXPLORE, notebooks)
    rows = read_manifest(manifest, notebook)
    store = Store(out)
    now = now or begun
    state = RunState(store)
    if only_failed:
        chosen = [row for row in rows if read_record(_folder(store, row)).get("status") != DONE]
    else:
        chosen = rows
        state.begin(now)
    troubles = fetch_all([row for row in chosen if not row.broken], store, state, progress, now)
    jobs, records = [], {}
    options = {"engine": engine, "cell_timeout": cell_timeout, "pdf": pdf, "look": look}
    fingerprints: dict[str, list[Any]] = {}
    for row in chosen:
        unfetched = troubles.get(row.name)
        if trouble := row.broken or (unfetched and f"Nothing could be fetched. {unfetched}"):
            records[row.name] = _note_failure(_folder(store, row), row.name, row.title, trouble)
        else:
            jobs.append(_job(row, store, notebook, fingerprints, options, state.fetched))
    with open_pool(workers, scheduler, len(jobs)) as pool:
        records |= _render_all(jobs, pool, progress, failed=len(records))
    resumed = [name for name, record in records.items() if record.get("resumed")]
    every = [records.get(row.name) or read_record(_folder(store, row)) for row in rows]
    batch = Batch(
        folder=str(out),
        records=every,
        resumed=resumed,
        seconds=(datetime.now(UTC) - begun).total_seconds(),
        fetched=state.fetched,
    )  # fmt: skip
    index = index_html(
        batch.records, title=title or f"Reports: {Path(manifest).stem}", made_at=begun
    )
    store.publish(INDEX, index.encode())
    store.publish(SUMMARY, json.dumps(batch.to_dict(), indent=1, ensure_ascii=False).encode())
    state.end()
    return batch


def _job(
    row: Row,
    store: Store,
    notebook: NotebookFile,
    fingerprints: dict[str, list[Any]],
    options: Mapping[str, Any],
    fetched: Mapping[str, Any],
) -> Job:
    from engagement_nb.ids import read_ids

    root = store.where if "://" in store.where else str(Path(store.where).absolute())
    source = row.source or f"{root.rstrip('/')}/{dataset_name(row.fetch)}"  # type: ignore[arg-type]
    ids = tuple(read_ids(row.ids).ids) if row.ids else None
    found = fetched.get(dataset_name(row.fetch), {}) if row.fetch else {}
    dates = dates_for(notebook, found)
    parameters = {**row.parameters, **dates}
    if source not in fingerprints:
        fingerprints[source] = fingerprint(source)
    made_of = {
        "notebook": hashlib.sha256(json.dumps(notebook.node, sort_keys=True).encode()).hexdigest(),
        "source": fingerprints[source],
        "ids": ids,
        "parameters": parameters,
        "title": row.title,
        "pdf": options["pdf"],
        "look": asdict(options["look"]),
        "version": version("engagement-nb"),
    }
    return Job(
        name=row.name,
        title=row.title,
        folder=f"{root.rstrip('/')}/{REPORTS}/{row.folder}",
        notebook=notebook,
        source=source,
        ids=ids,
        parameters=parameters,
        notes=tuple(found.get("notes", ())),
        key=hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32],
        **options,
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
        dynamic_ncols=seen,
    ) as bar:
        for future in as_completed(futures):
            job = futures[future]
            try:
                record = future.result()
            except Exception as error:
                record = _note_failure(Store(job.folder), job.name, job.title, _lost(error))
            records[job.name] = record
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


def _folder(store: Store, row: Row) -> Store:
    return Store(f"{store.where.rstrip('/')}/{REPORTS}/{row.folder}")


def _note_failure(store: Store, name: str, title: str, error: str) -> dict[str, Any]:
    """The record of a report that nobody could begin; what it was before is kept in it."""
    record: dict[str, Any] = {
        "name": name,
        "title": title,
        "folder": slug(name),
        "status": FAILED,
        "error": error,
        "files": {},
        "figures": {},
        "problems": [],
        "previous": figures_before(read_record(store)),
    }  # fmt: skip
    write_record(store, record)
    return record
