"""What is known of quotas: in memory, or in a file that processes share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engagement_nb.client.owned import private_database
from engagement_nb.client.pacing.quota import Known

if TYPE_CHECKING:
    import sqlite3

LOCK_PATIENCE = 10.0
"""Seconds; the lock is held for milliseconds, so only a stopped process holds it longer."""
_OLD = 24 * 3600.0
"""Seconds after which a quota that nobody used is forgotten."""

# The number is that of the format, so releases of different formats do not interfere.
_TABLE = "CREATE TABLE IF NOT EXISTS quota_4 (place INTEGER PRIMARY KEY, known BLOB)"
_FOREIGN = "SELECT count(*) FROM sqlite_master WHERE name NOT GLOB '*quota_*'"

_log = logging.getLogger(__name__)


class Shared:
    """What is known of quotas, shared by threads and, through a file, by processes.

    The file has times and counts, no tokens. It is an SQLite database, because its lock works on
    every system and ends with its process. A damaged file or one of another program is set aside,
    and a new one is begun: the next response tells how much of each quota is left. If no file can
    be used, this process logs that once and paces itself alone.

    Parameters
    ----------
    path
        The file; None to keep it in this process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: Known = {}

    @contextmanager
    def use(self, now: float) -> Iterator[Known]:
        """Give what is known to one thread of one process at a time, and keep its changes."""
        with self._lock:
            database = self._open()
            for name, of_bucket in [*self._known.items()]:
                # A moment in the future is from before this machine was restarted; but one just
                # ahead is of a thread that had the lock while this one waited for it.
                last = max(seen.last for seen in of_bucket.values())
                if not now - _OLD < last <= now + LOCK_PATIENCE:
                    del self._known[name]
                for seen in of_bucket.values():
                    if seen.counts_until < now:
                        seen.arrived = []
            if database is None:
                yield self._known
                return
            with closing(database):
                yield self._known
                self._keep(database)

    def _open(self) -> sqlite3.Connection | None:
        """Lock the file, and read it; None if there is none."""
        while self._path is not None:
            # Imported here because Python in a browser loads it separately.
            import sqlite3

            try:
                return self._read(self._path)
            except Exception as error:  # Python's sqlite3 cannot even read some damaged names.
                damaged = not isinstance(error, OSError | sqlite3.OperationalError)
                if not (damaged and _set_aside(self._path)):
                    self._go_alone(error)
        return None

    def _read(self, path: Path) -> sqlite3.Connection:
        database = private_database(path, LOCK_PATIENCE)
        try:
            # Waiting for the disk would protect only against a power cut, when nothing is lost.
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA journal_mode = MEMORY")
            database.execute("BEGIN IMMEDIATE")
            if database.execute(_FOREIGN).fetchone() != (0,):
                raise msgspec.ValidationError("a database of another program")
            database.execute(_TABLE)
            row = database.execute("SELECT known FROM quota_4").fetchone()
            self._known = msgspec.msgpack.decode(row[0], type=Known) if row else {}
        except BaseException:
            database.close()
            raise
        return database

    def _keep(self, database: sqlite3.Connection) -> None:
        known = msgspec.msgpack.encode(self._known)
        try:
            database.execute("REPLACE INTO quota_4 VALUES (1, ?)", (known,))
            database.execute("COMMIT")
        except Exception as error:
            # The response is there, so an error of the disk must not lose it.
            self._go_alone(error)

    def _go_alone(self, error: Exception) -> None:
        _log.warning(
            "The quota cannot be shared with other processes of yours: %s cannot be used (%s).",
            self._path,
            error,
        )
        self._path = None


def _set_aside(path: Path) -> bool:
    aside = path.with_suffix(".damaged")
    try:
        path.replace(aside)
    except OSError:
        return False
    _log.warning("%s was damaged or of another program; it is now %s.", path, aside.name)
    return True
