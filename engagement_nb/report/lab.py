"""JupyterLab on the notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engagement_nb.errors import ReportError
from engagement_nb.report.notebooks import notebooks_folder

COPIES = "engagement-notebooks"


def working_folder(folder: Path | None = None) -> Path:
    """Copies of the notebooks, which stay as the user left them.

    Parameters
    ----------
    folder
        For the copies; `COPIES` in the working directory when not given.
    """
    shipped = notebooks_folder()
    copies = (folder or Path(COPIES)).absolute()
    copies.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(shipped.glob("*.ipynb")):
        if not (copies / notebook.name).exists():
            shutil.copyfile(notebook, copies / notebook.name)
    return copies


def lab_command(
    folder: Path, *, port: int = 8888, browser: bool = True, more: Sequence[str] = ()
) -> list[str]:
    """The command that opens JupyterLab on a folder, reachable from this machine only."""
    # In a container root is often the only user there is; loopback and a token guard the server.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        sys.executable, "-m", "jupyterlab", str(folder), "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", *([] if browser else ["--no-browser"]),
        # Nothing is asked of the network that nobody asked for.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *as_root, *more,
    ]  # fmt: skip


def open_lab(
    *,
    folder: Path | None = None,
    here: bool = False,
    port: int = 8888,
    browser: bool = True,
    more: Sequence[str] = (),
) -> None:
    """Open JupyterLab and stay until it ends.

    Parameters
    ----------
    folder
        See `working_folder`.
    here
        Open the notebooks themselves, not copies.
    port, browser, more
        See `lab_command`.

    Raises
    ------
    ReportError
        It ended with an error.
    """
    where = notebooks_folder() if here else working_folder(folder)
    print(f"JupyterLab on {where}", file=sys.stderr)
    command = lab_command(where, port=port, browser=browser, more=more)
    if os.name == "posix":
        sys.stderr.flush()
        os.execv(command[0], command)  # noqa: S606 - so that Ctrl-C and signals are JupyterLab's
    ended = subprocess.run(command).returncode  # noqa: S603
    if ended:
        raise ReportError(f"JupyterLab ended with exit code {ended}.")
