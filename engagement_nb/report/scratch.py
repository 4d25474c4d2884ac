"""Temporary folders that hold what a report is made of, and the removal of abandoned ones."""

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
"""File in each of our temporary folders; its maker keeps it locked while it lives."""
_PREFIX = "enb-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end; if its maker is killed, by the next `sweep`."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / f"{MARK}.new").open("w") as mark:
            _lock(mark)
            if fcntl is not None:
                # Nobody ever sees the mark unlocked while its maker lives.
                Path(mark.name).replace(folder / MARK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove this user's scratch folders whose maker is dead.

    A notebook that was cut off there may hold what would have been masked at its end. A folder
    without our mark is never touched, whatever its name and age: it is somebody's own.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{MARK}"):
        folder = path.parent
        with contextlib.suppress(OSError):
            if fcntl is None or folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            with path.open("r+") as mark:
                _lock(mark)
                shutil.rmtree(folder, ignore_errors=True)


def _lock(mark: IO[str]) -> None:
    """Lock a mark until it is closed; an OSError if a living process has locked it."""
    if fcntl is not None:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
