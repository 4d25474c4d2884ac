"""Processes that run one notebook each: copies of a process that has imported everything.

The fork server of the standard library makes them. Systems without fork start new processes.
Nothing of Jupyter is imported here, so that the fork server can start before papermill is loaded.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# The fork server's socket is in the temporary folder, and its path may have 107 bytes.
_FORKS = (
    "forkserver" in multiprocessing.get_all_start_methods()
    and len(os.fsencode(tempfile.gettempdir())) <= 70
)
_CONTEXT: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
_PRELOADED = "engagement_nb.report.warm"
_START_SECONDS, _END_SECONDS, _LINGER_SECONDS = 60, 5, 0.5
_STARTS, _RESTART_SECONDS = 5, 0.1
_lock = threading.Lock()
_running: set[BaseProcess] = set()
_stopped = threading.Event()


class ProcessEndedError(Exception):
    """The process of a notebook died; the argument is its exit code."""


class CellTooSlowError(Exception):
    """A cell took longer than allowed."""


def warm() -> None:
    """Start the fork server without waiting for its imports."""
    if _FORKS:
        with _lock, _hidden_main():
            _CONTEXT.set_forkserver_preload([_PRELOADED])
            multiprocessing.forkserver.ensure_running()


def stop() -> None:
    """Kill all processes that run notebooks, and start no new one until `resume`."""
    with _lock:
        _stopped.set()
        for process in _running:
            _kill(process)


def resume() -> None:
    """Allow processes again after `stop`."""
    _stopped.clear()


def stopped() -> bool:
    """Whether `stop` was called last."""
    return _stopped.is_set()


class Cells:
    """Runs cells in the process of one notebook.

    Parameters
    ----------
    cwd
        Working directory of the notebook.
    scratch
        A temporary folder, which the caller removes afterwards.

    Raises
    ------
    RuntimeError
        The process did not start.
    """

    def __init__(self, cwd: Path, scratch: Path) -> None:
        # Imported here because of start-up time: `warm` runs before anything else is imported.
        from engagement_nb.report.shell import READY, serve

        for left in reversed(range(_STARTS)):
            try:
                self._process, self._connection = _start(serve, cwd, scratch)
                break
            except (EOFError, ConnectionError):
                # The fork server was killed. A new one can start once the system has noticed.
                if not left:
                    raise RuntimeError("the fork server does not respond") from None
                time.sleep(_RESTART_SECONDS)
        message = b"its process does not respond"
        try:
            if self._connection.poll(_START_SECONDS):
                message = self._connection.recv_bytes()
        except (EOFError, ConnectionError):
            self._process.join(_END_SECONDS)
            message = f"its process ended at once, exit code {self._process.exitcode}".encode()
        if message != READY:
            self._kill()
            raise RuntimeError(message.decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the process, and everything that its notebook started."""
        if error is None:
            with suppress(OSError, EOFError):
                self._connection.send("")
                self._connection.poll(_END_SECONDS)
                # Threads of the notebook can keep its process alive.
                self._process.join(_LINGER_SECONDS)
        self._kill()

    def run(self, source: str, timeout: float | None) -> dict[str, Any]:
        """Run a cell; return its ``execution_count``, its ``outputs`` and whether it ``failed``.

        Raises
        ------
        ProcessEndedError
            The process died.
        CellTooSlowError
            It took more than ``timeout`` seconds.
        """
        try:
            self._connection.send(source)
            if not self._connection.poll(timeout):
                raise CellTooSlowError
            found: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, ConnectionError):
            self._process.join(_END_SECONDS)
            raise ProcessEndedError(self._process.exitcode) from None
        return found

    def _kill(self) -> None:
        with _lock:
            _running.discard(self._process)
        _kill(self._process)
        self._process.join()
        self._process.close()
        self._connection.close()


def _start(target: Any, cwd: Path, scratch: Path) -> tuple[BaseProcess, Connection]:
    ours, theirs = _CONTEXT.Pipe()
    with theirs, _lock, _hidden_main():
        if _stopped.is_set():
            raise RuntimeError("reports are being stopped")
        if _FORKS:
            _CONTEXT.set_forkserver_preload([_PRELOADED])
        # A Dask worker is a daemon, which may not have children. These end with their parent.
        multiprocessing.current_process().daemon = False
        process = _CONTEXT.Process(
            target=target, args=(theirs, dict(os.environ), str(cwd), str(scratch)), daemon=True
        )
        process.start()
        _running.add(process)
    return process, ours


def _kill(process: BaseProcess) -> None:
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except (AttributeError, OSError):
        process.kill()


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Hide the main program from `multiprocessing`, which would import it in each process.

    A script that makes reports at its top level would then make them again.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
