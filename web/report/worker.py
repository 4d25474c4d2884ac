"""The Python of the page ``report/``: the command ``report``, in a browser's worker.

It is the command line itself, so its figures, its page and the sentences of its errors are the
same. Everything happens in the memory of the worker.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

KERNELS = ("jupyter_client", "zmq")
"""Libraries that talk to kernels in other processes. Papermill and nbconvert import them, and a
browser has no such processes."""


class _StandIn(ModuleType):
    """A module whose names are all classes that do nothing."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class _Finder(MetaPathFinder, Loader):
    """Finds a stand-in for each module of `KERNELS`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in KERNELS:
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


sys.meta_path.insert(0, _Finder())


def make(given: str, out: str) -> str:
    """Run ``engagement-nb report`` on a file or folder.

    Parameters
    ----------
    given
        The path of what was dropped, from the working folder.
    out
        A folder for the report.

    Returns
    -------
    JSON: the ``sentence`` that the report finds, or the ``error`` that the command prints.
    """
    shown, said = io.StringIO(), io.StringIO()
    # A file that is called "api" or "-o" is still a file.
    path = given if Path(given).suffix and given[0] != "-" else f"./{given}"
    try:
        from engagement_nb.cli import run

        with redirect_stdout(shown), redirect_stderr(said):
            code = run(["report", path, "-o", out, "--json"])
    except Exception:
        told = "A defect of the package stopped the report. Please tell its authors these lines."
        return json.dumps({"error": f"{told}\n\n{traceback.format_exc()}"})
    if code:
        return json.dumps({"error": said.getvalue().strip().rpartition("error: ")[2]})
    told = json.loads(shown.getvalue())
    with zipfile.ZipFile(f"{out}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in told["files"]:
            archive.write(Path(out) / name, name)
    return json.dumps({"sentence": told["gap"]["sentence"], "files": told["files"]})
