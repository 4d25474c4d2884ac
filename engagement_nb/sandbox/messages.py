"""A request and its response, without any server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

import orjson

JSON = "application/json;charset=utf-8"
HTML = "text/html;charset=utf-8"
FORM = "application/x-www-form-urlencoded"


class RefusedError(Exception):
    """A request that is refused.

    Parameters
    ----------
    status
        HTTP status.
    *texts
        What is wrong; the content of ``errors``.
    document
        The body, if it has another form.
    """

    def __init__(self, status: int, *texts: str, document: dict[str, Any] | None = None) -> None:
        super().__init__(*texts)
        self.status = status
        self.texts = texts
        self.document = document or {"errors": list(texts)}

    def reply(self) -> Reply:
        """Give the response."""
        return as_json(self.document, self.status)


@dataclass(frozen=True)
class Call:
    """One request.

    Parameters
    ----------
    method, url
        As the client sent them; the URL has scheme, host, path and query.
    headers
        With names in lower case.
    body
        Its bytes.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def parts(self) -> SplitResult:
        """The parts of the URL; empty if it cannot be read."""
        try:
            return urlsplit(self.url)
        except ValueError:
            return urlsplit("")

    @cached_property
    def path(self) -> str:
        """The decoded path."""
        return unquote(self.parts.path) or "/"

    @property
    def base(self) -> str:
        """The URL's scheme and host."""
        return f"{self.parts.scheme}://{self.parts.netloc}"

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each parameter in the URL."""
        return _fields(self.parts.query)

    @cached_property
    def form(self) -> dict[str, str]:
        """The last value of each field of the body; empty if it has none."""
        return _fields(self.body.decode("utf-8", "replace"))

    @cached_property
    def takes_gzip(self) -> bool:
        """Whether ``Accept-Encoding`` allows gzip."""
        wanted = self.headers.get("accept-encoding", "").lower()
        coded = [part.strip().replace(" ", "") for part in wanted.split(",")]
        names = {part.partition(";")[0]: part.partition(";q=")[2] for part in coded}
        return names.get("gzip", names.get("*", "0")) not in ("0", "0.0", "0.00", "0.000")


@dataclass
class Reply:
    """One response.

    Parameters
    ----------
    status, headers, body
        What the client gets. Names of headers are in lower case.
    fault
        What goes wrong on the way: "drop" (the connection ends without a response), "cut" (it
        ends in the middle of the body), "slow" (the body comes in small pieces), or "".
    delay
        Seconds until it is sent.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""
    delay: float = 0.0


def as_json(document: Any, status: int = 200, *, indent: bool = False) -> Reply:
    """Make a response of a JSON document."""
    option = orjson.OPT_INDENT_2 if indent else None
    return Reply(status, {"content-type": JSON}, orjson.dumps(document, option=option))


def as_html(text: str, status: int = 200) -> Reply:
    """Make a response of a page."""
    return Reply(status, {"content-type": HTML}, text.encode())


def as_form(fields: Mapping[str, str]) -> Reply:
    """Make a response of form fields."""
    return Reply(200, {"content-type": FORM}, urlencode(fields).encode())


def redirect(url: str, **query: str) -> Reply:
    """Send the browser to an address with more parameters."""
    joint = "&" if "?" in url else "?"
    return Reply(303, {"location": f"{url}{joint}{urlencode(query)}"})


def headers_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give headers by lower-case name; a name that comes twice has both values."""
    headers: dict[str, str] = {}
    for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def shown(value: Any) -> str:
    """Give a value from a request for a text about it."""
    if isinstance(value, (list, dict)):
        # However deep they are nested.
        return "[...]" if isinstance(value, list) else "{...}"
    text = value if isinstance(value, str) else orjson.dumps(value, default=repr).decode()
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(coded: str) -> dict[str, str]:
    try:
        fields = parse_qs(coded, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    return {key: values[-1] for key, values in fields.items()}
