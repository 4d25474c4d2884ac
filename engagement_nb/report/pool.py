"""Where reports are made: on this machine, or on a Dask cluster; to a caller it is the same."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from engagement_nb.errors import ReportError, require_extra
from engagement_nb.report import processes

SCHEDULER_SECONDS = 20
"""How long a Dask scheduler may take to answer."""
WORKERS_SECONDS = 5.0
"""How long it may be without workers until that is told; then every tenfold of it."""


@contextmanager
def open_pool(workers: int | None, scheduler: str | None, jobs: int) -> Iterator[Executor]:
    """Where reports are made: threads of this process, or the workers of a Dask cluster.

    Both are `concurrent.futures.Executor`. Threads do here: each notebook runs in a process of
    its own.
    """
    if scheduler is None:
        count = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
        processes.resume()
        pool = ThreadPoolExecutor(max(1, min(count, jobs)), thread_name_prefix="report")
        try:
            yield pool
        except BaseException:
            # Notebooks that run are of no use any more; their threads end with them.
            processes.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return
    require_extra("dask", "distributed")
    # Imported here because it is an extra.
    from distributed import Client

    # What it logs with a traceback when the scheduler is lost, each report's record says.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise ReportError(
            f"No Dask scheduler answers at {scheduler} ({type(error).__name__}).",
            advice="Start one with dask scheduler, and workers with dask worker ADDRESS.",
        ) from None
    ended = threading.Event()
    watch = threading.Thread(target=_tell_of_none, args=(client, scheduler, ended), daemon=True)
    with client:
        watch.start()
        try:
            yield client.get_executor(pure=False)
        finally:
            ended.set()


def _tell_of_none(client: Any, scheduler: str, ended: threading.Event) -> None:
    """Say that nobody works, again and again: some clusters start workers only when asked."""
    pause = WORKERS_SECONDS
    while not ended.wait(pause):
        pause = 10 * WORKERS_SECONDS
        try:
            workers = client.scheduler_info()["workers"]
        except (OSError, RuntimeError):
            continue  # lost, or closed: the reports say so
        if not workers:
            print(
                f"The Dask scheduler at {scheduler} has no workers, so nothing is made yet. Start"
                f" some with dask worker {scheduler}, or stop this with Ctrl-C.",
                file=sys.stderr,
            )
