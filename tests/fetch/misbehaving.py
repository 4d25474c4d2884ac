"""A proxy before a sandbox that gives other answers than the sandbox; a plain HTTP server."""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from engagement_nb.sandbox import Sandbox

Document = dict[str, Any]


@dataclass
class Reply:
    """What the proxy sends instead of a response.

    Parameters
    ----------
    content
        A document, or the body's bytes.
    headers
        Put in the place of the sandbox's.
    hangs
        Whether to send the first half of the body and then nothing.
    status
        Instead of the sandbox's.
    """

    content: Document | bytes
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    status: int = 200


Change = Callable[[Document, Document], Reply | Document]
"""From the request's document and the answer's to what is sent."""


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a sandbox, and changes its responses with data."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.change: Change | None = None
        self.ended = threading.Event()
        self.asked: list[Document] = []
        self.failures: list[BaseException | None] = []
        self.sandbox: Sandbox

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a mistake of a change; a client that hung up is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.failures.append(error)


@contextmanager
def misbehaving(change: Change | None = None, **options: Any) -> Iterator[Proxy]:
    """A sandbox with these options, behind a proxy that changes its responses."""
    with Proxy() as proxy:
        proxy.change = change
        options = {"per_minute": 1_000_000, "public_url": proxy.url, **options}
        with Sandbox(**options) as proxy.sandbox:
            thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            yield proxy
            proxy.ended.set()
            proxy.shutdown()
            thread.join()
            assert not proxy.failures


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        target = HTTPConnection(urlsplit(self.server.sandbox.url).netloc, timeout=60)
        try:
            target.request(self.command, self.path, body, dict(self.headers))
            response = target.getresponse()
            content = response.read()
        finally:
            target.close()
        if response.headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        names = ("x-per-minute-limit", "x-per-minute-remaining", "content-type")
        kept = {name: response.headers[name] for name in names if name in response.headers}
        reply = Reply(content, kept, status=response.status)
        if self.path.startswith("/insights") and response.status == 200:
            asked = json.loads(body)
            self.server.asked.append(asked)
            if self.server.change is not None:
                changed = self.server.change(asked, json.loads(content))
                reply = changed if isinstance(changed, Reply) else Reply(changed)
                reply.headers = {**kept, **reply.headers}
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        content = reply.content
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response_only(reply.status)
        headers = {"Date": self.date_time_string(), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.hangs:
            self.wfile.write(body[: len(body) // 2])
            self.server.ended.wait()
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep standard error clean."""


def leave_out(*tweet_ids: str) -> Change:
    """A change that removes these Tweets from all responses."""

    def change(asked: Document, answer: Document) -> Document:
        kept = {i: v for i, v in answer["metrics"].items() if i not in tweet_ids}
        return {**answer, "metrics": kept}

    return change


def hold_nothing(asked: Document, answer: Document) -> Document:
    """A response without Tweets and without a reason."""
    return {**answer, "metrics": {}}


def nest_otherwise(asked: Document, answer: Document) -> Document:
    """Metric, then Tweet."""
    turned: Document = {}
    for tweet_id, values in answer["metrics"].items():
        for name, value in values.items():
            turned.setdefault(name, {})[tweet_id] = value
    return {**answer, "metrics": turned}


def of_another_year(asked: Document, answer: Document) -> Document:
    """The window and its days four years earlier, with the same leap days."""
    earlier = re.sub(r'"20(\d\d)-', lambda year: f'"20{int(year[1]) - 4}-', json.dumps(answer))
    return json.loads(earlier)  # type: ignore[no-any-return]


def with_one_day(asked: Document, answer: Document) -> Document:
    """A series with only one of its days."""
    for values in answer["metrics"].values():
        for name, days in values.items():
            if isinstance(days, dict):
                values[name] = dict([*days.items()][-1:])
    return answer


def with_count(count: object) -> Change:
    """A change of the last count in each response."""

    def change(asked: Document, answer: Document) -> Document:
        here, key = answer, "metrics"
        while isinstance(here[key], dict):
            here = here[key]
            if not here:
                return answer
            key = [*here][-1]
        here[key] = count
        return answer

    return change
