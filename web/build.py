"""Build what runs in a browser, beside the documentation: ``python -m web.build site``.

The result is static and works from any host and any path below it:

- ``report/``, a page that makes a report of a file;
- ``lessons/``, JupyterLite with the notebooks;
- ``wheels/``, this package, and the libraries that Pyodide does not have.

Python itself is Pyodide, which browsers load from `RUNTIME` unless the site has a copy of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from docs.execute import WORLDS
from web.packages import PACKAGES, RUNTIME, WHEELS

ROOT = Path(__file__).parent.parent
MOST = 30
"""Size of the site without Pyodide, in MB."""
UNUSED = ("*.map", "*.eot", "*.ttf", "fa-*.svg")
"""Source maps, which only authors need, and forms of fonts for browsers of long ago."""
INSTALL = """\
# Python in a browser needs the package first. Elsewhere, remove this cell.
%pip install -q engagement-nb"""
KERNEL = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}


def build(out: Path, pyodide: str = RUNTIME) -> None:
    """Add everything to a folder.

    Parameters
    ----------
    out
        The folder, such as that of the documentation.
    pyodide
        Where browsers find Pyodide: an address, or a folder of this machine, which is copied.
    """
    runtime = runtime_of(out, pyodide)
    write_report(out, runtime, collect_wheels(out / "wheels"))
    write_lessons(out / "lessons", runtime)
    for pattern in UNUSED:
        for path in out.rglob(pattern):
            path.unlink()
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if out / "pyodide" not in path.parents) / 1e6
    print(f"{out}: {size:.1f} MB without Pyodide")
    if size > MOST:
        sys.exit(f"The site is larger than {MOST} MB.")


def runtime_of(out: Path, pyodide: str) -> str:
    """The address of Pyodide, or its path from a folder of the site after it was copied there."""
    if "://" in pyodide:
        return f"{pyodide.rstrip('/')}/"
    if not (Path(pyodide) / "pyodide.mjs").exists():
        sys.exit(f"{pyodide} has no pyodide.mjs, so it is not a folder of Pyodide.")
    shutil.copytree(pyodide, out / "pyodide", dirs_exist_ok=True)
    return "../pyodide/"


def collect_wheels(folder: Path) -> list[str]:
    """Put the wheels of the package and of `WHEELS` in a folder; their names, in order."""
    shutil.rmtree(folder, ignore_errors=True)
    python = [sys.executable, "-m"]
    _run([*python, "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)])
    constraints = ["-c", str(ROOT / "constraints.txt")]
    _run([
        *python, "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--dest", str(folder), *constraints, *WHEELS,
    ])  # fmt: skip
    _run([*python, "jupyterlite_pyodide_kernel.app", "index", str(folder)])
    return sorted(path.name for path in folder.glob("*.whl"))


def write_report(out: Path, runtime: str, wheels: Sequence[str]) -> None:
    """Write the page ``report/``, which loads Python from ``runtime``."""
    folder = out / "report"
    shutil.copytree(ROOT / "web" / "report", folder, dirs_exist_ok=True)
    page = (folder / "index.html").read_text(encoding="utf-8")
    for name, value in {
        # A policy has addresses only; a copy of Pyodide is of the same origin as the page.
        "policy": runtime if "://" in runtime else "",
        "runtime": runtime,
        "host": urlsplit(runtime).netloc or "this site",
        "packages": " ".join(PACKAGES),
        "wheels": " ".join(f"../wheels/{name}" for name in wheels),
    }.items():
        page = page.replace(f"{{{{ {name} }}}}", escape(value))
    (folder / "index.html").write_text(page, encoding="utf-8")


def write_lessons(out: Path, runtime: str) -> None:
    """Write JupyterLite with the notebooks, each of which installs the package first."""
    # Imported here: the page alone can be written without JupyterLite.
    from jupyterlite_pyodide_kernel.constants import PYODIDE_CDN_URL

    if f"{PYODIDE_CDN_URL}/" != RUNTIME:
        sys.exit(f"The kernel of the lessons is made for {PYODIDE_CDN_URL}/, not for {RUNTIME}.")
    settings = {
        "pyodideUrl": f"{runtime if '://' in runtime else f'./{runtime}'}pyodide.mjs",
        "pipliteUrls": ["./../wheels/all.json"],
        # What is neither here nor in Pyodide is told, and not looked for elsewhere.
        "disablePyPIFallback": True,
    }
    kernel = {"@jupyterlite/pyodide-kernel-extension:kernel": settings}
    data = {
        "appName": "Engagement lessons",
        "exposeAppInBrowser": True,
        "litePluginSettings": kernel,
    }
    config = {"jupyter-lite-schema-version": 0, "jupyter-config-data": data}
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "jupyter-lite.json").write_text(json.dumps(config), encoding="utf-8")
        contents = Path(scratch) / "contents"
        contents.mkdir()
        for name in WORLDS:
            nbformat.write(for_browser(name), contents / f"{name}.ipynb")
        _run([
            sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", scratch,
            "--contents", str(contents), "--output-dir", str(out), "--apps", "lab",
            "--no-sourcemaps",
        ], cwd=scratch)  # fmt: skip


def for_browser(name: str) -> nbformat.NotebookNode:
    """A notebook that first installs the package, in the world that the documentation shows."""
    notebook = load_notebook_node(str(ROOT / "notebooks" / f"{name}.ipynb"))
    if WORLDS[name]:
        notebook = parameterize_notebook(notebook, WORLDS[name])
        notebook.metadata.pop("papermill", None)
    first = next(n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(first, nbformat.v4.new_code_cell(INSTALL, id="install"))
    notebook.metadata["kernelspec"] = KERNEL
    return notebook


def _run(command: Sequence[str], cwd: str | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the site")
    parser.add_argument(
        "--pyodide", default=os.environ.get("PYODIDE_DIR") or RUNTIME,
        help="address or folder of Pyodide; by default PYODIDE_DIR, or its usual address",
    )  # fmt: skip
    given = parser.parse_args()
    build(given.out.absolute(), given.pyodide)
