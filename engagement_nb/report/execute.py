"""Runs one notebook with papermill, and judges it by its outputs."""

from __future__ import annotations

import copy
import errno
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from zmq import ZMQError

from engagement_nb import errors
from engagement_nb.client.credentials import redact
from engagement_nb.report.engine import DIED, ENGINE, TOO_SLOW
from engagement_nb.report.notebooks import NotebookFile
from engagement_nb.report.scratch import scratch_folder

ENGINES = {"fast": ENGINE, "stock": "nbclient"}
"""``fast`` needs no kernel (see `engagement_nb.report.engine`); ``stock`` is papermill's own."""

KERNEL_STARTS = 3
"""Attempts to start a kernel: stock ones now and then find their port taken."""

_SCARCE = {
    errno.ENOSPC: "Make room in the temporary folder, or name another one in TMPDIR.",
    errno.EDQUOT: "Make room in the temporary folder, or name another one in TMPDIR.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or use fewer workers.",
    errno.ENOMEM: "Free some memory, or use fewer workers.",
}
"""What is used up, by error number, and what to do about it; trying again does not help."""

logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Run:
    """An executed notebook, whole or up to the cell that failed.

    Parameters
    ----------
    notebook
        The executed notebook, free of known credentials.
    error
        What stopped it, as an error of this package; None if it ran to its end.
    """

    notebook: nbformat.NotebookNode
    error: errors.EngagementError | None


def run_notebook(
    notebook: NotebookFile,
    parameters: Mapping[str, Any],
    *,
    engine: str = "fast",
    cwd: Path | None = None,
    cell_timeout: int | None = None,
) -> Run:
    """Execute a notebook in a kernel of its own.

    Parameters
    ----------
    notebook
        The notebook.
    parameters
        Checked by `NotebookFile.check`.
    engine
        A key of `ENGINES`.
    cwd
        Working directory of the kernel; this process's when not given.
    cell_timeout
        Seconds that one cell may take.

    Raises
    ------
    InputError
        The parameters do not fit.
    """
    name, checked = notebook.name, notebook.check(parameters)
    error: errors.EngagementError | None = None
    with scratch_folder() as scratch:
        kept = scratch / "executed.ipynb"
        for attempt in range(1, KERNEL_STARTS + 1):
            try:
                papermill.execute_notebook(
                    copy.deepcopy(notebook.node),
                    str(kept),
                    parameters=checked,
                    engine_name=ENGINES[engine],
                    progress_bar=False,
                    execution_timeout=cell_timeout,
                    # Saving costs a fifth of a report. Stock kernels that die leave only what
                    # was saved; the fast engine gives back what there is.
                    request_save_on_cell_execute=engine == "stock",
                    autosave_cell_every=0,
                    # Kernels complain of TCP on every start; it is the loopback's.
                    extra_arguments=["--log-level=ERROR"],
                    resources={"metadata": {"path": str(cwd or Path.cwd())}},
                )
            except PapermillExecutionError as failed:
                error = _of_the_notebook(failed, name)
            except (DeadKernelError, CellTimeoutError) as stopped:
                error = _of_the_process(
                    type(stopped).__name__, name, _begun(_read(kept) or notebook.node)
                )
            except (RuntimeError, OSError, ZMQError) as trouble:
                # The kernel did not start. Nothing has run, so once more costs nothing.
                if attempt < KERNEL_STARTS and getattr(trouble, "errno", 0) not in _SCARCE:
                    continue
                error = _not_started(trouble, name)
            break
        executed = _tidy(_read(kept) or notebook.node, name)
    if error is None and (missing := _not_executed(executed)):
        error = errors.ReportError(
            f"{name} was reported as done, but {missing} cells have not run.",
            advice="Run the same command again.",
        )
    return Run(executed, error)


def _not_started(trouble: Exception, name: str) -> errors.ReportError:
    """Why a notebook could not be run at all."""
    number = getattr(trouble, "errno", 0)
    why = (getattr(trouble, "strerror", None) or str(trouble)).rstrip(".")
    return errors.ReportError(
        f"{name} could not be run: {why}.",
        advice=_SCARCE.get(number, "Run the same command again; if it stays, try --engine stock."),
    )


def _of_the_notebook(failed: PapermillExecutionError, name: str) -> errors.EngagementError:
    """The error that a cell raised; ours stay what they were, others are told in a sentence."""
    if failed.ename in (DIED, TOO_SLOW):
        return _of_the_process(failed.ename, name, failed.exec_count)
    kind = getattr(errors, failed.ename.rpartition(".")[2], None)
    said = redact(str(failed.evalue)).strip()
    if isinstance(kind, type) and issubclass(kind, errors.EngagementError):
        return kind(said)
    first = said.splitlines()[0] if said else "no message"
    kind_of = redact(str(failed.ename))
    return errors.ReportError(f"{name} stopped at cell {failed.exec_count}: {kind_of}: {first}")


def _begun(executed: nbformat.NotebookNode) -> int:
    """Code cells that were begun."""
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    return sum(bool(cell.metadata.get("papermill", {}).get("start_time")) for cell in code)


def _of_the_process(ename: str, name: str, cell: int | None) -> errors.ReportError:
    where = f" at cell {cell}" if cell else ""
    if ename == TOO_SLOW:
        return errors.ReportError(
            f"{name} took too long{where} and was stopped.",
            advice="Raise --cell-timeout if it needs that long.",
        )
    return errors.ReportError(
        f"The process of {name} died{where}.",
        advice="Often it is out of memory: use fewer workers or a smaller period.",
    )


def _not_executed(notebook: nbformat.NotebookNode) -> int:
    """Code cells that have not run, whatever the notebook's own status says."""
    return sum(
        cell.execution_count is None
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip()
    )


def _read(path: Path) -> nbformat.NotebookNode | None:
    """A notebook that papermill wrote; None where the disk had no room for it."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None


def _tidy(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The notebook without credentials and without this machine's paths to itself."""
    notebook.metadata.setdefault("papermill", {}).update(input_path=name, output_path=name)
    return nbformat.from_dict(json.loads(scrub(json.dumps(notebook, ensure_ascii=False))))


def scrub(text: str) -> str:
    """A text that may be sent: known credentials masked, the user's home not told."""
    text, home = redact(text), str(Path.home())
    return text.replace(home + os.sep, "~" + os.sep) if len(home) > 1 else text
