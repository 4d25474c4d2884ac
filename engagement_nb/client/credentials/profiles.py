"""A profile: the tokens of one owner of Tweets, and the app that asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.credentials.signing import AppAuth, UserAuth
from engagement_nb.client.hosts import LIVE, Hosts
from engagement_nb.errors import CredentialsError

NEXT_STEP = "See engagement-nb auth status, or store tokens with engagement-nb auth login."


@dataclass(frozen=True)
class Profile:
    """Tokens under one name: those of an app, and of one user of it.

    Parameters
    ----------
    name
        What a person calls it; an owner's handle is a good name.
    hosts
        The only hosts that these tokens are sent to.
    consumer_key, consumer_secret
        The app's pair.
    access_token, access_token_secret
        The user's pair; empty for an app that asks for public metrics only.
    bearer_token
        The app's bearer token; empty to have it fetched from the app's pair.
    found_in
        Where the profile was found, in words.

    Notes
    -----
    Every token is a `Secret`: printing, logging or formatting a profile shows none of them,
    and a profile cannot be pickled.
    """

    name: str
    hosts: Hosts = LIVE
    consumer_key: Secret = field(default_factory=Secret)
    consumer_secret: Secret = field(default_factory=Secret)
    access_token: Secret = field(default_factory=Secret)
    access_token_secret: Secret = field(default_factory=Secret)
    bearer_token: Secret = field(default_factory=Secret)
    found_in: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for part in TOKEN_FIELDS:
            value = getattr(self, part)
            if isinstance(value, str):
                object.__setattr__(self, part, Secret(value))

    @property
    def has_user(self) -> bool:
        """Whether requests can be signed with a user's tokens."""
        return all(getattr(self, part) for part in USER_FIELDS)

    @property
    def has_app(self) -> bool:
        """Whether there is a bearer token, or a pair to fetch one with."""
        return bool(self.bearer_token or (self.consumer_key and self.consumer_secret))

    @property
    def user_id(self) -> str:
        """The user's numeric id, which an access token begins with; empty if it doesn't."""
        head, dash, _ = self.access_token.reveal().partition("-")
        return head if dash and head.isdecimal() else ""

    def user_auth(self) -> httpx.Auth:
        """Signing with the user's tokens (OAuth 1.0a).

        Raises
        ------
        CredentialsError
            One of the four tokens is missing; the sentence names it.
        """
        self._require(USER_FIELDS, "sign as a user")
        return UserAuth(
            self.hosts.api,
            self.consumer_key,
            self.consumer_secret,
            self.access_token,
            self.access_token_secret,
        )

    def app_auth(self) -> httpx.Auth:
        """The app's bearer token (OAuth 2.0), fetched when there is none.

        Raises
        ------
        CredentialsError
            There is neither a bearer token nor the pair to fetch one with.
        """
        if not self.bearer_token:
            self._require(("consumer_key", "consumer_secret"), "fetch a bearer token")
        return AppAuth(
            self.hosts.api,
            self.hosts.auth,
            self.consumer_key,
            self.consumer_secret,
            self.bearer_token,
        )

    def _require(self, parts: tuple[str, ...], purpose: str) -> None:
        missing = [part.replace("_", " ") for part in parts if not getattr(self, part)]
        if missing:
            raise CredentialsError(
                f"Profile {self.name!r} cannot {purpose}: it has no {' and no '.join(missing)}.",
                advice=NEXT_STEP,
            )


USER_FIELDS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
TOKEN_FIELDS = (*USER_FIELDS, "bearer_token")
