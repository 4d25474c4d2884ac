"""One request and its answer as they go over the wire, for people to look at."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from engagement_nb.client.credentials import Profile, redact
from engagement_nb.vocabulary import ENDPOINTS

LONGEST = 34
"""Lines of a body that are shown; the rest is counted."""
MOST_IDS = 20
"""Longest list that is shown whole."""
_WIDE = 54
_TOKENS = re.compile(
    r'(oauth_(?:consumer_key|token|signature)=")[^"]*|(Bearer |Basic )\S+', re.IGNORECASE
)
_SHOWN = ("host", "authorization", "content-type", "retry-after")


@dataclass(frozen=True, eq=False)
class Exchange:
    """A request and its answer; shown with every secret masked.

    Parameters
    ----------
    status
        HTTP status.
    json
        The answer's body, parsed; None where it is no JSON.
    headers
        The answer's headers.
    sent
        The request's body.
    """

    status: int
    json: Any
    headers: Mapping[str, str]
    sent: Any
    _head: tuple[str, ...] = field(repr=False)
    _reason: str = field(repr=False)
    _sandbox: bool = field(repr=False)

    @property
    def errors(self) -> str:
        """What the answer's ``errors`` say, as one text."""
        return " | ".join((self.json or {}).get("errors", []))

    @property
    def groups(self) -> dict[str, Any]:
        """The first grouping of the answer; empty where there is none."""
        name = next(iter(self.sent.get("groupings", {})), "")
        found = (self.json or {}).get(name)
        return found if isinstance(found, dict) else {}

    @property
    def request_text(self) -> str:
        """The request, as text."""
        return redact("\n".join([*self._head, "", _body(self.sent)]))

    @property
    def answer_text(self) -> str:
        """The answer, as text."""
        head = [f"HTTP/1.1 {self.status} {self._reason}".rstrip()]
        head += [f"{k}: {v}" for k, v in self.headers.items() if k in _SHOWN or k[:2] == "x-"]
        return redact("\n".join([*head, "", _body(self.json)]))

    def __repr__(self) -> str:
        mark = " (SANDBOX)" if self._sandbox else ""
        return f"{self.request_text}\n\n--- answer{mark} ---\n\n{self.answer_text}"

    def _repr_html_(self) -> str:
        mark = ' <b style="color:#D55E00">SANDBOX</b>' if self._sandbox else ""
        boxes = [("request", "", self.request_text), ("answer", mark, self.answer_text)]
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:12px;max-width:1000px">'
            + "".join(_box(name, extra, text) for name, extra, text in boxes)
            + "</div>"
        )


@dataclass(frozen=True)
class Shown:
    """A document, shown as JSON."""

    document: Any

    def __repr__(self) -> str:
        return _body(self.document)

    def _repr_html_(self) -> str:
        return f'<div style="max-width:640px">{_pre(_body(self.document))}</div>'


def send(
    profile: Profile,
    endpoint: str,
    body: Any,
    *,
    auth: str = "user",
    header: str | None = None,
) -> Exchange:
    """Send one request and show both sides.

    Parameters
    ----------
    profile
        Whose tokens, and where to.
    endpoint
        "totals", "28hr" or "historical".
    body
        The body, sent as JSON.
    auth
        "user" to sign with the user's tokens, "app" for the bearer token.
    header
        An Authorization header to send as it stands, instead.
    """
    url = profile.hosts.api + ENDPOINTS[endpoint].path
    client = _http(loopback=profile.hosts.sandbox)
    request = client.build_request("POST", url, json=body)
    if header is not None:
        request.headers["Authorization"] = header
        answer = client.send(request)
    else:
        answer = client.send(
            request, auth=profile.user_auth() if auth == "user" else profile.app_auth()
        )
    try:
        parsed = answer.json()
    except ValueError:
        parsed = None
    shown = {name: value for name, value in answer.request.headers.items() if name in _SHOWN}
    head = (
        f"POST {ENDPOINTS[endpoint].path} HTTP/1.1",
        *(f"{name}: {_masked(value)}" for name, value in shown.items()),
    )
    return Exchange(
        answer.status_code, parsed, dict(answer.headers), body, head, answer.reason_phrase,
        profile.hosts.sandbox,
    )  # fmt: skip


@cache
def _http(*, loopback: bool) -> httpx.Client:
    """One client for all lessons; a proxy of the environment is never meant for loopback."""
    return httpx.Client(timeout=60, trust_env=not loopback)


def _masked(value: str) -> str:
    return _TOKENS.sub(lambda m: f"{m[1] or m[2]}[secret]", value)


def _box(name: str, extra: str, text: str) -> str:
    return (
        '<div style="flex:1 1 380px;min-width:0">'
        f'<div style="font-weight:600;font-size:90%">{name}{extra}</div>'
        f"{_pre(text)}</div>"
    )


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
    lines = list(_lines(document, "", ""))
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST], f"... and {len(lines) - LONGEST:,} more lines"]
    return "\n".join(lines)


def _lines(value: Any, indent: str, name: str) -> Iterator[str]:
    """JSON in as few lines as can be read: what fits into one line stays in one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= _WIDE - len(indent) - len(name) or not isinstance(value, dict | list):
        yield f"{indent}{name}{flat}"
        return
    inner = indent + "  "
    plain = not any(isinstance(item, dict | list) for item in _items(value))
    if plain:
        parts = [[line] for line in _filled(value, inner)]
    elif isinstance(value, dict):
        parts = [list(_lines(v, inner, f"{json.dumps(k)}: ")) for k, v in value.items()]
    else:
        parts = [list(_lines(item, inner, "")) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{name}{opening}"
    for i, part in enumerate(parts):
        part[-1] += "," if i < len(parts) - 1 else ""
        yield from part
    yield f"{indent}{closing}"


def _items(value: dict[str, Any] | list[Any]) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value


def _filled(values: dict[str, Any] | list[Any], indent: str) -> list[str]:
    """Plain values, several a line."""
    texts = [json.dumps(value, ensure_ascii=False) for value in _items(values)]
    if isinstance(values, dict):
        texts = [f"{json.dumps(k)}: {text}" for k, text in zip(values, texts, strict=True)]
    if len(texts) > MOST_IDS and not isinstance(values, dict):
        texts = [*texts[: MOST_IDS - 2], f"... and {len(texts) - MOST_IDS + 2} more"]
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 2 <= _WIDE:
            lines[-1] += f", {text}"
        else:
            lines.append(indent + text)
    return lines
