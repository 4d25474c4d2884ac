"""Files and directories that must be this user's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def make_private(directory: Path) -> None:
    """Make a directory that only this user can read or change, with all missing parents.

    Raises
    ------
    PermissionError
        It exists, and others own it or can change it.
    OSError
        It cannot be made.
    """
    missing = [directory]
    while not missing[-1].is_dir() and missing[-1] != missing[-1].parent:
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        if each.exists() and not each.is_dir():
            raise NotADirectoryError(f"{each} is not a directory")
        # Not parents=True, which ignores the mode for the parents.
        each.mkdir(mode=0o700, exist_ok=True)
    if others := changeable_by(directory):
        raise PermissionError(f"it {others}")


def changeable_by(path: Path) -> str:
    """Say who else can change a file or directory: "belongs to another user", or ""."""
    if os.name != "posix" or not hasattr(os, "getuid"):
        return ""
    about = path.stat()
    # The administrator can change everything anyway.
    if about.st_uid not in (os.getuid(), 0):
        return "belongs to another user"
    # A group with the number of its user has no other members, and is the default of many systems.
    own_group = about.st_gid == about.st_uid
    if about.st_mode & (stat.S_IWOTH | (0 if own_group else stat.S_IWGRP)):
        return f"can be changed by others (mode {stat.S_IMODE(about.st_mode):04o})"
    return ""


def private_database(path: Path, patience: float) -> sqlite3.Connection:
    """Open an SQLite database that threads share.

    The file is made if it is missing, and an ``OSError`` tells if others can change it.
    """
    # Imported here because Python in a browser loads it separately.
    import sqlite3

    make_private(path.parent)
    # Created here and not by SQLite, so that nobody else can read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if others := changeable_by(path):
        raise PermissionError(f"it {others}")
    return sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
