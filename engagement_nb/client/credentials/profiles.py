"""A profile: the tokens of an app and of one owner of Tweets, and signing with them."""

from __future__ import annotations

import base64
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import httpx
import oauthlib.oauth1

from engagement_nb.apis.engagement import ENGAGEMENT, PATH_BEARER_TOKEN, TOKEN_VARIABLES
from engagement_nb.apis.refusals import error_for
from engagement_nb.client.credentials.secret import Secret, hush_signing_logs, mask
from engagement_nb.client.hosts import LIVE, Hosts
from engagement_nb.errors import CredentialsError

APP_FIELDS = ("consumer_key", "consumer_secret")
USER_FIELDS = (*APP_FIELDS, "access_token", "access_token_secret")

hush_signing_logs()

_bearers: dict[tuple[str, Secret, Secret], Secret] = {}
"""Bearer tokens that this process has fetched, by host and app."""


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
    found_in
        Description of the place where the profile was found.
    user
        The user's id, where it is known without a token.

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
    found_in: str = field(default="", compare=False)
    user: str = ""

    def __post_init__(self) -> None:
        for part in TOKEN_VARIABLES:
            value = getattr(self, part)
            if isinstance(value, str):
                object.__setattr__(self, part, Secret(value))

    @property
    def has_user(self) -> bool:
        """Whether requests can be signed with a user's tokens."""
        return not self.missing()

    @property
    def has_app(self) -> bool:
        """Whether there is a bearer token, or a key and secret to fetch one."""
        return bool(self.bearer_token or (self.consumer_key and self.consumer_secret))

    @property
    def user_id(self) -> str:
        """The user's numeric id, from the start of the access token; empty if unknown."""
        head, dash, _ = self.access_token.reveal().partition("-")
        return self.user or (head if dash and head.isdecimal() else "")

    def missing(self, parts: Sequence[str] = USER_FIELDS) -> list[str]:
        """Name the missing tokens; by default of those that sign as a user."""
        return [part.replace("_", " ") for part in parts if not getattr(self, part)]

    def user_auth(self) -> httpx.Auth:
        """Sign with the user's tokens (OAuth 1.0a).

        Raises
        ------
        CredentialsError
            One of the four tokens is missing; the message names it.
        """
        self._require(USER_FIELDS, "sign as a user")
        return _UserAuth(self)

    def app_auth(self) -> httpx.Auth:
        """Use the app's bearer token (OAuth 2.0); fetch it if there is none.

        Raises
        ------
        CredentialsError
            There is neither a bearer token nor a key and secret to fetch one.
        """
        if not self.bearer_token:
            self._require(APP_FIELDS, "fetch a bearer token")
        return _AppAuth(self)

    def _require(self, parts: tuple[str, ...], purpose: str) -> None:
        if missing := self.missing(parts):
            raise CredentialsError(
                f"Profile {self.name!r} cannot {purpose}: it has no {' and no '.join(missing)}.",
                advice="See engagement-nb auth status, or store tokens with engagement-nb auth"
                " login.",
            )


class _ProfileAuth(httpx.Auth):
    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def _check_host(self, request: httpx.Request) -> None:
        """Refuse to send tokens to another host than the profile's."""
        # httpx drops the default port, so https://host:443 and https://host are equal.
        url, api = request.url, httpx.URL(self._profile.hosts.api)
        if (url.scheme, url.host, url.port) != (api.scheme, api.host, api.port):
            raise ValueError(f"this profile's tokens are for {api}, not for {url.host}")


class _UserAuth(_ProfileAuth):
    """OAuth 1.0a, HMAC-SHA1, in the Authorization header; the JSON body is not signed."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._check_host(request)
        signer = oauthlib.oauth1.Client(
            self._profile.consumer_key.reveal(),
            client_secret=self._profile.consumer_secret.reveal(),
            resource_owner_key=self._profile.access_token.reveal(),
            resource_owner_secret=self._profile.access_token_secret.reveal(),
        )
        _, headers, _ = signer.sign(str(request.url), http_method=cast(Any, request.method))
        request.headers["Authorization"] = headers["Authorization"]
        yield request


class _AppAuth(_ProfileAuth):
    """The app's bearer token, fetched with key and secret if there is none.

    A fetched token is kept for the life of the process and shared by its threads. If the API no
    longer accepts it, it is fetched again, once.
    """

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._check_host(request)
        profile = self._profile
        app = (profile.hosts.auth, profile.consumer_key, profile.consumer_secret)
        kept = _bearers.get(app)
        bearer = profile.bearer_token or kept or (yield from self._fetch(request, *app))
        request.headers["Authorization"] = f"Bearer {bearer.reveal()}"
        response = yield request
        if bearer is kept and response.status_code == httpx.codes.UNAUTHORIZED:
            bearer = yield from self._fetch(request, *app)
            request.headers["Authorization"] = f"Bearer {bearer.reveal()}"
            yield request

    def _fetch(
        self, request: httpx.Request, auth: str, key: Secret, secret: Secret
    ) -> Generator[httpx.Request, httpx.Response, Secret]:
        # RFC 6749, 2.3.1: both are url-encoded before they are joined.
        pair = f"{quote(key.reveal(), safe='')}:{quote(secret.reveal(), safe='')}"
        basic = Secret(base64.b64encode(pair.encode()).decode())
        response = yield httpx.Request(
            "POST",
            auth + PATH_BEARER_TOKEN,
            headers={"Authorization": f"Basic {basic.reveal()}"},
            data={"grant_type": "client_credentials"},
            # The same timeouts and deadline as the request that needs the token.
            extensions=dict(request.extensions),
        )
        response.read()
        _bearers[auth, key, secret] = bearer = _bearer_in(response)
        return bearer


def _bearer_in(response: httpx.Response) -> Secret:
    texts: list[str] = []
    try:
        document = response.json()
        if response.is_success and document["token_type"] == "bearer":  # noqa: S105
            return Secret(document["access_token"])
        errors = document.get("errors", [])
        texts = [mask(e if isinstance(e, str) else str(e["message"])) for e in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    status = 401 if response.status_code == httpx.codes.FORBIDDEN else response.status_code
    raise error_for(ENGAGEMENT, status, texts, where="the bearer token")
