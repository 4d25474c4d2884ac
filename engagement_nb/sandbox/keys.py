"""The accounts and apps of the sandbox: their keys and tokens, and who signs with them."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import unquote

from oauthlib.oauth1.rfc5849 import signature

from engagement_nb.apis.engagement import ENV_API_URL, ENV_AUTH_URL, TOKEN_VARIABLES
from engagement_nb.apis.v2 import CLIENT_VARIABLES, ENV_V2_URL
from engagement_nb.sandbox.messages import Call
from engagement_nb.sandbox.oauth import AuthenticationError, read_header
from engagement_nb.sandbox.settings import Settings

_CONSUMER_KEY = re.compile(r'oauth_consumer_key="?([^",]+)')
NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade")


@dataclass(frozen=True)
class Account:
    """One account of the sandbox and its tokens for the first app."""

    user_id: str
    handle: str
    access_token: str
    access_token_secret: str


@dataclass(frozen=True)
class App:
    """One developer app: its keys, its bearer token, and its access to the products.

    The client id and secret are for OAuth 2.0.
    """

    name: str
    consumer_key: str
    consumer_secret: str
    bearer_token: str
    has_access: bool = True
    client_id: str = ""
    client_secret: str = ""


@dataclass(frozen=True)
class Caller:
    """The sender of a request: an app, and an account if it used user tokens."""

    app: App
    account: int | None


class Keys:
    """All keys and tokens of a sandbox, the same for the same seed; and who signs with them.

    Parameters
    ----------
    settings
        ``seed``, ``accounts``, ``timestamp_tolerance`` and ``user_signed_login``.
    now
        Present time in seconds since the Unix epoch, by the sandbox's clock.

    Attributes
    ----------
    app, app_without_access
        The two apps; ``apps`` has them by consumer key.
    accounts
        The accounts, with their tokens for the first app.
    tokens
        Token -> its owner and secret; a bearer token has no account and no secret.
    revoked
        Tokens that are refused.
    """

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self.settings = settings
        self.now = now
        self.app = self._app("first", has_access=True)
        self.app_without_access = self._app("without access", has_access=False)
        self.apps = {app.consumer_key: app for app in (self.app, self.app_without_access)}
        self.accounts = [self._account(number) for number in range(settings.accounts)]
        self.tokens = {app.bearer_token: (Caller(app, None), "") for app in self.apps.values()}
        for number, account in enumerate(self.accounts):
            caller = Caller(self.app, number)
            self.tokens[account.access_token] = (caller, account.access_token_secret)
        self.revoked: set[str] = set()
        # Nonces are kept as hashes, so busy clients do not fill the memory.
        self._seen: set[int] = set()
        self._order: deque[tuple[float, int]] = deque()

    def _secret(self, *parts: object, length: int = 40) -> str:
        text = ":".join(map(str, ("sandbox", self.settings.seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def _app(self, name: str, *, has_access: bool) -> App:
        return App(
            name=name,
            consumer_key="SANDBOXkey" + self._secret("key", name, length=15),
            consumer_secret="SANDBOX" + self._secret("secret", name, length=43),
            # Real bearer tokens contain percent signs, which a client must not decode.
            bearer_token="SANDBOX%2F" + self._secret("bearer", name, length=60) + "%3D",
            has_access=has_access,
            client_id="SANDBOXclient" + self._secret("client", name, length=21),
            client_secret="SANDBOX" + self._secret("client secret", name, length=43),
        )

    def _account(self, number: int) -> Account:
        user_id = self.user_id(number)
        return Account(
            user_id=user_id,
            handle=f"sandbox_{NAMES[number % len(NAMES)]}_{number + 1}",
            access_token=f"{user_id}-SANDBOX{self._secret('token', number, length=33)}",
            access_token_secret="SANDBOX" + self._secret("token secret", number, length=38),
        )

    def user_id(self, account: int) -> str:
        """Give the numeric user id of an account, by its number."""
        drawn = int(self._secret("user", account, length=7), 16)
        return str(7_000_000_000 + drawn * 1000 + account)

    def find(self, token: str) -> tuple[Caller, str] | None:
        """Look up a token's owner and secret; None if it is unknown or revoked."""
        return None if token in self.revoked else self.tokens.get(token)

    def issue(self, app: App, account: int) -> tuple[str, str]:
        """Give token and secret of an account for an app: the existing ones, or new ones."""
        for token, (caller, secret) in self.tokens.items():
            if caller == Caller(app, account) and token not in self.revoked:
                return token, secret
        token = f"{self.user_id(account)}-SANDBOX{secrets.token_hex(16)}"
        secret = "SANDBOX" + secrets.token_hex(19)
        self.tokens[token] = (Caller(app, account), secret)
        return token, secret

    def revoke(self, token: str) -> bool:
        """Revoke a user token or bearer token; whether it was valid before."""
        valid = self.find(token) is not None
        if valid:
            self.revoked.add(token)
        return valid

    def restore(self) -> None:
        """Undo all revocations."""
        self.revoked.clear()

    def app_of(self, call: Call) -> App | None:
        """Give the app that a request names, authenticated or not."""
        scheme, _, rest = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller, _ = self.tokens.get(rest.strip(), (None, ""))
            return caller.app if caller else None
        named = _CONSUMER_KEY.search(rest)
        return self.apps.get(unquote(named[1])) if named else None

    def caller(self, call: Call) -> Caller:
        """Identify the sender of a request for metrics.

        Raises
        ------
        AuthenticationError
            With the real reason.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller, _ = self.find(token.strip()) or (None, "")
            if caller is None or caller.account is not None:
                raise AuthenticationError("Access token not found")
            return caller
        if scheme.lower() != "oauth":
            raise AuthenticationError("Unknown Authorization Type", malformed=True)
        app, oauth = self.verify(call, self.user_secret)
        # An app may sign without a user, with an empty oauth_token or none.
        caller, _ = self.find(oauth.get("oauth_token", "")) or (Caller(app, None), "")
        return caller

    def user_secret(self, app: App, token: str) -> str:
        """Give the secret of a user's token for an app; "" for no token."""
        if not token:
            return ""
        caller, secret = self.find(token) or (None, "")
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
        oauth, params = read_header(call, may_repeat=self.settings.user_signed_login)
        app, token = self.apps.get(oauth["oauth_consumer_key"]), oauth.get("oauth_token", "")
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

    def env(self, url: str) -> dict[str, str]:
        """Give the environment variables of a client for the sandbox at this address."""
        tokens = vars(self.app) | vars(self.accounts[0])
        names = TOKEN_VARIABLES | CLIENT_VARIABLES
        variables = {variable: tokens[name] for name, variable in names.items()}
        return {**variables, ENV_API_URL: url, ENV_AUTH_URL: url, ENV_V2_URL: url}
