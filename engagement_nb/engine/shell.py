"""Runs the cells of one notebook in an IPython shell, in a process of their own.

The shell collects what cells display, in the format of notebooks. There is no kernel, no ZeroMQ
and no event loop. Nothing of papermill or Jupyter's server is imported here.
"""

from __future__ import annotations

import atexit
import base64
import io
import json
import os
import random
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, Self

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from traitlets import Type
from traitlets.config import Config

INLINE = "module://matplotlib_inline.backend_inline"


class _Outputs:
    """Outputs of the running cell, in the format of notebooks."""

    def __init__(self) -> None:
        self._outputs: list[dict[str, Any]] = []
        self._ids: dict[str, dict[str, Any]] = {}
        self._clear_at_next = False

    def take(self) -> list[dict[str, Any]]:
        """Return the outputs of the cell, and begin the next one."""
        outputs, self._outputs, self._ids = self._outputs, [], {}
        self._clear_at_next = False
        return outputs

    def add(self, output: dict[str, Any]) -> None:
        if self._clear_at_next:
            self.clear(wait=False)
        last = self._outputs[-1] if self._outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self._outputs.append(output)

    def display(self, data: Any, metadata: Any, transient: Any, *, update: bool) -> None:
        """Add rich output, or replace that of the same cell with the same id."""
        identity = (transient or {}).get("display_id")
        shown = {"data": data, "metadata": metadata or {}}
        if update:
            if identity in self._ids:
                self._ids[identity].update(shown)
            return
        output = {"output_type": "display_data", **shown}
        if identity:
            self._ids[identity] = output
        self.add(output)

    def clear(self, *, wait: bool) -> None:
        self._clear_at_next = wait
        if not wait:
            self._outputs.clear()


_OUTPUTS = _Outputs()


class _Publisher(DisplayPublisher):
    def publish(  # type: ignore[override]
        self, data: Any, metadata: Any = None, *, transient: Any = None, update: bool = False,
        **_: Any,
    ) -> None:  # fmt: skip
        _OUTPUTS.display(data, metadata, transient, update=update)

    def clear_output(self, wait: bool = False) -> None:
        _OUTPUTS.clear(wait=wait)


class _Hook(DisplayHook):
    """The value of a cell's last expression, without a prompt."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        _OUTPUTS.add({
            "output_type": "execute_result", "data": format_dict, "metadata": md_dict or {},
            "execution_count": self.prompt_count,
        })  # fmt: skip

    def finish_displayhook(self) -> None:
        pass


class _Shell(InteractiveShell):
    """A shell whose displays, results and tracebacks become outputs of a notebook."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        _OUTPUTS.add(_error(evalue, stb))

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: a report opens no windows."""


def _error(error: BaseException, lines: Any = ()) -> dict[str, Any]:
    return {
        "output_type": "error", "ename": type(error).__name__, "evalue": str(error),
        "traceback": list(lines),
    }  # fmt: skip


class _Stream(io.TextIOBase):
    """Standard output or error of a notebook."""

    encoding = "utf-8"

    def __init__(self, name: str, descriptor: int) -> None:
        self.name, self._descriptor = name, descriptor

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        if text:
            _OUTPUTS.add({"output_type": "stream", "name": self.name, "text": text})
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor


def serve(connection: Connection, shell: InteractiveShell | None) -> NoReturn:
    """Run the cells that arrive on a connection, in a process that ends with it.

    Parameters
    ----------
    connection
        Brings JSON first: the environment ``env``, the module search ``path``, the working
        directory ``cwd``, and a folder ``scratch`` for temporary files, which the caller removes.
        The response is the ``pid``, or the ``error`` for which the shell cannot start. Then it
        brings the source of one cell after another, and "" at the end. After each cell it gets
        JSON: ``execution_count``, ``outputs`` and whether the cell ``failed``.
    shell
        Made by `start_shell` before this process was forked; None to make it now.
    """
    try:
        wanted = json.loads(connection.recv_bytes())
        _become_own_process(connection, wanted)
        shell = shell or start_shell()
        _enter(shell, wanted["scratch"])
    except (OSError, MemoryError) as failed_start:
        connection.send_bytes(json.dumps({"error": str(failed_start) or "out of memory"}).encode())
        os._exit(1)
    connection.send_bytes(json.dumps({"pid": os.getpid()}).encode())
    with suppress(EOFError, OSError):
        while source := connection.recv_bytes():
            connection.send_bytes(_as_json(_run(shell, source.decode())).encode())
        # What the notebook registered runs before the caller ends this process.
        atexit._run_exitfuncs()
        connection.send_bytes(b"ended")
    os._exit(0)


class CellsHere:
    """Runs cells in this process, where there is no other.

    Parameters
    ----------
    cwd, scratch
        As for `engagement_nb.engine.processes.Cells`.
    """

    def __init__(self, cwd: Path, scratch: Path) -> None:
        self._before = Path.cwd(), sys.stdout, sys.stderr
        os.environ.setdefault("MPLBACKEND", INLINE)
        self._shell = start_shell()
        _enter(self._shell, str(scratch))
        os.chdir(cwd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """End the shell, and restore what it replaced."""
        self._shell.restore_sys_module_state()
        self._shell.clear_instance()
        folder, sys.stdout, sys.stderr = self._before
        os.chdir(folder)

    def run(self, source: str, timeout: float | None) -> dict[str, Any]:
        """Run a cell: see `engagement_nb.engine.processes.Cells`. No time limit is kept."""
        done: dict[str, Any] = json.loads(_as_json(_run(self._shell, source)))
        return done


def _run(shell: InteractiveShell, source: str) -> dict[str, Any]:
    """Run a cell."""
    ended = shell.run_cell(source, store_history=True)
    outputs = _OUTPUTS.take()
    error = ended.error_before_exec or ended.error_in_exec
    if error is not None and not any(o["output_type"] == "error" for o in outputs):
        outputs.append(_error(error))
    return {
        "execution_count": ended.execution_count,
        "outputs": outputs,
        "failed": error is not None,
    }


def _become_own_process(connection: Connection, wanted: Mapping[str, Any]) -> None:
    """Replace what the server handed down, and end when the caller ends."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(connection.fileno(),), daemon=True).start()
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.environ["TMPDIR"] = tempfile.tempdir = wanted["scratch"]
    os.environ.setdefault("MPLBACKEND", INLINE)
    sys.path[:] = wanted["path"]
    os.chdir(wanted["cwd"])
    sys.argv = ["notebook"]
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _end_with(descriptor: int) -> None:
    """Kill this process and what it started once the other end of a connection is closed."""
    other_end = select.poll()
    other_end.register(descriptor, 0)  # Without events, the end alone is told.
    other_end.poll()
    os.killpg(0, signal.SIGKILL)


def start_shell() -> InteractiveShell:
    """Make a shell. A server makes it once, for all its copies."""
    options = Config()
    options.HistoryManager.enabled = False
    with tempfile.TemporaryDirectory() as folder:
        shell: InteractiveShell = _Shell.instance(
            config=options, profile_dir=ProfileDir(location=folder)
        )
    shell.run_cell("None", silent=True)  # It imports and fills what the first cell needs.
    # The inline backend was imported when there was no shell to connect to.
    if inline := sys.modules.get("matplotlib_inline.backend_inline"):
        inline._enable_matplotlib_integration()
    return shell


def _enter(shell: InteractiveShell, scratch: str) -> None:
    """Make a shell that of the notebook in this process."""
    shell.profile_dir = ProfileDir(location=str(Path(scratch) / "ipython"))
    sys.stdout, sys.stderr = _Stream("stdout", 1), _Stream("stderr", 2)


def _as_json(done: dict[str, Any]) -> str:
    return json.dumps(done, default=_as_text)


def _as_text(value: Any) -> str:
    """A value that JSON cannot express, as a kernel sends it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
