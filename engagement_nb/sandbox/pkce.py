"""OAuth 2.0 of API v2: its page, codes with PKCE, refresh tokens, and the exchange of old ones."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from engagement_nb.apis.v2 import (
    CODE_SECONDS,
    GRANT_EXCHANGE,
    OAUTH1_TOKEN_TYPE,
    PATH_AUTHORIZE,
    PATH_TOKEN,
    REFRESH_TOKEN_LIFE,
)
from engagement_nb.sandbox.keys import App, Caller
from engagement_nb.sandbox.messages import Call, RefusedError, Reply, as_html, as_json, redirect
from engagement_nb.sandbox.oauth import is_address
from engagement_nb.sandbox.service import Route, Seen, Service, page
from engagement_nb.sandbox.signin import basic, chosen_account, page_of_accounts

_SCOPE = re.compile(r"[a-z]+(\.[a-z]+)*\.(read|write|access|email)")
_EXCHANGED = (
    "tweet.read", "users.read", "follows.read", "mute.read", "block.read", "list.read",
    "like.read", "timeline.read", "broadcast.read", "offline.access",
)  # fmt: skip
"""What an app with read permission gets for a token of OAuth 1.0a."""


@dataclass(frozen=True)
class Grant(Caller):
    """What a user allowed an app to do.

    Parameters
    ----------
    until
        When its access token or refresh token expires, in seconds since the Unix epoch.
    """

    account: int
    scopes: tuple[str, ...]
    until: float = 0.0


class Pkce:
    """The paths of OAuth 2.0, and its tokens.

    Parameters
    ----------
    service
        The sandbox.
    """

    def __init__(self, service: Service) -> None:
        self.settings = service.settings
        self.keys = service.keys
        # With the form that asked for each.
        self._codes: dict[str, tuple[Grant, dict[str, str]]] = {}
        self._access: dict[str, Grant] = {}
        # A refresh token ends with its access token's next refresh, and the other way round.
        self._refresh: dict[str, tuple[Grant, str]] = {}

    def routes(self) -> dict[str, Route]:
        """Give the paths."""
        return {
            PATH_AUTHORIZE: Route(self.authorize, ("GET", "POST")),
            PATH_TOKEN: Route(self.token, name=PATH_TOKEN, of_auth=True),
        }

    def find(self, token: str) -> Grant | None:
        """Look up what an access token allows; None if it is not valid."""
        grant = self._access.get(token)
        valid = grant is not None and grant.until > self.settings.auth_clock()
        return grant if valid else None

    def authorize(self, call: Call, seen: Seen) -> Reply:
        """First step, in a browser: choose an account, and go back to the app with a code."""
        asked = call.form if call.method == "POST" else call.query
        wrong = self._wrong(asked)
        if wrong:
            return as_html(page("gone.html", minutes=None, wrong=wrong), 400)
        back, state = asked["redirect_uri"], asked["state"]
        if asked.get("cancel"):
            return redirect(back, error="access_denied", state=state)
        accounts = self.keys.accounts
        number = chosen_account(asked, len(accounts)) if call.method == "POST" else None
        if number is None:
            kept = {name: value for name, value in asked.items() if name != "account"}
            return page_of_accounts(call.path, kept, accounts)
        app = self._app(asked["client_id"])
        assert app is not None  # noqa: S101
        until = self.settings.auth_clock() + CODE_SECONDS
        code = secrets.token_urlsafe(48)
        self._codes[code] = Grant(app, number, tuple(asked["scope"].split()), until), asked
        return redirect(back, state=state, code=code)

    def _wrong(self, asked: dict[str, str]) -> str:
        """Say what is wrong with a request for a code; "" if nothing is."""
        address = asked.get("redirect_uri", "")
        scopes = asked.get("scope", "").split()
        if asked.get("response_type") != "code":
            return "response_type must be code."
        if self._app(asked.get("client_id", "")) is None:
            return "client_id is not that of an app of this sandbox."
        if not is_address(address) or urlsplit(address).hostname == "localhost":
            return "redirect_uri must be an address; on this machine 127.0.0.1, not localhost."
        if not asked.get("state") or not asked.get("code_challenge"):
            return "state and code_challenge are needed."
        if asked.get("code_challenge_method", "plain") not in ("plain", "S256"):
            return "code_challenge_method must be S256 or plain."
        if not scopes or not all(map(_SCOPE.fullmatch, scopes)):
            return "scope must be one or more known scopes."
        return ""

    def token(self, call: Call, seen: Seen) -> Reply:
        """Give tokens for a code, a refresh token, or a token and secret of OAuth 1.0a."""
        app = self._client(call)
        seen.who = f"app {app.name}"
        kinds = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            GRANT_EXCHANGE: self._by_old_token,
        }
        if call.form.get("grant_type") not in kinds:
            raise _refused("invalid_request", "Missing or wrong parameter: grant_type")
        grant = kinds[call.form["grant_type"]](call, app)
        seen.who = self.keys.accounts[grant.account].handle
        return as_json(self.issue(grant))

    def issue(self, grant: Grant) -> dict[str, object]:
        """Give new tokens of a grant."""
        now, life = self.settings.auth_clock(), self.settings.access_token_seconds
        access, refresh = (secrets.token_urlsafe(56) for _ in range(2))
        self._access[access] = replace(grant, until=now + life)
        tokens: dict[str, object] = {
            "token_type": "bearer",
            "expires_in": int(life),
            "access_token": access,
            "scope": " ".join(grant.scopes),
        }
        if "offline.access" in grant.scopes:
            kept = replace(grant, until=now + REFRESH_TOKEN_LIFE.total_seconds())
            self._refresh[refresh] = (kept, access)
            tokens["refresh_token"] = refresh
        return tokens

    def _by_code(self, call: Call, app: App) -> Grant:
        grant, asked = self._codes.pop(call.form.get("code", ""), (None, {}))
        if grant is None or grant.app != app or grant.until < self.settings.auth_clock():
            raise _refused(
                "invalid_request", "Value passed for the authorization code was invalid."
            )
        if call.form.get("redirect_uri") != asked["redirect_uri"]:
            raise _refused("invalid_request", "Value passed for the redirect uri did not match.")
        verifier = call.form.get("code_verifier", "")
        if asked.get("code_challenge_method") == "S256":
            digest = hashlib.sha256(verifier.encode()).digest()
            verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if verifier != asked["code_challenge"]:
            raise _refused("invalid_request", "Value passed for the code verifier did not match.")
        return grant

    def _by_refresh(self, call: Call, app: App) -> Grant:
        grant, _ = self._refresh.get(call.form.get("refresh_token", ""), (None, ""))
        if grant is None or grant.app != app or grant.until < self.settings.auth_clock():
            raise _refused("invalid_request", "Value passed for the token was invalid.")
        self._end(call.form["refresh_token"])
        return grant

    def _by_old_token(self, call: Call, app: App) -> Grant:
        form = call.form
        if form.get("subject_token_type") != OAUTH1_TOKEN_TYPE or not form.get(
            "oauth_token_secret"
        ):
            raise _refused("invalid_request", "Missing or wrong parameter.")
        caller, secret = self.keys.find(form.get("subject_token", "")) or (None, "")
        whose = caller.account if caller and caller.app == app else None
        if whose is None or secret != form["oauth_token_secret"]:
            raise _refused("invalid_grant", "The OAuth 1.0a token was not accepted.")
        scopes = form.get("scope", " ".join(_EXCHANGED)).split()
        if not set(scopes) <= set(_EXCHANGED):
            raise _refused("invalid_scope", "The scope exceeds what the user authorized.")
        # Each exchange ends the tokens that the app had of this user.
        for token, (old, _) in list(self._refresh.items()):
            if (old.app, old.account) == (app, whose):
                self._end(token)
        return Grant(app, whose, tuple(dict.fromkeys([*scopes, "offline.access"])))

    def _end(self, refresh: str) -> None:
        _, access = self._refresh.pop(refresh, (None, ""))
        self._access.pop(access, None)

    def _app(self, client_id: str) -> App | None:
        return next((app for app in self.keys.apps.values() if app.client_id == client_id), None)

    def _client(self, call: Call) -> App:
        """Give the app that a request is from: by Basic, or by its id in the body (public)."""
        name, secret = basic(call)
        public = "authorization" not in call.headers
        app = self._app(call.form.get("client_id", "") if public else name)
        if app is None or not (public or app.client_secret == secret):
            raise _refused("unauthorized_client", "Missing or wrong client id or secret", 401)
        return app


def _refused(error: str, description: str, status: int = 400) -> RefusedError:
    """Make an error of the token endpoint, in the form of RFC 6749."""
    document = {"error": error, "error_description": description}
    return RefusedError(status, description, document=document)
