"""A notebook to execute, and what goes around it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from engagement_nb.apis.contract import By
from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.notebooks import NotebookFile
from engagement_nb.report.subject import Subject
from engagement_nb.store import Store

TABLES = "tables"
"""The folder in which a notebook writes its tables, beside its source."""
Failure = EngagementError | OSError
"""What stops a report, and is told of it."""


@dataclass(frozen=True)
class Job:
    """A report to make, or a fetch for reports, here or on another machine.

    Parameters
    ----------
    name
        Of the report.
    folder
        Path or address of its folder.
    notebook
        What to execute.
    parameters
        Its parameters.
    places
        Parameters that are files, folders or addresses. The notebook sees the name of a file or
        folder, not its path.
    cell_timeout
        Longest time for one cell, in seconds.
    title
        Replaces the notebook's own.
    fetched
        What the fetch of its figures told: see `engagement_nb.report.fetches`.
    ids
        Tweets, one per line, for a notebook that is given no file of them; None for none.
    depends_on
        Values that change if and only if the figures do: see `fingerprint`.
    question
        What the report is about. A report is compared with an earlier one of this question only.
    world
        What chooses the world of the figures that it fetches.
    engine, pdf, look
        See `engagement_nb.make_report`.
    """

    name: str
    folder: str
    notebook: NotebookFile
    parameters: Mapping[str, Any]
    places: Mapping[str, str]
    cell_timeout: int | None = None
    title: str = ""
    fetched: Mapping[str, Any] = field(default_factory=dict)
    ids: str | None = None
    depends_on: list[Any] = field(default_factory=list)
    question: str = ""
    world: list[Any] = field(default_factory=list)
    engine: str = "fast"
    pdf: bool = False
    look: Look = PLAIN

    @classmethod
    def of(cls, subject: Subject, folder: str, source: str, **options: Any) -> Job:
        """The report of a subject, on the source that has its figures."""
        return cls(
            subject.name or PurePosixPath(folder).name,
            folder,
            subject.notebook,
            subject.parameters,
            {"source": source} | ({"ids_file": subject.ids_file} if subject.ids_file else {}),
            title=subject.title or subject.name,
            **options,
        )

    @property
    def read_as(self) -> dict[str, Any]:
        """Parameters with which the notebook reads exactly what was fetched.

        The period was resolved when it was fetched. Its name may mean other dates now.
        """
        names = ["endpoint", "by"] if self.fetched else []
        if self.fetched.get("span") == "period":
            names += ["start", "end"]
        taken = self.notebook.parameters
        return {name: self.fetched.get(name) or "" for name in names if name in taken}

    @property
    def key(self) -> str:
        """A digest of everything that the report depends on. The same key means the same report."""
        whole = {
            "steps": [[self.notebook.node, self.parameters, sorted(self.places)]],
            "source": self.depends_on,
            "fetched": [self.read_as],
            "notes": self.fetched.get("notes", ()),
            "title": self.title,
            "pdf": self.pdf,
            "look": asdict(self.look),
            "version": version("engagement-nb"),
        }
        return digest(whole)[:32]


def digest(value: Any) -> str:
    """A digest of plain values."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


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
    newest, names = {run.kind: run for run in dataset.runs()}, dataset.part_names()
    values: list[Any] = [dataset.source]
    for kind, run in sorted(newest.items()):
        missing = repr(run.problems).encode()
        values.append([kind, hashlib.sha256(missing).hexdigest(), run.done])
        if run.windows:
            # Figures of a period are read once, so its requests do not change.
            values.append([name for name in names if name.startswith(f"parts/{kind}/")])
        else:
            values.append(_of_snapshot(dataset, run.endpoint, run.by))
    return values


def _of_snapshot(dataset: Dataset, endpoint: str, by: By | None) -> list[str]:
    """The newest figures, without the moments when they were read."""
    read = dataset.read(endpoint, by=by)
    frame = read.frame.drop(columns="read_at", errors="ignore")
    keys = [name for name in ("tweet_id", "time") if name in frame]
    rows = pd.util.hash_pandas_object(frame.sort_values(keys), index=False)
    told = hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
    return [*frame.columns, told, str(read.about.start), str(read.about.end)]


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


def slug(name: str) -> str:
    """Turn a name into that of a folder: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-._").lower()


def absolute(place: str, folder: str | Path = "") -> str:
    """The absolute path of a file or folder, relative to a folder; an address as it is."""
    return place if "://" in place else str((folder / Path(place).expanduser()).absolute())
