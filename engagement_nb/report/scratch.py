"""Temporary folders that hold what a report is made of, and the removal of abandoned ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

MARK = ".engagement-nb-scratch"
"""File in each of our temporary folders; its maker keeps it locked while it lives."""
_PREFIX = "enb-"
_GRACE = 60
"""Seconds between the creation of a mark and its lock that no process ever needs."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end; if its maker is killed, by the next `sweep`."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = FileLock(folder / MARK)
    lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove this user's scratch folders whose maker is dead.

    A notebook that was cut off there may hold what would have been masked at its end. A folder
    without our mark is never touched, whatever its name and age: it is somebody's own.
    """
    for mark in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{MARK}"):
        folder = mark.parent
        with contextlib.suppress(OSError, Timeout):
            ours = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
            if not ours or folder.is_symlink() or time.time() - mark.lstat().st_mtime < _GRACE:
                continue
            with FileLock(mark, timeout=0):
                pass
            shutil.rmtree(folder, ignore_errors=True)
