"""What the cells of lessons show: requests with their responses, JSON, claims, verdicts."""

from __future__ import annotations

import html
import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from engagement_nb.client.credentials import redact

_LONGEST = 34
"""Lines of a body that are shown."""
_MOST_ITEMS = 20
"""Items of a list that are shown."""
_WIDTH = 54
_SECRETS = re.compile(
    r'(oauth_(?:consumer_key|token|signature)=")[^"]*|(Bearer |Basic )\S+', re.IGNORECASE
)
_HEADERS = ("host", "authorization", "content-type", "retry-after")
_GREEN, _RED, _GRAY = "#009E73", "#D55E00", "#8A8A8A"


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Parameters
    ----------
    right
        None if there is no answer.
    text
        The hint, or what a right answer shows.
    unanswered
        The first word if there is no answer.
    """

    right: bool | None
    text: str
    unanswered: str = "Exercise."

    @property
    def _mark(self) -> str:
        return {True: "Right.", False: "Not yet.", None: self.unanswered}[self.right]

    def __repr__(self) -> str:
        return f"{self._mark} {self.text}"

    def _repr_html_(self) -> str:
        color = {True: _GREEN, False: _RED, None: _GRAY}[self.right]
        return (
            f'<div style="border-left:4px solid {color};padding:4px 10px;max-width:860px">'
            f"<b>{self._mark}</b> {html.escape(self.text)}</div>"
        )


_ORIGINS = Path(__file__).with_name("claims.toml").read_text("utf-8")
ORIGINS: dict[str, dict[str, str]] = tomllib.loads(_ORIGINS)
"""Where the sentences of the lessons are from, by key: kind, source and date of a `Claim`."""


@dataclass(frozen=True)
class Claim:
    """A sentence about the API.

    Parameters
    ----------
    text
        The sentence.
    is_true
        Whether the cell above has shown it, on this sandbox or account.
    kind
        "documented", "recorded", "assumed here", or "checked here" for this package.
    source, date
        Where it is said, and the dates of those pages or recordings.
    """

    text: str
    is_true: bool
    kind: str
    source: str
    date: str = ""

    @property
    def _said(self) -> str:
        return f"{self.source}, {self.date}" if self.date else self.source

    def __repr__(self) -> str:
        seen = "seen" if self.is_true else "NOT SEEN"
        return f"{seen}: {self.text} [{self.kind}: {self._said}]"

    def _repr_html_(self) -> str:
        mark, color = ("✓", _GREEN) if self.is_true else ("✗", _RED)
        text, kind, said = map(html.escape, (self.text, self.kind, self._said))
        return (
            f'<div style="max-width:860px"><b style="color:{color}">{mark}</b>'
            f' {text} <small title="{kind}: {said}"'
            f' style="border:1px solid {_GRAY};border-radius:3px;padding:0 4px">'
            f'{kind}</small> <small style="opacity:.75">{said}</small></div>'
        )


@dataclass(frozen=True)
class Document:
    """A JSON document."""

    content: Any

    def __repr__(self) -> str:
        return _body(self.content)

    def _repr_html_(self) -> str:
        return f'<div style="max-width:640px">{_pre(_body(self.content))}</div>'


@dataclass(frozen=True, eq=False)
class Exchange:
    """A request and its response; shown with every secret masked.

    Parameters
    ----------
    response
        The response.
    sandbox
        Whether the response is from the sandbox.
    """

    response: httpx.Response
    sandbox: bool

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers."""
        return self.response.headers

    @cached_property
    def json(self) -> Any:
        """The response's body, parsed; None if it is not JSON."""
        try:
            return self.response.json()
        except ValueError:
            return None

    @property
    def errors(self) -> str:
        """The response's ``errors``, as one text."""
        return " | ".join((self.json or {}).get("errors", []))

    @property
    def groups(self) -> dict[str, Any]:
        """The first grouping of the response; empty if there is none."""
        asked = json.loads(self.response.request.content or "{}").get("groupings")
        found = (self.json or {}).get(next(iter(asked or ()), ""))
        return found if isinstance(found, dict) else {}

    @property
    def request_text(self) -> str:
        """The request as text."""
        request = self.response.request
        first = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"
        body = _body(json.loads(request.content)) if request.content else ""
        return _message(first, request.headers, body)

    @property
    def response_text(self) -> str:
        """The response as text."""
        first = f"HTTP/1.1 {self.status} {self.response.reason_phrase}".rstrip()
        return _message(first, self.headers, _body(self.json))

    def __repr__(self) -> str:
        mark = " (SANDBOX)" if self.sandbox else ""
        return f"{self.request_text}\n\n--- response{mark} ---\n\n{self.response_text}"

    def _repr_html_(self) -> str:
        mark = f' <b style="color:{_RED}">SANDBOX</b>' if self.sandbox else ""
        boxes = "".join(
            f'<div style="flex:1 1 380px;min-width:0">'
            f'<div style="font-weight:600;font-size:90%">{name}</div>{_pre(text)}</div>'
            for name, text in (
                ("request", self.request_text),
                (f"response{mark}", self.response_text),
            )
        )
        return f'<div style="display:flex;flex-wrap:wrap;gap:12px;max-width:1000px">{boxes}</div>'


def _message(first: str, headers: Mapping[str, str], body: str) -> str:
    shown = [name for name in headers if name in _HEADERS or name.startswith("x-")]
    head = [f"{name}: {headers[name]}" for name in shown]
    masked = _SECRETS.sub(lambda m: f"{m[1] or m[2]}[secret]", "\n".join([first, *head]))
    return redact(f"{masked}\n\n{body}".rstrip())


def _pre(text: str) -> str:
    return (
        '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:82%;line-height:1.35;'
        "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        'border:1px solid #D9D9D9;padding:8px;margin:2px 0 10px">'
        f"{html.escape(text)}</pre>"
    )


def _body(document: Any) -> str:
    if document is None:
        return "(no JSON)"
    lines = _compact(document).split("\n")
    if len(lines) > _LONGEST:
        lines = [*lines[:_LONGEST], f"... and {len(lines) - _LONGEST:,} more lines"]
    return "\n".join(lines)


def _compact(value: Any, indent: str = "", name: str = "") -> str:
    """Format JSON in few lines: a value that fits into one line gets one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent + name + flat) <= _WIDTH:
        return f"{indent}{name}{flat}"
    inner = indent + "  "
    if isinstance(value, dict):
        items = [_compact(item, inner, f"{json.dumps(key)}: ") for key, item in value.items()]
        opening, closing, nested = "{", "}", [*value.values()]
    else:
        items = [_compact(item, inner) for item in value[:_MOST_ITEMS]]
        opening, closing, nested = "[", "]", value
        if len(value) > _MOST_ITEMS:
            items.append(f"{inner}... and {len(value) - _MOST_ITEMS} more")
    text = ",\n".join(items)
    if not any(isinstance(item, dict | list) for item in nested):
        # Several plain values fit into a line. Their own spaces must not become line breaks.
        joined = ", ".join(item.strip().replace(" ", "\xa0") for item in items)
        text = textwrap.fill(
            joined, _WIDTH, initial_indent=inner, subsequent_indent=inner,
            break_long_words=False, break_on_hyphens=False,
        ).replace("\xa0", " ")  # fmt: skip
    return f"{indent}{name}{opening}\n{text}\n{indent}{closing}"
