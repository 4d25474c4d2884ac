"""The API over HTTP, with a log of requests and faults on demand."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engagement_nb.apis.contract import Endpoint
from engagement_nb.apis.engagement import ENDPOINTS, MINUTE, SECOND
from engagement_nb.sandbox.body import RefusedError, read_body
from engagement_nb.sandbox.engine import Engine
from engagement_nb.sandbox.faults import Faults
from engagement_nb.sandbox.keys import App, Keys
from engagement_nb.sandbox.limits import Limit
from engagement_nb.sandbox.oauth import AuthenticationError, Call, Gate
from engagement_nb.sandbox.settings import MAX_BODY_BYTES, Settings
from engagement_nb.sandbox.world import World

_LOG = logging.getLogger("engagement_nb.sandbox")
JSON = "application/json;charset=utf-8"
_HTML = b"<html><head><title>%d</title></head><body><h1>SANDBOX: %d on demand</h1></body></html>"
_NO_ACCESS = "Your application id is not authorized."
_NO_GZIP = (
    "This request requires gzip compression. Retry the request after setting 'Accept-Encoding' "
    "header in the request to 'gzip'."
)
_TEMPLATES = Environment(
    loader=PackageLoader("engagement_nb.sandbox"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, **values: Any) -> str:
    """Render a page for a browser from a template."""
    return _TEMPLATES.get_template(name).render(**values)


@dataclass
class Seen:
    """One request, for the log."""

    at: datetime
    method: str
    path: str
    who: str = "nobody"
    status: int = 200
    note: str = ""
    fault: str = ""
    tweets: int = 0
    milliseconds: float = 0.0


Headers = dict[str, str]
Handler = Callable[[Request, Seen, Headers], Awaitable[Any]]
"""Gives the body of a response (text, or a document for JSON); fills in the log and headers."""


class Service:
    """Everything behind the paths of one sandbox.

    Parameters
    ----------
    settings
        How it behaves.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings)
        self.keys = Keys(settings.seed, settings.accounts)
        self.engine = Engine(self.world, self.keys, settings)
        self.faults = Faults(settings.seed)
        self.faults.latency = settings.latency
        self.faults.clock_skew = settings.clock_skew
        self.faults.configure(settings.faults)
        self.gate = Gate(
            self.keys,
            lambda: settings.auth_clock() + self.faults.clock_skew,
            settings.timestamp_tolerance,
        )
        kind, monotonic = settings.window, settings.monotonic
        self.minute = Limit(settings.per_minute, settings.window_seconds, kind, monotonic)
        self.second = Limit(settings.per_second, 1.0, kind, monotonic)
        self.log: deque[Seen] = deque(maxlen=200)
        self.requests_seen: Counter[str] = Counter()
        self.drop: Callable[[Request], None] = lambda request: None

    def now(self) -> datetime:
        """Give the sandbox's present moment."""
        return self.settings.clock()

    def routes(self) -> list[Route]:
        """The three endpoints."""
        return [
            self.route(endpoint.path, partial(self._metrics, endpoint), endpoint.name)
            for endpoint in ENDPOINTS.values()
        ]

    def route(self, path: str, handler: Handler, name: str) -> Route:
        """Make a path whose responses are logged, counted by name, and fail on demand."""

        async def handle(request: Request) -> Response:
            began = time.perf_counter()
            seen = Seen(self.now(), request.method, request.url.path)
            headers = {"content-type": JSON}
            try:
                body = await handler(request, seen, headers)
            except RefusedError as error:
                seen.status, body = error.status, {"errors": error.texts}
                seen.note = seen.note or "; ".join(error.texts)[:300]
                if seen.status == 408:
                    headers["connection"] = "close"
            content = body.encode() if isinstance(body, str) else orjson.dumps(body)
            response = await self._send(request, content, seen, headers)
            seen.milliseconds = round(1000.0 * (time.perf_counter() - began), 1)
            self.log.append(seen)
            self.requests_seen.update([name, f"{name} {seen.status}"])
            return response

        return Route(path, handle, methods=["POST"])

    async def _metrics(
        self, endpoint: Endpoint, request: Request, seen: Seen, headers: Headers
    ) -> dict[str, Any]:
        app: App | None = None
        try:
            raw = await self.read(request)
            if self.settings.gzip == "required" and not takes_gzip(request):
                raise RefusedError(406, _NO_GZIP)
            caller = self.gate.caller(self.call(request, raw))
            app, number = caller.app, caller.account
            seen.who = f"app {app.name}" if number is None else self.keys.accounts[number].handle
            self._spend(self._quota(app, endpoint))
            if not app.has_access:
                raise RefusedError(self.settings.no_access_status, _NO_ACCESS)
            self.trouble(seen, self.faults.next(seen.path))
            now = self.now()
            body = read_body(endpoint, raw, self.settings, now)
            seen.tweets = len(body.ids)
            data = self.engine.respond(body, caller, now)
        except AuthenticationError as error:
            # It does not count against the limit, but its headers tell what the app has left.
            app, seen.note = error.app, str(error)
            raise RefusedError(401, self._unauthenticated(error)) from None
        finally:
            headers.update(self.limit_headers(self._quota(app, endpoint)))
        # A grouping may be named "errors" too.
        if isinstance(data.get("errors"), list):
            seen.note = "; ".join(data["errors"])[:300]
        return data

    def trouble(self, seen: Seen, fault: str) -> None:
        """Note the fault of a response; raise it at once if it is a server error."""
        seen.fault = fault
        if fault[:1] == "5":
            raise RefusedError(int(fault[:3]), "internal server error")

    def call(self, request: Request, raw: bytes) -> Call:
        """Give a request as its signature covers it: with the URL that the client called."""
        scope = request.scope
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"").decode("latin-1")
        public = urlsplit(self.settings.public_url)
        host = request.headers.get("host", "")
        scheme = public.scheme if host == public.netloc else scope["scheme"]
        url = f"{scheme}://{host}{path.decode('latin-1')}" + (f"?{query}" if query else "")
        return Call(request.method, url, request.headers, raw)

    def _quota(self, app: App | None, endpoint: Endpoint) -> str:
        """Give the key that requests are counted by; "" for an unknown app."""
        key = app.consumer_key if app else ""
        return key if self.settings.shared or not key else key + endpoint.name

    def _unauthenticated(self, error: AuthenticationError) -> str:
        reason = str(error)
        if self.settings.reasons == "published":
            reason = "Unknown Authorization Type" if error.malformed else "Access token not found"
        return f"Your account could not be authenticated. Reason: {reason}"

    def _spend(self, key: str) -> None:
        if not (self.minute.remaining(key) and self.second.remaining(key)):
            raise RefusedError(429, "Too many requests: the rate limit has been exceeded.")
        self.minute.spend(key)
        self.second.spend(key)

    def limit_headers(self, key: str) -> Headers:
        """Give the headers about the limit of an app, or of an unknown one ("")."""
        full = self.settings.limit_headers == "full"
        # Without a limit per second, a second is limited by the minute.
        second = self.minute if full and self.second.quota is None else self.second
        headers = {}
        for limit, names in ((self.minute, MINUTE.headers), (second, SECOND.headers)):
            if limit.quota is not None:
                quota, remaining, reset = names
                headers[quota] = str(limit.quota)
                headers[remaining] = str(limit.remaining(key))
                if full:
                    at = self.settings.auth_clock() + limit.resets_in(key)
                    headers[reset] = str(int(at) + 1)
        return headers

    async def read(self, request: Request) -> bytes:
        """Read a request's body.

        Raises
        ------
        RefusedError
            With status 413 if it is too long, 408 if it does not arrive in time, 400 if the
            client disconnects.
        """
        raw = bytearray()
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                async for chunk in request.stream():
                    raw += chunk
                    if len(raw) > MAX_BODY_BYTES:
                        raise RefusedError(413, "The request body is too large.")
        except ClientDisconnect:
            raise RefusedError(400, "The request body ended early.") from None
        except TimeoutError:
            raise RefusedError(408, "The request body did not come in time.") from None
        return bytes(raw)

    async def _send(
        self, request: Request, content: bytes, seen: Seen, headers: Headers
    ) -> Response:
        """Make a response, with its fault."""
        fault = seen.fault
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        if fault.endswith("-html"):
            content = _HTML % (seen.status, seen.status)
            headers["content-type"] = "text/html;charset=utf-8"
        elif fault.endswith("-empty"):
            content = b""
        elif fault == "garble":
            content = b"\x00SANDBOX garbled\xff" + content[len(content) // 2 :]
        if fault != "plain":
            content = zipped(request, content, headers)
        if fault == "drop":
            self.drop(request)
        if fault in ("cut", "slow"):
            headers["content-length"] = str(len(content))
            pieces = self._cut(request, content) if fault == "cut" else self._slowly(content)
            return StreamingResponse(pieces, seen.status, headers)
        return Response(content, seen.status, headers)

    async def _cut(self, request: Request, content: bytes) -> AsyncIterator[bytes]:
        yield content[: len(content) // 2]
        # The first half must be sent before the connection ends.
        await asyncio.sleep(0.02)
        self.drop(request)
        await asyncio.sleep(0.02)

    async def _slowly(self, content: bytes) -> AsyncIterator[bytes]:
        step = max(1, -(-len(content) // 10))
        for begin in range(0, len(content), step):
            yield content[begin : begin + step]
            await asyncio.sleep(self.faults.slow_seconds / 10.0)


def takes_gzip(request: Request) -> bool:
    """Whether a request's ``Accept-Encoding`` allows gzip."""
    wanted = request.headers.get("accept-encoding", "").lower()
    coded = [part.strip().replace(" ", "") for part in wanted.split(",")]
    names = {part.partition(";")[0]: part.partition(";q=")[2] for part in coded}
    return names.get("gzip", names.get("*", "0")) not in ("0", "0.0", "0.00", "0.000")


def zipped(request: Request, content: bytes, headers: Headers) -> bytes:
    """Gzip the content and set the headers, if the client accepts gzip."""
    if not takes_gzip(request):
        return content
    headers["content-encoding"] = "gzip"
    headers["vary"] = "accept-encoding"
    return gzip.compress(content, 1)


def guard(app: ASGIApp, public_host: str) -> ASGIApp:
    """Refuse requests of web pages of other sites, by the rules that browsers follow.

    A page whose name resolves to this machine (DNS rebinding) still sends its own name as
    ``Host``. A request across origins has ``Origin`` or ``Sec-Fetch-Site``.

    Parameters
    ----------
    app
        The application behind it.
    public_host
        Another host name to accept, with its port.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        host = request.headers.get("host", "")
        behind = app
        if not (is_loopback(host) or (host and host == public_host)):
            text = "The sandbox answers to loopback names only, such as 127.0.0.1 and localhost."
            behind = Response(orjson.dumps({"errors": [text]}), 421, media_type=JSON)
        elif _crosses_origins(request):
            text = "The sandbox refuses requests that a page of another site sends."
            behind = Response(orjson.dumps({"errors": [text]}), 403, media_type=JSON)
        await behind(scope, receive, send)

    return guarded


def is_loopback(host: str) -> bool:
    """Whether a ``Host`` header names this machine itself."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _crosses_origins(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc != request.headers.get("host")
    # A link from another site to a page for a browser is fine.
    reads = request.method in ("GET", "HEAD") and not request.url.path.startswith("/sandbox/")
    return not reads and request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def make_app(service: Service, more: list[Route]) -> Starlette:
    """Make the ASGI application of a sandbox."""

    async def refuse(request: Request, error: Exception) -> Response:
        """Give errors such as 404 and 405 the API's form."""
        status, texts = 500, ["internal server error"]
        headers = {"content-type": JSON, **service.limit_headers("")}
        if isinstance(error, HTTPException):
            status, texts = error.status_code, [error.detail]
            headers |= error.headers or {}
        elif isinstance(error, RefusedError):
            status, texts = error.status, list(error.texts)
        else:
            _LOG.error("The sandbox failed at %s", request.url.path, exc_info=error)
        path = request.url.path[:200]
        service.log.append(Seen(service.now(), request.method, path, status=status, note=texts[0]))
        content = zipped(request, orjson.dumps({"errors": texts}), headers)
        return Response(content, status, headers)

    app = Starlette(
        routes=[*service.routes(), *more],
        middleware=[Middleware(guard, urlsplit(service.settings.public_url).netloc)],
        exception_handlers=dict.fromkeys((HTTPException, RefusedError, Exception), refuse),
    )
    # A path with an extra slash is a wrong path, not a redirect.
    app.router.redirect_slashes = False
    return app
