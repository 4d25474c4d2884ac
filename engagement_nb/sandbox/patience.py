"""The HTTP server behind a sandbox: it drops connections that stop half-way, and ends at once."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle, Transport
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


class Server(uvicorn.Server):
    """Ends when it is told; uvicorn's own looks ten times a second, and then waits."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until `end`; the date of the headers is renewed every second."""
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1.0)

    async def shutdown(self, sockets: Any = None) -> None:
        """Close the connections; those with a response under way have another second."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while self.server_state.connections:
                    await asyncio.sleep(0.01)

    def end(self) -> None:
        """End it, from another thread."""
        self.should_exit = True
        # Before its loop runs, it looks at the flag.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)


def server_of(app: Any, seconds: float) -> Server:
    """Make the server of an ASGI application.

    Parameters
    ----------
    app
        The application.
    seconds
        Time until a request head must have arrived.
    """
    config = uvicorn.Config(
        app,
        proxy_headers=False,
        http=_with_patience(seconds),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        headers=[("server", "SANDBOX")],
        # What comes after a response, but is not whole, ends as slowly as an idle connection.
        timeout_keep_alive=max(1, min(5, round(seconds))),
    )
    return Server(config)


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
