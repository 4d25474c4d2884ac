"""What the client has to know of an API besides its facts: how requests and responses look.

An adapter builds the call of a request, reads the figures of a response, and finds the API's own
words in a response without figures. The rest is data: which refusal those words are, and which
headers tell the state of a quota, are facts of the `Api`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from engagement_nb.apis.contract import Api
from engagement_nb.apis.refusals import error_for
from engagement_nb.client.bounds import load_json
from engagement_nb.client.credentials.secret import mask
from engagement_nb.client.request import Request, Response
from engagement_nb.errors import ApiError, ServerTroubleError

_MOST_TEXT = 100_000
"""Characters of the API's error texts; a refusal of 250 Tweets has about 20,000."""


@dataclass(frozen=True)
class Call:
    """A request as HTTP sends it.

    Parameters
    ----------
    method, path
        "GET" or "POST", and the path at the API's host.
    query
        Parameters of the address.
    content
        The body.
    headers
        Headers besides those of every request.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Adapter(Protocol):
    """Builds the requests of one API and reads its responses."""

    @property
    def api(self) -> Api:
        """The facts."""
        ...

    def call(self, request: Request) -> Call:
        """Build the call of a request."""
        ...

    def read(self, request: Request, raw: bytes, read_at: datetime) -> Response:
        """Read the figures of a response with a status of success.

        Parameters
        ----------
        request
            The request.
        raw
            The body, decoded.
        read_at
            When it arrived, UTC.

        Raises
        ------
        ApiError
            There are none: made by `refusal_of` from the API's words, or a
            `ServerTroubleError` if the response is not as documented.
        """
        ...

    def texts(self, raw: bytes) -> tuple[str, ...]:
        """The API's own words in a response without figures; empty if it has none."""
        ...


def refusal_of(
    api: Api,
    request: Request,
    status: int,
    texts: tuple[str, ...],
    clock_off: timedelta | None = None,
) -> ApiError:
    """The error for a response without data: see `engagement_nb.apis.refusals.error_for`."""
    where = where_of(request)
    return error_for(
        api, status, texts, where=where, tweet_ids=request.tweet_ids, clock_off=clock_off
    )


def unreadable(request: Request, why: str, status: int = 200) -> ServerTroubleError:
    """The error for a response that is not as documented.

    Parameters
    ----------
    request
        The request.
    why
        What the response is.
    status
        Its status.
    """
    return ServerTroubleError(
        f"{where_of(request)}: the API's response is {why} (status {status}).",
        advice="Try again later. If this continues, look at the API's status page, and check for a"
        " proxy or a sign-in page between here and the API.",
        status=status,
    )


def json_object(raw: bytes) -> dict[str, Any] | None:
    """Parse a response; None if it is no object of JSON."""
    try:
        document = load_json(raw)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def shown(texts: Iterable[str]) -> tuple[str, ...]:
    """The API's own words without secrets, as many as fit into `_MOST_TEXT` characters."""
    kept, length = [], 0
    for text in texts:
        length += len(text) + 1
        if length > _MOST_TEXT:
            break
        kept.append(text.replace("\0", " "))
    # All texts at once, because each search looks up the secrets.
    return tuple(mask("\0".join(kept)).split("\0")) if kept else ()


def where_of(request: Request) -> str:
    """What was requested and with whose tokens, to begin an error."""
    return f"{request.endpoint}, profile {request.profile.name!r}"
