"""A sandbox: a function from a request to a response, and a server on loopback around it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from engagement_nb.sandbox.control import Control
from engagement_nb.sandbox.keys import Account
from engagement_nb.sandbox.messages import Call, RefusedError, Reply, headers_of
from engagement_nb.sandbox.service import Service
from engagement_nb.sandbox.settings import MAX_BODY_BYTES, Settings
from engagement_nb.sandbox.signin import SignIn
from engagement_nb.sandbox.v2 import V2

if TYPE_CHECKING:
    from engagement_nb.sandbox.patience import Server

HOST = "127.0.0.1"
Scope = Mapping[str, Any]
"""A request, as ASGI describes it."""
STARTED_HERE: WeakValueDictionary[str, Sandbox] = WeakValueDictionary()
"""Started sandboxes that take requests by a function call only, by address."""
# An address with port 80 is written without it.
_numbers = count(1001)


class Sandbox:
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
        self.settings = Settings.of(preset, **options)
        self.service = Service(self.settings)
        self.world = self.service.world
        self.ids = self.world.pick
        self.truth = self.world.truth
        self.faults = self.service.faults
        self.log = self.service.log
        self.requests_seen = self.service.requests_seen
        self.v2 = V2(self.service)
        for paths in (SignIn(self.service), Control(self.service), self.v2):
            self.service.routes |= paths.routes()
        app = self.service.keys.app
        self.consumer_key = app.consumer_key
        self.consumer_secret = app.consumer_secret
        self.bearer_token = app.bearer_token
        self.client_id = app.client_id
        self.client_secret = app.client_secret
        self._port = port
        self._url = ""
        self._socket: socket.socket | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

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
        # With the protocol named, asyncio turns off Nagle's algorithm (40 ms per request).
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, self._port))
        except OSError as error:
            self._socket.close()
            self._socket = None
            raise OSError(error.errno, error.strerror, f"{HOST}:{self._port}") from None
        self._url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        # Imported here: `handle` works where there are no sockets.
        from engagement_nb.sandbox.patience import server_of

        self._server = server_of(self._respond, self.settings.request_timeout)
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
        if self._server and self._thread and self._thread.is_alive():
            self._server.end()
            self._thread.join(10.0)
        if self._socket:
            self._socket.close()
        STARTED_HERE.pop(self._url, None)
        self._server = self._thread = self._socket = None
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
        return self.service.handle(Call(method, url, headers_of(headers), body))

    async def _respond(self, scope: Scope, receive: Any, send: Any) -> None:
        """Respond to a request of the server (an ASGI application)."""
        body, broken = b"", None
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                body = await _body(receive)
        except TimeoutError:
            broken = RefusedError(408, "The request body did not come in time.")
        except RefusedError as error:
            broken = error
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        headers = headers_of(pairs)
        call = Call(scope["method"], _url(scope, headers.get("host", "")), headers, body)
        reply = self.service.handle(call, broken)
        if broken is not None and broken.status == 408:
            reply.headers["connection"] = "close"
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.fault == "drop":
            self._drop(scope)
        reply.headers["content-length"] = str(len(reply.body))
        listed = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": listed})
        async for piece in self._pieces(reply, scope):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _pieces(self, reply: Reply, scope: Scope) -> AsyncIterator[bytes]:
        if reply.fault == "cut":
            yield reply.body[: len(reply.body) // 2]
            # The first half must be sent before the connection ends.
            await asyncio.sleep(0.02)
            self._drop(scope)
            await asyncio.sleep(0.02)
        elif reply.fault == "slow":
            step = max(1, -(-len(reply.body) // 10))
            for begin in range(0, len(reply.body), step):
                yield reply.body[begin : begin + step]
                await asyncio.sleep(self.faults.slow_seconds / 10.0)
        else:
            yield reply.body

    def _drop(self, scope: Scope) -> None:
        """End the connection of a request."""
        if self._server is None:
            return
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport and getattr(connection, "client", None) == tuple(scope["client"] or ()):
                transport.abort()

    @property
    def url(self) -> str:
        """Address of the data host and of the auth host."""
        if not self._url:
            raise RuntimeError("The sandbox is not running: use it in a with statement.")
        return self._url

    @property
    def env(self) -> dict[str, str]:
        """Environment variables for a client, as the first account."""
        return self.service.keys.env(self.url)

    @property
    def accounts(self) -> Sequence[Account]:
        """Accounts that gave the app tokens."""
        return self.service.keys.accounts


async def _body(receive: Any) -> bytes:
    """Read a request's body.

    Raises
    ------
    RefusedError
        With status 413 if it is too long, 400 if the client disconnects.
    """
    raw = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The request body ended early.")
        raw += message.get("body", b"")
        if len(raw) > MAX_BODY_BYTES:
            raise RefusedError(413, "The request body is too large.")
        if not message.get("more_body"):
            return bytes(raw)


def _url(scope: Scope, host: str) -> str:
    """Give the URL that a client called; its request line may have all of it."""
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    # The host in the request line precedes the header (RFC 9112, section 3.2.2).
    whole = target.lower().startswith(("http://", "https://"))
    url = target if whole else f"{scope['scheme']}://{host}{target}"
    return f"{url}?{query}" if query else url
