"""Who sent a request: bearer tokens, and OAuth 1.0a verified with oauthlib; new tokens."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import urlsplit

from oauthlib.oauth1.rfc5849 import signature, utils

from engagement_nb.sandbox.keys import App, Keys

PENDING_SECONDS = 900.0
OUT_OF_BAND = "oob"
_FORM = "application/x-www-form-urlencoded"
_NEEDED = (
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
)
_MAX_NONCE = 200


@dataclass(frozen=True)
class Caller:
    """An authenticated request: the app, and the account if it came with user tokens."""

    app: App
    account: int | None


class Call(NamedTuple):
    """What of an HTTP request matters here.

    Parameters
    ----------
    method, url
        As the client sent them; the address includes the query.
    headers
        By their names in lower case.
    body
        Signed only if it is a form.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass
class Pending:
    """A request token on its way to an access token.

    Parameters
    ----------
    callback
        Where the user's browser returns to; "oob" for a PIN.
    verifier
        The PIN, or what the browser takes to the callback; "" until an account is chosen.
    """

    token: str
    app_key: str
    secret: str
    at: float
    callback: str
    account: int = 0
    verifier: str = ""


class UnauthenticatedError(Exception):
    """A request that is not authenticated.

    Parameters
    ----------
    reason
        The real one.
    app_key
        Consumer key of the app that it says it comes from, if there is such an app.
    malformed
        Whether the Authorization header has another form than the API reads.
    """

    def __init__(self, reason: str, app_key: str = "", *, malformed: bool = False) -> None:
        super().__init__(reason)
        self.app_key = app_key
        self.malformed = malformed


@dataclass
class _Signed:
    """A request as oauthlib verifies it: what the signature covers, and the signature."""

    http_method: str
    uri: str
    params: list[tuple[str, str]]
    signature: str
    oauth: dict[str, str]

    @property
    def token(self) -> str:
        return self.oauth.get("oauth_token", "")


class Gate:
    """Tells who sent a request, and gives out tokens.

    Parameters
    ----------
    keys
        The sandbox's keys.
    now
        Present time in seconds since the Unix epoch, as the provider sees it.
    tolerance
        Seconds that a timestamp may be off.
    """

    def __init__(self, keys: Keys, now: Callable[[], float], tolerance: float) -> None:
        self.keys = keys
        self._now = now
        self._tolerance = tolerance
        self._pending: dict[str, Pending] = {}
        # Nonces are kept as hashes: busy clients should not fill the memory.
        self._seen: set[int] = set()
        self._order: deque[tuple[float, int]] = deque()

    def caller(self, call: Call) -> Caller:
        """Who sent a request for metrics.

        Raises
        ------
        UnauthenticatedError
            With the real reason.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            app = self.keys.find_bearer(token.strip())
            if app is None:
                raise UnauthenticatedError("Access token not found")
            return Caller(app, None)
        if scheme.lower() != "oauth":
            raise UnauthenticatedError("Unknown Authorization Type", malformed=True)
        app, signed = self._verify(call, self._user_secret)
        found = self.keys.find_token(signed.token)
        # An app may sign without a user: an empty oauth_token, or none.
        return Caller(app, found[1] if found else None)

    def request_token(self, call: Call) -> Pending:
        """First step of a login: a token to take to the browser."""
        app, signed = self._verify(call, lambda app, token: "")
        callback = signed.oauth.get("oauth_callback", "")
        parts = urlsplit(callback)
        if callback != OUT_OF_BAND and not (parts.scheme in ("http", "https") and parts.netloc):
            raise UnauthenticatedError(
                f'oauth_callback must be "{OUT_OF_BAND}" or an address', app.consumer_key
            )
        now = self._now()
        for name in [n for n, p in self._pending.items() if p.at < now - PENDING_SECONDS]:
            del self._pending[name]
        token, secret = (f"SANDBOX{secrets.token_hex(16)}" for _ in range(2))
        self._pending[token] = Pending(token, app.consumer_key, secret, now, callback)
        return self._pending[token]

    def pending(self, token: str) -> Pending | None:
        """The login that a request token belongs to, while it is under way."""
        return self._pending.get(token)

    def grant(self, pending: Pending, account: int) -> None:
        """Second step: the user let the app in as this account."""
        pending.account = account
        if not pending.verifier:
            pin = f"{secrets.randbelow(9_000_000) + 1_000_000}"
            pending.verifier = pin if pending.callback == OUT_OF_BAND else secrets.token_hex(16)

    def cancel(self, pending: Pending) -> None:
        """Second step, too: the user did not."""
        self._pending.pop(pending.token, None)

    def access_token(self, call: Call) -> dict[str, str]:
        """Third step: the user's tokens, once, for the PIN or verifier."""
        app, signed = self._verify(call, self._pending_secret)
        pending = self._pending[signed.token]
        given = signed.oauth.get("oauth_verifier", "").encode("utf-8", "replace")
        if not pending.verifier or not compare_digest(pending.verifier.encode(), given):
            raise UnauthenticatedError("Wrong PIN or verifier", app.consumer_key)
        self.cancel(pending)
        token, secret = self.keys.issue(pending.app_key, pending.account)
        account = self.keys.account(pending.account)
        return {
            "oauth_token": token,
            "oauth_token_secret": secret,
            "user_id": account.user_id,
            "screen_name": account.handle,
        }

    def _user_secret(self, app: App, token: str) -> str:
        if not token:
            return ""
        found = self.keys.find_token(token)
        if found is None or found[0] != app.consumer_key:
            raise UnauthenticatedError("Access token not found", app.consumer_key)
        return found[2]

    def _pending_secret(self, app: App, token: str) -> str:
        known = self._pending.get(token)
        if known is None or known.app_key != app.consumer_key:
            raise UnauthenticatedError("Request token not found", app.consumer_key)
        return known.secret

    def _verify(self, call: Call, secret_of: Callable[[App, str], str]) -> tuple[App, _Signed]:
        """The app that signed a request, and what it signed."""
        signed = _read(call)
        app = self.keys.apps.get(signed.oauth["oauth_consumer_key"])
        app_key = app.consumer_key if app else ""
        now, stamp = self._now(), signed.oauth["oauth_timestamp"]
        if abs(now - int(stamp)) > self._tolerance:
            raise UnauthenticatedError("Timestamp out of bounds", app_key)
        nonce = hash((app_key, signed.token, stamp, signed.oauth["oauth_nonce"]))
        if nonce in self._seen:
            raise UnauthenticatedError("Nonce already used", app_key)
        if app is None:
            raise UnauthenticatedError("Consumer key not found")
        secret = secret_of(app, signed.token)
        # oauthlib asks for no more of a request than these four attributes.
        good = signature.verify_hmac_sha1(signed, app.consumer_secret, secret)  # type: ignore[arg-type]
        if not good:
            raise UnauthenticatedError("Invalid signature", app_key)
        self._seen.add(nonce)
        self._order.append((now, nonce))
        # Beyond twice the tolerance the timestamp alone refuses a replay.
        while self._order[0][0] < now - 2 * self._tolerance:
            self._seen.discard(self._order.popleft()[1])
        return app, signed


def _read(call: Call) -> _Signed:
    """The OAuth parameters of a request, checked for their form."""

    def malformed(what: str) -> UnauthenticatedError:
        return UnauthenticatedError(f"Malformed Authorization header: {what}", malformed=True)

    header = call.headers.get("authorization", "")
    form = call.body.decode("utf-8", "replace") if _FORM in call.headers.get(
        "content-type", ""
    ) else ""  # fmt: skip
    try:
        oauth = {
            name: utils.unescape(value)
            for name, value in utils.parse_authorization_header(header)
            if name.startswith("oauth_")
        }
        plain = signature.collect_parameters(uri_query=urlsplit(call.url).query, body=form)
        params = plain + signature.collect_parameters(headers={"Authorization": header})
        signature.base_string_uri(call.url)
    except ValueError:
        raise malformed("it cannot be parsed") from None
    missing = [name for name in _NEEDED if not oauth.get(name)]
    if missing:
        raise malformed(f"{', '.join(missing)} missing")
    if any(name.startswith("oauth_") for name, _ in plain):
        raise malformed("parameters outside of it")
    if oauth["oauth_signature_method"] != "HMAC-SHA1":
        raise malformed("oauth_signature_method is not HMAC-SHA1")
    # Clients in the field send 1.0A, too.
    if oauth.get("oauth_version", "1.0") not in ("1.0", "1.0A"):
        raise malformed("oauth_version is not 1.0")
    stamp = oauth["oauth_timestamp"]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        raise malformed("oauth_timestamp is not a whole number")
    if len(oauth["oauth_nonce"]) > _MAX_NONCE:
        raise malformed(f"oauth_nonce is longer than {_MAX_NONCE} characters")
    return _Signed(call.method, call.url, params, oauth["oauth_signature"], oauth)
