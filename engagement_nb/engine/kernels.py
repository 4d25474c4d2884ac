"""Kernel processes from the fork server, as the process that wants them sees them.

Nothing here is of Jupyter, so that the server can be started before anything else is imported.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

READY_SECONDS = 60
"""Longest time that a kernel may take to start."""


def can_fork() -> bool:
    """Whether kernels can be forked here; elsewhere the engine starts them the usual way."""
    return sys.platform == "linux"


class ForkServer:
    """The server's process, as its owner sees it; started when the first kernel is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._listens = False
        self.refuses = False
        """Whether no kernel is given any more: the work that wants them is being stopped."""

    def kernel(self, argv: list[str], env: dict[str, str], cwd: str) -> ForkedKernel:
        """A new kernel process, its sockets bound."""
        asked = json.dumps({"argv": argv, "env": env, "cwd": cwd})
        if self.refuses:
            raise OSError("No kernels are started any more.")
        for attempt in (1, 2):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._running() / "fork"))
                connection.sendall(asked.encode() + b"\n")
                return ForkedKernel(connection)
            except OSError:
                # The server was lost (killed, out of memory): a new one is as good.
                connection.close()
                self.close()
                if attempt == 2 or self.refuses:
                    raise
        raise AssertionError("unreachable")

    @property
    def pid(self) -> int | None:
        """Process id of the server, where it runs."""
        return self._process.pid if self._process else None

    def warm(self) -> None:
        """Start the server, without waiting until it has imported everything."""
        with self._lock:
            self._start()

    def _running(self) -> Path:
        """The server's folder, once it listens."""
        with self._lock:
            self._start()
            if not self._listens and self._process is not None and self._process.stdout is not None:
                if self._process.stdout.readline() != b"listening\n":
                    code = self._process.wait()
                    self._clean()
                    raise OSError(f"The process that forks kernels ended (exit code {code}).")
                self._listens = True
            return self._folder

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._clean()
        self._folder = Path(short_folder())
        socket_path = str(self._folder / "fork")
        env = {key: value for key, value in os.environ.items() if key != "JPY_PARENT_PID"}
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
            [sys.executable, "-P", "-m", "engagement_nb.engine.forkserver", socket_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )

    def close(self) -> None:
        """End the server, and with it every kernel that it forked."""
        with self._lock:
            self._clean()

    def _clean(self) -> None:
        process, self._process, self._listens = self._process, None, False
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            shutil.rmtree(self._folder, ignore_errors=True)


SERVER = ForkServer()
"""The fork server of this process."""
atexit.register(SERVER.close)


class ForkedKernel:
    """What jupyter_client asks of a `subprocess.Popen`, for a kernel that is not our child."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self.returncode: int | None = None
        connection.settimeout(READY_SECONDS)
        said: dict[str, Any] = {}
        while "ready" not in said and "status" not in said:
            for line in self._lines():
                said.update(line)
        self.pid: int = said["pid"]
        connection.setblocking(False)

    def _lines(self) -> list[dict[str, Any]]:
        """What the server has said since; an end of it means the kernel's end."""
        received = self._connection.recv(4096)
        if not received:
            if self.returncode is None:
                self.returncode = -int(signal.SIGKILL)
            raise ConnectionError("The process that forks kernels is gone.")
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        said = [json.loads(line) for line in lines]
        for line in said:
            if "status" in line:
                self.returncode = line["status"]
        return said

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        try:
            while self.returncode is None:
                self._lines()
        except BlockingIOError:
            pass
        except OSError:
            self.returncode = -int(signal.SIGKILL)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Exit code, once it has ended."""
        deadline = time.monotonic() + (timeout or READY_SECONDS)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout or READY_SECONDS)
            time.sleep(0.005)
        self._connection.close()
        return code

    def send_signal(self, number: int) -> None:
        """Signal the kernel and what it started."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


def short_folder() -> str:
    """A new private folder, short enough that the path of a Unix socket in it is legal."""
    where = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="enb-", dir=where if len(where) < 60 else "/tmp")  # noqa: S108
