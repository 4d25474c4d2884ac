"""The process whose copies run notebooks: it imports libraries, then forks once per notebook.

It is started by `engagement_nb.engine.processes`, and ends when that process closes their socket.
For each byte on the socket there is a connection, which the copy serves.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing.connection import Connection

from engagement_nb.engine.shell import INLINE, serve, start_shell

_USUAL = ("matplotlib_inline.backend_inline",)
"""Imported where nobody says what notebooks need, because most draw."""


def _reap(*_: object) -> None:
    """Take note of copies that have ended, so that their processor time counts as this one's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(descriptor: int, modules: Sequence[str]) -> None:
    """Import modules, then fork for each connection that arrives on a socket.

    Parameters
    ----------
    descriptor
        Number of the socket.
    modules
        What to import. A module that cannot be imported is left to the notebooks.
    """
    os.environ.setdefault("MPLBACKEND", INLINE)
    # Ctrl-C is for the process that started this one, which then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _reap)
    for module in modules or _USUAL:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    shell = None
    with contextlib.suppress(OSError):  # The copies try again, and tell what is wrong.
        shell = start_shell()
    os.chdir(os.sep)  # The folder of the command may be removed before this process ends.
    # The garbage collector leaves these objects alone, so that copies share their memory. In a
    # copy it runs rarely, because a copy lives for seconds only.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    control = socket.socket(fileno=descriptor)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            serve(Connection(descriptors[0]), shell)
        os.close(descriptors[0])
