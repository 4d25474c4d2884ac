"""Where tokens come from: the bearer token, and the three steps of the PIN flow."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import orjson
from oauthlib.oauth1 import AccessTokenEndpoint, RequestTokenEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engagement_nb.sandbox.keys import App
from engagement_nb.sandbox.oauth import PENDING_SECONDS, Pending
from engagement_nb.sandbox.pages import page
from engagement_nb.sandbox.question import RefusedError
from engagement_nb.sandbox.service import Seen, Service, called_url, read_body
from engagement_nb.vocabulary import (
    PATH_ACCESS_TOKEN,
    PATH_AUTHORIZE,
    PATH_BEARER_TOKEN,
    PATH_REQUEST_TOKEN,
)

_JSON = "application/json;charset=utf-8"


class SignIn:
    """The auth host's paths.

    Parameters
    ----------
    service
        The sandbox they belong to.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        validator = service.validator
        self._request_token = RequestTokenEndpoint(validator, _fresh)
        self._access_token = AccessTokenEndpoint(validator, _fresh)

    def routes(self) -> list[Route]:
        """All paths of the auth host."""
        return [
            Route(PATH_BEARER_TOKEN, self.bearer, methods=["POST"]),
            Route("/oauth2/invalidate_token", self.invalidate, methods=["POST"]),
            Route(PATH_REQUEST_TOKEN, self.request_token, methods=["POST"]),
            Route(PATH_ACCESS_TOKEN, self.access_token, methods=["POST"]),
            Route(PATH_AUTHORIZE, self.authorize, methods=["GET", "POST"]),
        ]

    async def bearer(self, request: Request) -> Response:
        """A bearer token for a key and secret."""
        form = await _form(request)
        app = self._basic(request)
        if app is None:
            return await self._refuse(request, 403, "Unable to verify your credentials")
        if form.get("grant_type") != "client_credentials":
            return await self._refuse(request, 400, "Missing or wrong parameter: grant_type")
        body = {"token_type": "bearer", "access_token": app.bearer_token}
        return await self._answer(request, 200, orjson.dumps(body), _JSON, f"app {app.name}")

    async def invalidate(self, request: Request) -> Response:
        """Make a bearer token useless."""
        form = await _form(request)
        token = form.get("access_token", "")
        app = self._basic(request)
        found = self.service.keys.find_bearer(token) or self.service.keys.find_bearer(
            token.replace("/", "%2F").replace("=", "%3D")
        )
        if app is None or found is not app:
            return await self._refuse(request, 403, "Unable to verify your credentials")
        self.service.keys.revoke(app.bearer_token)
        body = orjson.dumps({"access_token": app.bearer_token})
        return await self._answer(request, 200, body, _JSON, f"app {app.name}")

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
        return await self._step(request, self._request_token.create_request_token_response)

    async def access_token(self, request: Request) -> Response:
        """Third step: the user's tokens for the PIN."""
        return await self._step(request, self._access_token.create_access_token_response)

    async def _step(self, request: Request, create: Any) -> Response:
        raw = await _body(request)
        validator = self.service.validator
        validator.reason = ""
        headers = {
            "Authorization": request.headers.get("authorization", ""),
            "Content-Type": request.headers.get("content-type", ""),
        }
        try:
            _, body, status = create(
                called_url(request), request.method, raw.decode("utf-8", "replace"), headers
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            # oauthlib trips over some malformed headers instead of refusing them.
            body, status = None, 401
        if status != 200:
            reason = validator.reason or "Could not authenticate you"
            return await self._refuse(request, 401, reason)
        kind = "application/x-www-form-urlencoded"
        return await self._answer(request, 200, body.encode(), kind, "PIN flow")

    async def authorize(self, request: Request) -> Response:
        """Second step, in a browser: who are you, and here is your PIN."""
        validator, keys = self.service.validator, self.service.keys
        form = await _form(request) if request.method == "POST" else {}
        token = form.get("oauth_token") or request.query_params.get("oauth_token", "")
        pending = validator.pending.get(token)
        if pending is None:
            text = page("gone.html", minutes=int(PENDING_SECONDS // 60))
            return HTMLResponse(text, 404)
        chosen = form.get("account", "")
        if request.method == "POST" and form.get("cancel"):
            validator.pending.pop(token, None)
            return HTMLResponse(page("gone.html", minutes=None), 200)
        count = self.service.settings.accounts
        # Nine digits at most: int() refuses thousands of them.
        number = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else count
        if number >= count:
            first = [(n, keys.account(n)) for n in range(min(50, count))]
            return HTMLResponse(page("authorize.html", token=token, accounts=first))
        self._grant(pending, number)
        handle = keys.account(number).handle
        return HTMLResponse(page("pin.html", pin=pending.pin, handle=handle))

    @staticmethod
    def _grant(pending: Pending, account: int) -> None:
        pending.account = account
        pending.pin = pending.pin or f"{secrets.randbelow(9_000_000) + 1_000_000}"

    async def _refuse(self, request: Request, status: int, text: str) -> Response:
        content = orjson.dumps({"errors": [text]})
        return await self._answer(request, status, content, _JSON, "nobody", text)

    async def _answer(
        self, request: Request, status: int, content: bytes, kind: str, who: str, note: str = ""
    ) -> Response:
        service = self.service
        path = request.url.path
        fault = service.faults.next(path) if path in service.faults.paths else ""
        seen = Seen(service.now(), request.method, path, who, status, note, fault)
        if fault[:1] == "5":
            content, kind = orjson.dumps({"errors": ["internal server error"]}), _JSON
            seen.status = int(fault[:3])
        service.note(seen, path)
        return await service.send(request, content, seen, {"content-type": kind})


def _fresh(length: int = 32) -> str:
    return "SANDBOX" + secrets.token_hex(max(8, length // 2))


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request)
    except RefusedError:
        return b""


async def _form(request: Request) -> dict[str, str]:
    """A form's fields; nothing of it if it is none."""
    text = (await _body(request)).decode("utf-8", "replace")
    try:
        return {key: values[-1] for key, values in parse_qs(text, max_num_fields=50).items()}
    except ValueError:
        return {}
