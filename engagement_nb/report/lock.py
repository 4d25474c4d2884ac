"""One batch at a time in a folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from engagement_nb.errors import ReportError
from engagement_nb.store import Store

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None  # type: ignore[assignment]

LOCK = ".batch.lock"


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Keep other batches out of a local folder; a killed process keeps nobody out.

    Raises
    ------
    ReportError
        Another batch is at work there. The message says which.
    """
    if fcntl is None or not store.local:
        yield
        return
    path = Path(store.path(LOCK))
    if not path.exists():
        store.publish(LOCK, b"")
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReportError(
                f"Another batch is at work in {store.where}: {file.read() or 'it just began'}.",
                advice="Wait for its end, or choose another folder.",
            ) from None
        file.truncate()
        now = datetime.now(UTC)
        file.write(
            f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M} UTC"
        )
        file.flush()
        yield
        file.seek(0)
        file.truncate()
