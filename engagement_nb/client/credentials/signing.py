"""Ways to sign in, one class each: how a request proves whose it is.

Each is an ``httpx.Auth``: its `auth_flow` yields requests and is sent responses, so it can be
tested without a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any, ClassVar, cast

import httpx
import oauthlib.oauth1

from engagement_nb.apis.contract import Auth
from engagement_nb.apis.engagement import ENGAGEMENT, PATH_BEARER_TOKEN
from engagement_nb.client.credentials.profiles import APP_FIELDS, USER_FIELDS, Profile
from engagement_nb.client.credentials.secret import Secret, hush_signing_logs
from engagement_nb.client.credentials.tokens import basic, bearer_in
from engagement_nb.errors import CredentialsError

Flow = Generator[httpx.Request, httpx.Response, None]

hush_signing_logs()


class SignIn(httpx.Auth):
    """One way to sign in with a profile.

    Parameters
    ----------
    profile
        Whose tokens are used.

    Raises
    ------
    CredentialsError
        The profile lacks a token; the message names it.
    """

    needs: ClassVar[tuple[str, ...]]
    purpose: ClassVar[str]

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        if missing := profile.missing(self.needs):
            raise CredentialsError(
                f"Profile {profile.name!r} cannot {self.purpose}:"
                f" it has no {' and no '.join(missing)}.",
                advice="See engagement-nb auth status, or store tokens with engagement-nb auth"
                " login.",
            )

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Sign a request, after a check that it goes to the profile's host."""
        # httpx drops the default port, so https://host:443 and https://host are equal.
        url, api = request.url, httpx.URL(self.profile.hosts.api)
        if (url.scheme, url.host, url.port) != (api.scheme, api.host, api.port):
            raise ValueError(f"this profile's tokens are for {api}, not for {url.host}")
        yield from self.signed(request)

    def signed(self, request: httpx.Request) -> Flow:
        """Sign a request: the way's own part of `auth_flow`."""
        raise NotImplementedError


class OAuth1User(SignIn):
    """OAuth 1.0a with a user's tokens, HMAC-SHA1, in the header; a JSON body is not signed."""

    needs: ClassVar[tuple[str, ...]] = USER_FIELDS
    purpose = "sign as a user"

    def signed(self, request: httpx.Request) -> Flow:
        """See `SignIn`."""
        yield oauth1(request, *(getattr(self.profile, part) for part in self.needs))


class AppBearer(SignIn):
    """An app's bearer token (OAuth 2.0), fetched with key and secret if the profile has none.

    If the API no longer accepts a fetched token, it is fetched again, once.

    Parameters
    ----------
    profile
        Whose token is used.
    fetched
        Where fetched tokens are kept, by app.
    """

    purpose = "fetch a bearer token"

    def __init__(self, profile: Profile, fetched: dict[str, Secret]) -> None:
        super().__init__(profile)
        self._fetched = fetched

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Nothing else, if there is a bearer token."""
        return () if self.profile.bearer_token else APP_FIELDS

    def signed(self, request: httpx.Request) -> Flow:
        """See `SignIn`."""
        kept = None if self.profile.bearer_token else self._fetched.get(self._key)
        bearer = self.profile.bearer_token or kept or (yield from self._fetch(request))
        response = yield with_bearer(request, bearer)
        if kept and response.status_code == httpx.codes.UNAUTHORIZED:
            yield with_bearer(request, (yield from self._fetch(request)))

    @property
    def _key(self) -> str:
        app = [getattr(self.profile, part).reveal() for part in APP_FIELDS]
        return hashlib.sha256("\n".join([self.profile.hosts.auth, *app]).encode()).hexdigest()

    def _fetch(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, Secret]:
        key, secret = self.profile.consumer_key, self.profile.consumer_secret
        response = yield httpx.Request(
            "POST",
            self.profile.hosts.auth + PATH_BEARER_TOKEN,
            headers={"Authorization": basic(key.reveal(), secret.reveal()).reveal()},
            data={"grant_type": "client_credentials"},
            # The same timeouts and deadline as the request that needs the token.
            extensions=dict(request.extensions),
        )
        response.read()
        issued = bearer_in(response, ENGAGEMENT, "the bearer token").access
        self._fetched[self._key] = issued
        return issued


def auth_for(profile: Profile, auth: Auth, fetched: dict[str, Secret] | None = None) -> httpx.Auth:
    """Choose the way to sign in with a profile.

    Parameters
    ----------
    profile
        Whose tokens are used.
    auth
        "user" for the user's tokens, "app" for those of the app.
    fetched
        Where fetched bearer tokens are kept, by app; by default nowhere.

    Raises
    ------
    CredentialsError
        The profile lacks a token; the message names it.
    """
    if auth == "app":
        return AppBearer(profile, {} if fetched is None else fetched)
    return profile.signs(profile) if profile.signs else OAuth1User(profile)


def oauth1(
    request: httpx.Request,
    key: Secret,
    secret: Secret,
    token: Secret | None = None,
    token_secret: Secret | None = None,
    **more: Any,
) -> httpx.Request:
    """Sign a request by OAuth 1.0a; ``more`` are options of ``oauthlib.oauth1.Client``."""
    signer = oauthlib.oauth1.Client(
        key.reveal(),
        client_secret=secret.reveal(),
        resource_owner_key=token.reveal() if token else None,
        resource_owner_secret=token_secret.reveal() if token_secret else None,
        **more,
    )
    _, headers, _ = signer.sign(str(request.url), http_method=cast(Any, request.method))
    request.headers["Authorization"] = headers["Authorization"]
    return request


def with_bearer(request: httpx.Request, bearer: Secret) -> httpx.Request:
    """Put a bearer token into a request."""
    request.headers["Authorization"] = f"Bearer {bearer.reveal()}"
    return request
