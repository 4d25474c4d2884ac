"""Web pages of other sites, and connections that stop half-way, over a real socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from engagement_nb.sandbox import Sandbox

SCRIPT = '{"script": ["503"]}'


def faults(sandbox: Sandbox) -> Any:
    return requests.get(sandbox.url + "/sandbox/faults").json()["script"]


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:{port}",
        "127.0.0.1.rebound.example",
        "10.0.0.7",
        "",
        "[x",
    ],
)
@pytest.mark.parametrize("path", ["/", "/sandbox/accounts", "/insights/engagement/totals"])
def test_a_host_name_that_is_not_loopback_is_refused(
    sandbox: Sandbox, host: str, path: str
) -> None:
    """DNS rebinding: the page's own name points to this machine."""
    sent = host.format(port=urlsplit(sandbox.url).port)
    for method in ("GET", "POST"):
        response = requests.request(method, sandbox.url + path, headers={"Host": sent})
        assert response.status_code == 421
        assert "SANDBOX" not in response.text
        assert "loopback" in response.json()["errors"][0]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:{port}", "127.0.0.1", "127.1.2.3", "[::1]:{port}"]
)
def test_loopback_names_are_answered(sandbox: Sandbox, host: str) -> None:
    sent = host.format(port=urlsplit(sandbox.url).port)
    assert requests.get(sandbox.url + "/sandbox/ids", headers={"Host": sent}).ok


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://site.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_cannot_use_the_controls(
    sandbox: Sandbox, headers: dict[str, str]
) -> None:
    """As a browser sends them without a preflight: text/plain, across origins."""
    sent = {"Content-Type": "text/plain", **headers}
    url = sandbox.url + "/sandbox/"
    assert requests.post(url + "faults", SCRIPT, headers=sent).status_code == 403
    assert requests.delete(url + "faults", headers=sent).status_code == 403
    assert requests.post(url + "restore", headers=sent).status_code == 403
    assert requests.get(url + "accounts", headers=sent).status_code == 403
    form = {"oauth_token": "x", "account": "0"}
    assert requests.post(sandbox.url + "/oauth/authorize", form, headers=headers).status_code == 403
    assert faults(sandbox) == []


def test_its_own_pages_and_programs_can_use_the_controls(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = make_sandbox()
    url = sandbox.url + "/sandbox/faults"
    for headers in ({}, {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"}):
        assert requests.post(url, SCRIPT, headers=headers).ok
        assert faults(sandbox) == ["503"]
        assert requests.delete(url, headers=headers).ok


def test_a_link_from_another_site_opens_the_pages_for_people(sandbox: Sandbox) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert requests.get(sandbox.url, headers=headers).ok


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /insights/engagement/totals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le",
        b"POST /insights/engagement/totals HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Length: 100\r\n\r\n{",
        b"POST /oauth2/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\na",
        b"POST /sandbox/faults HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body", "half a form", "half a control"],
)
def test_an_incomplete_request_is_dropped(
    make_sandbox: Callable[..., Sandbox], sent: bytes
) -> None:
    sandbox = make_sandbox(request_timeout=0.2)
    parts = urlsplit(sandbox.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(4096):
                received += part
    assert received.partition(b"\r\n")[0] in (b"", b"HTTP/1.1 408 Request Timeout") or (
        b"oauth2" in sent and b" 403 " in received
    )


def test_an_incomplete_second_request_on_a_connection_is_dropped(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    parts = urlsplit(make_sandbox(request_timeout=0.2).url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"GET /sandbox/faults HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sand")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(4096):
                received += part
    assert received.count(b"HTTP/1.1 200 OK") == 1
