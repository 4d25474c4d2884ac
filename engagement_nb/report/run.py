"""Runs the notebook of a job with papermill, where only its inputs are."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors
from zmq import ZMQError

from engagement_nb import errors
from engagement_nb.client.credentials import redact
from engagement_nb.engine.processes import DIED, ENGINE, TOO_SLOW, preload
from engagement_nb.engine.scratch import scratch_folder
from engagement_nb.metrics import handed_over
from engagement_nb.report.job import TABLES, Job

ENGINES = {"fast": ENGINE, "stock": "nbclient"}
"""``fast`` needs no kernel (see `engagement_nb.engine`); ``stock`` is papermill's own."""

_WARM = "engagement_nb.report.warm"
KERNEL_STARTS = 3
"""Attempts to start a kernel. Stock kernels sometimes find their port taken."""

logging.getLogger("papermill").setLevel(logging.ERROR)

HERE = "here"
_IDS_KEPT = "ids_kept"


@dataclass(frozen=True)
class Run:
    """What the notebook of a job did.

    Parameters
    ----------
    notebook
        The executed notebook, as far as it came.
    error
        What stopped it; None if it ran to its end.
    parameters
        As a reader may see them.
    fetched
        What the fetch of its figures told.
    ids
        The Tweets that it asked for, one per line; empty if they were given.
    tables
        Tables that it wrote, by file name.
    """

    notebook: nbformat.NotebookNode
    error: errors.EngagementError | None
    parameters: Mapping[str, Any]
    fetched: Mapping[str, Any] = field(default_factory=dict)
    ids: str = ""
    tables: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def handed(self) -> dict[str, Any]:
        """What it hands over: see `engagement_nb.metrics.handed_over`."""
        return handed_over(self.notebook)

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
    """Execute the notebook of a job.

    It runs in a temporary folder, in which its sources are links: it contains no path of this
    machine.
    """
    with scratch_folder() as scratch:
        # Only the source is in the working folder, whatever its name is.
        here = scratch / HERE
        here.mkdir()
        notebook, error = _execute(job, _given(job, scratch, here) | job.read_as, here)
        kept = scratch / _IDS_KEPT
        ids = kept.read_text() if kept.exists() else ""
        tables = {
            path.name: path.read_bytes()
            for path in sorted((scratch / TABLES).glob("*"))
            if path.is_file()
        }
    # A reader sees the name of a file or folder; an address as it is.
    shown = {n: p if "://" in p else Path(p).name for n, p in job.places.items()}
    shown |= {**job.parameters, **job.read_as}
    return Run(notebook, error, shown, job.fetched, ids, tables)


def _given(job: Job, scratch: Path, here: Path) -> dict[str, Any]:
    """The parameters of a job's notebook, after its files are where it finds them."""
    given: dict[str, Any] = {
        name: _linked(place, here if name == "source" else scratch / name)
        for name, place in job.places.items()
    }
    taken = job.notebook.parameters
    if job.ids is not None and "ids_file" in taken and "ids_file" not in job.places:
        (scratch / "ids_file.txt").write_text(job.ids)
        given["ids_file"] = "../ids_file.txt"
    if TABLES in taken:
        given[TABLES] = f"../{TABLES}"
    if _IDS_KEPT in taken and "ids_file" not in given:
        given[_IDS_KEPT] = f"../{_IDS_KEPT}"
    return {**given, **job.parameters}


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


def _execute(
    job: Job, given: Mapping[str, Any], here: Path
) -> tuple[nbformat.NotebookNode, errors.EngagementError | None]:
    """Execute a notebook in a process of its own: how far it came, and what stopped it."""
    name, checked = job.notebook.name, job.notebook.check(given)
    if job.engine == "fast":
        preload(_WARM)
    error: errors.EngagementError | None = None
    node = job.notebook.node
    for attempt in range(1, KERNEL_STARTS + 1):
        try:
            node = papermill.execute_notebook(
                copy.deepcopy(job.notebook.node), None, parameters=checked, prepare_only=True
            )
            # Nothing is saved on the way: it would take a fifth of a report's time, and the
            # engines leave what has run in the notebook itself.
            node = papermill_engines.execute_notebook_with_engine(
                ENGINES[job.engine],
                node,
                kernel_name=papermill_engines.nb_kernel_name(ENGINES[job.engine], node),
                progress_bar=False,
                autosave_cell_every=0,
                start_timeout=60,
                execution_timeout=job.cell_timeout,
                # Kernels warn of TCP at each start, though they listen on loopback only.
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(here)}},
            )
            raise_for_execution_errors(node, None)
        except PapermillExecutionError as failed:
            error = _notebook_error(failed, name)
        except (DeadKernelError, CellTimeoutError) as stopped:
            code = [cell.metadata for cell in node.cells if cell.cell_type == "code"]
            started = sum(bool(each.get("papermill", {}).get("start_time")) for each in code)
            error = _process_error(type(stopped).__name__, name, started)
        except (RuntimeError, OSError, ZMQError) as failed_start:
            # The kernel did not start. No cell has run, so a retry repeats nothing.
            if attempt < KERNEL_STARTS:
                continue
            why = getattr(failed_start, "strerror", None) or str(failed_start)
            error = errors.ReportError(
                f"{name} could not be run: {why.rstrip('.')}.",
                advice="Run the same command again. If the error stays, try --engine stock.",
            )
        break
    executed = _clean(node, name)
    missing = sum(
        cell.cell_type == "code" and bool(cell.source.strip()) and cell.execution_count is None
        for cell in executed.cells
    )
    if error is None and missing:
        error = errors.ReportError(
            f"Papermill reported success for {name}, but {missing} cells have not run.",
            advice="Run the same command again.",
        )
    return executed, error


def _notebook_error(failed: PapermillExecutionError, name: str) -> errors.EngagementError:
    """The error of a cell: one of this package as it was, another one in a sentence."""
    if failed.ename in (DIED, TOO_SLOW):
        return _process_error(failed.ename, name, failed.exec_count)
    kind = getattr(errors, failed.ename.rpartition(".")[2], None)
    message = redact(str(failed.evalue)).strip()
    if isinstance(kind, type) and issubclass(kind, errors.EngagementError):
        return kind(message)
    line = message.splitlines()[0] if message else "no message"
    ename = redact(str(failed.ename))
    return errors.ReportError(f"{name} stopped at cell {failed.exec_count}: {ename}: {line}")


def _process_error(ename: str, name: str, cell: int | None) -> errors.ReportError:
    where = f" at cell {cell}" if cell else ""
    if ename == TOO_SLOW:
        return errors.ReportError(
            f"{name} took too long{where} and was stopped.",
            advice="Raise --cell-timeout if it needs that long.",
        )
    return errors.ReportError(
        f"The process of {name} died{where}.",
        advice="Most often the memory was full: use fewer workers or a smaller period.",
    )


def _clean(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The notebook without credentials, and with the user's home as ~ in its messages."""
    notebook.metadata.setdefault("papermill", {}).update(input_path=name, output_path=name)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # Python writes paths into tracebacks and warnings.
            if output.output_type == "error":
                output.traceback = [_without_home(line) for line in output.traceback]
            elif output.get("name") == "stderr":
                output.text = _without_home(output.text)
    clean: nbformat.NotebookNode = nbformat.from_dict(
        json.loads(redact(json.dumps(notebook, ensure_ascii=False)))
    )
    return clean


def _without_home(text: str) -> str:
    home = str(Path.home())
    return text.replace(home + os.sep, "~" + os.sep) if len(home) > 1 else text
