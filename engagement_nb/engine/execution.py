"""The engine as papermill calls it. Import it as `engagement_nb.engine.ShellEngine`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from papermill.engines import NBClientEngine, NotebookExecutionManager

from engagement_nb.engine.processes import ALONE, FORKS, Cells
from engagement_nb.engine.scratch import scratch_folder

if TYPE_CHECKING:
    from engagement_nb.engine.shell import CellsHere


class ShellEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """Runs the cells of a notebook in a shell, in a process that ends with the notebook."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        execution_timeout: float | None = None,
        resources: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute a notebook. If its process ends or hangs, that is an error of the running cell.

        Raises
        ------
        RuntimeError
            The process did not start, or cells cannot be limited in time here.
        """
        language = nb_man.nb.metadata.get("kernelspec", {}).get("language", "python")
        if not (FORKS or ALONE) or kernel_name != "python3" or language != "python":
            super().execute_managed_notebook(
                nb_man,
                kernel_name,
                execution_timeout=execution_timeout,
                resources=resources or {},
                **kwargs,
            )
            return
        cwd = Path((resources or {}).get("metadata", {}).get("path") or Path.cwd()).absolute()
        if ALONE and execution_timeout:
            raise RuntimeError("here nothing can stop a cell that takes too long")
        with scratch_folder() as scratch, _cells(cwd, scratch) as cells:
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                failed = False
                if cell.cell_type == "code" and cell.source.strip():
                    done = cells.run(cell.source, execution_timeout)
                    cell.execution_count = done["execution_count"]
                    cell.outputs = [nbformat.from_dict(output) for output in done["outputs"]]
                    allowed = "raises-exception" in cell.metadata.get("tags", [])
                    failed = done["failed"] and not allowed
                if failed:
                    nb_man.cell_exception(cell, index)
                nb_man.cell_complete(cell, index)
                if failed:
                    return


def _cells(cwd: Path, scratch: Path) -> Cells | CellsHere:
    if not ALONE:
        return Cells(cwd, scratch)
    # Imported here for start-up time: elsewhere a process of its own imports it.
    from engagement_nb.engine.shell import CellsHere

    return CellsHere(cwd, scratch)
