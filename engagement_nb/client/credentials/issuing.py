"""Requests to a host that issues tokens, within limits, and the tokens in its responses."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import httpx

from engagement_nb.apis.contract import Api
from engagement_nb.apis.refusals import error_for
from engagement_nb.client.bounds import BoundedConnection, load_json
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.credentials.tokens import Tokens
from engagement_nb.errors import ConnectionTroubleError

TIMEOUT = 30.0
"""Seconds for one response in all."""
MOST_BYTES = 100_000
"""Of one response. The real ones have some 200."""


def send(request: httpx.Request, what: str, variable: str) -> httpx.Response:
    """Send one request, on a connection of its own.

    Parameters
    ----------
    request
        The request, signed.
    what
        What was asked for, to begin an error.
    variable
        The environment variable that names the host.

    Raises
    ------
    ConnectionTroubleError
        The host does not respond in time, or its response is too large.
    """
    connection = BoundedConnection(TIMEOUT, MOST_BYTES, timeout=TIMEOUT)
    try:
        with connection.http as http, connection.exchange() as extensions:
            request.extensions.update(extensions)
            return http.send(request)
    except httpx.HTTPError as error:
        # From None, because httpx's error contains the request and its signature.
        raise ConnectionTroubleError(
            f"{what}: the login host did not respond ({type(error).__name__}).",
            advice=f"Check the network, and {variable} if it is set.",
        ) from None


def basic(name: str, secret: str) -> Secret:
    """The value of a header with a name and a secret."""
    # RFC 6749, 2.3.1: both are url-encoded before they are joined.
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")


def bearer_in(response: httpx.Response, api: Api, where: str) -> Tokens:
    """The bearer token that a host issued, with what renews it.

    Parameters
    ----------
    response
        The response, read.
    api
        Whose refusals explain it.
    where
        What was asked for, to begin an error.

    Raises
    ------
    ApiError
        It issued none.
    """
    texts: list[str] = []
    try:
        told = load_json(response.content)
        if response.is_success and str(told["token_type"]).lower() == "bearer":
            access, life = told["access_token"], float(told.get("expires_in") or 0)
            if isinstance(access, str) and access:
                expires = time.time() + life if life else None
                refresh = Secret(str(told.get("refresh_token") or ""))
                return Tokens(Secret(access), refresh, expires)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    try:
        told = load_json(response.content)
        listed = [e if isinstance(e, str) else e["message"] for e in told.get("errors", ())]
        words = [*listed, told.get("error"), told.get("error_description")]
        texts = [mask(word)[:200] for word in words if isinstance(word, str)]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    # A refused app, token or code is 400 or 403; what to do is what a 401 says.
    status = 401 if response.status_code in (400, 401, 403) else response.status_code
    raise error_for(api, status, texts, where=where)
