"""``engagement-nb lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engagement_nb import report
from engagement_nb.cli.commands import command
from engagement_nb.errors import InputError, ReportError
from engagement_nb.report.notebooks import notebooks_folder

COPIES = "engagement-notebooks"


@command(context_settings={"ignore_unknown_options": True})
@click.option("--port", type=int, default=8888, show_default=True, help="Port; 0 for any free one.")
@click.option("--no-browser", is_flag=True, help="Don't open a browser.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder for your copies of the notebooks; by default ./engagement-notebooks.",
)  # fmt: skip
@click.option("--here", is_flag=True, help="Open the original notebooks, not copies.")
@click.argument("more", nargs=-1, type=click.UNPROCESSED)
def lab(
    port: int, no_browser: bool, folder: Path | None, here: bool, more: tuple[str, ...]
) -> None:
    """Open JupyterLab on the notebooks, on this machine only.

    It opens copies in your own folder, which are never overwritten; with --here, the original
    notebooks. Further arguments go to JupyterLab.
    """
    for word in more:
        if word.startswith(("--ip", "--ServerApp.ip")):
            raise InputError(
                f"{word} is refused: this JupyterLab listens on this machine only.",
                advice="Start jupyter lab yourself to let others reach it.",
            )
    if here and folder:
        raise click.UsageError("--here and --folder exclude each other.")
    where = notebooks_folder() if here else working_folder(folder)
    click.echo(f"JupyterLab on {where}", err=True)
    words = lab_command(where, port=port, browser=not no_browser, more=more)
    # Its setting answers JupyterLab's question about news, which `news_url` does not.
    settings = [f"{report.__path__[0]}/jupyter", os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    if os.name == "posix":
        sys.stderr.flush()
        os.execv(words[0], words)  # noqa: S606 - so that Ctrl-C and signals are JupyterLab's
    if ended := subprocess.run(words).returncode:  # noqa: S603
        raise ReportError(f"JupyterLab ended with exit code {ended}.")


def working_folder(folder: Path | None = None) -> Path:
    """The folder with copies of the notebooks. Copies that exist are not overwritten."""
    copies = (folder or Path(COPIES)).absolute()
    copies.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(notebooks_folder().glob("*.ipynb")):
        if not (copies / notebook.name).exists():
            shutil.copyfile(notebook, copies / notebook.name)
    return copies


def lab_command(
    folder: Path, *, port: int = 8888, browser: bool = True, more: Sequence[str] = ()
) -> list[str]:
    """The command that opens JupyterLab on a folder, reachable from this machine only."""
    # In a container root is often the only user. Loopback and a token guard the server.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        sys.executable, "-m", "jupyterlab", str(folder), "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", *([] if browser else ["--no-browser"]),
        # No requests to Jupyter's servers.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *as_root, *more,
    ]  # fmt: skip
