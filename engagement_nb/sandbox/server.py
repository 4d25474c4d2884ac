"""A sandbox that runs on loopback, in a thread."""

from __future__ import annotations

import socket
import threading
from asyncio import TimerHandle, Transport
from collections.abc import Sequence
from typing import Any

import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from engagement_nb.sandbox.control import Control
from engagement_nb.sandbox.keys import Account
from engagement_nb.sandbox.service import Service, make_app
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.signin import SignIn

HOST = "127.0.0.1"


def _with_patience(seconds: float) -> type[H11Protocol]:
    """Make the HTTP protocol drop connections whose request head does not arrive in time."""

    class Patience(H11Protocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._timer = self.loop.call_later(seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state.__name__ != "IDLE":
                self._stop_timer()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self.transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Patience


class Sandbox:
    """The Engagement API on loopback, with a made-up world.

    A context manager: it starts on entering and stops on leaving.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 for any that is free.
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
    consumer_key, consumer_secret, bearer_token
        Keys of its app.

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

    def __init__(self, port: int = 0, **options: Any) -> None:
        self.settings = Settings(**options)
        self.service = Service(self.settings)
        self.world = self.service.world
        self.ids = self.world.pick
        self.truth = self.world.truth
        self.faults = self.service.faults
        self.log = self.service.log
        self.requests_seen = self.service.requests_seen
        app = self.service.keys.app
        self.consumer_key = app.consumer_key
        self.consumer_secret = app.consumer_secret
        self.bearer_token = app.bearer_token
        self._port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        where = self.url if self._socket else "not started"
        return f"<SANDBOX of the Engagement API, {where}, seed {self.settings.seed}>"

    def start(self) -> Sandbox:
        """Start; return when the sandbox accepts requests."""
        # With the protocol named, asyncio turns off Nagle's algorithm (40 ms per request).
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, self._port))
        except OSError:
            self._socket.close()
            self._socket = None
            raise
        config = uvicorn.Config(
            make_app(
                self.service, [*SignIn(self.service).routes(), *Control(self.service).routes()]
            ),
            proxy_headers=False,
            http=_with_patience(self.settings.request_timeout),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            headers=[("server", "SANDBOX")],
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self.service.drop = self._drop
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="sandbox", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)
        if not self._server.started:
            raise RuntimeError("The sandbox did not start.")
        return self

    def stop(self) -> None:
        """Stop and free the port."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10.0)
        if self._socket:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _drop(self, request: Request) -> None:
        """End the connection of a request."""
        if self._server is None:
            return
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport and getattr(connection, "client", None) == tuple(request.client or ()):
                transport.abort()

    @property
    def url(self) -> str:
        """Address of the data host and of the auth host."""
        if self._socket is None:
            raise RuntimeError("The sandbox is not running: use it in a with statement.")
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    @property
    def env(self) -> dict[str, str]:
        """Environment variables for a client, as the first account."""
        return self.service.keys.env(self.url)

    @property
    def accounts(self) -> Sequence[Account]:
        """Accounts that gave the app tokens."""
        return self.service.keys.accounts
