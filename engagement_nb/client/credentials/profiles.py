"""A profile: the tokens of an app and of one owner of Tweets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from engagement_nb.apis.engagement import TOKEN_VARIABLES
from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.hosts import LIVE, Hosts

APP_FIELDS = ("consumer_key", "consumer_secret")
USER_FIELDS = (*APP_FIELDS, "access_token", "access_token_secret")


@dataclass(frozen=True)
class Profile:
    """Tokens under one name: those of an app and of one of its users.

    Parameters
    ----------
    name
        Any name, such as the owner's handle.
    hosts
        The only hosts that these tokens are sent to.
    consumer_key, consumer_secret
        The app's key and secret.
    access_token, access_token_secret
        The user's token and secret; empty for an app that requests public metrics only.
    bearer_token
        The app's bearer token; if empty, it is fetched with the app's key and secret.
    user_id
        The user's numeric id, as the place of the tokens has it; by default the one that an
        OAuth 1.0a access token begins with; empty if neither tells it.
    found_in
        Description of the place where the profile was found.
    signs
        Makes what signs as the user; None for OAuth 1.0a with the tokens above.

    Notes
    -----
    Every token is a `Secret`. Printing, logging or formatting a profile shows none of them, and
    a profile cannot be pickled.
    """

    name: str
    hosts: Hosts = LIVE
    consumer_key: Secret = field(default_factory=Secret)
    consumer_secret: Secret = field(default_factory=Secret)
    access_token: Secret = field(default_factory=Secret)
    access_token_secret: Secret = field(default_factory=Secret)
    bearer_token: Secret = field(default_factory=Secret)
    user_id: str = ""
    found_in: str = field(default="", compare=False)
    signs: Callable[[Profile], httpx.Auth] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for part in TOKEN_VARIABLES:
            value = getattr(self, part)
            if isinstance(value, str):
                object.__setattr__(self, part, Secret(value))
        if not self.user_id:
            head, dash, _ = self.access_token.reveal().partition("-")
            object.__setattr__(self, "user_id", head if dash and head.isdecimal() else "")

    @property
    def has_user(self) -> bool:
        """Whether requests can be signed with a user's tokens."""
        return not self.missing()

    @property
    def has_app(self) -> bool:
        """Whether there is a bearer token, or a key and secret to fetch one."""
        return bool(self.bearer_token or (self.consumer_key and self.consumer_secret))

    def missing(self, parts: Sequence[str] = USER_FIELDS) -> list[str]:
        """Name the missing tokens; by default of those that sign as a user."""
        if self.signs and parts == USER_FIELDS:
            return []
        return [part.replace("_", " ") for part in parts if not getattr(self, part)]
