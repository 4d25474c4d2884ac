"""Bounds on one response: how long it may take in total, and how large it may get."""

from __future__ import annotations

import socket
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

_PIECE = 1 << 20
"""Bytes decoded at a time."""


class TooLargeError(httpx.DecodingError):
    """A response that is larger than allowed once it is decoded."""


class DeadlineError(httpx.TimeoutException):
    """A response that was not complete at its deadline."""


class BoundedConnection:
    """An httpx client for one thread at a time, whose responses are bounded.

    Parameters
    ----------
    http
        The client; it gets a hook that decodes responses. It must ask for gzip alone.
    deadline
        Seconds for one exchange in all. httpx's own timeouts are for each read, so a server
        that sends a byte now and then is never timed out by them.
    max_bytes
        Of one decoded response.
    """

    def __init__(self, http: httpx.Client, deadline: float, max_bytes: int) -> None:
        self.http = http
        self._deadline = deadline
        self._max_bytes = max_bytes
        # An API and the host of its tokens; a few more while old connections are replaced.
        self._sockets: deque[socket.socket] = deque(maxlen=6)
        self._passed = threading.Event()
        http.event_hooks = {"response": [self._bound]}

    @contextmanager
    def exchange(self) -> Iterator[Mapping[str, Any]]:
        """The extensions for a request that is sent and read within the ``with``.

        Raises
        ------
        DeadlineError
            The deadline passed, however the exchange ended then.
        """
        self._passed.clear()

        def cut() -> None:
            self._passed.set()
            # A copy: the thread of the exchange may connect meanwhile.
            for each in tuple(self._sockets):
                _shut(each)

        timer = threading.Timer(self._deadline, cut)
        timer.daemon = True
        timer.start()
        try:
            yield {"trace": self._note_socket}
        except Exception:
            # Any error of a cut exchange is caused by the deadline.
            if not self._passed.is_set():
                raise
        finally:
            timer.cancel()
            # The next exchange must not lose its sockets to this deadline.
            timer.join()
        if self._passed.is_set():
            raise DeadlineError(f"no complete response within {self._deadline:g} s")

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("connect_tcp.complete"):
            self._sockets.append(info["return_value"].get_extra_info("socket"))
        elif event.endswith("start_tls.complete"):
            self._sockets[-1] = info["return_value"].get_extra_info("socket")
        else:
            return
        if self._passed.is_set():
            _shut(self._sockets[-1])

    def _bound(self, response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.SyncByteStream):
            encoding = response.headers.pop("content-encoding", "")
            response.stream = _Decoded(response.stream, encoding, self._max_bytes)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        # Past SSLSocket, whose own shutdown would disturb a read under way.
        socket.socket.shutdown(each, socket.SHUT_RDWR)


class _Decoded(httpx.SyncByteStream):
    """A body decoded piece by piece, so that a small one cannot grow without bound."""

    def __init__(self, stream: httpx.SyncByteStream, encoding: str, max_bytes: int) -> None:
        self._stream = stream
        self._encoding = encoding.strip().lower()
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces():
            size += len(piece)
            if size > self._max_bytes:
                raise TooLargeError(f"larger than {self._max_bytes / 1e6:g} MB")
            yield piece

    def close(self) -> None:
        self._stream.close()

    def _pieces(self) -> Iterator[bytes]:
        if self._encoding in ("", "identity"):
            yield from self._stream
            return
        if self._encoding not in ("gzip", "x-gzip"):
            raise httpx.DecodingError(
                f"encoded as {self._encoding[:40]!r}, which was not asked for"
            )
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            for encoded in self._stream:
                piece = gzip.decompress(encoded, _PIECE)
                while piece:
                    yield piece
                    piece = gzip.decompress(gzip.unconsumed_tail, _PIECE)
        except zlib.error:
            raise httpx.DecodingError("no valid gzip") from None
        if not gzip.eof:
            raise httpx.DecodingError("incomplete gzip")
