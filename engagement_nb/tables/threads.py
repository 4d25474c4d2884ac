"""Work in threads, where there are threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_threads(work: Iterable[Callable[[], T]], most: int) -> Iterator[T]:
    """Call functions in at most so many threads; their results in order.

    One after the other if one thread is enough, and in a browser, which has no threads.
    """
    workers = min(most, os.cpu_count() or 1)
    if workers < 2 or sys.platform == "emscripten":
        yield from (one() for one in work)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda one: one(), work)
