"""Where a ledger is kept: in memory, or in a small file that processes share."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import orjson
import platformdirs
from filelock import FileLock, Timeout

from engagement_nb.pacing.ledger import Ledger

ENV_STATE_DIR = "ENGAGEMENT_STATE_DIR"
LOCK_PATIENCE = 10.0
"""Seconds; the lock is held for milliseconds, so one held longer is of a stopped process."""
_OLD = 24 * 3600.0

_log = logging.getLogger(__name__)


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
                self._ledger = Ledger(window)
            yield self._ledger


class FileStore:
    """A ledger in a file that processes of one user share.

    The lock is the operating system's and ends with the process that holds it; the file is
    replaced whole. It holds times and counts, no tokens. Where it cannot be used, this process
    keeps pace on its own, and says so once.

    Parameters
    ----------
    path
        The file; beside it lie a ``.lock`` and, for moments, a ``.new``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_suffix(".new")
        self._threads = threading.Lock()
        # A soft lock would outlive a killed process.
        self._processes = FileLock(
            path.with_suffix(".lock"),
            timeout=LOCK_PATIENCE,
            poll_interval=0.003,
            thread_local=False,
            fallback_to_soft=False,
            preserve_lock_file=True,
        )
        self._ledger: Ledger | None = None
        self._seen: tuple[int, int, int] | None = None
        self._alone = False

    @contextmanager
    def open(self, window: float) -> Iterator[Ledger]:
        """The ledger, for the length of a ``with``."""
        with self._threads:
            locked = self._lock()
            try:
                ledger = self._load(window)
                before = ledger.changes
                yield ledger
                if locked and ledger.changes != before:
                    self._save(ledger)
            finally:
                if locked:
                    self._processes.release()

    def _lock(self) -> bool:
        if self._alone:
            return False
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._processes.acquire()
        except (OSError, NotImplementedError, Timeout) as error:
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: Exception) -> None:
        self._alone = True
        _log.warning(
            "The quota cannot be shared with other processes of yours: %s cannot be used (%s).",
            self._path.parent,
            type(error).__name__,
        )

    def _load(self, window: float) -> Ledger:
        state = self._state()
        stale = not self._alone and (state is None or state != self._seen)
        if self._ledger is None or stale or self._ledger.window != window:
            self._ledger = self._read(window)
            self._seen = state
        return self._ledger

    def _read(self, window: float) -> Ledger:
        try:
            ledger = Ledger.from_dict(orjson.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Ledger(window)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            _log.debug("%s could not be read and is begun anew", self._path)
            return Ledger(window)
        # Times of tomorrow are of a clock that has since been set back.
        in_future = len(ledger.sent) > 0 and float(ledger.sent.max()) > time.time() + window
        return Ledger(window) if ledger.window != window or in_future else ledger

    def _save(self, ledger: Ledger) -> None:
        content = orjson.dumps(
            ledger.to_dict(), option=orjson.OPT_SERIALIZE_NUMPY, default=lambda o: vars(o)
        )
        try:
            self._new.write_bytes(content)
            self._new.replace(self._path)
        except OSError as error:
            self._give_up(error)
        self._seen = self._state()

    def _state(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def state_directory() -> Path:
    """Where the ledgers of this user lie; ``ENGAGEMENT_STATE_DIR`` names another directory."""
    named = os.environ.get(ENV_STATE_DIR)
    return Path(named or platformdirs.user_state_dir("engagement-nb")) / "quota"


def sweep(directory: Path) -> None:
    """Remove ledgers that nobody has used for a day: those of sandboxes long gone."""
    try:
        old = [f for f in directory.iterdir() if f.stat().st_mtime < time.time() - _OLD]
        for file in old:
            file.unlink(missing_ok=True)
    except OSError:
        return
