"""Limits on one response: the time for all of it, its size, and what its JSON may contain."""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import orjson

if TYPE_CHECKING:
    import ssl

MAX_BYTES = 64_000_000
"""Of one decoded response. The largest real ones, 25 Tweets by hour with all metrics, have 6 MB."""
SMALL_BYTES = 8_000_000
"""Only one thread at a time reads and parses a response that is larger than this."""
MOST_VALUES = 1_000_000
"""Values in one JSON document. The largest real ones have 300,000, and each takes up to 300 bytes
of memory when it is parsed."""
_PIECE = 1 << 20
"""Bytes decoded at a time."""


def load_json(raw: bytes) -> Any:
    """Parse JSON of somebody else within bounded memory.

    Raises
    ------
    ValueError
        It is not JSON, is nested more than 1,023 deep, or may have more than `MOST_VALUES` values.
    """
    # Each value but the first follows one of these. Those within texts count too.
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")
    return orjson.loads(raw)


def trusted() -> ssl.SSLContext:
    """The certificates that this process trusts, loaded once."""
    return _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _trust(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The certificates of these two variables, which httpx reads; loading them takes 0.1 s."""
    return httpx.create_ssl_context()


class BoundedConnection:
    """An httpx client for one thread at a time, with limits on its responses.

    Parameters
    ----------
    deadline
        Seconds for one exchange in total. httpx's own timeouts are for each read, so they
        never stop a server that sends single bytes.
    max_bytes
        Size of one decoded response.
    large
        Held by the connection that reads a large response; shared by all connections.
    **options
        Of ``httpx.Client``.
    """

    def __init__(
        self,
        deadline: float,
        max_bytes: int = MAX_BYTES,
        large: threading.Lock | None = None,
        **options: Any,
    ) -> None:
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._large = large or threading.Lock()
        self._has_large = False
        self._until = 0.0
        self.http = httpx.Client(
            limits=httpx.Limits(max_keepalive_connections=2, keepalive_expiry=30.0),
            follow_redirects=False,
            # A proxy of the environment is never used for this machine itself.
            mounts={f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")},
            # Gzip only, because `_Decoded` knows nothing else.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "engagement-nb",
            },
            event_hooks={"response": [self._bound]},
            verify=trusted(),
            **options,
        )

    @contextmanager
    def exchange(self) -> Iterator[Mapping[str, Any]]:
        """Give the extensions for a request that is sent, read and parsed within the ``with``.

        Raises
        ------
        httpx.TimeoutException
            The deadline passed.
        """
        self._until = time.monotonic() + self._deadline
        try:
            yield {"trace": self._note_stream}
        except httpx.TimeoutException:
            self._left()
            raise
        finally:
            if self._has_large:
                self._has_large = False
                self._large.release()

    def _left(self) -> float:
        """Seconds until the deadline."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout(f"no complete response within {self._deadline:g} s") from None
        return left

    def _note_stream(self, event: str, info: Mapping[str, Any]) -> None:
        """Let each read and write of a new connection end at the deadline of its exchange."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            stream = info["return_value"]
            stream.read = self._limited(stream.read)
            stream.write = self._limited(stream.write)

    def _limited(self, act: Callable[[Any, float | None], Any]) -> Callable[..., Any]:
        def limited(what: Any, timeout: float | None = None) -> Any:
            left = self._left()
            return act(what, left if timeout is None else min(timeout, left))

        return limited

    def _bound(self, response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.SyncByteStream):
            encoding = response.headers.pop("content-encoding", "")
            response.stream = _Decoded(response.stream, encoding, self._count)

    def _count(self, size: int) -> None:
        """Check a response that has this size so far."""
        left = self._left()
        if size > self._max_bytes:
            raise httpx.DecodingError(f"larger than {self._max_bytes / 1e6:g} MB")
        if size > SMALL_BYTES and not self._has_large:
            self._has_large = self._large.acquire(timeout=left)
            self._left()


class _Decoded(httpx.SyncByteStream):
    """A body decoded in pieces, so that a small body cannot grow without limit."""

    def __init__(
        self, stream: httpx.SyncByteStream, encoding: str, count: Callable[[int], None]
    ) -> None:
        self._stream = stream
        self._encoding = encoding.strip().lower()
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces():
            size += len(piece)
            self._count(size)
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
