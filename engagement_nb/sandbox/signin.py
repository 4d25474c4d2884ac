"""The auth host: bearer tokens, and the three steps of a login by PIN or callback."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from engagement_nb.sandbox.oauth import AuthenticationError, is_address
from engagement_nb.sandbox.service import Handler, Route, Seen, Service, page

PATH_AUTHENTICATE = "/oauth/authenticate"
PATH_VERIFY = "/1.1/account/verify_credentials.json"
PENDING_SECONDS = 900.0
OUT_OF_BAND = "oob"


@dataclass
class Pending:
    """A login under way, with its request token.

    Parameters
    ----------
    callback
        Address that the browser returns to; "oob" for a PIN.
    verifier
        The PIN, or the verifier for the callback; "" until an account is chosen.
    """

    token: str
    app: App
    secret: str
    at: float
    callback: str
    account: int = 0
    verifier: str = ""


class SignIn:
    """The auth host's paths.

    Parameters
    ----------
    service
        The sandbox.
    """

    def __init__(self, service: Service) -> None:
        self.keys = service.keys
        self.by_user = service.settings.user_signed_login
        self.pending: dict[str, Pending] = {}

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
            **{path: Route(run, name=path, of_auth=True) for path, run in by_program.items()},
            PATH_VERIFY: Route(self.verify, ("GET",), PATH_VERIFY, of_auth=True),
            PATH_AUTHORIZE: in_browser,
            PATH_AUTHENTICATE: in_browser,
        }

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
        secret_of = self.keys.user_secret if self.by_user else lambda app, token: ""
        app, oauth = self.keys.verify(call, secret_of)
        callback = oauth.get("oauth_callback", OUT_OF_BAND if self.by_user else "")
        if callback != OUT_OF_BAND and not is_address(callback):
            raise AuthenticationError(f'oauth_callback must be "{OUT_OF_BAND}" or an address')
        now = self.keys.now()
        self.pending = {t: p for t, p in self.pending.items() if p.at >= now - PENDING_SECONDS}
        token, secret = (f"SANDBOX{secrets.token_hex(16)}" for _ in range(2))
        self.pending[token] = Pending(token, app, secret, now, callback)
        seen.who = "login"
        return as_form(
            {
                "oauth_token": token,
                "oauth_token_secret": secret,
                "oauth_callback_confirmed": "true",
            }
        )

    def access_token(self, call: Call, seen: Seen) -> Reply:
        """Third step: give the user's tokens for the PIN or verifier, once."""
        try:
            app, oauth = self.keys.verify(call, self._pending_secret)
        except AuthenticationError:
            if not self.by_user:
                raise
            app, oauth = self._verify_as_user(call)
        pending = self.pending.get(oauth.get("oauth_token", ""))
        if (
            pending is None
            or not pending.verifier
            or pending.verifier != oauth.get("oauth_verifier")
        ):
            raise AuthenticationError("Wrong PIN or verifier")
        del self.pending[pending.token]
        token, secret = self.keys.issue(app, pending.account)
        account = self.keys.accounts[pending.account]
        seen.who = "login"
        return as_form(
            {
                "oauth_token": token,
                "oauth_token_secret": secret,
                "user_id": account.user_id,
                "screen_name": account.handle,
            }
        )

    def _pending_secret(self, app: App, token: str) -> str:
        known = self.pending.get(token)
        if known is None or known.app != app:
            raise AuthenticationError("Request token not found")
        return known.secret

    def _verify_as_user(self, call: Call) -> tuple[App, dict[str, str]]:
        """Verify the last step of a login that a user's secret signed."""
        for caller, secret in list(self.keys.tokens.values()):
            if caller.account is not None:
                with suppress(AuthenticationError):
                    return self.keys.verify(call, lambda *_, secret=secret: secret)
        raise AuthenticationError("Invalid signature")

    def verify(self, call: Call, seen: Seen) -> Reply:
        """Say whose tokens these are, as programs ask after a login (twurl does)."""
        number = self.keys.caller(call).account
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
        pending = self.pending.get(token)
        if pending is None:
            return as_html(page("gone.html", minutes=int(PENDING_SECONDS // 60), wrong=""), 404)
        by_pin = pending.callback == OUT_OF_BAND
        if form.get("cancel"):
            del self.pending[token]
            if by_pin:
                return as_html(page("gone.html", minutes=None, wrong=""))
            return redirect(pending.callback, denied=token)
        number = chosen_account(form, len(accounts))
        if number is None:
            return page_of_accounts(PATH_AUTHORIZE, {"oauth_token": token}, accounts, pin=by_pin)
        pending.account = number
        if not pending.verifier:
            pin = f"{secrets.randbelow(9_000_000) + 1_000_000}"
            pending.verifier = pin if by_pin else secrets.token_hex(16)
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
