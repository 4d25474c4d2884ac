"""A process that has only what a browser has: ``python -m tests.web.alone GIVEN OUT``.

There are no sockets, threads and other processes, and no libraries but those that the site's pages
load. It makes reports with the Python of the page, and runs notebooks.
"""

from __future__ import annotations

import importlib
import os
import re
import runpy
import socket
import subprocess
import sys
import threading
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, packages_distributions
from pathlib import Path
from typing import Any, NoReturn

from web.packages import PACKAGES, WHEELS

WORKER = Path(__file__).parents[2] / "web" / "report" / "worker.py"
NOTEBOOKS = ("02_explore_gap", "03_api_behaviour")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def hide_other_libraries() -> None:
    """Let no module be found that is of a distribution which the page does not load."""
    there = {normal(name) for name in (*PACKAGES, *WHEELS, "engagement-nb")}
    hidden = {
        module
        for module, owners in packages_distributions().items()
        if there.isdisjoint(map(normal, owners))
    }
    find = PathFinder.find_spec

    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        return None if name.partition(".")[0] in hidden else find(name, path, target)

    PathFinder.find_spec = find_spec  # type: ignore[method-assign]
    known = Distribution.from_name

    def from_name(name: str) -> Distribution:
        if normal(name) not in there:
            raise PackageNotFoundError(name)
        return known(name)

    Distribution.from_name = from_name  # type: ignore[method-assign]


def refuse(*given: Any, **options: Any) -> NoReturn:
    raise AssertionError("a socket, a thread or a process")


def become_alone() -> None:
    """Take away what a browser does not have."""
    hide_other_libraries()
    # Libraries look at the platform when they are imported, and have code for real browsers.
    for name in ("httpx", "pandas", "pyarrow.parquet", "requests", "IPython"):
        importlib.import_module(name)
    socket.socket = refuse  # type: ignore[misc, assignment]
    threading.Thread.start = refuse  # type: ignore[method-assign]
    subprocess.Popen = refuse  # type: ignore[misc, assignment]
    os.fork = refuse  # type: ignore[assignment]
    sys.platform = "emscripten"


def main(given: Path, out: Path) -> None:
    """Make a report of each file and folder, then run the notebooks; everything is in ``out``."""
    become_alone()
    os.chdir(given)
    make = runpy.run_path(str(WORKER))["make"]
    for path in sorted(given.iterdir()):
        (out / f"{path.name}.json").write_text(make(path.name, str(out / path.name)))
    import nbformat

    from docs.execute import execute

    for name in NOTEBOOKS:
        (out / f"{name}.ipynb").write_text(nbformat.writes(execute(name)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
