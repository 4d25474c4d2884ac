"""Where a ledger is kept: in memory, or in a small file that processes share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from engagement_nb.pacing.ledger import Ledger


class Store(Protocol):
    """Gives the ledger to one at a time, and keeps what became of it."""

    def open(self, window: float) -> AbstractContextManager[Ledger]:
        """The ledger, for the length of a ``with``."""
        ...


class MemoryStore:
    """A ledger that the threads of one process share."""

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()

    @contextmanager
    def open(self, window: float) -> Iterator[Ledger]:
        """The ledger, for the length of a ``with``."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger(window=window)
            yield self._ledger
