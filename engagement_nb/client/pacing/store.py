"""The store of a quota's tracker: in memory, or in a small database that processes share."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from engagement_nb.client.pacing.tracker import QuotaTracker

ENV_STATE_DIR = "ENGAGEMENT_STATE_DIR"
LOCK_PATIENCE = 10.0
"""Seconds; the lock is held for milliseconds, so only a stopped process holds it longer."""
_OLD = 24 * 3600.0
_TABLE = "quota_2"
"""The number is that of the format, so releases of different formats do not interfere."""

_log = logging.getLogger(__name__)


class QuotaStore:
    """One quota's tracker, shared by threads and, through a file, by the user's processes.

    The file is an SQLite database with one row: times and counts, no tokens. A damaged file or
    one of another program is set aside, and a new one is begun. If no file can be used, this
    process logs that once and paces itself alone.

    Parameters
    ----------
    path
        The file; None to keep the tracker in this process only.
    window
        Seconds that the limit is for.
    clock
        Gives seconds since any moment. The default is the same for all processes of a machine,
        and nobody can set it.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        window: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.window = window
        self.now = clock
        self._path = path
        self._lock = threading.Lock()
        self._tracker = QuotaTracker(window)
        self._database: sqlite3.Connection | None = None
        self._file: int | None = None

    @contextmanager
    def open(self) -> Iterator[QuotaTracker]:
        """Give the tracker to one thread of one process at a time."""
        with self._lock:
            database = self._begin()
            changes = self._tracker.changes
            try:
                yield self._tracker
                if database is not None and self._tracker.changes != changes:
                    self._save(database)
            finally:
                if database is not None and database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.rollback()

    def _begin(self) -> sqlite3.Connection | None:
        """Lock the database and read the tracker from it; None if there is no file to use."""
        if self._path is None:
            return None
        try:
            try:
                return self._locked(self._path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._set_aside(self._path)
                return self._locked(self._path)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
            return None

    def _locked(self, path: Path) -> sqlite3.Connection:
        database = self._database
        # Another process may have swept the file or set it aside.
        if database is None or _inode(path) != self._file:
            database = self._connect(path)
        database.execute("BEGIN IMMEDIATE")
        row = database.execute(f"SELECT tracker FROM {_TABLE}").fetchone()  # noqa: S608
        # Content that no tracker wrote is replaced at the next change.
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            tracker = QuotaTracker.from_bytes(row[0]) if row else self._tracker
            # Requests in the future were sent before this machine was restarted.
            if tracker.window == self.window and (tracker.requests["sent"] <= self.now()).all():
                self._tracker = tracker
        return database

    def _connect(self, path: Path) -> sqlite3.Connection:
        self._close()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created here and not by SQLite, so that nobody else can read it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(
            path, timeout=LOCK_PATIENCE, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, database.close)
        # Waiting for the disk would protect only against a power cut, when nothing is lost.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = MEMORY")
        foreign = "SELECT count(*) FROM sqlite_master WHERE name NOT GLOB 'quota_*'"
        if database.execute(foreign).fetchone() != (0,):
            raise sqlite3.DatabaseError("a database of another program")
        database.execute(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (id INTEGER PRIMARY KEY, tracker BLOB)"
        )
        self._database, self._file = database, _inode(path)
        return database

    def _save(self, database: sqlite3.Connection) -> None:
        try:
            row = (self._tracker.to_bytes(),)
            database.execute(f"REPLACE INTO {_TABLE} VALUES (1, ?)", row)  # noqa: S608
            database.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)

    def _set_aside(self, path: Path) -> None:
        self._close()
        aside = path.with_suffix(".damaged")
        with suppress(OSError):
            path.replace(aside)
            _log.warning("%s was damaged or of another program; it is now %s.", path, aside.name)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _give_up(self, error: Exception) -> None:
        _log.warning(
            "The quota cannot be shared with other processes of yours: %s cannot be used (%s).",
            self._path,
            error,
        )
        self._path = None


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def state_directory() -> Path:
    """Give the directory of this user's quota files, from ``ENGAGEMENT_STATE_DIR`` if set."""
    named = os.environ.get(ENV_STATE_DIR)
    return Path(named or platformdirs.user_state_dir("engagement-nb")) / "quota"


def sweep(directory: Path) -> None:
    """Remove files not used for a day, such as those of stopped sandboxes."""
    with suppress(OSError):
        for file in list(directory.iterdir()):
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - _OLD:
                    file.unlink()
