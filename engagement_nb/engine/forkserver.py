"""A process that has imported everything, and from which fresh kernels are forked.

Most of what a notebook costs is starting Python and importing pandas and matplotlib, over and
over. This process does it once; each kernel is then a copy of it, made before anything of a
notebook has run, so that nothing passes from one notebook to the next. Linux only.

Run as ``python -m engagement_nb.engine.forkserver SOCKET``: it listens on that Unix socket. A
client connects once a kernel, sends one line of JSON (``argv``, ``env``, ``cwd``) and reads lines
of JSON: ``{"pid": 1}``, then ``{"ready": true}`` from the kernel when its own sockets are bound,
then ``{"status": 0}`` when it has ended. A client that goes away takes its kernel with it; when
the server's stdin closes, it ends with all its kernels.

Up to the fork there must be no ZeroMQ context, no event loop, no kernel application and no
thread of ours. What the fork copies and a kernel must not share is renewed in `_become_kernel`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import threading
import traceback
import warnings
from types import SimpleNamespace
from typing import Any, NoReturn

PRELOADED = (
    "numpy",
    "pandas",
    "pandas.io.formats.style",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_svg",
    "matplotlib_inline.backend_inline",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "IPython.core.completer",
    "IPython.core.magics",
    "engagement_nb.charts",
    "engagement_nb.dataset",
    "engagement_nb.exports",
    "engagement_nb.gap",
    "engagement_nb.ids",
    "engagement_nb.sources",
)
"""What reports use; a module that cannot be imported is left to the notebook that wants it."""

_PR_SET_PDEATHSIG = 1


def _rehearse() -> None:
    """Make one small report's results, so that what is loaded on first use is loaded.

    Fonts, measures of digits, lazy imports: a third of what figures cost a new process. Pure
    functions of ours on made-up numbers; what they leave behind are caches of libraries.
    """
    import numpy as np
    import pandas as pd

    from engagement_nb.charts import figure_html
    from engagement_nb.gap import explore_gap

    rng = np.random.default_rng(0)
    parts = rng.poisson(5.0, (3, 60))
    counts = dict(zip(("favorites", "retweets", "media_views"), parts, strict=True))
    counts["engagements"] = parts[:2].sum(axis=0) + rng.poisson(1.0, 60)
    frame = pd.DataFrame(counts, dtype="Int64")
    frame.insert(0, "tweet_id", [str(2_000_000_000_000_000_000 + n) for n in range(60)])
    gap = explore_gap(frame)
    gap.to_dict()
    frame._repr_html_()  # type: ignore[operator]
    gap._repr_html_()
    for plot in (gap.plot_tweets, gap.plot_evidence, gap.plot_definitions):
        figure_html(plot())


def main() -> None:
    """Import, listen, fork; until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _preload()
    # Objects that exist now are never freed again: their pages stay shared with every kernel.
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None, use_errno=True)

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)

    clients: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ, None)
    selector.register(woken, selectors.EVENT_READ, None)
    selector.register(listener, selectors.EVENT_READ, None)
    os.write(sys.stdout.fileno(), b"listening\n")

    while True:
        for key, _ in selector.select():
            if key.fileobj == sys.stdin.fileno():
                os._exit(0)
            elif key.fileobj is woken:
                woken.recv(4096)
                _report_the_dead(clients, selector)
            elif key.fileobj is listener:
                connection, _ = listener.accept()
                pid = _serve(connection, [listener, woken, wakes, *clients.values()], libc)
                if pid:
                    clients[pid] = connection
                    selector.register(connection, selectors.EVENT_READ, pid)
            elif key.data in clients:
                _kill(key.data)
                selector.unregister(key.fileobj)


def _preload() -> None:
    """Import what reports use, as it would be imported inside a kernel."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    import IPython

    genuine = IPython.get_ipython
    # tqdm.auto looks once, when imported, whether it is in a kernel: in our children it is.
    # Newer ones look for the module, older ones ask IPython.
    importlib.import_module("ipykernel.zmqshell")
    IPython.get_ipython = lambda: SimpleNamespace(config={"IPKernelApp": {}})
    try:
        importlib.import_module("tqdm.auto")
    finally:
        IPython.get_ipython = genuine
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: S112 - the notebook that wants it will say so
            continue
    with contextlib.suppress(Exception):
        _rehearse()


def _serve(connection: socket.socket, others: list[socket.socket], libc: Any) -> int:
    """Fork the kernel that a client asks for; its process id, or 0 if none was asked for."""
    connection.settimeout(10)
    try:
        with connection.makefile("r", encoding="utf-8") as lines:
            asked = json.loads(lines.readline() or "null")
    except (OSError, ValueError):
        asked = None
    if asked is None:
        connection.close()
        return 0
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of any thread; the ones here are OpenBLAS's, which knows of forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _be_kernel(connection, others, asked, os.getppid(), libc)
    # Who asked may be dead by now: then the connection's end tells it, and the kernel is killed.
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps({"pid": pid}).encode() + b"\n")
    connection.setblocking(False)
    return pid


def _report_the_dead(clients: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    """Tell clients of kernels that have ended, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        connection = clients.pop(pid)
        if connection in selector.get_map():
            selector.unregister(connection)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps({"status": code}).encode() + b"\n")
        connection.close()


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _be_kernel(
    connection: socket.socket,
    others: list[socket.socket],
    asked: dict[str, Any],
    parent: int,
    libc: Any,
) -> NoReturn:
    """In the child: run a kernel to its end, and never come back to the server's loop."""
    code = 1
    try:
        for other in others:
            other.close()
        _become_kernel(asked, parent, libc)
        code = _run_kernel(connection, asked["argv"], parent)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        try:
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
        finally:
            os._exit(code)


def _become_kernel(asked: dict[str, Any], parent: int, libc: Any) -> None:
    """Renew what a new process has of its own and a fork copies."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the server died between the fork and the line above
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # The server's stdout speaks to its owner; what a kernel's libraries print goes to stderr.
    os.dup2(2, 1)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _run_kernel(connection: socket.socket, argv: list[str], parent: int) -> int:
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher.py", *argv]
    app = IPKernelApp.instance()
    app.parent_handle = parent
    app.initialize(argv)
    # Both look for a kernel when they are imported, and there was none then.
    if inline := sys.modules.get("matplotlib_inline.backend_inline"):
        inline._enable_matplotlib_integration()
    if widgets := sys.modules.get("ipywidgets"):
        widgets.register_comm_target()
    connection.sendall(b'{"ready": true}\n')
    connection.close()
    app.start()
    return 0


if __name__ == "__main__":
    main()
