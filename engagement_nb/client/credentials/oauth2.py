"""OAuth 2.0 with PKCE: sign in on the user's own machine, renew, exchange old tokens.

The refresh token can be used once, and a new one comes with each renewal. So a renewal holds the
store's lock, looks first whether another process has renewed meanwhile, and stores the new tokens
before anything is done with them.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from engagement_nb.apis.contract import Api, OAuth2
from engagement_nb.client.bounds import load_json
from engagement_nb.client.credentials.lookup import config_file
from engagement_nb.client.credentials.profiles import Profile
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.credentials.signing import Flow, SignIn, with_bearer
from engagement_nb.client.credentials.tokens import (
    Tokens,
    TokenStore,
    basic,
    bearer_in,
    send,
)
from engagement_nb.client.hosts import Hosts
from engagement_nb.errors import CredentialsError

PORT = 8765
"""Of the address that the app registers: ``http://127.0.0.1:8765/callback``."""
PATIENCE = 300.0
"""Seconds that a sign-in waits for the user."""
_GZIP = {"Accept-Encoding": "gzip"}
_DONE = b"<!doctype html><title>Done</title><p>You can close this page."


def token_store() -> TokenStore:
    """The store of this user's tokens, beside the file of profiles."""
    return TokenStore(Path(config_file()).with_name("tokens.sqlite"))


class OAuth2User(SignIn):
    """A user's access token, renewed before its end or when the API no longer accepts it.

    Parameters
    ----------
    api
        The API that the token is for.
    store
        Where it is, by the host that issued it.
    profile
        Whose token it is.
    """

    needs = ()
    purpose = "sign as a user"

    def __init__(self, api: Api, store: TokenStore, profile: Profile) -> None:
        super().__init__(profile)
        self._api, self._store = api, store

    def signed(self, request: httpx.Request) -> Flow:
        """See `SignIn`."""
        tokens = self._kept()
        if tokens is None:
            raise CredentialsError(
                f"Profile {self.profile.name!r} has no tokens of {self._api.title}.",
                advice=f"Sign in: {_facts(self._api).command}.",
            )
        if tokens.expired():
            tokens = yield from self._renewed(request, tokens)
        response = yield with_bearer(request, tokens.access)
        if response.status_code == httpx.codes.UNAUTHORIZED and tokens.refresh:
            tokens = yield from self._renewed(request, tokens)
            yield with_bearer(request, tokens.access)

    def _kept(self) -> Tokens | None:
        return self._store.get(self.profile.hosts.auth, self.profile.name)

    def _renewed(
        self, request: httpx.Request, old: Tokens
    ) -> Generator[httpx.Request, httpx.Response, Tokens]:
        api, host = self._api, self.profile.hosts.auth
        with self._store.locked():
            now = self._kept()
            if now is not None and now.access != old.access:
                return now  # Another thread or process has renewed it.
            form = {"grant_type": "refresh_token", "refresh_token": old.refresh.reveal()}
            asked = _token_request(api, host, form, old.client_id, old.client_secret)
            # The same timeouts and deadline as the request that needs the token.
            asked.extensions.update(request.extensions)
            response = yield asked
            response.read()
            new = bearer_in(response, api, "the tokens")
            new = replace(old, access=new.access, refresh=new.refresh, expires=new.expires)
            self._store.put(host, self.profile.name, new)
        return new


def oauth2_profiles(api: Api, hosts: Hosts, store: TokenStore | None = None) -> list[Profile]:
    """Profiles of the users who signed in to an API by OAuth 2.0."""
    store = store or token_store()
    if not store.path.exists():
        return []
    about: dict[str, Any] = {"found_in": str(store.path), "signs": partial(OAuth2User, api, store)}
    kept = store.of_api(hosts.auth)
    return [Profile(name, hosts, user_id=tokens.user_id, **about) for name, tokens in kept.items()]


def sign_in(
    api: Api,
    client_id: str,
    client_secret: str = "",
    *,
    old: Profile | None = None,
    name: str = "",
    hosts: Hosts | None = None,
    store: TokenStore | None = None,
    port: int = PORT,
    show: Callable[[str], object] = print,
    open_page: Callable[[str], object] | None = None,
) -> Profile:
    """Sign in to an API in a browser on this machine, or with old tokens; store the new ones.

    Parameters
    ----------
    api
        Its facts name the pages.
    client_id, client_secret
        Of the app; a public client has no secret.
    old
        A profile whose OAuth 1.0a tokens are exchanged for a pair of OAuth 2.0; no page is opened.
    name
        The profile's name; by default that of the old one, or the user's handle.
    hosts
        Where to sign in; by default the live host.
    store
        Where the tokens are kept; by default `token_store`.
    port
        Of the address that the app has registered, ``http://127.0.0.1:PORT/callback``.
    show, open_page
        Shows a text; opens the page that authorizes the app.

    Raises
    ------
    CredentialsError
        The user refused, nobody came back in time, the answer is not of this sign-in, the port
        is in use, or the old profile has no user's tokens.
    ApiError
        The API refuses the code, the old tokens or the client.
    ConnectionTroubleError
        The API does not respond.
    """
    facts, store = _facts(api), store or token_store()
    hosts, secret = hosts or Hosts(facts.host, facts.host), Secret(client_secret)
    if old is None:
        form = _by_browser(facts, hosts, client_id, port, show, open_page)
    else:
        form, name = _by_old_tokens(facts, old), name or old.name
    # A code lives for 30 seconds.
    asked = _token_request(api, hosts.auth, form, client_id, secret)
    tokens = bearer_in(send(asked, "the tokens", facts.variable), api, "the tokens")
    tokens = replace(tokens, client_id=client_id, client_secret=secret)
    # Stored before anything else is done with them.
    draft = name or "default"
    store.put(hosts.auth, draft, tokens)
    request = httpx.Request("GET", hosts.api + facts.user_path, headers=_GZIP)
    response = send(with_bearer(request, tokens.access), "the user", facts.variable)
    user_id = handle = ""
    try:
        user = load_json(response.content)["data"]
        user_id, handle = str(user["id"]), str(user["username"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    named = (name or (handle if handle.isidentifier() else "") or draft).lower()
    with store.locked():
        store.forget(hosts.auth, draft)
        known = user_id if user_id.isdecimal() else ""
        store.put(hosts.auth, named, replace(tokens, user_id=known))
    show(f"Stored as profile {named!r} of {api.title} in {store.path}.")
    return next(one for one in oauth2_profiles(api, hosts, store) if one.name == named)


def _by_browser(
    facts: OAuth2,
    hosts: Hosts,
    client_id: str,
    port: int,
    show: Callable[[str], object],
    open_page: Callable[[str], object] | None,
) -> dict[str, str]:
    """Let the user allow the app; give the form that gets the tokens."""
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Callback(port) as callback:
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": callback.address,
            "scope": " ".join(facts.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        base = facts.page if hosts.auth == facts.host else hosts.auth + facts.page_path
        page = f"{base}?{urlencode(query, quote_via=quote)}"
        show(f"Open this page as the owner of the Posts, and allow the app:\n{page}")
        if open_page is not None:
            open_page(page)
        return {
            "grant_type": "authorization_code",
            "code": _code_in(callback.wait(), state),
            "redirect_uri": callback.address,
            "code_verifier": verifier,
        }


def _by_old_tokens(facts: OAuth2, old: Profile) -> dict[str, str]:
    if not old.access_token or not old.access_token_secret:
        raise CredentialsError(
            f"Profile {old.name!r} has no user's tokens to exchange.",
            advice=f"Sign in instead: {facts.command}.",
        )
    return {
        **facts.exchange,
        "subject_token": old.access_token.reveal(),
        "oauth_token_secret": old.access_token_secret.reveal(),
    }


class _Callback(HTTPServer):
    """A server on loopback that waits for the browser to come back once."""

    def __init__(self, port: int) -> None:
        came = self.came = list[str]()

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if urlsplit(self.path).path == "/callback":
                    came.append(self.path)
                self.send_response(200 if came else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(_DONE if came else b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the code out of the terminal."""

        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OSError as error:
            raise CredentialsError(
                f"The port {port} of this machine cannot be used ({error.strerror or error}).",
                advice="Free it, or register another port with the app and give it as --port.",
            ) from None
        self.timeout = 1.0
        self.address = f"http://127.0.0.1:{self.server_port}/callback"

    def wait(self) -> Mapping[str, list[str]]:
        """The parameters with which the browser came back."""
        until = time.monotonic() + PATIENCE
        while not self.came:
            self.handle_request()
            if time.monotonic() > until:
                raise CredentialsError(
                    "Nobody allowed the app in time.", advice="Start the sign-in again."
                )
        return parse_qs(urlsplit(self.came[0]).query)


def _facts(api: Api) -> OAuth2:
    assert api.oauth2 is not None  # noqa: S101 - only such an API is given
    return api.oauth2


def _code_in(came: Mapping[str, list[str]], state: str) -> str:
    if came.get("state") != [state]:
        raise CredentialsError(
            "The browser came back from another sign-in.", advice="Start the sign-in again."
        )
    code = came.get("code", [""])[0]
    if not code:
        why = mask(came.get("error", ["no code came back"])[0])[:80]
        raise CredentialsError(
            f"The app was not allowed ({why}).", advice="Start again, and allow it."
        )
    return code


def _token_request(
    api: Api, host: str, form: Mapping[str, str], client_id: str, client_secret: Secret
) -> httpx.Request:
    """A confidential client signs with its secret; a public one sends its id."""
    headers, fields = dict(_GZIP), dict(form)
    if client_secret:
        headers["Authorization"] = basic(client_id, client_secret.reveal()).reveal()
    else:
        fields["client_id"] = client_id
    return httpx.Request("POST", host + _facts(api).token_path, data=fields, headers=headers)
