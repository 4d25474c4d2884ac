"""Tokens that hosts issue: requested within limits, read, kept, renewed by one process at a time.

A profile's own tokens are in `engagement_nb.client.credentials.lookup`'s places, which people
write. Here are those that a program fetches. Tokens that must be renewed are in a file, because
each renewal makes the one before useless.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from engagement_nb.apis.contract import Api
from engagement_nb.apis.refusals import error_for
from engagement_nb.client.bounds import BoundedConnection, load_json
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.owned import private_database
from engagement_nb.errors import ConnectionTroubleError, CredentialsError

if TYPE_CHECKING:
    import sqlite3

PATIENCE = 150.0
"""Seconds to wait for another process that renews a token; longer than a response may take."""
EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
TIMEOUT = 30.0
"""Seconds for one response in all."""
MOST_BYTES = 100_000
"""Of one response. The real ones have some 200."""


_ODD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What a response that is not as documented raises where it is read."""
_SECRETS = ("access", "refresh", "client_secret")


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
    """Tokens by API and profile, which threads and processes share.

    Parameters
    ----------
    path
        The file.

    Notes
    -----
    The file is an SQLite database, because its lock works on every system and ends with its
    process. Reading waits for nobody. A stored token is on the disk before `put` returns.
    """

    def __init__(self, path: Path) -> None:
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
        return self.of_api(api).get(profile)

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
        return {profile: tokens for profile, text in rows if (tokens := _read(text)) is not None}

    def put(self, api: str, profile: str, tokens: Tokens) -> None:
        """Store the tokens of a profile for an API.

        Raises
        ------
        CredentialsError
            The file cannot be used.
        """
        values = vars(tokens) | {name: getattr(tokens, name).reveal() for name in _SECRETS}
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
            self._database = private_database(self.path, PATIENCE)
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
        return Tokens(**values | {name: Secret(values[name]) for name in _SECRETS})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def send(request: httpx.Request, what: str, variable: str) -> httpx.Response:
    """Send one request, on a connection of its own.

    Parameters
    ----------
    request
        The request, signed.
    what
        What was asked for, to begin an error.
    variable
        The environment variable that names the host.

    Raises
    ------
    ConnectionTroubleError
        The host does not respond in time, or its response is too large.
    """
    connection = BoundedConnection(TIMEOUT, MOST_BYTES, timeout=TIMEOUT)
    try:
        with connection.http as http, connection.exchange() as extensions:
            request.extensions.update(extensions)
            return http.send(request)
    except httpx.HTTPError as error:
        # From None, because httpx's error contains the request and its signature.
        raise ConnectionTroubleError(
            f"{what}: the login host did not respond ({type(error).__name__}).",
            advice=f"Check the network, and {variable} if it is set.",
        ) from None


def basic(name: str, secret: str) -> Secret:
    """The value of a header with a name and a secret."""
    # RFC 6749, 2.3.1: both are url-encoded before they are joined.
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")


def bearer_in(response: httpx.Response, api: Api, where: str) -> Tokens:
    """The bearer token that a host issued, with what renews it.

    Parameters
    ----------
    response
        The response, read.
    api
        Whose refusals explain it.
    where
        What was asked for, to begin an error.

    Raises
    ------
    ApiError
        It issued none.
    """
    texts: list[str] = []
    with suppress(*_ODD):
        told = load_json(response.content)
        if response.is_success and str(told["token_type"]).lower() == "bearer":
            access, life = told["access_token"], float(told.get("expires_in") or 0)
            if isinstance(access, str) and access:
                expires = time.time() + life if life else None
                refresh = Secret(str(told.get("refresh_token") or ""))
                return Tokens(Secret(access), refresh, expires)
    with suppress(*_ODD):
        told = load_json(response.content)
        listed = [e if isinstance(e, str) else e["message"] for e in told.get("errors", ())]
        words = [*listed, told.get("error"), told.get("error_description")]
        texts = [mask(word)[:200] for word in words if isinstance(word, str)]
    # A refused app, token or code is 400 or 403; what to do is what a 401 says.
    status = 401 if response.status_code in (400, 401, 403) else response.status_code
    raise error_for(api, status, texts, where=where)
