"""One report of a batch: whether it is finished, and how it is made.

`render` is the work that a pool or a cluster does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import pandas as pd

from engagement_nb.apis.contract import By
from engagement_nb.client.credentials import find_profiles
from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError
from engagement_nb.report.execute import run_notebook
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.make import DAYS, GAP, HTML, PDF, TABLES, publish
from engagement_nb.report.manifest import Row
from engagement_nb.report.processes import stopped
from engagement_nb.report.scratch import scratch_folder
from engagement_nb.store import Store

RECORD = "made.json"
DONE, FAILED = "done", "failed"
LAST, BEFORE = "last.parquet", "before.parquet"
"""Figures by Tweet of earlier reports: of the last one, kept until the next one is finished; and
of the last one with different figures, which the report is compared with."""
_COUNTS = ("posts", "engagements", "sum_of_metrics", "naive_gap", "hidden", "over_count")
_FIGURES = (*_COUNTS, "hidden_share", "interval", "hidden_bounds", "share", "sentence")


@dataclass(frozen=True)
class Job:
    """A report to make, here or on another machine.

    Parameters
    ----------
    row
        Its row of the manifest.
    folder
        Path or address of its folder.
    source
        An export or a dataset: absolute path or address.
    fingerprint
        See `fingerprint`.
    parameters
        Further parameters of the notebook.
    notes
        Sentences about where the figures come from.
    engine, cell_timeout, pdf, look
        See `engagement_nb.report.make_report`.
    """

    row: Row
    folder: str
    source: str
    fingerprint: list[Any]
    parameters: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    engine: str = "fast"
    cell_timeout: int | None = None
    pdf: bool = False
    look: Look = PLAIN

    @property
    def key(self) -> str:
        """A digest of everything that the report depends on. The same key means the same report."""
        depends_on = {
            "notebook": self.row.notebook.node,
            "source": self.fingerprint,
            "ids": self.row.ids,
            "parameters": self.parameters,
            "title": self.row.title,
            "pdf": self.pdf,
            "look": asdict(self.look),
            "version": version("engagement-nb"),
        }
        return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:32]


def fingerprint(source: str) -> list[Any]:
    """Values that change if and only if the figures of a source do.

    For an export these are its files, for a dataset its figures, whenever they were read.
    """
    store = Store(source)
    try:
        if store.exists("dataset.json"):
            return _of_dataset(Dataset.open(source))
        return _files(store, "")
    except (EngagementError, OSError) as error:
        # The report that reads the source will say what is wrong with it.
        return [str(error)]


def _of_dataset(dataset: Dataset) -> list[Any]:
    newest = {run.kind: run for run in dataset.runs()}
    found: list[Any] = [dataset.source]
    for kind, run in sorted(newest.items()):
        problems = f"runs/{run.id}.problems.parquet"
        missing = dataset.store.read(problems) if dataset.store.exists(problems) else b""
        found.append([kind, hashlib.sha256(missing).hexdigest(), run.done])
        if run.windows:
            # Figures of a period are read once, so its files do not change.
            found.append(_files(dataset.store, f"parts/{kind}"))
        else:
            found.append(_of_snapshot(dataset, run.endpoint, run.by))
    return found


def _of_snapshot(dataset: Dataset, endpoint: str, by: By | None) -> list[str]:
    """The newest figures, without the moments when they were read."""
    read = dataset.read(endpoint, by=by)
    frame = read.frame.drop(columns="read_at", errors="ignore")
    keys = [name for name in ("tweet_id", "time") if name in frame]
    rows = pd.util.hash_pandas_object(frame.sort_values(keys), index=False)
    digest = hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
    return [*frame.columns, digest, str(read.about.start), str(read.about.end)]


def _files(store: Store, folder: str) -> list[Any]:
    """Names and sizes of files, with their times or checksums."""
    top = store.path(folder).rstrip("/")
    found = store.fs.find(top, detail=True) or {top: store.fs.info(top)}
    return [
        [PurePosixPath(str(name)).name, info.get("size"),
         str(info.get("ETag") or info.get("mtime") or info.get("created") or "")]
        for name, info in sorted(found.items())
        if not PurePosixPath(str(name)).name.startswith(".tmp-")
    ]  # fmt: skip


def read_record(store: Store) -> dict[str, Any]:
    """The record of the report in a folder; empty if it is missing or damaged."""
    try:
        found = store.read_record(RECORD)
    except (OSError, EngagementError):
        return {}
    wanted = {"files": dict, "figures": dict, "status": str, "name": str}
    whole = all(isinstance(found.get(name), kind) for name, kind in wanted.items())
    return found if whole else {}


def write_record(store: Store, row: Row, before: Mapping[str, Any], **made: Any) -> dict[str, Any]:
    """Write the record of a report, with the earlier figures from the record ``before`` it."""
    record: dict[str, Any] = {
        "name": row.name,
        "title": row.title,
        "folder": row.folder,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {},
        "figures": {},
        "problems": [],
        **made,
    }
    earlier = _earlier(before)
    if record["status"] == DONE:
        earlier = [figures for figures in earlier if not _same(figures, record["figures"])][:1]
    # A failed report keeps both, because it has no figures to choose by.
    record["previous"] = earlier[0] if earlier else {}
    if len(earlier) > 1:
        record["previous"]["previous"] = earlier[1]
    store.publish_record(RECORD, record)
    return record


def render(job: Job) -> dict[str, Any]:
    """Make a report, unless it is finished already (``resumed``), and return its record.

    This makes no network requests but to the addresses of the source and the folder. The record
    is written last. Without one that says ``done``, a report is not finished.
    """
    store = Store(job.folder)
    before, key = read_record(store), job.key
    if _is_done(store, before, key):
        return {**before, "resumed": True}
    # Load the credentials of this machine, so that they are masked in what is written.
    with contextlib.suppress(EngagementError, OSError):
        find_profiles()
    started = time.monotonic()
    try:
        made = _make(store, job, before)
    except (EngagementError, OSError) as error:
        made = {"status": FAILED, "error": str(error)}
    seconds = round(time.monotonic() - started, 3)
    return write_record(store, job.row, before, key=key, seconds=seconds, **made)


def _is_done(store: Store, record: Mapping[str, Any], key: str) -> bool:
    """Whether a report is finished with these inputs, and its files are as they were written."""
    if record.get("status") != DONE or record.get("key") != key:
        return False
    for name, size in record["files"].items():
        try:
            if store.fs.size(store.path(name)) != size:
                return False
        except OSError:
            return False
    return True


def _make(store: Store, job: Job, record: Mapping[str, Any]) -> dict[str, Any]:
    notebook = job.row.notebook
    known = notebook.parameters
    earlier = _earlier(record) if "before" in known and "before" not in job.parameters else []
    if earlier and record["status"] == DONE:
        store.publish(LAST, *store.read_many(["tweets.parquet"]))
    tables_before = store.read_many([LAST, BEFORE])[: len(earlier)]
    with scratch_folder() as scratch:
        # Only the source is in the working folder, whatever its name is.
        here = scratch / "here"
        here.mkdir()
        given = {"source": _link(job.source, here), **job.parameters}
        if job.row.ids is not None:
            (scratch / "ids.txt").write_text("\n".join(job.row.ids) + "\n")
            given["ids_file"] = "../ids.txt"
        if "tables" in known:
            given["tables"] = "tables"
        for figures, before in [*zip(earlier, tables_before, strict=True), ({}, None)]:
            passed = dict(given)
            if before is not None:
                (scratch / BEFORE).write_bytes(before)
                passed["before"] = f"../{BEFORE}"
            run = run_notebook(
                notebook, passed, engine=job.engine, cwd=here, cell_timeout=job.cell_timeout
            )
            # As on the index, figures that are the same as before are compared with older ones.
            if run.error is not None or not _same(figures, run.handed.get("gap", {})):
                break
        written = (here / "tables" / name for names in TABLES.values() for name in names)
        tables = {path.name: path.read_bytes() for path in written if path.exists()}
    if stopped():  # The batch was interrupted, and killed the notebook.
        raise CancelledError
    # From here on files of two runs would be mixed if this process is killed. The record says so,
    # and keeps the earlier figures.
    write_record(store, job.row, record, status=FAILED, error="It was not finished.")
    for name in (HTML, PDF, *TABLES, *TABLES[GAP], *TABLES[DAYS]):
        with contextlib.suppress(FileNotFoundError):
            store.remove(name)
    for name, data in (notebook.name, nbformat.writes(run.notebook).encode()), *tables.items():
        store.publish(name, data)
    done = run.error is None
    files = publish(
        store, run, passed, title=job.row.title or job.row.name, look=job.look,
        fetched={"notes": job.notes}, pdf=job.pdf and done,
    )  # fmt: skip
    if earlier and done:
        if before is not None:
            store.publish(BEFORE, before)
        store.remove(LAST)
    answer, facts = {**run.answer.get("sums", {}), **run.answer}, run.facts
    return {
        "status": DONE if done else FAILED,
        "error": "" if done else str(run.error),
        "files": {name: int(store.fs.size(store.path(name))) for name in (notebook.name, *files)},
        "figures": {name: answer[name] for name in _FIGURES if name in answer},
        "sandbox": bool(answer.get("sandbox") or facts.get("source") == "sandbox"),
        "problems": facts.get("problems", []),
        "facts": {name: facts.get(name) for name in ("source", "endpoint", "start", "end")},
    }


def _link(source: str, folder: Path) -> str:
    """Link to a source from a folder, so that the report contains its name only, not its path."""
    if "://" in source:
        return source
    link = folder / Path(source).name
    try:
        link.symlink_to(Path(source).absolute(), target_is_directory=Path(source).is_dir())
    except OSError:
        return source
    return link.name


def _earlier(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of the last finished report, then of the last one before it that differed."""
    found = []
    if record.get("status") == DONE:
        found.append({"made_at": record["made_at"], **record["figures"]})
    last = record.get("previous")
    while last:
        found.append({name: value for name, value in last.items() if name != "previous"})
        last = last.get("previous")
    return found


def _same(earlier: Mapping[str, Any], figures: Mapping[str, Any]) -> bool:
    """Whether the figures of an earlier report are those of this one."""
    return all(earlier.get(name) == figures.get(name) for name in _COUNTS)
