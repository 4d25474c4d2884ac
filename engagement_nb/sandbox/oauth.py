# ruff: noqa: D102  (the hooks of a validator are described by oauthlib)
"""Who sent a request: OAuth 1.0a verified with oauthlib's provider side, and bearer tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_hex
from typing import Any

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint
from oauthlib.oauth1.rfc5849.errors import InvalidRequestError

from engagement_nb.sandbox.keys import App, Keys

_NOBODY = "SANDBOX-nobody"
_ANY_AGE = 10**12
PENDING_SECONDS = 900.0


@dataclass(frozen=True)
class Caller:
    """An authenticated request: the app, and the account if it came with user tokens."""

    app: App
    account: int | None


@dataclass
class Pending:
    """A request token on its way to an access token."""

    app_key: str
    secret: str
    at: float
    account: int | None = None
    pin: str = ""


class UnauthenticatedError(Exception):
    """A request that is not authenticated.

    Parameters
    ----------
    reason
        The real one.
    app_key
        Consumer key of the app that it says it comes from, if there is such an app.
    """

    def __init__(self, reason: str, app_key: str = "") -> None:
        super().__init__(reason)
        self.app_key = app_key


class Validator(RequestValidator):
    """What oauthlib asks about keys, tokens and nonces.

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
        super().__init__()
        self.keys = keys
        self._now = now
        self.tolerance = tolerance
        self.reason = ""
        self.pending: dict[str, Pending] = {}
        # Their hashes: ten minutes of busy clients should not fill the memory.
        self._seen: set[int] = set()
        self._order: deque[tuple[float, int]] = deque()

    # oauthlib compares timestamps with the machine's clock; the sandbox has its own.
    timestamp_lifetime = _ANY_AGE
    enforce_ssl = False
    allowed_signature_methods = ("HMAC-SHA1",)
    dummy_client = _NOBODY
    dummy_access_token = _NOBODY
    dummy_request_token = _NOBODY

    def check_client_key(self, client_key: str) -> bool:
        return True

    def check_request_token(self, request_token: str) -> bool:
        return True

    def check_access_token(self, request_token: str) -> bool:
        return True

    def check_nonce(self, nonce: str) -> bool:
        return len(nonce) <= 200

    def check_verifier(self, verifier: str) -> bool:
        return True

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Any,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        now = self._now()
        if abs(now - int(timestamp)) > self.tolerance:
            self.reason = "Timestamp out of bounds"
            return False
        if self._nonce_key(request) in self._seen:
            self.reason = "Nonce already used"
            return False
        return True

    @staticmethod
    def _nonce_key(request: Any) -> int:
        token = request.resource_owner_key or ""
        return hash((request.client_key, token, request.timestamp, request.nonce))

    def remember(self, request: Any) -> None:
        """Note the nonce of a request that was accepted, and forget stale ones."""
        key, now = self._nonce_key(request), self._now()
        self._seen.add(key)
        self._order.append((now, key))
        # Beyond twice the tolerance the timestamp alone refuses a replay.
        while self._order and self._order[0][0] < now - 2 * self.tolerance:
            self._seen.discard(self._order.popleft()[1])

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        known = client_key in self.keys.apps
        if not known:
            self.reason = self.reason or "Consumer key not found"
        return known

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        found = self.keys.find_token(token)
        if found is None or found[0] != client_key:
            self.reason = self.reason or "Access token not found"
            return False
        return True

    def validate_realms(
        self,
        client_key: str,
        token: str,
        request: Any,
        uri: str | None = None,
        realms: Any = None,
    ) -> bool:
        return True

    # The three steps of the PIN flow; a request token is good once.

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    def check_realms(self, realms: list[str]) -> bool:
        return True

    def validate_requested_realms(self, client_key: str, realms: Any, request: Any) -> bool:
        return True

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        if redirect_uri != "oob":
            self.reason = self.reason or "The sandbox knows the PIN flow only: oauth_callback=oob"
        return redirect_uri == "oob"

    def save_request_token(self, token: Any, request: Any) -> None:
        self.remember(request)
        self.pending[token["oauth_token"]] = Pending(
            request.client_key, token["oauth_token_secret"], self._now()
        )
        for name in [n for n, p in self.pending.items() if p.at < self._now() - PENDING_SECONDS]:
            del self.pending[name]

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        known = self.pending.get(token)
        if known is None or known.app_key != client_key:
            self.reason = self.reason or "Request token not found"
            return False
        return True

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        known = self.pending.get(token)
        return known.secret if known else _NOBODY

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        known = self.pending.get(token)
        # Without a PIN yet, nothing that could be guessed takes its place.
        pin = known.pin if known and known.pin else token_hex()
        if not compare_digest(pin.encode(), verifier.encode("utf-8", "replace")):
            self.reason = self.reason or "Wrong PIN"
            return False
        return True

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    def save_access_token(self, token: Any, request: Any) -> None:
        self.remember(request)
        known = self.pending[request.resource_owner_key]
        issued, secret = self.keys.issue(known.app_key, known.account or 0)
        account = self.keys.account(known.account or 0)
        token.clear()
        token |= {
            "oauth_token": issued,
            "oauth_token_secret": secret,
            "user_id": account.user_id,
            "screen_name": account.handle,
        }

    def invalidate_request_token(self, client_key: str, token: str, request: Any) -> None:
        self.pending.pop(token, None)

    def get_client_secret(self, client_key: str, request: Any) -> str:
        app = self.keys.apps.get(client_key)
        return app.consumer_secret if app else _NOBODY

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        found = self.keys.find_token(token)
        return found[2] if found else _NOBODY


class _Resource(ResourceEndpoint):
    """oauthlib's endpoint for protected resources, with RFC 5849's idea of a timestamp."""

    def _check_mandatory_parameters(self, request: Any) -> None:
        given = request.timestamp or ""
        # The RFC asks for a positive integer, oauthlib for ten digits; int() takes even more.
        if given.isascii() and given.isdigit():
            request.timestamp = given.zfill(10)
        elif given:
            raise InvalidRequestError(description="Timestamp must be an integer.")
        super()._check_mandatory_parameters(request)  # type: ignore[misc]
        request.timestamp = given


class Gate:
    """Tells who sent a request.

    Parameters
    ----------
    validator
        Keys, clock and nonces.
    """

    def __init__(self, validator: Validator) -> None:
        self.validator = validator
        self.keys = validator.keys
        self._resource = _Resource(validator)

    def caller(self, url: str, method: str, body: bytes, headers: dict[str, str]) -> Caller:
        """Who sent a request.

        Parameters
        ----------
        url
            Address as the client called it, query included.
        method
            HTTP method.
        body
            Signed only if it is a form.
        headers
            By their names in lower case.

        Raises
        ------
        UnauthenticatedError
            With the real reason.
        """
        given = headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        if scheme.lower() == "bearer":
            app = self.keys.find_bearer(token.strip())
            if app is None:
                raise UnauthenticatedError("Access token not found")
            return Caller(app, None)
        if scheme.lower() != "oauth":
            raise UnauthenticatedError("Unknown Authorization Type")
        return self._signed(url, method, body, headers)

    def _signed(self, url: str, method: str, body: bytes, headers: dict[str, str]) -> Caller:
        self.validator.reason = ""
        sent = {
            "Authorization": headers["authorization"],
            "Content-Type": headers.get("content-type", ""),
        }
        try:
            good, request = self._resource.validate_protected_resource_request(
                url, method, body.decode("utf-8", "replace"), sent
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            # oauthlib trips over some malformed headers instead of refusing them.
            raise UnauthenticatedError("Malformed Authorization header") from None
        if not good:
            claimed = getattr(request, "client_key", None)
            app_key = claimed if claimed in self.keys.apps else ""
            raise UnauthenticatedError(self.validator.reason or _why_not(request), app_key)
        self.validator.remember(request)
        found = self.keys.find_token(request.resource_owner_key)
        if found is None:
            raise UnauthenticatedError("Access token not found")
        return Caller(self.keys.apps[found[0]], found[1])


def _why_not(request: Any) -> str:
    if request is None or not getattr(request, "signature", None):
        return "Malformed Authorization header"
    if request.signature_method != "HMAC-SHA1":
        return "Signature method not supported"
    return "Invalid signature"
