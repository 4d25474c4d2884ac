"""Temporary folders for the making of reports, and the removal of abandoned ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: abandoned folders stay
    fcntl = None  # type: ignore[assignment]

MARK = ".engagement-nb-scratch"
"""File in each of these folders. The process that made it keeps it locked as long as it lives."""
_PREFIX = "enb-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end, or by the next `sweep` if this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / f"{MARK}.new").open("w") as mark:
            lock(mark)
            if fcntl is not None:
                # Renamed once it is locked, so that no sweep finds it unlocked.
                Path(mark.name).replace(folder / MARK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove this user's scratch folders that a dead process left.

    A notebook in them may contain credentials, which are masked only at its end. A folder without
    the mark is never touched, whatever its name and age.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{MARK}"):
        folder = path.parent
        with contextlib.suppress(OSError):
            if fcntl is None or folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            with path.open("r+") as mark:
                lock(mark)
                shutil.rmtree(folder, ignore_errors=True)


def lock(file: IO[str]) -> None:
    """Lock a file until it is closed; an OSError if another process has locked it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
