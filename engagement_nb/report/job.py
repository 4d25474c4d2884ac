"""A report to make: notebooks to execute one after the other, and what goes around them."""

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
from engagement_nb.report.subject import Fetch, Subject
from engagement_nb.store import Store

TABLES = "tables"
"""The folder in which a notebook writes its tables, beside its source."""


@dataclass(frozen=True)
class Step:
    """A notebook with its parameters.

    Parameters
    ----------
    notebook
        The notebook.
    parameters
        Its parameters.
    places
        Parameters that are files, folders or addresses. The notebook sees the name of a file or
        folder, not its path.
    cell_timeout
        Longest time for one cell, in seconds.
    """

    notebook: NotebookFile
    parameters: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)
    cell_timeout: int | None = None


@dataclass(frozen=True)
class Job:
    """A report to make, here or on another machine.

    Parameters
    ----------
    name
        Of the report.
    folder
        Path or address of its folder.
    steps
        What to execute. The last step has the answer; one before it fetches.
    title
        Replaces the notebook's own.
    fetched
        What a fetch told that this report shares with others.
    ids
        Tweets, one per line, for notebooks that are given no file of them; None for none.
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
    steps: tuple[Step, ...]
    title: str = ""
    fetched: Mapping[str, Any] = field(default_factory=dict)
    ids: str | None = None
    depends_on: list[Any] = field(default_factory=list)
    question: str = ""
    world: list[Any] = field(default_factory=list)
    engine: str = "fast"
    pdf: bool = False
    look: Look = PLAIN

    @property
    def key(self) -> str:
        """A digest of everything that the report depends on. The same key means the same report."""
        whole = {
            "steps": [
                [step.notebook.node, step.parameters, sorted(step.places)] for step in self.steps
            ],
            "source": self.depends_on,
            "fetched": [after_fetch(step, self.fetched) for step in self.steps],
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


def fetching(
    fetch: Fetch,
    dataset: str,
    dates: Mapping[str, str],
    *,
    ids_file: str = "",
    snapshot: str = "",
    cell_timeout: int | None = None,
) -> Step:
    """The step that fetches figures into a dataset.

    Parameters
    ----------
    fetch
        What to fetch.
    dataset
        Path or address.
    dates
        The period, as two moments: see `Fetch.dates`.
    ids_file
        Path or address of a list of Tweets.
    snapshot
        Label of figures that are not of a period.
    cell_timeout
        Longest time for one cell, in seconds.
    """
    places = {"dataset": dataset, "ids_file": ids_file}
    passed = {**fetch.parameters(), **dates, "snapshot": snapshot}
    return Step(
        fetch.notebook,
        {name: value for name, value in passed.items() if name in fetch.notebook.parameters},
        {name: place for name, place in places.items() if place},
        cell_timeout,
    )


def exploring(subject: Subject, source: str, cell_timeout: int | None = None) -> Step:
    """The step that explores a source."""
    places = {"source": source, "ids_file": subject.ids_file}
    given = {name: place for name, place in places.items() if place}
    return Step(subject.notebook, subject.parameters, given, cell_timeout)


def after_fetch(step: Step, fetched: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with which a notebook reads exactly what was fetched.

    The period was resolved when it was fetched. Its name may mean other dates now.
    """
    if not fetched:
        return {}
    told = {name: fetched.get(name) or "" for name in ("endpoint", "by")}
    if fetched.get("span") == "period":
        told |= {name: fetched.get(name) or "" for name in ("start", "end")}
    return {name: value for name, value in told.items() if name in step.notebook.parameters}


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
