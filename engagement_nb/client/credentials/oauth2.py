"""OAuth 2.0 with PKCE for X API v2: sign in on the user's own machine, renew, exchange old tokens.

The refresh token can be used once, and a new one comes with each renewal. So a renewal holds the
store's lock, looks first whether another process has renewed meanwhile, and stores the new tokens
before anything is done with them.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from engagement_nb.apis.refusals import error_for
from engagement_nb.apis.v2 import (
    AUTHORIZE_URL,
    GRANT_EXCHANGE,
    LIVE_URL,
    OAUTH1_TOKEN_TYPE,
    PATH_AUTHORIZE,
    PATH_ME,
    PATH_TOKEN,
    SCOPES,
    V2,
)
from engagement_nb.client.bounds import BoundedConnection, load_json
from engagement_nb.client.credentials.lookup import config_file
from engagement_nb.client.credentials.profiles import USER_FIELDS, Profile
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.credentials.signing import Flow, SignIn, with_bearer
from engagement_nb.client.credentials.tokens import Tokens, TokenStore
from engagement_nb.client.hosts import Hosts
from engagement_nb.errors import ConnectionTroubleError, CredentialsError

PORT = 8765
"""Of the address that the app registers: ``http://127.0.0.1:8765/callback``."""
PATIENCE = 300.0
"""Seconds that a sign-in waits for the user."""
TIMEOUT, MOST_BYTES = 30.0, 100_000
_DONE = b"<!doctype html><title>Done</title><p>You can close this page."


def token_store() -> TokenStore:
    """The store of this user's tokens, beside the file of profiles."""
    return TokenStore(Path(config_file()).with_name("tokens.sqlite"))


@dataclass(frozen=True)
class OAuth2Profile(Profile):
    """A profile whose user signed in by OAuth 2.0; its tokens are in a store.

    Parameters
    ----------
    store
        Where its tokens are.
    """

    store: TokenStore = field(default_factory=TokenStore, compare=False, repr=False)

    @property
    def has_user(self) -> bool:
        """Whether its user can sign: as long as the tokens can be renewed."""
        return True

    def missing(self, parts: Any = USER_FIELDS) -> list[str]:
        """Nothing, of what signs as a user."""
        return [] if parts == USER_FIELDS else super().missing(parts)

    def user_auth(self) -> SignIn:
        """Sign with the user's access token, renewed when it expires."""
        return OAuth2User(self, self.store)


class OAuth2User(SignIn):
    """A user's access token, renewed before its end or when the API no longer accepts it."""

    needs = ()
    purpose = "sign as a user"

    def signed(self, request: httpx.Request) -> Flow:
        """See `SignIn`."""
        tokens = self.tokens.get(V2.name, self.profile.name)
        if tokens is None:
            raise CredentialsError(
                f"Profile {self.profile.name!r} has no tokens of X API v2.",
                advice="Sign in: engagement-nb auth login --v2.",
            )
        if tokens.expired():
            tokens = yield from self._renewed(request, tokens)
        response = yield with_bearer(request, tokens.access)
        if response.status_code == httpx.codes.UNAUTHORIZED and tokens.refresh:
            tokens = yield from self._renewed(request, tokens)
            yield with_bearer(request, tokens.access)

    def _renewed(
        self, request: httpx.Request, old: Tokens
    ) -> Generator[httpx.Request, httpx.Response, Tokens]:
        name = self.profile.name
        with self.tokens.locked():
            now = self.tokens.get(V2.name, name)
            if now is not None and now.access != old.access:
                return now  # Another thread or process has renewed it.
            form = {"grant_type": "refresh_token", "refresh_token": old.refresh.reveal()}
            asked = _token_request(self.profile.hosts.auth, form, old.client_id, old.client_secret)
            # The same timeouts and deadline as the request that needs the token.
            asked.extensions.update(request.extensions)
            response = yield asked
            response.read()
            new = _tokens_in(response, old.client_id, old.client_secret, old.user_id)
            self.tokens.put(V2.name, name, new)
        return new


def oauth2_profiles(hosts: Hosts, store: TokenStore | None = None) -> list[Profile]:
    """Profiles of the users who signed in by OAuth 2.0."""
    store = store or token_store()
    if store.path is not None and not store.path.exists():
        return []
    return [
        OAuth2Profile(name, hosts, user_id=tokens.user_id, found_in=str(store.path), store=store)
        for name, tokens in store.of_api(V2.name).items()
    ]


def sign_in(
    client_id: str,
    client_secret: str = "",
    *,
    name: str = "",
    hosts: Hosts | None = None,
    store: TokenStore | None = None,
    port: int = PORT,
    show: Callable[[str], object] = print,
    open_page: Callable[[str], object] | None = None,
) -> Profile:
    """Sign in to X API v2 in a browser on this machine, and store the tokens.

    Parameters
    ----------
    client_id, client_secret
        Of the app; a public client has no secret.
    name
        The profile's name; by default the user's handle.
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
        The user refused, nobody came back in time, the answer is not of this sign-in, or the
        port is in use.
    ApiError
        The API refuses the code or the client.
    ConnectionTroubleError
        The API does not respond.
    """
    hosts, store = hosts or Hosts(LIVE_URL, LIVE_URL), store or token_store()
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Callback(port) as callback:
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": callback.address,
            "scope": " ".join(SCOPES),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        base = AUTHORIZE_URL if hosts.auth == LIVE_URL else hosts.auth + PATH_AUTHORIZE
        page = f"{base}?{urlencode(query, quote_via=quote)}"
        show(f"Open this page as the owner of the Posts, and allow the app:\n{page}")
        if open_page is not None:
            open_page(page)
        code = _code_in(callback.wait(), state)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback.address,
            "code_verifier": verifier,
        }
        # The code lives for 30 seconds.
        tokens = _issued(hosts, form, client_id, Secret(client_secret))
    return _stored(tokens, hosts, store, name, show)


def exchange(
    profile: Profile,
    client_id: str,
    client_secret: str = "",
    *,
    hosts: Hosts | None = None,
    store: TokenStore | None = None,
    show: Callable[[str], object] = print,
) -> Profile:
    """Exchange a profile's OAuth 1.0a tokens for a pair of OAuth 2.0, and store it.

    Parameters
    ----------
    profile
        With the user's access token and its secret.
    client_id, client_secret, hosts, store, show
        As for `sign_in`.

    Raises
    ------
    CredentialsError
        The profile has no user's tokens.
    ApiError, ConnectionTroubleError
        As for `sign_in`.
    """
    if not profile.access_token or not profile.access_token_secret:
        raise CredentialsError(
            f"Profile {profile.name!r} has no user's tokens to exchange.",
            advice="Sign in instead: engagement-nb auth login --v2.",
        )
    hosts, store = hosts or Hosts(LIVE_URL, LIVE_URL), store or token_store()
    form = {
        "grant_type": GRANT_EXCHANGE,
        "subject_token_type": OAUTH1_TOKEN_TYPE,
        "subject_token": profile.access_token.reveal(),
        "oauth_token_secret": profile.access_token_secret.reveal(),
    }
    tokens = _issued(hosts, form, client_id, Secret(client_secret))
    return _stored(tokens, hosts, store, profile.name, show)


class _Callback:
    """A server on loopback that waits for the browser to come back once."""

    def __init__(self, port: int) -> None:
        came: list[str] = []

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
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise CredentialsError(
                f"The port {port} of this machine cannot be used ({error.strerror or error}).",
                advice="Free it, or register another port with the app and give it as --port.",
            ) from None
        self._came = came
        self.address = f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> _Callback:
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.server_close()

    def wait(self) -> Mapping[str, list[str]]:
        """The parameters with which the browser came back."""
        until = time.monotonic() + PATIENCE
        self._server.timeout = 1.0
        while not self._came:
            self._server.handle_request()
            if time.monotonic() > until:
                raise CredentialsError(
                    "Nobody allowed the app in time.", advice="Start the sign-in again."
                )
        return parse_qs(urlsplit(self._came[0]).query)


def _code_in(came: Mapping[str, list[str]], state: str) -> str:
    if not hmac.compare_digest(came.get("state", [""])[0], state):
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
    host: str, form: Mapping[str, str], client_id: str, client_secret: Secret
) -> httpx.Request:
    """A confidential client signs with its secret; a public one sends its id."""
    headers, fields = {"Accept-Encoding": "gzip"}, dict(form)
    if client_secret:
        pair = f"{quote(client_id, safe='')}:{quote(client_secret.reveal(), safe='')}"
        basic = Secret(base64.b64encode(pair.encode()).decode())
        headers["Authorization"] = f"Basic {basic.reveal()}"
    else:
        fields["client_id"] = client_id
    return httpx.Request("POST", host + PATH_TOKEN, data=fields, headers=headers)


def _sent(request: httpx.Request, what: str) -> httpx.Response:
    connection = BoundedConnection(TIMEOUT, MOST_BYTES, timeout=TIMEOUT)
    try:
        with connection.http as http, connection.exchange() as extensions:
            request.extensions.update(extensions)
            return http.send(request)
    except httpx.HTTPError as error:
        raise ConnectionTroubleError(
            f"{what}: X API v2 did not respond ({type(error).__name__}).",
            advice="Check the network, and ENGAGEMENT_V2_URL if it is set.",
        ) from None


def _issued(hosts: Hosts, form: Mapping[str, str], client_id: str, secret: Secret) -> Tokens:
    request = _token_request(hosts.auth, form, client_id, secret)
    return _tokens_in(_sent(request, "the tokens"), client_id, secret)


def _tokens_in(
    response: httpx.Response, client_id: str, client_secret: Secret, user_id: str = ""
) -> Tokens:
    """The tokens that an endpoint issued.

    Raises
    ------
    ApiError
        It issued none.
    """
    words: list[str] = []
    try:
        document = load_json(response.content)
        access, kind = document["access_token"], str(document["token_type"]).lower()
        if response.is_success and kind == "bearer" and isinstance(access, str) and access:
            life = float(document.get("expires_in") or 0)
            return Tokens(
                Secret(access),
                Secret(str(document.get("refresh_token") or "")),
                time.time() + life if life else None,
                user_id,
                client_id,
                client_secret,
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    try:
        told = load_json(response.content)
        words = [mask(str(told.get(key)))[:200] for key in ("error", "error_description")]
    except (ValueError, AttributeError):
        pass
    # A refused token or code is 400 by OAuth; what to do is what a 401 says.
    status = 401 if response.status_code in (400, 401, 403) else response.status_code
    raise error_for(V2, status, words, where="the tokens of X API v2")


def _stored(
    tokens: Tokens, hosts: Hosts, store: TokenStore, name: str, show: Callable[[str], object]
) -> Profile:
    """Store tokens before anything else, then again with the user whom they belong to."""
    draft = name or "default"
    store.put(V2.name, draft, tokens)
    request = httpx.Request("GET", hosts.api + PATH_ME, headers={"Accept-Encoding": "gzip"})
    response = _sent(with_bearer(request, tokens.access), "the user")
    user_id = handle = ""
    try:
        user = load_json(response.content)["data"]
        user_id, handle = str(user["id"]), str(user["username"])
    except (ValueError, KeyError, TypeError):
        pass
    known = user_id if user_id.isdecimal() else ""
    named = (name or (handle if handle.isidentifier() else "") or draft).lower()
    whose = Tokens(
        tokens.access, tokens.refresh, tokens.expires, known, tokens.client_id, tokens.client_secret
    )
    with store.locked():
        store.put(V2.name, named, whose)
        if named != draft:
            store.forget(V2.name, draft)
    show(f"Stored as profile {named!r} of X API v2 in {store.path}.")
    return OAuth2Profile(named, hosts, user_id=known, found_in=str(store.path), store=store)
