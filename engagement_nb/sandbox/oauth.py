"""Authentication: bearer tokens, and OAuth 1.0a, verified with oauthlib."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

from oauthlib.oauth1.rfc5849 import signature, utils

from engagement_nb.sandbox.keys import App, Caller, Keys
from engagement_nb.sandbox.messages import FORM, Call, RefusedError
from engagement_nb.sandbox.settings import Settings

_CONSUMER_KEY = re.compile(r'oauth_consumer_key="?([^",]+)')
_NEEDED = (
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
)


class AuthenticationError(RefusedError):
    """A request that is not authenticated.

    Parameters
    ----------
    reason
        The real reason.
    malformed
        Whether the API cannot read the Authorization header.
    """

    def __init__(self, reason: str, *, malformed: bool = False) -> None:
        super().__init__(401, reason)
        self.malformed = malformed


class Gate:
    """Authenticates requests.

    Parameters
    ----------
    keys
        The sandbox's keys.
    settings
        ``timestamp_tolerance`` and ``user_signed_login``.
    now
        Present time in seconds since the Unix epoch, by the sandbox's clock.
    """

    def __init__(self, keys: Keys, settings: Settings, now: Callable[[], float]) -> None:
        self.keys = keys
        self.settings = settings
        self.now = now
        # Nonces are kept as hashes, so busy clients do not fill the memory.
        self._seen: set[int] = set()
        self._order: deque[tuple[float, int]] = deque()

    def app_of(self, call: Call) -> App | None:
        """Give the app that a request names, authenticated or not."""
        scheme, _, rest = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller, _ = self.keys.tokens.get(rest.strip(), (None, ""))
            return caller.app if caller else None
        named = _CONSUMER_KEY.search(rest)
        return self.keys.apps.get(unquote(named[1])) if named else None

    def caller(self, call: Call) -> Caller:
        """Identify the sender of a request for metrics.

        Raises
        ------
        AuthenticationError
            With the real reason.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller, _ = self.keys.find(token.strip()) or (None, "")
            if caller is None or caller.account is not None:
                raise AuthenticationError("Access token not found")
            return caller
        if scheme.lower() != "oauth":
            raise AuthenticationError("Unknown Authorization Type", malformed=True)
        app, oauth = self.verify(call, self.user_secret)
        # An app may sign without a user, with an empty oauth_token or none.
        caller, _ = self.keys.find(oauth.get("oauth_token", "")) or (Caller(app, None), "")
        return caller

    def user_secret(self, app: App, token: str) -> str:
        """Give the secret of a user's token for an app; "" for no token."""
        if not token:
            return ""
        caller, secret = self.keys.find(token) or (None, "")
        if caller is None or caller.account is None or caller.app != app:
            raise AuthenticationError("Access token not found")
        return secret

    def verify(
        self, call: Call, secret_of: Callable[[App, str], str]
    ) -> tuple[App, dict[str, str]]:
        """Verify a signature; give the app and the OAuth parameters.

        Parameters
        ----------
        call
            The request.
        secret_of
            Gives the secret of the token that an app signed with.

        Raises
        ------
        AuthenticationError
            With the real reason.
        """
        oauth, params = _read(call, may_repeat=self.settings.user_signed_login)
        app, token = self.keys.apps.get(oauth["oauth_consumer_key"]), oauth.get("oauth_token", "")
        now, stamp = self.now(), oauth["oauth_timestamp"]
        tolerance = self.settings.timestamp_tolerance
        if abs(now - int(stamp)) > tolerance:
            raise AuthenticationError("Timestamp out of bounds")
        nonce = hash((oauth["oauth_consumer_key"], token, stamp, oauth["oauth_nonce"]))
        if nonce in self._seen:
            raise AuthenticationError("Nonce already used")
        if app is None:
            raise AuthenticationError("Consumer key not found")
        # oauthlib reads only these four attributes of a request.
        signed = SimpleNamespace(
            http_method=call.method,
            uri=call.url,
            params=params,
            signature=oauth["oauth_signature"],
        )
        secret = secret_of(app, token)
        if not signature.verify_hmac_sha1(signed, app.consumer_secret, secret):  # type: ignore[arg-type]
            raise AuthenticationError("Invalid signature")
        digest = base64.b64encode(hashlib.sha1(call.body, usedforsecurity=False).digest())
        if oauth.get("oauth_body_hash", digest.decode()) != digest.decode():
            raise AuthenticationError("Wrong oauth_body_hash")
        self._seen.add(nonce)
        self._order.append((now, nonce))
        # After twice the tolerance, the timestamp alone refuses a replay.
        while self._order[0][0] < now - 2 * tolerance:
            self._seen.discard(self._order.popleft()[1])
        return app, oauth


def is_address(text: str) -> bool:
    """Whether a text is an http or https address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _read(call: Call, *, may_repeat: bool) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Give a request's OAuth parameters, checked for form, and all signed parameters."""
    header = call.headers.get("authorization", "")
    is_form = FORM in call.headers.get("content-type", "")
    form = call.body.decode("utf-8", "replace") if is_form else ""
    try:
        oauth = {
            name: utils.unescape(value)
            for name, value in utils.parse_authorization_header(header)
            if name.startswith("oauth_")
        }
        plain = signature.collect_parameters(uri_query=call.parts.query, body=form)
        if may_repeat:
            plain = [(name, value) for name, value in plain if oauth.get(name) != value]
        params = plain + signature.collect_parameters(headers={"Authorization": header})
        signature.base_string_uri(call.url)
    except ValueError:
        raise _malformed("it cannot be parsed") from None
    missing = [name for name in _NEEDED if not oauth.get(name)]
    if missing:
        raise _malformed(f"{', '.join(missing)} missing")
    if any(name.startswith("oauth_") for name, _ in plain):
        raise _malformed("parameters outside of it")
    if oauth["oauth_signature_method"] != "HMAC-SHA1":
        raise _malformed("oauth_signature_method is not HMAC-SHA1")
    # Real clients also send 1.0A and 1.0a.
    if oauth.get("oauth_version", "1.0").lower() not in ("1.0", "1.0a"):
        raise _malformed("oauth_version is not 1.0")
    stamp = oauth["oauth_timestamp"]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        raise _malformed("oauth_timestamp is not a whole number")
    return oauth, params


def _malformed(what: str) -> AuthenticationError:
    return AuthenticationError(f"Malformed Authorization header: {what}", malformed=True)
