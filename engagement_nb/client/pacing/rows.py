# ruff: noqa: S608 -- every text that is put together here is a constant
"""What is known of quotas, as rows in SQLite: in memory, or in a file that processes share.

All SQL of the pacing is here, and nothing here decides anything. Moments are seconds of the
pacer's clock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from engagement_nb.client.owned import private_database

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

LOCK_PATIENCE = 10.0
"""Seconds; the lock is held for milliseconds, so only a stopped process holds it longer."""
IN_FLIGHT = 9e99
"""The moment from which a request without a response counts: later than any."""

# The number is that of the format, so releases of different formats do not interfere.
# sent: each request, and the moment from which it counts at the latest.
_TABLES = """
CREATE TABLE IF NOT EXISTS quota_3_sent (number INTEGER PRIMARY KEY, bucket, endpoint, process,
    sent REAL, counts REAL, took REAL);
CREATE INDEX IF NOT EXISTS quota_3_counts ON quota_3_sent (bucket, counts, endpoint, sent);
CREATE INDEX IF NOT EXISTS quota_3_took ON quota_3_sent (bucket, endpoint, took);
CREATE TABLE IF NOT EXISTS quota_3_limits (bucket, endpoint, quota INTEGER,
    PRIMARY KEY (bucket, endpoint));
CREATE TABLE IF NOT EXISTS quota_3_others (bucket, endpoint, noted REAL, until REAL, count REAL);
CREATE TABLE IF NOT EXISTS quota_3_blocks (bucket PRIMARY KEY, since REAL, until REAL,
    in_row INTEGER, refused INTEGER);
"""
_FOREIGN = "SELECT count(*) FROM sqlite_master WHERE name NOT GLOB '*quota_*'"
_LATEST = """
SELECT max(coalesce((SELECT sent FROM quota_3_sent ORDER BY number DESC LIMIT 1), 0),
    coalesce((SELECT max(noted) FROM quota_3_others), 0),
    coalesce((SELECT max(since) FROM quota_3_blocks), 0))
"""

_PEERS = """bucket = :bucket AND endpoint IN
    (SELECT endpoint FROM quota_3_limits WHERE bucket = :bucket AND quota IN (0, :limit))"""
LIMITS = "SELECT endpoint, quota FROM quota_3_limits WHERE bucket = :bucket"
KNOW = "INSERT OR IGNORE INTO quota_3_limits VALUES (:bucket, :endpoint, 0)"
SET_LIMIT = "REPLACE INTO quota_3_limits VALUES (:bucket, :endpoint, :limit)"
SEND = """INSERT INTO quota_3_sent (bucket, endpoint, process, sent, counts)
    VALUES (:bucket, :endpoint, :process, :now, 9e99)"""
FIND = "SELECT 1 FROM quota_3_sent WHERE number = :number AND sent = :sent"
FASTEST = "SELECT min(took) FROM quota_3_sent WHERE bucket = :bucket AND endpoint = :endpoint"
ANSWER = "UPDATE quota_3_sent SET counts = :counts, took = :took WHERE number = :number"
MOVE = """UPDATE quota_3_sent SET counts = sent + took - :fastest
    WHERE bucket = :bucket AND endpoint = :endpoint AND took IS NOT NULL"""
FIRST = """SELECT sent, process FROM quota_3_sent WHERE bucket = :bucket AND endpoint = :endpoint
    AND counts = 9e99 ORDER BY sent DESC LIMIT 1"""
COUNT = f"SELECT count(*) FROM quota_3_sent WHERE {_PEERS} AND counts > :after AND sent <= :until"
NUMBERS = "SELECT 1 + max(number) - min(number) FROM quota_3_sent"
NEWEST = f"""SELECT counts FROM quota_3_sent WHERE {_PEERS} AND counts > :after
    ORDER BY counts DESC LIMIT 1 OFFSET :nth - 1"""
LAST = f"SELECT max(sent) FROM quota_3_sent WHERE {_PEERS}"
OTHERS = f"SELECT max(count) FROM quota_3_others WHERE {_PEERS} AND until > :now"
LESS = """DELETE FROM quota_3_others WHERE bucket = :bucket AND endpoint = :endpoint
    AND (until <= :now OR (until <= :until AND count <= :count))"""
NOTE = "INSERT INTO quota_3_others VALUES (:bucket, :endpoint, :now, :until, :count)"
BLOCK = "SELECT since, until, in_row, refused FROM quota_3_blocks WHERE bucket = :bucket"
SET_BLOCK = "REPLACE INTO quota_3_blocks VALUES (:bucket, :since, :until, :in_row, :refused)"
ACCEPT = "UPDATE quota_3_blocks SET in_row = 0 WHERE bucket = :bucket"
LOST = """UPDATE quota_3_sent SET counts = sent + :late WHERE bucket = :bucket AND counts = 9e99
    AND sent < :now - :late"""
FORGET = "DELETE FROM quota_3_sent WHERE bucket = :bucket AND counts < :before"
FORGET_LIMITS = """DELETE FROM quota_3_limits WHERE bucket = :bucket
    AND NOT EXISTS (SELECT 1 FROM quota_3_sent WHERE bucket = :bucket)"""

_log = logging.getLogger(__name__)


class Rows:
    """The rows of all quotas of an app, shared by threads and, through a file, by processes.

    They hold times and counts, no tokens. A damaged file or one of another program is set aside,
    and a new one is begun: the next response tells how much of each quota is left. If no file can
    be used, this process logs that once and paces itself alone.

    Parameters
    ----------
    path
        The file; None to keep the rows in this process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        # Imported here because Python in a browser loads it separately.
        import sqlite3

        self._sqlite = sqlite3
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._file: int | None = None

    def run(self, now: float, work: Callable[[Rows], T]) -> T:
        """Do ``work`` in one transaction, for one thread of one process at a time.

        It is done again, on new rows, if the file turns out to be unusable meanwhile.
        """
        with self._lock:
            while True:
                try:
                    database = self._begin(now)
                    result = work(self)
                    database.execute("COMMIT")
                    return result
                except (OSError, self._sqlite.Error) as error:
                    if self._path is None:
                        raise
                    self._close()
                    damaged = not isinstance(error, OSError | self._sqlite.OperationalError)
                    if not (damaged and _set_aside(self._path)):
                        _log.warning(
                            "The quota cannot be shared with other processes of yours:"
                            " %s cannot be used (%s).", self._path, error
                        )  # fmt: skip
                        self._path = None
                finally:
                    if self._database is not None and self._database.in_transaction:
                        self._database.rollback()

    def do(self, sql: str, **values: Any) -> sqlite3.Cursor:
        """Run one statement of this module, within `run`."""
        assert self._database is not None  # noqa: S101
        return self._database.execute(sql, values)

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row; None if there is none."""
        row = self.do(sql, **values).fetchone()
        return None if row is None else row[0]

    def _begin(self, now: float) -> sqlite3.Connection:
        # Another process may have swept the file or set it aside.
        if self._database is None or (self._path and _inode(self._path) != self._file):
            self._close()
            self._database = self._connect()
            self._file = _inode(self._path) if self._path else None
        self._database.execute("BEGIN IMMEDIATE")
        if self._database.execute(_LATEST).fetchone()[0] > now + LOCK_PATIENCE:
            # Moments in the future are from before this machine was restarted; but a moment just
            # ahead is of a thread that had the lock while this one waited for it.
            for table in ("sent", "limits", "others", "blocks"):
                self._database.execute(f"DELETE FROM quota_3_{table}")
        return self._database

    def _connect(self) -> sqlite3.Connection:
        database = private_database(self._path, LOCK_PATIENCE, self)
        # Waiting for the disk would protect only against a power cut, when nothing is lost.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = MEMORY")
        if database.execute(_FOREIGN).fetchone() != (0,):
            database.close()
            raise self._sqlite.DatabaseError("a database of another program")
        database.executescript(_TABLES)
        return database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _set_aside(path: Path) -> bool:
    aside = path.with_suffix(".damaged")
    try:
        path.replace(aside)
    except OSError:
        return False
    _log.warning("%s was damaged or of another program; it is now %s.", path, aside.name)
    return True


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None
