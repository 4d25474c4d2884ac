"""Runs one notebook with papermill, and reports what stopped it."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Mapping
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
from engagement_nb.report.notebooks import NotebookFile

ENGINES = {"fast": ENGINE, "stock": "nbclient"}
"""``fast`` needs no kernel (see `engagement_nb.engine`); ``stock`` is papermill's own."""

_WARM = "engagement_nb.report.warm"
KERNEL_STARTS = 3
"""Attempts to start a kernel. Stock kernels sometimes find their port taken."""

logging.getLogger("papermill").setLevel(logging.ERROR)


def run_notebook(
    notebook: NotebookFile,
    parameters: Mapping[str, Any],
    *,
    engine: str = "fast",
    cwd: Path | None = None,
    cell_timeout: int | None = None,
) -> tuple[nbformat.NotebookNode, errors.EngagementError | None]:
    """Execute a notebook in a process of its own.

    Parameters
    ----------
    notebook
        The notebook.
    parameters
        Checked by `NotebookFile.check`.
    engine
        A key of `ENGINES`.
    cwd
        Working directory of the notebook; by default that of this process.
    cell_timeout
        Longest time for one cell, in seconds.

    Returns
    -------
    tuple
        The executed notebook without known credentials, complete or up to the cell that failed;
        and what stopped it, None if it ran to its end.

    Raises
    ------
    InputError
        The parameters do not fit.
    """
    name, checked = notebook.name, notebook.check(parameters)
    if engine == "fast":
        preload(_WARM)
    error: errors.EngagementError | None = None
    node = notebook.node
    for attempt in range(1, KERNEL_STARTS + 1):
        try:
            node = papermill.execute_notebook(
                copy.deepcopy(notebook.node), None, parameters=checked, prepare_only=True
            )
            # Nothing is saved on the way: it would take a fifth of a report's time, and the
            # engines leave what has run in the notebook itself.
            node = papermill_engines.execute_notebook_with_engine(
                ENGINES[engine],
                node,
                kernel_name=papermill_engines.nb_kernel_name(ENGINES[engine], node),
                progress_bar=False,
                autosave_cell_every=0,
                start_timeout=60,
                execution_timeout=cell_timeout,
                # Kernels warn of TCP at each start, though they listen on loopback only.
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(cwd or Path.cwd())}},
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
