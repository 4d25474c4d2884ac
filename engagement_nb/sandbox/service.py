"""The API as a function from a request to a response, with a log and faults on demand."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from engagement_nb.apis.contract import Endpoint
from engagement_nb.apis.engagement import ENDPOINTS, MINUTE, SECOND
from engagement_nb.sandbox.body import read_body
from engagement_nb.sandbox.engine import Engine
from engagement_nb.sandbox.faults import Faults
from engagement_nb.sandbox.keys import App, Keys
from engagement_nb.sandbox.limits import Limit
from engagement_nb.sandbox.messages import HTML, Call, RefusedError, Reply, as_json
from engagement_nb.sandbox.oauth import AuthenticationError
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import World

_LOG = logging.getLogger("engagement_nb.sandbox")
_TROUBLE = b"<html><head><title>%d</title></head><body><h1>SANDBOX: %d on demand</h1></body></html>"
_ON_THE_WAY = ("drop", "cut", "slow")
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
_TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": False}
_PORTS = {"http": 80, "https": 443}


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


Handler = Callable[[Call, Seen], Reply]
"""Gives a response, and fills in the log."""


@dataclass(frozen=True)
class Route:
    """What is behind a path.

    Parameters
    ----------
    handler
        Gives the responses.
    methods
        HTTP methods that it takes; GET includes HEAD.
    name
        The log counts requests by this name; "" for the sandbox's own paths, which are logged
        only if they are refused.
    endpoint
        The endpoint for metrics, if it is one.
    of_auth
        Whether it is of the auth host, which fails by the ``paths`` of the faults only.
    """

    handler: Handler
    methods: tuple[str, ...] = ("POST",)
    name: str = ""
    endpoint: Endpoint | None = None
    of_auth: bool = False


class Service:
    """Everything behind the paths of one sandbox.

    Parameters
    ----------
    settings
        How it behaves.

    Attributes
    ----------
    routes
        What is behind each path.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings)
        self.keys = Keys(settings, lambda: settings.auth_clock() + self.faults.clock_skew)
        self.engine = Engine(self.world, self.keys)
        self.faults = Faults(
            settings.seed, latency=settings.latency, clock_skew=settings.clock_skew
        )
        self.faults.configure(settings.faults)
        kind, monotonic = settings.window, settings.monotonic
        self.minute = Limit(settings.per_minute, settings.window_seconds, kind, monotonic)
        self.second = Limit(settings.per_second, 1.0, kind, monotonic)
        self.log: deque[Seen] = deque(maxlen=200)
        self.requests_seen: Counter[str] = Counter()
        self.routes: dict[str, Route] = {
            endpoint.path: Route(
                partial(self._metrics, endpoint), name=endpoint.name, endpoint=endpoint
            )
            for endpoint in ENDPOINTS.values()
        }
        self._public = {_place(urlsplit(url)): urlsplit(url).scheme for url in settings.public_urls}
        self._one_at_a_time = threading.Lock()

    def now(self) -> datetime:
        """Give the sandbox's present moment."""
        return self.settings.clock()

    def respond(self, call: Call, broken: RefusedError | None = None) -> Reply:
        """Respond to a request.

        Parameters
        ----------
        call
            The request.
        broken
            Why its body did not arrive.
        """
        with self._one_at_a_time:
            return self._respond(call, broken)

    def _respond(self, call: Call, broken: RefusedError | None) -> Reply:
        began = time.perf_counter()
        seen = Seen(self.now(), call.method, call.path[:200])
        route: Route | None = None
        try:
            call = self._checked(call)
            route = self.routes.get(call.path) or self._by_pattern(call.path)
            reply = self._routed(route, call, seen, broken)
        except RefusedError as error:
            reply = error.reply()
            seen.note = seen.note or "; ".join(error.texts)[:300]
        except Exception as error:
            _LOG.error("The sandbox failed at %s", seen.path, exc_info=error)
            reply = RefusedError(500, "internal server error").reply()
        seen.status = reply.status
        if route and reply.status == 405:
            reply.headers["allow"] = ", ".join(route.methods)
        named = route is not None and bool(route.name)
        if route is None or route.endpoint:
            reply.headers |= self.limit_headers(self._quota(call, route))
        if named or reply.status >= 400:
            self._spoil(call, reply, seen.fault, delay=self.faults.latency if named else 0.0)
            seen.milliseconds = round(1000.0 * (time.perf_counter() - began), 1)
            self.log.append(seen)
        if route is not None and route.name:
            self.requests_seen.update([route.name, f"{route.name} {seen.status}"])
        return reply

    def _by_pattern(self, path: str) -> Route | None:
        """Give the route of a path with an id in it; ``{}`` stands for the id."""
        patterns = {re.escape(known).replace(r"\{\}", "[^/]+"): known for known in self.routes}
        found = next((known for it, known in patterns.items() if re.fullmatch(it, path)), "")
        return self.routes.get(found)

    def _routed(
        self, route: Route | None, call: Call, seen: Seen, broken: RefusedError | None
    ) -> Reply:
        if route is None:
            raise RefusedError(404, "Not Found")
        if ("GET" if call.method == "HEAD" else call.method) not in route.methods:
            raise RefusedError(405, "Method Not Allowed")
        if broken is not None:
            raise broken
        if route.of_auth:
            self.trouble(seen, self.faults.paths.get(call.path, ""))
        return route.handler(call, seen)

    def _metrics(self, endpoint: Endpoint, call: Call, seen: Seen) -> Reply:
        if self.settings.gzip == "required" and not call.takes_gzip:
            raise RefusedError(406, _NO_GZIP)
        try:
            caller = self.keys.caller(call)
        except AuthenticationError as error:
            # It does not count against the limit.
            seen.note = str(error)
            raise RefusedError(401, self._unauthenticated(error)) from None
        app, number = caller.app, caller.account
        seen.who = f"app {app.name}" if number is None else self.keys.accounts[number].handle
        self._spend(self._key(app, endpoint))
        if not app.has_access:
            raise RefusedError(self.settings.no_access_status, _NO_ACCESS)
        self.trouble(seen, self.faults.next(seen.path))
        now = self.now()
        body = read_body(endpoint, call.body, self.settings, now)
        seen.tweets = len(body.ids)
        data = self.engine.respond(body, caller, now)
        # A grouping may be named "errors" too.
        if isinstance(data.get("errors"), list):
            seen.note = "; ".join(data["errors"])[:300]
        return as_json(data)

    def trouble(self, seen: Seen, fault: str) -> None:
        """Note the fault of a response; raise it at once if it is a server error."""
        seen.fault = fault
        if fault[:1] == "5":
            raise RefusedError(int(fault[:3]), "internal server error")

    def _spoil(self, call: Call, reply: Reply, fault: str, delay: float) -> None:
        """Give a response its fault and its encoding."""
        reply.delay = delay
        if fault.endswith("-html"):
            reply.body = _TROUBLE % (reply.status, reply.status)
            reply.headers["content-type"] = HTML
        elif fault.endswith("-empty"):
            reply.body = b""
        elif fault == "garble":
            reply.body = b"\x00SANDBOX garbled\xff" + reply.body[len(reply.body) // 2 :]
        elif fault in _ON_THE_WAY:
            reply.fault = fault
        if fault != "plain" and call.takes_gzip:
            reply.body = gzip.compress(reply.body, 1)
            reply.headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}

    def _unauthenticated(self, error: AuthenticationError) -> str:
        reason = str(error)
        if self.settings.reasons == "published":
            reason = "Unknown Authorization Type" if error.malformed else "Access token not found"
        return f"Your account could not be authenticated. Reason: {reason}"

    def _key(self, app: App, endpoint: Endpoint) -> str:
        """Give the key that an app's requests are counted by."""
        return app.consumer_key + ("" if self.settings.shared else endpoint.name)

    def _quota(self, call: Call, route: Route | None) -> str:
        """Give the key that a request is or would be counted by.

        A request that names no known app is told what the first app has left, and a wrong path
        the endpoint with the least left.
        """
        app = self.keys.app_of(call) or self.keys.app
        endpoint = route.endpoint if route else None
        endpoints = [endpoint] if endpoint else list(ENDPOINTS.values())
        return min((self._key(app, one) for one in endpoints), key=self.minute.remaining)

    def _spend(self, key: str) -> None:
        if not (self.minute.remaining(key) and self.second.remaining(key)):
            raise RefusedError(429, "Too many requests: the rate limit has been exceeded.")
        self.minute.spend(key)
        self.second.spend(key)

    def limit_headers(self, key: str) -> dict[str, str]:
        """Give the headers about the limits of what is counted by a key."""
        full = self.settings.limit_headers == "full"
        # Without a limit per second, a second is limited by the minute.
        second = self.minute if full and self.second.quota is None else self.second
        headers: dict[str, str] = {}
        for limit, names in ((self.minute, MINUTE.headers), (second, SECOND.headers)):
            if limit.quota is not None:
                headers |= limit.headers(key, names, self.settings.auth_clock())
                if not full:
                    del headers[names.reset]
        return headers

    def _checked(self, call: Call) -> Call:
        """Refuse web pages of other sites; give a call with the scheme that the client used.

        By the rules that browsers follow: a page whose name resolves to this machine (DNS
        rebinding) still sends its own name as ``Host``. A request across origins has ``Origin``
        or ``Sec-Fetch-Site``.
        """
        scheme = self._scheme(call)
        if scheme is None:
            raise RefusedError(
                421, "The sandbox answers to loopback names only, such as 127.0.0.1 and localhost."
            )
        if _crosses_origins(call):
            raise RefusedError(
                403, "The sandbox refuses requests that a page of another site sends."
            )
        if scheme == call.parts.scheme:
            return call
        url = call.parts._replace(scheme=scheme).geturl()
        return Call(call.method, url, call.headers, call.body)

    def _scheme(self, call: Call) -> str | None:
        """Give the scheme by which clients call a host; None if it is not the sandbox's."""
        try:
            name, port = call.parts.hostname or "", call.parts.port
        except ValueError:
            return None
        for (public, its_port), scheme in self._public.items():
            if name == public and (port or _PORTS.get(scheme)) == its_port:
                return scheme
        return call.parts.scheme if is_loopback(name) else None


def _place(parts: Any) -> tuple[str, int | None]:
    """Give the host of an address, and its port or the default port."""
    return parts.hostname, parts.port or _PORTS.get(parts.scheme)


def is_loopback(name: str) -> bool:
    """Whether a host name is this machine itself."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _crosses_origins(call: Call) -> bool:
    origin = call.headers.get("origin")
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() != call.parts.netloc.lower()
        except ValueError:
            return True
    # A link from another site to a page for a browser is fine.
    reads = call.method in ("GET", "HEAD") and not call.path.startswith("/sandbox/")
    return not reads and call.headers.get("sec-fetch-site") in ("cross-site", "same-site")
