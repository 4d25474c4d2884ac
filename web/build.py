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

ROOT = Path(__file__).parent.parent
RUNTIME = "https://cdn.jsdelivr.net/pyodide/v314.0.6/full/"
"""Where browsers find Pyodide. The kernel of the lessons is made for this version."""
PACKAGES = (
    "numpy", "python-dateutil", "six", "tzdata", "pandas", "pyarrow", "scipy", "python-calamine",
    "orjson", "msgspec", "anyio", "certifi", "h11", "httpcore", "idna", "httpx", "fsspec",
    "platformdirs", "click", "tqdm", "attrs", "rpds-py", "referencing", "jsonschema-specifications",
    "jsonschema", "markupsafe", "jinja2", "pyyaml", "packaging", "webencodings", "bleach",
    "soupsieve", "beautifulsoup4", "charset-normalizer", "urllib3", "requests",
    "typing-extensions", "asttokens", "decorator", "executing", "prompt-toolkit", "pure-eval",
    "pygments", "stack-data", "traitlets", "wcwidth", "ipython",
)  # fmt: skip
"""What a report imports of Pyodide's libraries, all of it: Pyodide's own list of what they need is
not that of their authors."""
WHEELS = (
    "defusedxml", "entrypoints", "fastjsonschema", "jupyter_core", "jupyterlab_pygments", "mistune",
    "nbclient", "nbconvert", "nbformat", "oauthlib", "pandocfilters", "papermill", "python-dotenv",
    "tenacity", "tinycss2", "tomlkit", "uvicorn",
)  # fmt: skip
"""Libraries that it does not have, all pure Python: those of a report and of the lessons."""
LESSONS = ("02_explore_gap", "03_api_behaviour", "06_move_to_v2")
INSTALL = "# This page's Python needs the package first. Elsewhere, remove this cell.\n"


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
    settings = {
        "pyodideUrl": f"{runtime if '://' in runtime else f'./{runtime}'}pyodide.mjs",
        "pipliteUrls": ["./../wheels/all.json"],
        # What is neither here nor in Pyodide is told, and not looked for elsewhere.
        "disablePyPIFallback": True,
    }
    kernel = {"@jupyterlite/pyodide-kernel-extension:kernel": settings}
    config = {"jupyter-lite-schema-version": 0, "jupyter-config-data": {
        "appName": "Engagement lessons", "exposeAppInBrowser": True, "litePluginSettings": kernel}}  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "jupyter-lite.json").write_text(json.dumps(config), encoding="utf-8")
        contents = Path(scratch) / "contents"
        contents.mkdir()
        for name in LESSONS:
            (contents / f"{name}.ipynb").write_text(for_browser(name), encoding="utf-8")
        _run([
            sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", scratch,
            "--contents", str(contents), "--output-dir", str(out), "--apps", "lab",
            "--no-sourcemaps",
        ], cwd=scratch)  # fmt: skip


def for_browser(name: str) -> str:
    """A notebook whose first code cell installs the package from the site."""
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    source = [INSTALL, "%pip install -q engagement-nb"]
    first = next(n for n, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
    notebook["cells"].insert(first, {
        "cell_type": "code", "id": "install", "execution_count": None, "metadata": {},
        "outputs": [], "source": source,
    })  # fmt: skip
    kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
    notebook["metadata"]["kernelspec"] = kernel
    return json.dumps(notebook, indent=1, ensure_ascii=False)


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
