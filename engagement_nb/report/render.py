"""One report of a batch: the work that a pool, or a cluster, does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from engagement_nb.errors import EngagementError
from engagement_nb.metrics import handed_over
from engagement_nb.report.execute import run_notebook
from engagement_nb.report.fetch import VERSION
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.make import GAP, HTML, PDF, TABLES, publish
from engagement_nb.report.notebooks import NotebookFile
from engagement_nb.report.processes import stopped
from engagement_nb.report.scratch import scratch_folder
from engagement_nb.store import Store

RECORD = "made.json"
DONE, FAILED = "done", "failed"
_COUNTS = ("posts", "engagements", "sum_of_metrics", "naive_gap", "hidden", "over_count")
_FIGURES = (
    *_COUNTS, "hidden_share", "interval", "hidden_bounds", "sentence",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A report to be made; it can be sent to another machine.

    Parameters
    ----------
    name, title
        The report's.
    folder
        Path or address of its folder.
    notebook
        What is executed.
    source
        An export or a dataset: absolute path or address.
    ids
        Tweets that it is about; None for all of the source.
    parameters
        Further ones of the notebook.
    key
        Names everything that the report is made of: the same key, the same report.
    notes
        Sentences about where the figures come from.
    engine, cell_timeout, pdf, look
        See `engagement_nb.report.make_report`.
    """

    name: str
    title: str
    folder: str
    notebook: NotebookFile
    source: str
    ids: tuple[str, ...] | None
    parameters: Mapping[str, Any]
    key: str
    notes: tuple[str, ...] = ()
    engine: str = "fast"
    cell_timeout: int | None = None
    pdf: bool = False
    look: Look = PLAIN


def read_record(store: Store) -> dict[str, Any]:
    """What is known of the report in a folder; empty where that is nothing, or damaged."""
    try:
        found = json.loads(store.read(RECORD))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("version", VERSION) != VERSION:
        return {}
    wanted = {"files": dict, "figures": dict, "status": str, "name": str}
    whole = all(isinstance(found.get(name), kind) for name, kind in wanted.items())
    return found if whole else {}


def is_done(store: Store, record: Mapping[str, Any], key: str) -> bool:
    """Whether a report is there as it was made, of these very inputs."""
    if record.get("status") != DONE or record.get("key") != key:
        return False
    for name, size in record["files"].items():
        try:
            if store.fs.size(store.path(name)) != size:
                return False
        except OSError:
            return False
    return True


def render(job: Job) -> dict[str, Any]:
    """Make a report, unless it is there already (``resumed``); its record, also when it failed.

    Nothing of the network is touched but the addresses of source and folder. The record is
    written last: a report without one is not finished, whatever files it has.
    """
    store = Store(job.folder)
    before = read_record(store)
    if is_done(store, before, job.key):
        return {**before, "resumed": True}
    _learn_secrets()
    begun = time.monotonic()
    record: dict[str, Any] = {
        "name": job.name,
        "title": job.title,
        "folder": job.folder.rpartition("/")[2],
        "key": job.key,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        record |= _make(store, job)
    except (EngagementError, OSError) as error:
        record |= {"status": FAILED, "error": str(error), "files": {}}
    figures = record.get("figures") if record["status"] == DONE else None
    record["previous"] = figures_before(before, figures)
    record["seconds"] = round(time.monotonic() - begun, 3)
    write_record(store, record)
    return record


def write_record(store: Store, record: Mapping[str, Any]) -> None:
    """Note what became of a report, as the last of its files."""
    record = {"version": VERSION, **record}
    store.publish(RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n")


def _make(store: Store, job: Job) -> dict[str, Any]:
    with scratch_folder() as scratch:
        # Ids stand beside the kernel's folder: in it is the source, by whatever name it has.
        here = scratch / "here"
        here.mkdir()
        given = {"source": _at_hand(job.source, here), **job.parameters}
        if job.ids is not None:
            (scratch / "ids.txt").write_text("\n".join(job.ids) + "\n")
            given["ids_file"] = "../ids.txt"
        if "tables" in job.notebook.parameters:
            given["tables"] = "tables"
        run = run_notebook(
            job.notebook, given, engine=job.engine, cwd=here, cell_timeout=job.cell_timeout
        )
        made = (here / "tables" / name for name in TABLES)
        tables = {path.name: path.read_bytes() for path in made if path.exists()}
    # A batch that is interrupted kills its notebooks, and no report failed for that.
    if stopped():
        raise CancelledError
    # What an earlier run left must not stand beside what this one makes.
    for name in (RECORD, HTML, GAP, PDF, *TABLES):
        with contextlib.suppress(FileNotFoundError):
            store.fs.rm_file(store.path(name))
    for name, data in (job.notebook.name, nbformat.writes(run.notebook).encode()), *tables.items():
        store.publish(name, data)
    failure = "" if run.error is None else str(run.error)
    files = publish(
        store, run.notebook, given, title=job.title or job.name, look=job.look, failure=failure,
        fetched={"notes": job.notes}, pdf=job.pdf and not failure,
    )  # fmt: skip
    handed = handed_over(run.notebook)
    gap, facts = handed.get("gap", {}), handed.get("metrics", {})
    return {
        "status": FAILED if failure else DONE,
        "error": failure,
        "files": {
            name: int(store.fs.size(store.path(name))) for name in (job.notebook.name, *files)
        },
        "figures": {name: gap[name] for name in _FIGURES if name in gap},
        "sandbox": bool(gap.get("sandbox") or facts.get("source") == "sandbox"),
        "problems": facts.get("problems", []),
        "facts": {name: facts.get(name) for name in ("source", "endpoint", "start", "end")},
    }


def _at_hand(source: str, scratch: Path) -> str:
    """A source under its own name in the kernel's folder: reports are mailed, paths are not."""
    if "://" in source:
        return source
    here = scratch / Path(source).name
    try:
        here.symlink_to(Path(source).absolute(), target_is_directory=Path(source).is_dir())
    except OSError:
        return source
    return here.name


def figures_before(
    record: Mapping[str, Any], figures: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The last figures before those of a report that takes the place of a record's.

    Figures of a report that was only made again are not another run's: those before them are.
    A failed report has none, and keeps what the next one needs to tell.
    """
    last = dict(record.get("previous") or {})
    if record.get("status") == DONE:
        last = {"made_at": record["made_at"], **record.get("figures", {}), "previous": last}
    if not figures:
        return last
    if all(last.get(name) == figures.get(name) for name in _COUNTS):
        last = last.get("previous", {})
    return {name: value for name, value in last.items() if name != "previous"}


def _learn_secrets() -> None:
    """Know the credentials of this machine, so that none of them gets into what is written."""
    from engagement_nb.client.credentials import find_profiles

    with contextlib.suppress(EngagementError, OSError):
        find_profiles()
