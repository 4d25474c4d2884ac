"""A papermill engine whose kernels are forked from a process that has imported everything.

``papermill ... --engine engagement-nb`` (or ``engine_name="engagement-nb"``) runs a notebook as
papermill's own engine does, through papermill's and jupyter_client's extension points, in a
fresh kernel each; only the kernel's start and end are quicker. Where there is no fork, or the
notebook wants another kernel than this Python's, the kernel is started the usual way.
"""

from __future__ import annotations

import asyncio
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
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.client import KernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from papermill.engines import NBClientEngine, NotebookExecutionManager
from traitlets import Type

ENGINE = "engagement-nb"
"""The name under which papermill knows this engine."""

_READY_SECONDS = 60


def can_fork() -> bool:
    """Whether kernels can be forked here; elsewhere the engine starts them the usual way."""
    return sys.platform == "linux"


class _SeldomSaved(NotebookExecutionManager):
    """Papermill's manager, which writes the notebook twice a cell, writing it less often."""

    SECONDS = 2.0

    def save(self, **kwargs: Any) -> None:
        """Write the notebook at its end, and at most every two seconds before."""
        recently = (self.now() - self.last_save_time).total_seconds() < self.SECONDS
        if self.end_time is not None or not recently:
            super().save(**kwargs)


class ForkedEngine(NBClientEngine):
    """Papermill's own engine, with kernels from the fork server."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **kwargs: Any,
    ) -> Any:
        """As papermill's `Engine.execute_notebook`, with a notebook that is written less often."""
        manager = _SeldomSaved(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **kwargs)
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        return manager.nb

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Execute a notebook; options are those of papermill's ``nbclient`` engine."""
        if can_fork():
            kwargs.setdefault("kernel_manager_class", ForkedKernelManager)
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


class ForkServer:
    """The server's process, as its owner sees it; started when the first kernel is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._listens = False

    def kernel(self, argv: list[str], env: dict[str, str], cwd: str) -> ForkedKernel:
        """A new kernel process, its sockets bound."""
        asked = json.dumps({"argv": argv, "env": env, "cwd": cwd})
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
                if attempt == 2:
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
            [sys.executable, "-P", "-m", "engagement_nb.forkserver", socket_path],
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
        connection.settimeout(_READY_SECONDS)
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
        deadline = time.monotonic() + (timeout or _READY_SECONDS)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout or _READY_SECONDS)
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


class ForkedProvisioner(LocalProvisioner):
    """The local provisioner, whose process is a fork."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel; ``cmd`` is that of the kernel's specification."""
        cwd = str(Path(kwargs.get("cwd") or Path.cwd()).absolute())
        env = dict(kwargs.get("env") or os.environ)
        kernel = SERVER.kernel(cmd[cmd.index("ipykernel_launcher") + 1 :], env, cwd)
        self.process = kernel  # type: ignore[assignment]  # it has what is asked of a Popen
        self.pid = self.pgid = kernel.pid
        self.cwd = cwd
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait for the kernel's end, at shorter intervals than the base class."""
        while await self.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()


class ForkedKernelClient(AsyncKernelClient):
    """A client that is ready when the kernel is, without fixed waits."""

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (timeout or _READY_SECONDS)
        while time.monotonic() < deadline:
            asked = self.kernel_info()
            try:
                reply = await self.shell_channel.get_msg(timeout=1)
                # When the end of this very request is heard, the subscription works and
                # nothing older is on its way.
                while True:
                    heard = await self.iopub_channel.get_msg(timeout=0.1)
                    if (
                        heard["parent_header"].get("msg_id") == asked
                        and heard["content"].get("execution_state") == "idle"
                    ):
                        self._handle_kernel_info_reply(reply)
                        return
            except Empty:
                pass
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout or _READY_SECONDS:g} seconds")

    wait_for_ready = _async_wait_for_ready


class ForkedKernelManager(AsyncKernelManager):
    """A manager of one forked kernel, over Unix sockets with paths that no other run has.

    Unix sockets cannot collide as TCP ports do ("Address already in use").
    """

    client_factory = Type(ForkedKernelClient, klass=KernelClient)

    def __init__(self, **kwargs: Any) -> None:
        self._folder = short_folder()
        super().__init__(**kwargs)
        if self._forkable():
            self.transport = "ipc"
            self.ip = f"{self._folder}/k"
            self.connection_file = f"{self._folder}/kernel.json"

    def _forkable(self) -> bool:
        argv = self.kernel_spec.argv if self.kernel_spec else []
        python = argv[0] if argv else ""
        ours = python in {"python", "python3", sys.executable} or (
            bool(python) and Path(python).exists() and Path(python).samefile(sys.executable)
        )
        return can_fork() and ours and argv[1:3] == ["-m", "ipykernel_launcher"]

    async def _async_pre_start_kernel(self, **kw: Any) -> Any:
        if self.provisioner is None and self._forkable():
            self.kernel_id = self.kernel_id or kw.pop("kernel_id", Path(self._folder).name)
            self.provisioner = ForkedProvisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
        return await super()._async_pre_start_kernel(**kw)

    pre_start_kernel = _async_pre_start_kernel

    async def _async_interrupt_kernel(self) -> None:
        # The base class interrupts before it asks for the end, and a kernel that has nothing
        # to do then logs an error. One that is busy is ended by a signal a little later.
        if not self.shutting_down:
            await super()._async_interrupt_kernel()

    interrupt_kernel = _async_interrupt_kernel

    async def _async_finish_shutdown(
        self,
        waittime: float | None = None,
        pollinterval: float = 0.005,
        restart: bool = False,
    ) -> None:
        await super()._async_finish_shutdown(waittime, pollinterval, restart)

    finish_shutdown = _async_finish_shutdown

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart)
        if not restart:
            shutil.rmtree(self._folder, ignore_errors=True)

    cleanup_resources = _async_cleanup_resources


def short_folder() -> str:
    """A new private folder, short enough that the path of a Unix socket in it is legal."""
    where = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="enb-", dir=where if len(where) < 60 else "/tmp")  # noqa: S108
