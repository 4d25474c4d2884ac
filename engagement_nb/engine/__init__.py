"""A papermill engine for many notebooks: each in a fresh process, without starting a kernel.

A kernel takes a second to start, and half a second to end. Here one process imports the libraries
once, and a copy of it (a fork) runs each notebook in an IPython shell and ends with it. So nothing
of a notebook reaches the next one, many run at a time, and a notebook that crashes or hangs is one
error. The outputs are those of a stock kernel.

At a terminal::

    papermill in.ipynb out.ipynb --engine engagement-nb

In Python, for many notebooks, with libraries that are imported only once::

    import papermill
    from engagement_nb import engine

    engine.preload("pandas", "matplotlib.pyplot")
    for name in names:
        papermill.execute_notebook(
            "in.ipynb", f"{name}.ipynb", {"name": name}, engine_name=engine.ENGINE
        )

A notebook for another kernel than this Python's, and every notebook on a system
without fork, is run by papermill's own engine. Nothing here knows what this package is about.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engagement_nb.engine.processes import ENGINE, preload, resume, stop, stopped

if TYPE_CHECKING:
    from engagement_nb.engine.execution import ShellEngine

__all__ = ["ENGINE", "ShellEngine", "preload", "resume", "stop", "stopped"]


def __getattr__(name: str) -> Any:
    """Import the engine when papermill asks for it: notebooks run without papermill."""
    if name != "ShellEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Papermill asks while it is being imported. By then it has what the engine needs.
    import_module("papermill.engines")
    return import_module(f"{__name__}.execution").ShellEngine
