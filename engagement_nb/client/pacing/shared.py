"""One pacer an app and host, shared by the processes of one user on one machine."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from engagement_nb.client.pacing.pacer import Pacer
from engagement_nb.client.pacing.store import FileStore, state_directory, sweep

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile


class Pacers:
    """Gives each profile the pacer of its app at its host.

    Parameters
    ----------
    window
        Seconds of the "minute" that the limit is for; only the sandbox has others.
    directory
        Where processes share what they know; `state_directory` unless given.
    """

    def __init__(self, *, window: float = 60.0, directory: str | Path | None = None) -> None:
        self._window = window
        self._directory = Path(directory) if directory is not None else state_directory()
        self._pacers: dict[str, Pacer] = {}
        self._lock = threading.Lock()

    def __call__(self, profile: Profile) -> Pacer:
        """The pacer of a profile's app."""
        key = quota_key(profile)
        with self._lock:
            if key not in self._pacers:
                sweep(self._directory)
                store = FileStore(self._directory / f"{key}.json")
                self._pacers[key] = Pacer(store, window=self._window)
            return self._pacers[key]


def quota_key(profile: Profile) -> str:
    """Name of the quota that a profile spends: a digest of its app and host."""
    app = profile.consumer_key or profile.bearer_token
    return hashlib.sha256(f"{profile.hosts.api}\n{app.reveal()}".encode()).hexdigest()[:24]
