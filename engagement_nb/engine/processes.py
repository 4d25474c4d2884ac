"""Processes that run one notebook each: copies of a process that has imported everything.

Nothing of Jupyter is imported here, so that the server can start before papermill is loaded.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ENGINE = "engagement-nb"
"""The name of this engine in papermill."""
ALONE = sys.platform == "emscripten"
"""Whether this process is the only one, as in a browser. Then it runs the notebooks itself."""
FORKS = hasattr(os, "fork") and hasattr(socket, "send_fds") and not ALONE
"""Whether this system can run notebooks so. Others use papermill's own engine."""
DIED, TOO_SLOW = "DeadKernelError", "CellTimeoutError"
"""Errors of a cell whose process ended, with the names that nbclient gives them."""

_START_SECONDS, _END_SECONDS, _LINGER_SECONDS = 60, 5, 0.5
_STARTS, _RESTART_SECONDS = 5, 0.1
_SERVER = (
    "import sys; sys.path[:] = {path!r}; from engagement_nb.engine.server import main;"
    " main({descriptor}, {modules!r})"
)


class _Server:
    """The process that forks, and the numbers of its copies at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.modules: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._at_work: set[int] = set()
        self._stopped = threading.Event()

    def preload(self, *modules: str) -> None:
        """Start the server, which imports modules for all notebooks, without waiting for it.

        Parameters
        ----------
        *modules
            Names of modules.
        """
        with self._lock:
            if modules != self.modules:
                self.modules = modules
                self._end()
            if FORKS:
                self._begin()

    def connect(self) -> Connection:
        """A connection to a new copy; an OSError if the server does not live."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            if self.stopped():
                ours.close()
                raise RuntimeError("notebooks are being stopped")
            try:
                self._begin()
                assert self._control is not None  # noqa: S101 - it has begun
                socket.send_fds(self._control, [b"n"], [theirs.fileno()])
            except OSError:
                ours.close()
                self._end()
                raise
        return Connection(ours.detach())

    def works(self, pid: int) -> None:
        with self._lock:
            self._at_work.add(pid)
            if self.stopped():
                _kill(pid)

    def ended(self, pid: int) -> None:
        with self._lock:
            self._at_work.discard(pid)

    def stop(self) -> None:
        """Kill all processes that run notebooks, and start no new one until `resume`."""
        with self._lock:
            self._stopped.set()
            for pid in self._at_work:
                _kill(pid)

    def resume(self) -> None:
        """Allow processes again after `stop`."""
        self._stopped.clear()

    def stopped(self) -> bool:
        """Whether `stop` was called last."""
        return self._stopped.is_set()

    def _begin(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._control, theirs = socket.socketpair()
        with theirs:
            code = _SERVER.format(path=sys.path, descriptor=theirs.fileno(), modules=self.modules)
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # Nothing that a library prints may get into the output of a command.
                start_new_session=True,
            )

    def _end(self) -> None:
        """End the server. Its copies at work live on."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self._process = None


_server = _Server()
preload, stop = _server.preload, _server.stop
resume, stopped = _server.resume, _server.stopped


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
        wanted = {"env": dict(os.environ), "path": sys.path, "cwd": str(cwd),
                  "scratch": str(scratch)}  # fmt: skip
        told: dict[str, Any] = {"error": "its process does not respond"}
        for left in reversed(range(_STARTS)):
            try:
                self._connection = _server.connect()
                self._connection.send_bytes(json.dumps(wanted).encode())
                if self._connection.poll(_START_SECONDS):
                    told = json.loads(self._connection.recv_bytes())
                break
            except (EOFError, OSError):
                # The server was killed. A new one can start once the system has noticed.
                if not left:
                    raise RuntimeError("the server of processes does not respond") from None
                time.sleep(_RESTART_SECONDS)
        self._ran = 0
        self._pid = int(told.get("pid", 0))
        if not self._pid:
            self._connection.close()
            raise RuntimeError(told["error"])
        _server.works(self._pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the process, and everything that its notebook started."""
        if error is None:
            with suppress(OSError):
                self._connection.send_bytes(b"")
                # Threads of the notebook can keep its process alive.
                self._wait(_END_SECONDS, _LINGER_SECONDS)
        _server.ended(self._pid)
        _kill(self._pid)
        self._wait(_END_SECONDS)
        self._connection.close()

    def run(self, source: str, timeout: float | None) -> dict[str, Any]:
        """Run a cell; return its ``execution_count``, its ``outputs`` and whether it ``failed``.

        The output is an error `DIED` or `TOO_SLOW` if the process died, or if the cell took more
        than ``timeout`` seconds.
        """
        self._ran += 1
        try:
            self._connection.send_bytes(source.encode())
            if self._connection.poll(timeout):
                done: dict[str, Any] = json.loads(self._connection.recv_bytes())
                return done
            name, why = TOO_SLOW, f"The cell took more than {timeout:g} seconds."
        except (EOFError, OSError):
            name, why = DIED, "The process ended."
        error = {"output_type": "error", "ename": name, "evalue": why, "traceback": [why]}
        return {"execution_count": self._ran, "outputs": [error], "failed": True}

    def _wait(self, *seconds: float) -> None:
        """Wait for the process to say that it ends, and to end: its connection is closed."""
        with suppress(EOFError, OSError):
            for pause in seconds:
                if self._connection.poll(pause):
                    self._connection.recv_bytes()


def _kill(pid: int) -> None:
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
