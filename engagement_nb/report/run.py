"""Runs a job: its notebooks one after the other, in a folder that has only what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

from engagement_nb.engine.scratch import scratch_folder
from engagement_nb.errors import EngagementError
from engagement_nb.metrics import handed_over
from engagement_nb.report.execute import run_notebook
from engagement_nb.report.job import TABLES, Job, Step, after_fetch

HERE = "here"
_IDS_KEPT = "ids_kept"


@dataclass(frozen=True)
class Run:
    """What the notebooks of a job did.

    Parameters
    ----------
    notebooks
        The executed notebooks by file name. The last has the answer, or it failed.
    error
        What stopped it; None if it ran to its end.
    parameters
        Of the last notebook, as a reader may see them.
    fetched
        What the fetch told: the period, the requests, whether it is done.
    ids
        The Tweets that it asked for, one per line; empty if they were given.
    tables
        Tables that the notebooks wrote, by file name.
    """

    notebooks: Mapping[str, nbformat.NotebookNode]
    error: EngagementError | None
    parameters: Mapping[str, Any]
    fetched: Mapping[str, Any] = field(default_factory=dict)
    ids: str = ""
    tables: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def last(self) -> nbformat.NotebookNode:
        """The notebook with the answer, or the one that failed."""
        return [*self.notebooks.values()][-1]

    @cached_property
    def handed(self) -> dict[str, Any]:
        """What it hands over: see `engagement_nb.metrics.handed_over`."""
        return handed_over(self.last)

    @property
    def answer(self) -> Mapping[str, Any]:
        """The gap with what totals lack, or the sums of an account by day; empty without any."""
        answer = self.handed.get("gap") or self.handed.get("days") or {}
        totals = {"totals": self.handed["totals"]} if "totals" in self.handed else {}
        return {**answer, **totals} if answer else answer

    @property
    def period(self) -> str:
        """The time that the figures cover, in words; empty if unknown."""
        return str(self.answer.get("page", self.facts).get("period", ""))

    @property
    def profile(self) -> str:
        """The profile that fetched, or the account that was chosen; empty for all."""
        return str(self.parameters.get("profile") or self.fetched.get("profile") or "")

    @property
    def facts(self) -> dict[str, Any]:
        """Where the figures are from and what is missing: `Metrics.facts`, and the fetch's own."""
        read = self.handed.get("metrics", {})
        notes = dict.fromkeys([*read.get("notes", ()), *self.fetched.get("notes", ())])
        spent = {name: self.fetched[name] for name in ("requests",) if name in self.fetched}
        if spent and read.get("account"):
            read = {**read, "account": {**read["account"], **spent}}
        return {**read, **spent, "notes": list(notes)}


def run(job: Job) -> Run:
    """Execute the notebooks of a job, up to the first that fails.

    They run in a temporary folder, in which their sources are links: no notebook contains a path
    of this machine.
    """
    notebooks: dict[str, nbformat.NotebookNode] = {}
    error: EngagementError | None = None
    shown: dict[str, Any] = {}
    fetched, ids = dict(job.fetched), job.ids
    with scratch_folder() as scratch:
        # Only the source is in the working folder, whatever its name is.
        here = scratch / HERE
        here.mkdir()
        for step in job.steps:
            period = after_fetch(step, fetched)
            given = _given(step, scratch, here, ids) | period
            # A reader sees the name of a file or folder; an address as it is.
            shown = {n: p if "://" in p else Path(p).name for n, p in step.places.items()}
            shown |= {**step.parameters, **period}
            done, error = run_notebook(
                step.notebook, given, engine=job.engine, cwd=here, cell_timeout=step.cell_timeout
            )
            notebooks[step.notebook.name] = done
            if error is not None:
                break
            if "dataset" in step.places:
                handed = handed_over(done)
                fetched = {**handed.get("metrics", {}), **handed.get("fetch", {})}
                fetched["profile"] = step.parameters.get("profile", "")
                kept = scratch / _IDS_KEPT
                ids = kept.read_text() if kept.exists() else ids
        tables = {
            path.name: path.read_bytes()
            for path in sorted((scratch / TABLES).glob("*"))
            if path.is_file()
        }
    return Run(notebooks, error, shown, fetched, ids or "", tables)


def _given(step: Step, scratch: Path, here: Path, ids: str | None) -> dict[str, Any]:
    """The parameters of a step, after its files are where it finds them."""
    given: dict[str, Any] = {
        name: _linked(place, here if name == "source" else scratch / name)
        for name, place in step.places.items()
    }
    taken = step.notebook.parameters
    if ids is not None and "ids_file" in taken and "ids_file" not in step.places:
        (scratch / "ids_file.txt").write_text(ids)
        given["ids_file"] = "../ids_file.txt"
    if TABLES in taken:
        given[TABLES] = f"../{TABLES}"
    if _IDS_KEPT in taken and "ids_file" not in given:
        given[_IDS_KEPT] = f"../{_IDS_KEPT}"
    return {**given, **step.parameters}


def _linked(place: str, folder: Path) -> str:
    """Link to a file or folder, and return the link's path from the working folder."""
    if "://" in place:
        return place
    target = Path(place).absolute()
    folder.mkdir(exist_ok=True)
    if folder.name == "dataset":
        target.mkdir(parents=True, exist_ok=True)
    link = folder / target.name
    try:
        link.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        return place  # Some systems allow no links. Then the notebook has the path.
    return link.name if folder.name == HERE else f"../{folder.name}/{link.name}"
