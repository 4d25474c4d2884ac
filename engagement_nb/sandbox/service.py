"""The API's three endpoints over HTTP: from bytes to bytes."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
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

from engagement_nb.sandbox.engine import Engine
from engagement_nb.sandbox.faults import Faults
from engagement_nb.sandbox.keys import Keys
from engagement_nb.sandbox.limits import Limit, take
from engagement_nb.sandbox.oauth import Call, Caller, Gate, UnauthenticatedError
from engagement_nb.sandbox.question import RefusedError, read_question
from engagement_nb.sandbox.settings import MAX_BODY_BYTES, Settings
from engagement_nb.sandbox.world import World
from engagement_nb.vocabulary import (
    ENDPOINTS,
    HEADER_LIMIT,
    HEADER_REMAINING,
    HEADER_RESET,
    HEADER_SECOND_LIMIT,
    HEADER_SECOND_REMAINING,
    HEADER_SECOND_RESET,
    Endpoint,
)

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
    """A page for a person with a browser, from a template."""
    return _TEMPLATES.get_template(name).render(**values)


@dataclass
class Seen:
    """One request that the sandbox answered, for its log."""

    at: datetime
    method: str
    path: str
    who: str
    status: int
    note: str = ""
    fault: str = ""
    tweets: int = 0
    milliseconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


class Service:
    """Everything one sandbox answers with.

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
        self.faults = Faults(settings.seed, settings.latency)
        self.faults.clock_skew = settings.clock_skew
        self.faults.configure(settings.faults)
        self.gate = Gate(self.keys, self._provider_time, settings.timestamp_tolerance)
        self.minute = self._limit(settings.per_minute, settings.window_seconds)
        self.second = self._limit(settings.per_second, 1.0)
        self.log: deque[Seen] = deque(maxlen=200)
        self.requests_seen: Counter[str] = Counter()
        self.drop: Callable[[Request], None] = lambda request: None

    def _limit(self, quota: int | None, seconds: float) -> Limit | None:
        settings = self.settings
        if quota is None:
            return None
        return Limit(quota, seconds, settings.window, settings.monotonic)

    def _provider_time(self) -> float:
        return self.settings.auth_clock() + self.faults.clock_skew

    def now(self) -> datetime:
        """The sandbox's present moment."""
        return self.settings.clock()

    def routes(self) -> list[Route]:
        """The three endpoints."""
        return [
            Route(endpoint.path, self._handler(endpoint), methods=["POST"])
            for endpoint in ENDPOINTS.values()
        ]

    def _handler(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            return await self._serve(endpoint, request)

        return handle

    async def _serve(self, endpoint: Endpoint, request: Request) -> Response:
        began = time.perf_counter()
        seen = Seen(self.now(), request.method, request.url.path, "nobody", 0)
        key = ""
        body: dict[str, Any]
        try:
            raw = await read_body(request, self.settings.request_timeout)
            if self.settings.gzip == "required" and not takes_gzip(request):
                raise RefusedError(406, _NO_GZIP)
            caller = self.gate.caller(self.call(request, raw))
            seen.who = self._who(caller)
            key = self._quota(caller.app.consumer_key, endpoint)
            self._spend(key)
            if not caller.app.has_access:
                raise RefusedError(self.settings.no_access_status, _NO_ACCESS)
            seen.fault = self.faults.next(request.url.path)
            if seen.fault[:1] == "5":
                body, seen.status = {"errors": ["internal server error"]}, int(seen.fault[:3])
            else:
                now = self.now()
                question = read_question(endpoint, raw, self.settings, now)
                seen.tweets = len(question.ids)
                body, seen.status = self.engine.answer(question, caller, now), 200
        except UnauthenticatedError as error:
            seen.status, seen.note = 401, str(error)
            # It costs nothing, and tells what the app has left.
            key = self._quota(error.app_key, endpoint) if error.app_key else ""
            body = {"errors": [self._unauthenticated(error)]}
        except RefusedError as error:
            seen.status, body = error.status, {"errors": list(error.texts), **error.extra}
        # A grouping may be named "errors" too.
        if not seen.note and isinstance(body.get("errors"), list):
            seen.note = "; ".join(body["errors"])[:300]
        headers = {"content-type": JSON, **self.limit_headers(key)}
        if seen.status == 408:
            headers["connection"] = "close"
        response = await self.send(request, orjson.dumps(body), seen, headers)
        seen.milliseconds = round(1000.0 * (time.perf_counter() - began), 1)
        self.note(seen, endpoint.name)
        return response

    def call(self, request: Request, raw: bytes) -> Call:
        """A request as its signature covers it: with the address that the client called."""
        scope = request.scope
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"").decode("latin-1")
        public = urlsplit(self.settings.public_url)
        host = request.headers.get("host", "")
        scheme = public.scheme if host == public.netloc else scope["scheme"]
        url = f"{scheme}://{host}{path.decode('latin-1')}" + (f"?{query}" if query else "")
        return Call(request.method, url, request.headers, raw)

    def _quota(self, app_key: str, endpoint: Endpoint) -> str:
        return app_key + ("" if self.settings.shared else endpoint.name)

    def _who(self, caller: Caller) -> str:
        if caller.account is None:
            return f"app {caller.app.name}"
        return self.keys.account(caller.account).handle

    def _unauthenticated(self, error: UnauthenticatedError) -> str:
        reason = str(error)
        if self.settings.reasons == "published":
            reason = "Unknown Authorization Type" if error.malformed else "Access token not found"
        return f"Your account could not be authenticated. Reason: {reason}"

    def _spend(self, key: str) -> None:
        limits = [limit for limit in (self.minute, self.second) if limit is not None]
        if not take(limits, key):
            raise RefusedError(429, "Too many requests: the rate limit has been exceeded.")

    def limit_headers(self, key: str) -> dict[str, str]:
        """What a response tells of the quota of an app (or of a stranger: "")."""
        full = self.settings.limit_headers == "full"
        minute = (self.minute, HEADER_LIMIT, HEADER_REMAINING, HEADER_RESET)
        # Without a limit of its own, a second is limited by the minute.
        per_second = self.second or (self.minute if full else None)
        second = (per_second, HEADER_SECOND_LIMIT, HEADER_SECOND_REMAINING, HEADER_SECOND_RESET)
        headers = {}
        for limit, name, remaining, reset in (minute, second):
            if limit is not None:
                headers[name] = str(limit.quota)
                headers[remaining] = str(limit.remaining(key))
                if full:
                    at = self.settings.auth_clock() + limit.resets_in(key)
                    headers[reset] = str(int(at) + 1)
        return headers

    async def send(
        self, request: Request, content: bytes, seen: Seen, headers: dict[str, str]
    ) -> Response:
        """An answer, after what goes wrong with it on demand."""
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
        if fault == "cut":
            return CutOff(content, seen.status, headers, drop=lambda: self.drop(request))
        if fault == "slow":
            headers["content-length"] = str(len(content))
            pieces = _slowly(content, self.faults.slow_seconds)
            return StreamingResponse(pieces, seen.status, headers)
        return Response(content, seen.status, headers)

    def note(self, seen: Seen, name: str) -> None:
        """Remember a request that was answered."""
        self.log.append(seen)
        self.requests_seen[name] += 1
        self.requests_seen[f"{name} {seen.status}"] += 1


class CutOff(Response):
    """An answer that ends in the middle of its body."""

    def __init__(self, *args: Any, drop: Callable[[], None]) -> None:
        super().__init__(*args)
        self._drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half, then end the connection."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # The half has to leave before the connection ends.
        await asyncio.sleep(0.02)
        self._drop()
        await asyncio.sleep(0.02)


async def _slowly(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    step = max(1, -(-len(content) // 10))
    for begin in range(0, len(content), step):
        yield content[begin : begin + step]
        await asyncio.sleep(seconds / 10.0)


async def read_body(request: Request, seconds: float) -> bytes:
    """A request's body.

    Raises
    ------
    RefusedError
        With status 413 if it is longer than anything the API takes, 408 if it does not come
        within so many seconds.
    """
    raw = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MAX_BODY_BYTES:
                    raise RefusedError(413, "The request body is too large.")
    except ClientDisconnect:
        raise RefusedError(400, "The request body ended early.") from None
    except TimeoutError:
        raise RefusedError(408, "The request body did not come in time.") from None
    return bytes(raw)


def takes_gzip(request: Request) -> bool:
    """Whether a request's ``Accept-Encoding`` allows gzip."""
    wanted = request.headers.get("accept-encoding", "").lower()
    coded = [part.strip().replace(" ", "") for part in wanted.split(",")]
    names = {part.partition(";")[0]: part.partition(";q=")[2] for part in coded}
    return names.get("gzip", names.get("*", "0")) not in ("0", "0.0", "0.00", "0.000")


def zipped(request: Request, content: bytes, headers: dict[str, str]) -> bytes:
    """The content, gzipped if the client takes it so; sets the header then."""
    if not takes_gzip(request):
        return content
    headers["content-encoding"] = "gzip"
    headers["vary"] = "accept-encoding"
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


class Guard:
    """Keeps out web pages of other sites, by the rules that browsers follow.

    A page whose name was made to point to this machine (DNS rebinding) still sends its own
    name as ``Host``, and a request across origins tells so in ``Origin`` or ``Sec-Fetch-Site``.

    Parameters
    ----------
    app
        The application behind it.
    public_host
        Another host name that is answered, with its port.
    """

    def __init__(self, app: ASGIApp, public_host: str) -> None:
        self._app = app
        self._public_host = public_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        request = Request(scope)
        app: ASGIApp = self._app
        host = request.headers.get("host", "")
        if not (is_loopback(host) or (host and host == self._public_host)):
            text = "The sandbox answers to loopback names only, such as 127.0.0.1 and localhost."
            app = Response(orjson.dumps({"errors": [text]}), 421, media_type=JSON)
        elif _crosses_origins(request):
            text = "The sandbox refuses requests that a page of another site sends."
            app = Response(orjson.dumps({"errors": [text]}), 403, media_type=JSON)
        await app(scope, receive, send)


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
    # A link from another site to a page for people is fine.
    reads = request.method in ("GET", "HEAD") and not request.url.path.startswith("/sandbox/")
    return not reads and request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def make_app(service: Service, more: list[Route] | None = None) -> Starlette:
    """The ASGI application of a sandbox."""

    async def refuse(request: Request, error: Exception) -> Response:
        """404, 405 and so on, in the API's shape."""
        status, text = 500, "internal server error"
        headers = {"content-type": JSON, **service.limit_headers("")}
        if isinstance(error, HTTPException):
            status, text = error.status_code, str(error.detail)
            headers |= dict(error.headers or {})
        else:
            _LOG.error("The sandbox failed at %s", request.url.path, exc_info=error)
        path = request.url.path[:200]
        service.log.append(Seen(service.now(), request.method, path, "nobody", status, text))
        content = zipped(request, orjson.dumps({"errors": [text]}), headers)
        return Response(content, status, headers)

    routes = [*service.routes(), *(more or [])]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, urlsplit(service.settings.public_url).netloc)],
        exception_handlers={HTTPException: refuse, Exception: refuse},
    )
    # A path with a slash too many is a wrong path, not an address to go on to.
    app.router.redirect_slashes = False
    return app
