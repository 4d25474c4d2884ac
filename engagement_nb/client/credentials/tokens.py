"""Tokens that were issued to this user, kept in one place and renewed by one process at a time.

A profile's own tokens are in `engagement_nb.client.credentials.lookup`'s places, which people
write. Here are those that a program fetches: bearer tokens, for the life of a client; and tokens
that must be renewed, in a file, because each renewal makes the one before useless.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.owned import changeable_by, make_private
from engagement_nb.errors import CredentialsError

if TYPE_CHECKING:
    import sqlite3

PATIENCE = 150.0
"""Seconds to wait for another process that renews a token; longer than a response may take."""
EARLY = 60.0
"""Seconds before its end at which a token is renewed."""


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint issued.

    Parameters
    ----------
    access
        The token that signs requests.
    refresh
        The token that renews it; empty if it cannot be renewed.
    expires
        End of its life, in seconds since the epoch; None if it has none.
    user_id
        Whose tokens they are; empty for those of an app.
    client_id, client_secret
        Of the app that renews them; empty if they are not renewed.
    """

    access: Secret
    refresh: Secret = field(default_factory=Secret)
    expires: float | None = None
    user_id: str = ""
    client_id: str = ""
    client_secret: Secret = field(default_factory=Secret)

    def expired(self, now: float | None = None) -> bool:
        """Whether the token should be renewed before it is used."""
        now = time.time() if now is None else now
        return self.expires is not None and now > self.expires - EARLY


class TokenStore:
    """Tokens by API and profile. Threads and, with a file, processes share it.

    Parameters
    ----------
    path
        The file; None to keep the tokens in this process only.

    Notes
    -----
    The file is an SQLite database, because its lock works on every system and ends with its
    process. Reading waits for nobody. A stored token is on the disk before `put` returns.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None

    def get(self, api: str, profile: str) -> Tokens | None:
        """The tokens of a profile for an API; None if there are none.

        Raises
        ------
        CredentialsError
            The file cannot be used.
        """
        with self._trouble(), self._lock:
            sql = "SELECT tokens FROM tokens WHERE api = ? AND profile = ?"
            row = self._open().execute(sql, (api, profile)).fetchone()
        return None if row is None else _read(row[0])

    def of_api(self, api: str) -> dict[str, Tokens]:
        """The tokens of all profiles for an API, by profile.

        Raises
        ------
        CredentialsError
            The file cannot be used.
        """
        with self._trouble(), self._lock:
            sql = "SELECT profile, tokens FROM tokens WHERE api = ? ORDER BY profile"
            rows = self._open().execute(sql, (api,)).fetchall()
        read = {profile: _read(tokens) for profile, tokens in rows}
        return {profile: tokens for profile, tokens in read.items() if tokens is not None}

    def put(self, api: str, profile: str, tokens: Tokens) -> None:
        """Store the tokens of a profile for an API.

        Raises
        ------
        CredentialsError
            The file cannot be used.
        """
        values = {
            "access": tokens.access.reveal(),
            "refresh": tokens.refresh.reveal(),
            "expires": tokens.expires,
            "user_id": tokens.user_id,
            "client_id": tokens.client_id,
            "client_secret": tokens.client_secret.reveal(),
        }
        with self.locked():
            self._open().execute(
                "REPLACE INTO tokens VALUES (?, ?, ?)", (api, profile, json.dumps(values))
            )

    def forget(self, api: str, profile: str) -> None:
        """Remove the tokens of a profile for an API."""
        with self.locked():
            sql = "DELETE FROM tokens WHERE api = ? AND profile = ?"
            self._open().execute(sql, (api, profile))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other threads and processes from changing tokens.

        Renewing a token takes four steps, and all of them belong inside: look whether somebody
        else has renewed it meanwhile, request the new one, `put` it, and only then go on. What is
        put is kept at the end of the outermost ``with``, also if that ends with an error.

        Raises
        ------
        CredentialsError
            The file cannot be used, or another process keeps it locked.
        """
        with self._lock:
            with self._trouble():
                database = self._open()
                outermost = not database.in_transaction
                if outermost:
                    database.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                if outermost:
                    with self._trouble():
                        database.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            # Imported here because Python in a browser loads it separately.
            import sqlite3

            if self.path is not None:
                make_private(self.path.parent)
                # Created with this mode, so it is never readable by others.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                if others := changeable_by(self.path):
                    raise PermissionError(f"it {others}")
            self._database = sqlite3.connect(
                self.path or ":memory:", PATIENCE, isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, self._database.close)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS tokens (api, profile, tokens,"
                " PRIMARY KEY (api, profile))"
            )
        return self._database

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__module__ != "sqlite3":
                raise
            raise CredentialsError(
                f"The tokens in {self.path} cannot be used ({error}).",
                advice="If another process of yours renews them, try again. Otherwise make the"
                " file yours and writable, or remove it and log in again.",
            ) from None


def _read(text: str) -> Tokens | None:
    try:
        values = json.loads(text)
        access, refresh = Secret(values.pop("access")), Secret(values.pop("refresh"))
        return Tokens(
            access, refresh, client_secret=Secret(values.pop("client_secret", "")), **values
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
