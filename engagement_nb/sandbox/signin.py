"""The auth host: the bearer token, and the three steps of a login by PIN or in the browser."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import parse_qs, unquote_plus, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from engagement_nb.sandbox.keys import App
from engagement_nb.sandbox.oauth import (
    OUT_OF_BAND,
    PENDING_SECONDS,
    Call,
    Pending,
    UnauthenticatedError,
)
from engagement_nb.sandbox.question import RefusedError
from engagement_nb.sandbox.service import JSON, Seen, Service, page, read_body
from engagement_nb.vocabulary import (
    PATH_ACCESS_TOKEN,
    PATH_AUTHORIZE,
    PATH_BEARER_TOKEN,
    PATH_REQUEST_TOKEN,
)

PATH_AUTHENTICATE = "/oauth/authenticate"


class SignIn:
    """The auth host's paths.

    Parameters
    ----------
    service
        The sandbox they belong to.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.gate = service.gate

    def routes(self) -> list[Route]:
        """All paths of the auth host."""
        return [
            Route(PATH_BEARER_TOKEN, self.bearer, methods=["POST"]),
            Route("/oauth2/invalidate_token", self.invalidate, methods=["POST"]),
            Route(PATH_REQUEST_TOKEN, self.request_token, methods=["POST"]),
            Route(PATH_ACCESS_TOKEN, self.access_token, methods=["POST"]),
            Route(PATH_AUTHORIZE, self.authorize, methods=["GET", "POST"]),
            Route(PATH_AUTHENTICATE, self.authorize, methods=["GET", "POST"]),
        ]

    async def bearer(self, request: Request) -> Response:
        """A bearer token for a key and secret."""
        form = await self._form(request)
        app = self._basic(request)
        if app is None:
            return await self._refuse(request, 403, "Unable to verify your credentials")
        if form.get("grant_type") != "client_credentials":
            return await self._refuse(request, 400, "Missing or wrong parameter: grant_type")
        body = {"token_type": "bearer", "access_token": app.bearer_token}
        return await self._answer(request, 200, orjson.dumps(body), JSON, f"app {app.name}")

    async def invalidate(self, request: Request) -> Response:
        """Make a bearer token useless."""
        form = await self._form(request)
        token = form.get("access_token", "")
        app = self._basic(request)
        encoded = token.replace("/", "%2F").replace("=", "%3D")
        keys = self.service.keys
        if app is None or app not in (keys.find_bearer(token), keys.find_bearer(encoded)):
            return await self._refuse(request, 403, "Unable to verify your credentials")
        keys.revoke(app.bearer_token)
        body = orjson.dumps({"access_token": app.bearer_token})
        return await self._answer(request, 200, body, JSON, f"app {app.name}")

    def _basic(self, request: Request) -> App | None:
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(coded.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        key, colon, secret = given.partition(":")
        if scheme.lower() != "basic" or not colon:
            return None
        return self.service.keys.check_app(unquote_plus(key), unquote_plus(secret))

    async def request_token(self, request: Request) -> Response:
        """First step: a token to take to the browser."""

        def create(call: Call) -> dict[str, str]:
            pending = self.gate.request_token(call)
            return {
                "oauth_token": pending.token,
                "oauth_token_secret": pending.secret,
                "oauth_callback_confirmed": "true",
            }

        return await self._step(request, create)

    async def access_token(self, request: Request) -> Response:
        """Third step: the user's tokens for the PIN or verifier."""
        return await self._step(request, self.gate.access_token)

    async def _step(self, request: Request, create: Callable[[Call], dict[str, str]]) -> Response:
        try:
            made = create(self.service.call(request, await self._body(request)))
        except UnauthenticatedError as error:
            return await self._refuse(request, 401, str(error))
        kind = "application/x-www-form-urlencoded"
        return await self._answer(request, 200, urlencode(made).encode(), kind, "login")

    async def authorize(self, request: Request) -> Response:
        """Second step, in a browser: who are you, and here is your PIN."""
        keys = self.service.keys
        form = await self._form(request) if request.method == "POST" else {}
        pending = self.gate.pending(
            form.get("oauth_token") or request.query_params.get("oauth_token", "")
        )
        if pending is None:
            text = page("gone.html", minutes=int(PENDING_SECONDS // 60))
            return HTMLResponse(text, 404)
        if form.get("cancel"):
            self.gate.cancel(pending)
            if pending.callback != OUT_OF_BAND:
                return _back(pending, denied=pending.token)
            return HTMLResponse(page("gone.html", minutes=None))
        chosen, count = form.get("account", ""), self.service.settings.accounts
        # Nine digits at most: int() refuses thousands of them.
        number = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else count
        if number >= count:
            first = [(n, keys.account(n)) for n in range(min(50, count))]
            pin = pending.callback == OUT_OF_BAND
            shown = page("authorize.html", token=pending.token, accounts=first, pin=pin)
            return HTMLResponse(shown)
        self.gate.grant(pending, number)
        if pending.callback != OUT_OF_BAND:
            return _back(pending, oauth_token=pending.token, oauth_verifier=pending.verifier)
        handle = keys.account(number).handle
        return HTMLResponse(page("pin.html", pin=pending.verifier, handle=handle))

    async def _refuse(self, request: Request, status: int, text: str) -> Response:
        content = orjson.dumps({"errors": [text]})
        return await self._answer(request, status, content, JSON, "nobody", text)

    async def _answer(
        self, request: Request, status: int, content: bytes, kind: str, who: str, note: str = ""
    ) -> Response:
        service = self.service
        path = request.url.path
        fault = service.faults.paths.get(path, "")
        seen = Seen(service.now(), request.method, path, who, status, note, fault)
        if fault[:1] == "5":
            content, kind = orjson.dumps({"errors": ["internal server error"]}), JSON
            seen.status = int(fault[:3])
        service.note(seen, path)
        return await service.send(request, content, seen, {"content-type": kind})

    async def _body(self, request: Request) -> bytes:
        try:
            return await read_body(request, self.service.settings.request_timeout)
        except RefusedError:
            return b""

    async def _form(self, request: Request) -> dict[str, str]:
        """A form's fields; nothing of it if it is none."""
        text = (await self._body(request)).decode("utf-8", "replace")
        try:
            return {key: values[-1] for key, values in parse_qs(text, max_num_fields=50).items()}
        except ValueError:
            return {}


def _back(pending: Pending, **query: str) -> Response:
    """Send the browser to the app's callback address."""
    joint = "&" if "?" in pending.callback else "?"
    return RedirectResponse(f"{pending.callback}{joint}{urlencode(query)}", 303)
