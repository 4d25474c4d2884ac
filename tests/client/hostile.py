"""Servers that respond wrongly, slowly or never; plain sockets of the standard library."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behavior = Callable[[socket.socket, threading.Event], None]
"""What a server does once a request has come whole; the event is set when the test ends."""


@contextmanager
def serving(behave: Behavior) -> Iterator[str]:
    """A server on loopback that treats each request like this; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while _read_request(connection):
                behave(connection, ended)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def responds(body: bytes, status: str = "200 OK", **headers: str) -> Behavior:
    """Give this response; header names are written with underscores."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(whole)

    return behave


def silent(connection: socket.socket, ended: threading.Event) -> None:
    """Never respond."""
    ended.wait()


def drips_headers(connection: socket.socket, ended: threading.Event) -> None:
    """Send a header that never ends, byte by byte."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not ended.wait(0.02):
        connection.sendall(b"x")


def drips_body(connection: socket.socket, ended: threading.Event) -> None:
    """Send a body that never ends, byte by byte, without its length."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not ended.wait(0.02):
        connection.sendall(b" ")


def hangs_up(connection: socket.socket, ended: threading.Event) -> None:
    """Close the connection instead of responding."""
    connection.shutdown(socket.SHUT_RDWR)


def gzip_bomb(decoded_bytes: int, layers: int = 1) -> Behavior:
    """A small body that decodes to this many bytes."""
    body = bytes(decoded_bytes)
    for _ in range(layers):
        body = gzip.compress(body, 1)
    return responds(body, Content_Encoding=", ".join(["gzip"] * layers))


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head
