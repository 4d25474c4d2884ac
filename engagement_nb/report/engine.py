"""A papermill engine that runs each notebook in a warm process of its own.

``papermill ... --engine engagement-nb`` runs a notebook with it. A notebook that wants another
kernel than this Python's is run by papermill's own engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ShellEngine: Any = None
# Papermill loads this module by its entry point while it is imported itself, perhaps by the
# lines below; it is given the engine at the end.

import nbformat  # noqa: E402
from papermill.engines import (  # noqa: E402
    NBClientEngine,
    NotebookExecutionManager,
    papermill_engines,
)

from engagement_nb.report.processes import (  # noqa: E402
    Cells,
    CellTooSlowError,
    ProcessEndedError,
)
from engagement_nb.report.scratch import scratch_folder  # noqa: E402

ENGINE = "engagement-nb"
"""The name under which papermill knows this engine."""
DIED, TOO_SLOW = "DeadKernelError", "CellTimeoutError"
"""Names of the errors in cells at which a process ended; those that nbclient has for them."""


class _ShellEngine(NBClientEngine):
    """Runs cells in a shell, in a process that ends with its notebook."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        execution_timeout: float | None = None,
        resources: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute a notebook; a process that ends or hangs is an error in the cell that ran.

        Raises
        ------
        RuntimeError
            The process did not start.
        """
        language = nb_man.nb.metadata.get("kernelspec", {}).get("language", "python")
        if kernel_name != "python3" or language != "python":
            super().execute_managed_notebook(
                nb_man, kernel_name, execution_timeout=execution_timeout, **kwargs
            )
            return
        cwd = Path((resources or {}).get("metadata", {}).get("path") or Path.cwd()).absolute()
        with scratch_folder() as scratch, Cells(cwd, scratch) as cells:
            cls._run(nb_man, cells, execution_timeout)

    @staticmethod
    def _run(nb_man: NotebookExecutionManager, cells: Cells, timeout: float | None) -> None:
        ran = 0
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            failed = False
            if cell.cell_type == "code" and cell.source.strip():
                ran += 1
                found = _run_cell(cells, cell.source, ran, timeout)
                cell.execution_count = found["execution_count"]
                cell.outputs = [nbformat.from_dict(output) for output in found["outputs"]]
                allowed = "raises-exception" in cell.metadata.get("tags", [])
                failed = found["failed"] and not allowed
            if failed:
                nb_man.cell_exception(cell, index)
            nb_man.cell_complete(cell, index)
            if failed:
                return


def _run_cell(cells: Cells, source: str, number: int, timeout: float | None) -> dict[str, Any]:
    try:
        return cells.run(source, timeout)
    except ProcessEndedError as ended:
        ename, evalue = DIED, f"The process ended with exit code {ended}."
    except CellTooSlowError:
        ename, evalue = TOO_SLOW, f"The cell took more than {timeout:g} seconds."
    error = {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": [evalue]}
    return {"execution_count": number, "outputs": [error], "failed": True}


ShellEngine = _ShellEngine
papermill_engines.register(ENGINE, ShellEngine)
