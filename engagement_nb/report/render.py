"""One report of a batch: what it is made of, whether it is there, and the making of it.

`render` is the work that a pool, or a cluster, does.
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

from engagement_nb.client.credentials import find_profiles
from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError
from engagement_nb.metrics import handed_over
from engagement_nb.report.execute import run_notebook
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.make import DAYS, GAP, HTML, PDF, TABLES, answer_of, publish
from engagement_nb.report.manifest import Row
from engagement_nb.report.processes import stopped
from engagement_nb.report.scratch import scratch_folder
from engagement_nb.store import Store
from engagement_nb.vocabulary import By

RECORD = "made.json"
DONE, FAILED = "done", "failed"
LAST, BEFORE = "last.parquet", "before.parquet"
"""Figures by Tweet of the last finished report, kept until the next one is finished, and of the
last one with other figures than the report that stands beside them."""
_COUNTS = ("posts", "engagements", "sum_of_metrics", "naive_gap", "hidden", "over_count")
_FIGURES = (*_COUNTS, "hidden_share", "interval", "hidden_bounds", "sentence")


@dataclass(frozen=True)
class Job:
    """A report to be made; it can be sent to another machine.

    Parameters
    ----------
    row
        The row of the manifest that asks for it.
    folder
        Path or address of its folder.
    source
        An export or a dataset: absolute path or address.
    fingerprint
        What the source holds: see `fingerprint`.
    parameters
        Further ones of the notebook.
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
        """A digest of everything that the report is made of: the same key, the same report."""
        made_of = {
            "notebook": self.row.notebook.node,
            "source": self.fingerprint,
            "ids": self.row.ids,
            "parameters": self.parameters,
            "title": self.row.title,
            "pdf": self.pdf,
            "look": asdict(self.look),
            "version": version("engagement-nb"),
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def fingerprint(source: str) -> list[Any]:
    """What tells whether a source has changed, whenever and however often it was read.

    An export is known by its files, a dataset by its figures.
    """
    store = Store(source)
    try:
        if store.exists("dataset.json"):
            return _of_dataset(Dataset(source))
        return _files(store, "")
    except (EngagementError, OSError) as error:
        # What is wrong with it is told by the report that reads it.
        return [str(error)]


def _of_dataset(dataset: Dataset) -> list[Any]:
    newest = {run.kind: run for run in dataset.runs()}
    found: list[Any] = [dataset.source]
    for kind, run in sorted(newest.items()):
        problems = f"runs/{run.id}.problems.parquet"
        told = dataset.store.read(problems) if dataset.store.exists(problems) else b""
        found.append([kind, hashlib.sha256(told).hexdigest(), run.done])
        if run.windows:
            # A period's figures are read once: its files stay as they are.
            found.append(_files(dataset.store, f"parts/{kind}"))
        else:
            found.append(_of_snapshot(dataset, run.endpoint, run.by))
    return found


def _of_snapshot(dataset: Dataset, endpoint: str, by: By | None) -> list[str]:
    """The newest reading of figures, but for the moment when each was read."""
    read = dataset.read(endpoint, by=by)
    frame = read.frame.drop(columns="read_at", errors="ignore")
    keys = [name for name in ("tweet_id", "time") if name in frame]
    rows = pd.util.hash_pandas_object(frame.sort_values(keys), index=False)
    digest = hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
    return [*frame.columns, digest, str(read.about.start), str(read.about.end)]


def _files(store: Store, folder: str) -> list[Any]:
    """Names, sizes, and times or checksums."""
    top = store.path(folder).rstrip("/")
    found = store.fs.find(top, detail=True) or {top: store.fs.info(top)}
    return [
        [PurePosixPath(str(name)).name, info.get("size"),
         str(info.get("ETag") or info.get("mtime") or info.get("created") or "")]
        for name, info in sorted(found.items())
        if not PurePosixPath(str(name)).name.startswith(".tmp-")
    ]  # fmt: skip


def read_record(store: Store) -> dict[str, Any]:
    """What is known of the report in a folder; empty where that is nothing, or damaged."""
    try:
        found = store.read_record(RECORD)
    except (OSError, EngagementError):
        return {}
    wanted = {"files": dict, "figures": dict, "status": str, "name": str}
    whole = all(isinstance(found.get(name), kind) for name, kind in wanted.items())
    return found if whole else {}


def write_record(store: Store, row: Row, before: Mapping[str, Any], **made: Any) -> dict[str, Any]:
    """Note what became of a report, as the last of its files, and what it was ``before``."""
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
    # A failed report keeps what the next one needs to tell.
    record["previous"] = earlier[0] if earlier else {}
    if len(earlier) > 1:
        record["previous"]["previous"] = earlier[1]
    store.publish_record(RECORD, record)
    return record


def render(job: Job) -> dict[str, Any]:
    """Make a report, unless it is there already (``resumed``); its record, also when it failed.

    Nothing of the network is touched but the addresses of source and folder. The record is
    written last: a report whose record is missing or says otherwise is not finished, whatever
    files it has.
    """
    store = Store(job.folder)
    before, key = read_record(store), job.key
    if _is_done(store, before, key):
        return {**before, "resumed": True}
    # Know the credentials of this machine, so that none of them gets into what is written.
    with contextlib.suppress(EngagementError, OSError):
        find_profiles()
    begun = time.monotonic()
    try:
        made = _make(store, job, before)
    except (EngagementError, OSError) as error:
        made = {"status": FAILED, "error": str(error)}
    seconds = round(time.monotonic() - begun, 3)
    return write_record(store, job.row, before, key=key, seconds=seconds, **made)


def _is_done(store: Store, record: Mapping[str, Any], key: str) -> bool:
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


def _make(store: Store, job: Job, record: Mapping[str, Any]) -> dict[str, Any]:
    compares = "before" in job.row.notebook.parameters and "before" not in job.parameters
    earlier = _earlier(record) if compares else []
    if earlier and record["status"] == DONE:
        store.publish(LAST, *store.read_many(["tweets.parquet"]))
    tables_before = store.read_many([LAST, BEFORE])[: len(earlier)]
    with scratch_folder() as scratch:
        # Ids stand beside the kernel's folder: in it is the source, by whatever name it has.
        here = scratch / "here"
        here.mkdir()
        given = {"source": _at_hand(job.source, here), **job.parameters}
        if job.row.ids is not None:
            (scratch / "ids.txt").write_text("\n".join(job.row.ids) + "\n")
            given["ids_file"] = "../ids.txt"
        if "tables" in job.row.notebook.parameters:
            given["tables"] = "tables"
        for figures, before in [*zip(earlier, tables_before, strict=True), ({}, None)]:
            passed = dict(given)
            if before is not None:
                (scratch / BEFORE).write_bytes(before)
                passed["before"] = f"../{BEFORE}"
            run = run_notebook(
                job.row.notebook, passed, engine=job.engine, cwd=here, cell_timeout=job.cell_timeout
            )
            handed = handed_over(run.notebook)
            # Figures that did not change are compared with those before them, as on the index.
            if not _same(figures, handed.get("gap", {})):
                break
        made = (here / "tables" / name for names in TABLES.values() for name in names)
        tables = {path.name: path.read_bytes() for path in made if path.exists()}
    # A batch that is interrupted kills its notebooks, and no report failed for that.
    if stopped():
        raise CancelledError
    # What an earlier run left must not stand beside what this one makes. Its figures stay in the
    # record, in case this process is killed here.
    write_record(store, job.row, record, status=FAILED, error="It was not finished.")
    for name in (HTML, PDF, *TABLES, *TABLES[GAP], *TABLES[DAYS]):
        with contextlib.suppress(FileNotFoundError):
            store.remove(name)
    for name, data in (
        (job.row.notebook.name, nbformat.writes(run.notebook).encode()),
        *tables.items(),
    ):
        store.publish(name, data)
    failure = "" if run.error is None else str(run.error)
    files = publish(
        store, run.notebook, passed, title=job.row.title or job.row.name, look=job.look,
        failure=failure, fetched={"notes": job.notes}, pdf=job.pdf and not failure,
    )  # fmt: skip
    if earlier and not failure:
        if before is not None:
            store.publish(BEFORE, before)
        store.remove(LAST)
    answer, facts = answer_of(handed), handed.get("metrics", {})
    figures = answer.get("sums", {}) | answer
    return {
        "status": FAILED if failure else DONE,
        "error": failure,
        "files": {
            name: int(store.fs.size(store.path(name))) for name in (job.row.notebook.name, *files)
        },
        "figures": {name: figures[name] for name in _FIGURES if name in figures},
        "sandbox": bool(answer.get("sandbox") or facts.get("source") == "sandbox"),
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


def _earlier(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of the last finished report, then of the last one before it with other figures."""
    found = []
    if record.get("status") == DONE:
        found.append({"made_at": record["made_at"], **record["figures"]})
    last = record.get("previous")
    while last:
        found.append({name: value for name, value in last.items() if name != "previous"})
        last = last.get("previous")
    return found


def _same(earlier: Mapping[str, Any], figures: Mapping[str, Any]) -> bool:
    """Whether a report was only made again, of the same figures."""
    return all(earlier.get(name) == figures.get(name) for name in _COUNTS)
