"""A sandbox: a function from a request to a response, and where it listens."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from engagement_nb.sandbox.control import Control
from engagement_nb.sandbox.keys import Account
from engagement_nb.sandbox.listener import HOST, Listener
from engagement_nb.sandbox.messages import Call, Reply, headers_of
from engagement_nb.sandbox.service import Service
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.signin import SignIn
from engagement_nb.sandbox.v2 import V2

STARTED_HERE: WeakValueDictionary[str, Sandbox] = WeakValueDictionary()
"""Started sandboxes that take requests by a function call only, by address."""
# An address with port 80 is written without it.
_numbers = count(1001)


class Sandbox(Service):
    """The Engagement API and API v2 on loopback, with a made-up world.

    A context manager: it starts a server on entering and stops it on leaving. `handle` needs
    neither a server nor a thread.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 for any that is free.
    preset
        "documented", or "recorded" for what recorded responses show where they differ.
    **options
        Fields of `Settings`.

    Attributes
    ----------
    world, faults
        The world, and the faults on demand: see `World` and `Faults`.
    ids, truth
        Tweet ids to try, and the real counts of Tweets: see `World.pick` and `World.truth`.
    log, requests_seen
        The last requests, oldest first; and the number of requests by endpoint ("totals") and
        by endpoint and status ("totals 429").
    consumer_key, consumer_secret, bearer_token, client_id, client_secret
        Keys of its app; the last two are for OAuth 2.0.
    v2
        API v2: its money (``v2.purse``) and its tokens (``v2.pkce``).

    Raises
    ------
    OSError
        The port is in use (on entering).
    ValueError
        An option cannot be used.

    Examples
    --------
    >>> with Sandbox(seed=1) as sandbox:
    ...     len(sandbox.ids("own", 3))
    3
    """

    def __init__(self, port: int = 0, *, preset: str = "documented", **options: Any) -> None:
        super().__init__(Settings.of(preset, **options))
        self.ids = self.world.pick
        self.truth = self.world.truth
        self.v2 = V2(self)
        for paths in (SignIn(self), Control(self), self.v2):
            self.routes |= paths.routes()
        app = self.keys.app
        self.consumer_key = app.consumer_key
        self.consumer_secret = app.consumer_secret
        self.bearer_token = app.bearer_token
        self.client_id = app.client_id
        self.client_secret = app.client_secret
        self._port = port
        self._url = ""
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        where = self._url or "not started"
        return f"<SANDBOX of the Engagement API, {where}, seed {self.settings.seed}>"

    def start(self, *, in_process: bool | None = None) -> Sandbox:
        """Start; return when the sandbox accepts requests.

        Parameters
        ----------
        in_process
            Whether nothing listens at its address: a client in this process finds it in
            `STARTED_HERE`. By default only where there are no sockets, as in a browser.
        """
        if sys.platform == "emscripten" if in_process is None else in_process:
            self._url = f"http://{HOST}:{next(_numbers)}"
            STARTED_HERE[self._url] = self
            return self
        try:
            self._listener = Listener(self, self._port)
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{HOST}:{self._port}") from None
        self._url = f"http://{HOST}:{self._listener.server_address[1]}"
        return self

    def stop(self) -> None:
        """Stop and free the port."""
        if self._listener:
            self._listener.stop()
        STARTED_HERE.pop(self._url, None)
        self._listener = None
        self._url = ""

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def handle(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Reply:
        """Respond to a request, without any server.

        Parameters
        ----------
        method, url, headers, body
            As the client sent them. The host of the URL must be a loopback name, on any port, or
            that of a ``public_url``.

        Examples
        --------
        >>> Sandbox().handle("GET", "http://127.0.0.1/sandbox/world").status
        200
        """
        return self.respond(Call(method, url, headers_of(headers), body))

    @property
    def url(self) -> str:
        """Address of the data host and of the auth host."""
        if not self._url:
            raise RuntimeError("The sandbox is not running: use it in a with statement.")
        return self._url

    @property
    def env(self) -> dict[str, str]:
        """Environment variables for a client, as the first account."""
        return self.keys.env(self.url)

    @property
    def accounts(self) -> Sequence[Account]:
        """Accounts that gave the app tokens."""
        return self.keys.accounts
