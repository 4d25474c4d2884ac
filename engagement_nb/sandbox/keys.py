"""Who may ask: the sandbox's accounts, its apps, and their keys and tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote

from engagement_nb.vocabulary import (
    ENV_ACCESS_TOKEN,
    ENV_ACCESS_TOKEN_SECRET,
    ENV_API_URL,
    ENV_AUTH_URL,
    ENV_BEARER_TOKEN,
    ENV_CONSUMER_KEY,
    ENV_CONSUMER_SECRET,
)

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
    """One developer app: its keys, its bearer token, and whether it has the product."""

    name: str
    consumer_key: str
    consumer_secret: str
    bearer_token: str
    has_access: bool = True


class Keys:
    """All keys and tokens of a sandbox; the same for the same seed.

    Parameters
    ----------
    seed
        The world's seed.
    accounts
        How many accounts gave tokens.
    """

    def __init__(self, seed: int, accounts: int) -> None:
        self._seed = seed
        self._made: dict[int, Account] = {}
        self._account_count = accounts
        self.app = self._app("first", has_access=True)
        self.app_without_access = self._app("without access", has_access=False)
        self.apps = {app.consumer_key: app for app in (self.app, self.app_without_access)}
        self._bearers = {app.bearer_token: app for app in self.apps.values()}
        self._revoked_bearers: set[str] = set()
        # Token -> (app's key, account, secret); filled as accounts are looked at.
        self._tokens: dict[str, tuple[str, int, str]] = {}
        self._revoked: set[str] = set()

    def _secret(self, *parts: object, length: int = 40) -> str:
        text = ":".join(map(str, ("sandbox", self._seed, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def _app(self, name: str, *, has_access: bool) -> App:
        return App(
            name=name,
            consumer_key="SANDBOXkey" + self._secret("key", name, length=15),
            consumer_secret="SANDBOX" + self._secret("secret", name, length=43),
            # Real bearer tokens hold percent signs; a client that decodes them loses its way.
            bearer_token="SANDBOX%2F" + self._secret("bearer", name, length=60) + "%3D",
            has_access=has_access,
        )

    def user_id(self, account: int) -> str:
        """The numeric id of an account: those with tokens, the protected one, the outsider."""
        return str(
            7_000_000_000 + int(self._secret("user", account, length=7), 16) * 1000 + account
        )

    def account(self, number: int) -> Account:
        """One account; its tokens are good at the first app."""
        if number not in self._made:
            name = NAMES[number % len(NAMES)]
            user_id = self.user_id(number)
            token = f"{user_id}-SANDBOX{self._secret('token', number, length=33)}"
            secret = "SANDBOX" + self._secret("token secret", number, length=38)
            self._made[number] = Account(user_id, f"sandbox_{name}_{number + 1}", token, secret)
            self._tokens.setdefault(token, (self.app.consumer_key, number, secret))
        return self._made[number]

    def accounts(self) -> Sequence[Account]:
        """All accounts that gave tokens."""
        return [self.account(number) for number in range(self._account_count)]

    def number_of(self, user_id: str) -> int | None:
        """The account with this user id, if it gave tokens."""
        number = int(user_id) % 1000 if user_id.isdecimal() and len(user_id) < 20 else -1
        for candidate in range(number, self._account_count, 1000) if number >= 0 else ():
            if self.user_id(candidate) == user_id:
                return candidate
        return None

    def find_token(self, token: str) -> tuple[str, int, str] | None:
        """App's key, account and secret of a user token that is good, else None."""
        if token in self._revoked:
            return None
        if token not in self._tokens:
            number = self.number_of(token.partition("-")[0])
            if number is not None:
                self.account(number)
        return self._tokens.get(token)

    def issue(self, app_key: str, account: int) -> tuple[str, str]:
        """Token and secret of an account for an app: the one it has, or a new one."""
        self.account(account)
        for token, (key, number, secret) in self._tokens.items():
            if (key, number) == (app_key, account) and token not in self._revoked:
                return token, secret
        token = f"{self.user_id(account)}-SANDBOX{secrets.token_hex(16)}"
        secret = "SANDBOX" + secrets.token_hex(19)
        self._tokens[token] = (app_key, account, secret)
        return token, secret

    def admit(self, app: App, token: str = "", secret: str = "", account: int = 0) -> None:
        """Let in an app of one's own, and a user token that an account gave it."""
        self.apps[app.consumer_key] = app
        self._bearers[app.bearer_token] = app
        if token:
            self._tokens[token] = (app.consumer_key, account, secret)

    def revoke(self, token: str) -> bool:
        """Make a user or bearer token useless; whether it was good before."""
        if self.find_bearer(token):
            self._revoked_bearers.add(token)
            return True
        known = self.find_token(token) is not None
        if known:
            self._revoked.add(token)
        return known

    def restore(self) -> None:
        """Take back all revocations."""
        self._revoked.clear()
        self._revoked_bearers.clear()

    def find_bearer(self, token: str) -> App | None:
        """The app whose bearer token this is, else None."""
        found = None
        for known, app in self._bearers.items():
            if compare_digest(known.encode(), token.encode("utf-8", "replace")):
                found = app
        return None if token in self._revoked_bearers else found

    def check_app(self, key: str, secret: str) -> App | None:
        """The app of a key and secret, else None."""
        app = self.apps.get(key)
        expected = app.consumer_secret if app else "no such app"
        good = compare_digest(expected.encode(), secret.encode("utf-8", "replace"))
        return app if app and good else None

    def env(self, url: str) -> dict[str, str]:
        """Environment variables with which a client finds the sandbox at this address."""
        first = self.account(0)
        return {
            ENV_CONSUMER_KEY: self.app.consumer_key,
            ENV_CONSUMER_SECRET: self.app.consumer_secret,
            ENV_ACCESS_TOKEN: first.access_token,
            ENV_ACCESS_TOKEN_SECRET: first.access_token_secret,
            ENV_BEARER_TOKEN: self.app.bearer_token,
            ENV_API_URL: url,
            ENV_AUTH_URL: url,
        }


def basic(app: App) -> str:
    """What stands in a Basic header for an app, before base64."""
    return f"{quote(app.consumer_key, safe='')}:{quote(app.consumer_secret, safe='')}"
