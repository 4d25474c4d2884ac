"""Where a ledger is kept: in memory, or in a small file that processes share."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import orjson
import platformdirs
from filelock import FileLock, Timeout

from engagement_nb.client.pacing.ledger import Ledger

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

    The lock is the operating system's and ends with the process that holds it. The file is
    written in place, which is many times quicker than replacing it; one torn by a kill is
    noticed and begun anew. It holds times and counts, no tokens. Where it cannot be used, this
    process keeps pace on its own, and says so once.

    Parameters
    ----------
    path
        The file; beside it lies a ``.lock``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
        self._name = secrets.token_hex(8)
        self._ledger: Ledger | None = None
        self._version = b""
        self._alone = False

    @contextmanager
    def open(self, window: float) -> Iterator[Ledger]:
        """The ledger, for the length of a ``with``."""
        with self._threads, ExitStack() as stack:
            file = None if self._alone else self._lock(stack)
            ledger = self._load(file, window)
            before = ledger.changes
            yield ledger
            if file is not None and ledger.changes != before:
                self._save(file, ledger)

    def _lock(self, stack: ExitStack) -> int | None:
        try:
            if self._ledger is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._processes.acquire()
            stack.callback(self._processes.release)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            stack.callback(os.close, file)
        except (OSError, NotImplementedError, Timeout) as error:
            self._give_up(error)
            return None
        return file

    def _give_up(self, error: Exception) -> None:
        self._alone = True
        _log.warning(
            "The quota cannot be shared with other processes of yours: %s cannot be used (%s).",
            self._path.parent,
            type(error).__name__,
        )

    def _load(self, file: int | None, window: float) -> Ledger:
        changed = file is not None and self._read(file, len(self._version)) != self._version
        if self._ledger is None or changed or self._ledger.window != window:
            content = b"" if file is None else self._read(file, os.fstat(file).st_size)
            version, _, document = content.partition(b"\n")
            self._version = version + b"\n"
            self._ledger = self._parse(document, window)
        return self._ledger

    @staticmethod
    def _read(file: int, size: int) -> bytes:
        os.lseek(file, 0, os.SEEK_SET)
        return os.read(file, size)

    @staticmethod
    def _parse(document: bytes, window: float) -> Ledger:
        try:
            ledger = Ledger.from_dict(orjson.loads(document))
        except (ValueError, TypeError, KeyError, AttributeError):
            return Ledger(window)  # New, torn, or of another release.
        # Times of tomorrow are of a clock that has since been set back.
        in_future = len(ledger.sent) > 0 and float(ledger.sent.max()) > time.time() + window
        return Ledger(window) if ledger.window != window or in_future else ledger

    def _save(self, file: int, ledger: Ledger) -> None:
        self._version = f"{self._name} {ledger.changes}\n".encode()
        content = self._version + orjson.dumps(
            ledger.to_dict(), option=orjson.OPT_SERIALIZE_NUMPY, default=vars
        )
        try:
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, content)
            os.ftruncate(file, len(content))
        except OSError as error:
            self._give_up(error)


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
