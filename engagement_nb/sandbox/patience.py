"""The HTTP server behind a sandbox, which drops connections that stop half-way."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


def server_of(app: Any, seconds: float) -> uvicorn.Server:
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
        timeout_graceful_shutdown=1,
        # What comes after a response, but is not whole, ends as slowly as an idle connection.
        timeout_keep_alive=max(1, min(5, round(seconds))),
    )
    return uvicorn.Server(config)


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
