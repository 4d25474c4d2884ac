"""The auth host: bearer tokens, and the three steps of a login by PIN or callback."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from engagement_nb.apis.engagement import (
    PATH_ACCESS_TOKEN,
    PATH_AUTHORIZE,
    PATH_BEARER_TOKEN,
    PATH_REQUEST_TOKEN,
)
from engagement_nb.sandbox.keys import Account, App
from engagement_nb.sandbox.messages import (
    Call,
    RefusedError,
    Reply,
    as_form,
    as_html,
    as_json,
    redirect,
)
from engagement_nb.sandbox.oauth import OUT_OF_BAND, PENDING_SECONDS
from engagement_nb.sandbox.service import Handler, Route, Seen, Service, page

PATH_AUTHENTICATE = "/oauth/authenticate"
PATH_VERIFY = "/1.1/account/verify_credentials.json"


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

    def routes(self) -> dict[str, Route]:
        """Give all paths of the auth host."""
        by_program: dict[str, Handler] = {
            PATH_BEARER_TOKEN: self.bearer,
            "/oauth2/invalidate_token": self.invalidate,
            PATH_REQUEST_TOKEN: self.request_token,
            PATH_ACCESS_TOKEN: self.access_token,
        }
        in_browser = Route(self.authorize, ("GET", "POST"))
        return {
            **{path: Route(self._may_fail(run), name=path) for path, run in by_program.items()},
            PATH_VERIFY: Route(self._may_fail(self.verify), ("GET",), PATH_VERIFY),
            PATH_AUTHORIZE: in_browser,
            PATH_AUTHENTICATE: in_browser,
        }

    def _may_fail(self, handler: Handler) -> Handler:
        """Make a handler's path fail on demand."""

        def handle(call: Call, seen: Seen) -> Reply:
            self.service.trouble(seen, self.service.faults.paths.get(call.path, ""))
            return handler(call, seen)

        return handle

    def bearer(self, call: Call, seen: Seen) -> Reply:
        """Give the bearer token for a key and secret."""
        app = self._app_of(call, seen)
        if call.form.get("grant_type") != "client_credentials":
            raise RefusedError(400, "Missing or wrong parameter: grant_type")
        return as_json({"token_type": "bearer", "access_token": app.bearer_token})

    def invalidate(self, call: Call, seen: Seen) -> Reply:
        """Revoke a bearer token."""
        app = self._app_of(call, seen)
        token = call.form.get("access_token", "").replace("/", "%2F").replace("=", "%3D")
        if token != app.bearer_token or not self.keys.revoke(token):
            raise RefusedError(403, "Unable to verify your credentials")
        return as_json({"access_token": token})

    def _app_of(self, call: Call, seen: Seen) -> App:
        """Give the app of a request's key and secret."""
        key, secret = basic(call)
        app = self.keys.apps.get(key)
        if not app or app.consumer_secret != secret:
            raise RefusedError(403, "Unable to verify your credentials")
        seen.who = f"app {app.name}"
        return app

    def request_token(self, call: Call, seen: Seen) -> Reply:
        """First step: give a request token."""
        pending = self.gate.request_token(call)
        seen.who = "login"
        return as_form(
            {
                "oauth_token": pending.token,
                "oauth_token_secret": pending.secret,
                "oauth_callback_confirmed": "true",
            }
        )

    def access_token(self, call: Call, seen: Seen) -> Reply:
        """Third step: give the user's tokens for the PIN or verifier."""
        tokens = self.gate.access_token(call)
        seen.who = "login"
        return as_form(tokens)

    def verify(self, call: Call, seen: Seen) -> Reply:
        """Say whose tokens these are, as programs ask after a login (twurl does)."""
        number = self.gate.caller(call).account
        if number is None:
            raise RefusedError(403, "Your credentials do not allow access to this resource")
        account = self.keys.accounts[number]
        seen.who = account.handle
        user_id = account.user_id
        return as_json(
            {
                "id": int(user_id),
                "id_str": user_id,
                "name": account.handle,
                "screen_name": account.handle,
            }
        )

    def authorize(self, call: Call, seen: Seen) -> Reply:
        """Second step, in a browser: choose an account, get a PIN or go to the callback."""
        accounts = self.keys.accounts
        form = call.form if call.method == "POST" else {}
        token = form.get("oauth_token") or call.query.get("oauth_token", "")
        pending = self.gate.pending.get(token)
        if pending is None:
            return as_html(page("gone.html", minutes=int(PENDING_SECONDS // 60), wrong=""), 404)
        by_pin = pending.callback == OUT_OF_BAND
        if form.get("cancel"):
            del self.gate.pending[token]
            if by_pin:
                return as_html(page("gone.html", minutes=None, wrong=""))
            return redirect(pending.callback, denied=token)
        number = chosen_account(form, len(accounts))
        if number is None:
            return page_of_accounts(PATH_AUTHORIZE, {"oauth_token": token}, accounts, pin=by_pin)
        self.gate.grant(pending, number)
        if not by_pin:
            return redirect(pending.callback, oauth_token=token, oauth_verifier=pending.verifier)
        return as_html(page("pin.html", pin=pending.verifier, handle=accounts[number].handle))


def basic(call: Call) -> tuple[str, str]:
    """Give key and secret of a Basic header; empty if there is none."""
    scheme, _, coded = call.headers.get("authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(coded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    key, _, secret = decoded.partition(":")
    return (unquote_plus(key), unquote_plus(secret)) if scheme.lower() == "basic" else ("", "")


def page_of_accounts(
    action: str, hidden: Mapping[str, str], accounts: Sequence[Account], *, pin: bool = False
) -> Reply:
    """Give the page on which an account is chosen."""
    first = list(enumerate(accounts[:50]))
    return as_html(page("authorize.html", action=action, hidden=hidden, accounts=first, pin=pin))


def chosen_account(form: Mapping[str, str], accounts: int) -> int | None:
    """Give the number of the account that was chosen on a page."""
    chosen = form.get("account", "")
    # At most nine digits, because int() refuses thousands of them.
    number = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else accounts
    return number if number < accounts else None
