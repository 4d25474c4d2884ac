"""The HTTP server around a sandbox, on loopback: a thread for each connection."""

from __future__ import annotations

import io
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from engagement_nb.sandbox.messages import Call, RefusedError, Reply, headers_of
from engagement_nb.sandbox.service import Service
from engagement_nb.sandbox.settings import MAX_BODY_BYTES

_LOG = logging.getLogger("engagement_nb.sandbox")
HOST = "127.0.0.1"
_LINE = 65_537
"""Bytes of the longest line that is read, as of a request's first line."""


class Listener(ThreadingTCPServer):
    """Listens from the start until it is told to stop.

    Parameters
    ----------
    service
        Responds to the requests.
    port
        Port on 127.0.0.1; 0 for any that is free.

    Attributes
    ----------
    connections
        The open ones, by the thread that serves each.
    stopped
        Ends the waits of responses under way.
    """

    # Elsewhere two servers could listen on one port then.
    allow_reuse_address = os.name == "posix"
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.connections: dict[threading.Thread, socket.socket] = {}
        self.stopped = threading.Event()
        super().__init__((HOST, port), _Connection)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop; responses under way have another second."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            under_way, until = [*self.connections.items()], time.monotonic() + 1.0
            for _, connection in under_way:
                with suppress(OSError):
                    connection.shutdown(how)
            for thread, _ in under_way:
                thread.join(max(0.0, until - time.monotonic()))
            self.stopped.set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection in its thread."""
        self.connections[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self.connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note it for developers: a client has ended its connection. Others are the service's."""
        _LOG.debug("The connection of %s ended early.", client_address, exc_info=True)


class _Incoming(io.RawIOBase):
    """What a client sends. Each request has some seconds from its first byte to its last."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self.until: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        now = time.monotonic()
        left = self._seconds if self.until is None else self.until - now
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        size = self._connection.recv_into(buffer)
        self.until = self.until or time.monotonic() + self._seconds
        return size


class _Connection(BaseHTTPRequestHandler):
    """Reads the requests of one connection, and sends the responses."""

    server: Listener
    protocol_version = "HTTP/1.1"
    # A response is sent at once, and without Nagle's algorithm (40 ms per request).
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._seconds = self.server.service.settings.request_timeout
        self._incoming = _Incoming(self.request, self._seconds)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.until = None
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        # The client sends no body before it has this.
        self.wfile.flush()
        return True

    def __getattr__(self, name: str) -> Any:
        # Every method is responded to.
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def version_string(self) -> str:
        return "SANDBOX"

    def log_message(self, *_: Any) -> None:
        pass

    def _respond(self) -> None:
        headers = headers_of(self.headers.items())
        body, broken = b"", None
        try:
            body = self._body(headers)
        except TimeoutError:
            broken = RefusedError(408, "The request body did not come in time.")
        except ValueError:
            broken = RefusedError(400, "The request body ended early, or its length is not clear.")
        # The host in the request line precedes the header (RFC 9112, section 3.2.2).
        whole = self.path.lower().startswith(("http://", "https://"))
        url = self.path if whole else f"http://{headers.get('host', '')}{self.path}"
        if len(body) > MAX_BODY_BYTES:
            broken = RefusedError(413, "The request body is too large.")
        reply = self.server.service.respond(Call(self.command, url, headers, body), broken)
        if broken is not None:
            reply.headers["connection"] = "close"
        self._send(reply)

    def _body(self, headers: dict[str, str]) -> bytes:
        """Read a request's body; no more than one byte too many of it is kept."""
        coding = headers.get("transfer-encoding", "").lower()
        if not coding:
            return self._read(int(headers.get("content-length", "0")))
        if coding != "chunked":
            raise ValueError
        body = bytearray()
        while size := int(self.rfile.readline(_LINE).partition(b";")[0], 16):
            body += self._read(size)[: MAX_BODY_BYTES + 1 - len(body)]
            if self.rfile.readline(_LINE).strip():
                raise ValueError
        while self.rfile.readline(_LINE).strip():
            pass
        return bytes(body)

    def _read(self, size: int) -> bytes:
        """Read bytes; an error if they end early."""
        kept = self.rfile.read(max(0, min(size, MAX_BODY_BYTES + 1)))
        left = size - len(kept)
        while left > 0 and (part := self.rfile.read(min(left, 2**16))):
            left -= len(part)
        if left:
            raise ValueError
        return kept

    def _send(self, reply: Reply) -> None:
        if self.server.stopped.wait(reply.delay) or reply.fault == "drop":
            self.close_connection = True
            return
        self.request.settimeout(self._seconds)
        self.send_response(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = reply.body if self.command != "HEAD" else b""
        if reply.fault == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif reply.fault == "slow":
            step, pause = max(1, -(-len(body) // 10)), self.server.service.faults.slow_seconds / 10
            for begin in range(0, len(body), step):
                self.wfile.write(body[begin : begin + step])
                self.wfile.flush()
                self.server.stopped.wait(pause)
        else:
            self.wfile.write(body)
