"""Limits on one response: the time for all of it, and its size."""

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
    """A decoded response that is larger than allowed."""


class DeadlineError(httpx.TimeoutException):
    """A response that was not complete at its deadline."""


class BoundedConnection:
    """An httpx client for one thread at a time, with limits on its responses.

    Parameters
    ----------
    http
        The client; it gets a hook that decodes responses. It must request gzip only.
    deadline
        Seconds for one exchange in total. httpx's own timeouts are for each read, so they
        never stop a server that sends single bytes.
    max_bytes
        Size of one decoded response.
    """

    def __init__(self, http: httpx.Client, deadline: float, max_bytes: int) -> None:
        self.http = http
        self._deadline = deadline
        self._max_bytes = max_bytes
        # The API, the host of its tokens, and a few more while old connections are replaced.
        self._sockets: deque[socket.socket] = deque(maxlen=6)
        self._passed = threading.Event()
        http.event_hooks = {"response": [self._bound]}

    @contextmanager
    def exchange(self) -> Iterator[Mapping[str, Any]]:
        """Give the extensions for a request that is sent and read within the ``with``.

        Raises
        ------
        DeadlineError
            The deadline passed, however the exchange ended.
        """
        self._passed.clear()

        def cut() -> None:
            self._passed.set()
            # A copy, because the thread of the exchange may connect meanwhile.
            for each in tuple(self._sockets):
                _shut(each)

        timer = threading.Timer(self._deadline, cut)
        timer.daemon = True
        timer.start()
        try:
            yield {"trace": self._note_socket}
        except Exception:
            # The deadline is the cause of any error of a cut exchange.
            if not self._passed.is_set():
                raise
        finally:
            timer.cancel()
            # This deadline must not cut the sockets of the next exchange.
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
        # Not SSLSocket's own shutdown, which would disturb a read under way.
        socket.socket.shutdown(each, socket.SHUT_RDWR)


class _Decoded(httpx.SyncByteStream):
    """A body decoded in pieces, so that a small body cannot grow without limit."""

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
                f"encoded as {self._encoding[:40]!r}, which was not requested"
            )
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            for encoded in self._stream:
                piece = gzip.decompress(encoded, _PIECE)
                while piece:
                    yield piece
                    piece = gzip.decompress(gzip.unconsumed_tail, _PIECE)
        except zlib.error:
            raise httpx.DecodingError("not valid gzip") from None
        if not gzip.eof:
            raise httpx.DecodingError("incomplete gzip")
