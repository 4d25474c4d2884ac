"""Signing of requests: OAuth 1.0a user tokens, and the app's bearer token, as ``httpx.Auth``.

Both are generators of requests in httpx's manner, and can be tested without a network.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Generator
from typing import Any, cast
from urllib.parse import quote

import httpx
import oauthlib.oauth1

from engagement_nb.client.credentials.secret import Secret, hush_signing_logs, redact
from engagement_nb.client.hosts import require_safe
from engagement_nb.refusals import error_for
from engagement_nb.vocabulary import PATH_BEARER_TOKEN

hush_signing_logs()

_bearers: dict[tuple[str, Secret, Secret], Secret] = {}
_bearers_lock = threading.Lock()


def _same_host(one: httpx.URL, other: str) -> bool:
    # httpx drops a scheme's default port, so https://host:443 and https://host compare equal.
    base = httpx.URL(other)
    return (one.scheme, one.host, one.port) == (base.scheme, base.host, base.port)


def _guard(request: httpx.Request, api: str) -> None:
    require_safe(f"{request.url.scheme}://{request.url.netloc.decode()}")
    if not _same_host(request.url, api):
        raise ValueError(f"this profile's tokens are for {api}, not for {request.url.host}")


class UserAuth(httpx.Auth):
    """OAuth 1.0a, HMAC-SHA1, in the Authorization header; the JSON body is not signed.

    Parameters
    ----------
    api
        Base URL of the only host that requests are signed for.
    consumer_key, consumer_secret, access_token, access_token_secret
        The app's pair and the user's pair.
    """

    def __init__(
        self,
        api: str,
        consumer_key: Secret,
        consumer_secret: Secret,
        access_token: Secret,
        access_token_secret: Secret,
    ) -> None:
        self._api = api
        self._secrets = (consumer_key, consumer_secret, access_token, access_token_secret)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request, with a nonce and a time of its own."""
        _guard(request, self._api)
        key, secret, token, token_secret = (part.reveal() for part in self._secrets)
        signer = oauthlib.oauth1.Client(
            key,
            client_secret=secret,
            resource_owner_key=token,
            resource_owner_secret=token_secret,
        )
        _, headers, _ = signer.sign(str(request.url), http_method=cast(Any, request.method))
        request.headers["Authorization"] = headers["Authorization"]
        yield request


class AppAuth(httpx.Auth):
    """The app's bearer token, fetched from key and secret when there is none, and kept.

    A token that was fetched is kept for the life of the process and shared by all of its
    threads; one that the API no longer takes is fetched anew, once.

    Parameters
    ----------
    api, auth
        Base URLs of the API and of the host that gives out tokens.
    consumer_key, consumer_secret
        The app's pair; may be empty where a bearer token is given.
    bearer_token
        A bearer token; empty to have it fetched.
    """

    requires_response_body = True

    def __init__(
        self,
        api: str,
        auth: str,
        consumer_key: Secret,
        consumer_secret: Secret,
        bearer_token: Secret,
    ) -> None:
        self._api = api
        self._auth = auth
        self._key = consumer_key
        self._secret = consumer_secret
        self._bearer = bearer_token
        self._pair = (auth, consumer_key, consumer_secret)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the bearer token, fetching it first where there is none."""
        _guard(request, self._api)
        if self._bearer:
            request.headers["Authorization"] = f"Bearer {self._bearer.reveal()}"
            yield request
            return
        kept = self._kept()
        bearer = kept or (yield from self._fetch(request))
        request.headers["Authorization"] = f"Bearer {bearer.reveal()}"
        response = yield request
        if kept and response.status_code == httpx.codes.UNAUTHORIZED:
            self._forget(kept)
            bearer = yield from self._fetch(request)
            request.headers["Authorization"] = f"Bearer {bearer.reveal()}"
            yield request

    def _kept(self) -> Secret | None:
        with _bearers_lock:
            return _bearers.get(self._pair)

    def _forget(self, bearer: Secret) -> None:
        with _bearers_lock:
            if _bearers.get(self._pair) == bearer:
                del _bearers[self._pair]

    def _fetch(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, Secret]:
        require_safe(self._auth)
        # RFC 6749, 2.3.1: both are url-encoded before they are joined.
        pair = f"{quote(self._key.reveal(), safe='')}:{quote(self._secret.reveal(), safe='')}"
        basic = Secret(base64.b64encode(pair.encode()).decode())
        response = yield httpx.Request(
            "POST",
            self._auth + PATH_BEARER_TOKEN,
            headers={"Authorization": f"Basic {basic.reveal()}"},
            data={"grant_type": "client_credentials"},
            # The timeouts and the deadline of the request that the token is for.
            extensions=dict(request.extensions),
        )
        bearer = _bearer_in(response)
        with _bearers_lock:
            _bearers[self._pair] = bearer
        return bearer


def _bearer_in(response: httpx.Response) -> Secret:
    texts: list[str] = []
    try:
        answer = response.json()
        if response.is_success and answer["token_type"] == "bearer":  # noqa: S105
            return Secret(answer["access_token"])
        told = answer.get("errors", [])
        texts = [redact(e if isinstance(e, str) else str(e["message"])) for e in told]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    status = 401 if response.status_code == httpx.codes.FORBIDDEN else response.status_code
    raise error_for(status, texts, where="the bearer token")
