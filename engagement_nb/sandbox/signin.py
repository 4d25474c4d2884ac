"""The auth host: bearer tokens, and the three steps of a login by PIN or callback."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs, unquote_plus, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from engagement_nb.apis.engagement import (
    PATH_ACCESS_TOKEN,
    PATH_AUTHORIZE,
    PATH_BEARER_TOKEN,
    PATH_REQUEST_TOKEN,
)
from engagement_nb.sandbox.body import RefusedError
from engagement_nb.sandbox.keys import App
from engagement_nb.sandbox.oauth import FORM, OUT_OF_BAND, PENDING_SECONDS, Pending
from engagement_nb.sandbox.service import Handler, Headers, Seen, Service, page

PATH_AUTHENTICATE = "/oauth/authenticate"


class SignIn:
    """The auth host's paths.

    Parameters
    ----------
    service
        The sandbox.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.gate = service.gate
        self.keys = service.keys

    def routes(self) -> list[Route]:
        """Give all paths of the auth host."""
        handlers: dict[str, Handler] = {
            PATH_BEARER_TOKEN: self.bearer,
            "/oauth2/invalidate_token": self.invalidate,
            PATH_REQUEST_TOKEN: self.request_token,
            PATH_ACCESS_TOKEN: self.access_token,
        }
        return [
            *(self.service.route(path, handler, path) for path, handler in handlers.items()),
            Route(PATH_AUTHORIZE, self.authorize, methods=["GET", "POST"]),
            Route(PATH_AUTHENTICATE, self.authorize, methods=["GET", "POST"]),
        ]

    async def bearer(self, request: Request, seen: Seen, headers: Headers) -> dict[str, str]:
        """Give the bearer token for a key and secret."""
        app, form = await self._of_app(request, seen)
        if form.get("grant_type") != "client_credentials":
            raise RefusedError(400, "Missing or wrong parameter: grant_type")
        return {"token_type": "bearer", "access_token": app.bearer_token}

    async def invalidate(self, request: Request, seen: Seen, headers: Headers) -> dict[str, str]:
        """Revoke a bearer token."""
        app, form = await self._of_app(request, seen)
        token = form.get("access_token", "").replace("/", "%2F").replace("=", "%3D")
        if token != app.bearer_token or not self.keys.revoke(token):
            raise RefusedError(403, "Unable to verify your credentials")
        return {"access_token": token}

    async def _of_app(self, request: Request, seen: Seen) -> tuple[App, dict[str, str]]:
        """Give the app of a request's key and secret, and the form."""
        form = _form(await self._body(request, seen))
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(coded.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            given = ""
        key, _, secret = given.partition(":")
        app = self.keys.apps.get(unquote_plus(key))
        if scheme.lower() != "basic" or not app or app.consumer_secret != unquote_plus(secret):
            raise RefusedError(403, "Unable to verify your credentials")
        seen.who = f"app {app.name}"
        return app, form

    async def request_token(self, request: Request, seen: Seen, headers: Headers) -> str:
        """First step: give a request token."""
        call = self.service.call(request, await self._body(request, seen))
        pending = self.gate.request_token(call)
        seen.who, headers["content-type"] = "login", FORM
        return urlencode(
            {
                "oauth_token": pending.token,
                "oauth_token_secret": pending.secret,
                "oauth_callback_confirmed": "true",
            }
        )

    async def access_token(self, request: Request, seen: Seen, headers: Headers) -> str:
        """Third step: give the user's tokens for the PIN or verifier."""
        call = self.service.call(request, await self._body(request, seen))
        tokens = self.gate.access_token(call)
        seen.who, headers["content-type"] = "login", FORM
        return urlencode(tokens)

    async def authorize(self, request: Request) -> Response:
        """Second step, in a browser: choose an account, get a PIN or go to the callback."""
        accounts = self.keys.accounts
        form = _form(await self.service.read(request)) if request.method == "POST" else {}
        token = form.get("oauth_token") or request.query_params.get("oauth_token", "")
        pending = self.gate.pending.get(token)
        if pending is None:
            text = page("gone.html", minutes=int(PENDING_SECONDS // 60))
            return HTMLResponse(text, 404)
        by_pin = pending.callback == OUT_OF_BAND
        if form.get("cancel"):
            del self.gate.pending[token]
            if by_pin:
                return HTMLResponse(page("gone.html", minutes=None))
            return _back(pending, denied=token)
        chosen = form.get("account", "")
        # At most nine digits, because int() refuses thousands of them.
        number = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else len(accounts)
        if number >= len(accounts):
            first = list(enumerate(accounts[:50]))
            return HTMLResponse(page("authorize.html", token=token, accounts=first, pin=by_pin))
        self.gate.grant(pending, number)
        if not by_pin:
            return _back(pending, oauth_token=token, oauth_verifier=pending.verifier)
        handle = accounts[number].handle
        return HTMLResponse(page("pin.html", pin=pending.verifier, handle=handle))

    async def _body(self, request: Request, seen: Seen) -> bytes:
        self.service.trouble(seen, self.service.faults.paths.get(seen.path, ""))
        return await self.service.read(request)


def _form(raw: bytes) -> dict[str, str]:
    """Read the fields of a form; none if it is not a form."""
    try:
        fields = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=50)
    except ValueError:
        return {}
    return {key: values[-1] for key, values in fields.items()}


def _back(pending: Pending, **query: str) -> Response:
    """Redirect the browser to the app's callback address."""
    joint = "&" if "?" in pending.callback else "?"
    return RedirectResponse(f"{pending.callback}{joint}{urlencode(query)}", 303)
