"""A papermill engine whose kernels are forked from a process that has imported everything.

``papermill ... --engine engagement-nb`` (or ``engine_name="engagement-nb"``) runs a notebook as
papermill's own engine does, through papermill's and jupyter_client's extension points, in a
fresh kernel each; only the kernel's start and end are quicker. Where there is no fork, or the
notebook wants another kernel than this Python's, the kernel is started the usual way.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

ENGINE = "engagement-nb"
"""The name under which papermill knows this engine."""

ForkedEngine: Any = None
# Papermill loads this module by its entry point while it is imported itself, perhaps by the
# lines below; it is given the engine at the end.

from jupyter_client.asynchronous import AsyncKernelClient  # noqa: E402
from jupyter_client.client import KernelClient  # noqa: E402
from jupyter_client.manager import AsyncKernelManager  # noqa: E402
from jupyter_client.provisioning import LocalProvisioner  # noqa: E402
from papermill.engines import (  # noqa: E402
    NBClientEngine,
    NotebookExecutionManager,
    papermill_engines,
)
from traitlets import Type  # noqa: E402

from engagement_nb.engine.kernels import READY_SECONDS, SERVER, can_fork, short_folder  # noqa: E402


class _SeldomSaved(NotebookExecutionManager):
    """Papermill's manager, which writes the notebook twice a cell, writing it less often."""

    SECONDS = 2.0

    def save(self, **kwargs: Any) -> None:
        """Write the notebook at its end, and at most every two seconds before."""
        recently = (self.now() - self.last_save_time).total_seconds() < self.SECONDS
        if self.end_time is not None or not recently:
            super().save(**kwargs)


class _ForkedEngine(NBClientEngine):
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
        deadline = time.monotonic() + (timeout or READY_SECONDS)
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
        raise RuntimeError(f"Kernel didn't respond in {timeout or READY_SECONDS:g} seconds")

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


ForkedEngine = _ForkedEngine
papermill_engines.register(ENGINE, ForkedEngine)
