"""Folders that hold what a report is made of while it is made."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

STALE_AFTER = 24 * 3600
"""Seconds after which such a folder is left by somebody who was killed."""


def sweep() -> None:
    """Remove what runs of this user that were killed outright have left in the temporary folder.

    A notebook that was cut off there may hold what would have been masked at its end.
    """
    # Kernels' sockets are in /tmp where the temporary folder's path is too long for them.
    places = {Path(tempfile.gettempdir()), Path("/tmp")}  # noqa: S108
    for folder in (folder for place in places for folder in place.glob("enb-*")):
        with contextlib.suppress(OSError):
            ours = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
            newest = max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
            if ours and time.time() - newest > STALE_AFTER:
                shutil.rmtree(folder, ignore_errors=True)
