"""Requests of strangers that a server must not choke on, by clients that are not ours."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from oauthlib.oauth1 import Client
from requests_oauthlib import OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied

from engagement_nb.sandbox import Sandbox
from tests.sandbox.helpers import owner, post
from tests.sandbox.sign_in import authorize

Make = Callable[..., Sandbox]
TOTALS = "/insights/engagement/totals"


def question(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "tweet_ids": sandbox.ids("own", 1),
        "engagement_types": ["favorites"],
        "groupings": {"g": {"group_by": ["engagement.type"]}},
    }


class Odd(Client):
    """oauthlib's client, with parameters of one's own."""

    more: tuple[tuple[str, str], ...] = ()

    def get_oauth_params(self, request: Any) -> list[tuple[str, str]]:
        changed = dict(self.more)
        usual = [pair for pair in super().get_oauth_params(request) if pair[0] not in changed]
        return [*usual, *self.more]


def client(sandbox: Sandbox, **more: str) -> Odd:
    first = sandbox.accounts[0]
    signer = Odd(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        first.access_token,
        first.access_token_secret,
    )
    signer.more = tuple(more.items())
    return signer


def ask(sandbox: Sandbox, signed_url: str, host: str = "", **more: str) -> requests.Response:
    _, headers, _ = client(sandbox, **more).sign(signed_url, "POST")
    if host:
        headers["Host"] = host
    return requests.post(sandbox.url + TOTALS, json=question(sandbox), headers=headers)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"oauth_version": "1.0a"}, 200),
        ({"oauth_version": "1.0A"}, 200),
        ({"oauth_version": "2.0"}, 401),
        ({"oauth_nonce": "n" * 1000}, 200),
    ],
)
def test_a_header_of_a_stranger_is_accepted(
    sandbox: Sandbox, more: dict[str, str], status: int
) -> None:
    assert ask(sandbox, sandbox.url + TOTALS, **more).status_code == status


@pytest.mark.parametrize("body", [b"{}", b'{"tweet_ids": ["1"]}', b""])
def test_a_wrong_body_hash_is_refused_although_it_is_signed(sandbox: Sandbox, body: bytes) -> None:
    url = sandbox.url + TOTALS
    for hashed, status in ((body, 400), (b"another body", 401)):
        digest = base64.b64encode(hashlib.sha1(hashed).digest()).decode()
        _, headers, _ = client(sandbox, oauth_body_hash=digest).sign(url, "POST")
        assert requests.post(url, body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("data-api.twitter.com", 200),
        ("data-api.twitter.com:443", 200),
        ("Data-API.Twitter.COM", 200),
        ("data-api.x.com", 200),
        ("DATA-API.X.COM:443", 200),
        ("data-api.x.com:8443", 421),
        ("api.x.com", 421),
        ("data-api.x.com:port", 421),
    ],
)
def test_one_sandbox_has_several_public_addresses(
    make_sandbox: Make, host: str, status: int
) -> None:
    """As behind a TLS proxy, which passes on the host that the client called."""
    sandbox = make_sandbox(public_url=["https://data-api.twitter.com", "https://data-api.x.com"])
    signed = f"https://{host.lower().partition(':')[0]}{TOTALS}"
    assert ask(sandbox, signed, host).status_code == status


def test_a_public_address_may_have_a_port(make_sandbox: Make) -> None:
    sandbox = make_sandbox(public_url="https://api.example:8443")
    assert ask(sandbox, f"https://api.example:8443{TOTALS}", "api.example:8443").ok
    assert ask(sandbox, f"https://api.example{TOTALS}", "api.example").status_code == 421


def test_a_request_through_a_proxy_has_the_whole_address_in_its_first_line(
    make_sandbox: Make,
) -> None:
    """requests and curl, with the sandbox as their proxy: the address precedes ``Host``."""
    sandbox = make_sandbox(public_url="http://data-api.twitter.com")
    url = f"http://data-api.twitter.com{TOTALS}"
    response = requests.post(
        url, json=question(sandbox), auth=owner(sandbox), proxies={"http": sandbox.url}
    )
    assert (response.status_code, list(response.json())) == (200, ["g"])
    curl = shutil.which("curl")
    assert curl, "curl is needed"
    command = [curl, "--silent", "--compressed", "--proxy", sandbox.url, url]
    command += ["--header", f"Authorization: Bearer {sandbox.bearer_token}"]
    command += ["--header", "Host: elsewhere.example", "--json", json.dumps(question(sandbox))]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert list(json.loads(done.stdout)) == ["g"]


def left(response: requests.Response) -> tuple[int, int]:
    return response.status_code, int(response.headers["x-per-minute-remaining"])


@pytest.mark.parametrize("shared", [True, False])
def test_refusals_before_authentication_tell_what_is_really_left(
    make_sandbox: Make, shared: bool
) -> None:
    sandbox = make_sandbox(per_minute=9, shared=shared)
    for _ in range(2):
        post(sandbox, "totals", ["1"], ["favorites"])
    plain = {"Accept-Encoding": "identity"}
    url = sandbox.url + TOTALS
    assert left(post(sandbox, "totals", ["1"], ["favorites"], headers=plain)) == (406, 7)
    assert left(requests.post(url, headers={"Authorization": "Bearer nonsense"})) == (401, 7)
    assert left(requests.post(url)) == (401, 7)
    assert left(requests.post(sandbox.url + "/nowhere", auth=owner(sandbox))) == (404, 7)
    assert left(requests.get(url, auth=owner(sandbox))) == (405, 7)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "\x80"])
def test_an_origin_that_cannot_be_read_is_another_site(sandbox: Sandbox, origin: str) -> None:
    response = requests.get(sandbox.url, headers={"Origin": origin})
    assert response.status_code == 403


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [10, 250, 900, 1005])
@pytest.mark.parametrize("key", ["tweet_ids", "start", "end", "engagement_types", "groupings"])
def test_values_nested_deeply_are_refused(sandbox: Sandbox, key: str, depth: int) -> None:
    body = question(sandbox) | {key: "HERE"}
    raw = json.dumps(body).replace('"HERE"', nested(depth))
    url = sandbox.url + "/insights/engagement/historical"
    response = requests.post(
        url, raw, auth=owner(sandbox), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["errors"]


@pytest.mark.parametrize("depth", [10, 900, 1005])
def test_the_sandbox_s_own_paths_refuse_values_nested_deeply(sandbox: Sandbox, depth: int) -> None:
    deep = nested(depth)
    for path, raw in (
        ("truth", f'{{"ids": [{deep}]}}'),
        ("truth", f'{{"ids": {deep}}}'),
        ("truth", f'{{"ids": [], "start": {deep}}}'),
        ("truth", deep),
        ("faults", f'{{"latency": {deep}}}'),
        ("faults", f'{{"script": [{deep}]}}'),
        ("faults", f'{{"paths": {{"/x": {deep}}}}}'),
        ("revoke", f'{{"token": {deep}}}'),
    ):
        response = requests.post(f"{sandbox.url}/sandbox/{path}", raw)
        assert response.status_code == 400, (path, raw[:40], response.text)


class Explorer(OAuth1Session):
    """As the vendor's explorer (a PHP program) signs in: with a user's tokens throughout."""

    def __init__(self, sandbox: Sandbox) -> None:
        first = sandbox.accounts[0]
        super().__init__(
            sandbox.consumer_key,
            sandbox.consumer_secret,
            first.access_token,
            first.access_token_secret,
        )

    def finish(self, url: str, token: str, verifier: str) -> requests.Response:
        signer = self._client.client
        odd = Odd(
            signer.client_key,
            signer.client_secret,
            token,
            signer.resource_owner_secret,
            verifier=verifier,
        )
        _, headers, _ = odd.sign(url, "POST")
        return requests.post(url, {"oauth_token": token}, headers=headers)


def test_the_vendors_explorer_signs_a_login_with_a_users_tokens(make_sandbox: Make) -> None:
    sandbox = make_sandbox(user_signed_login=True)
    explorer = Explorer(sandbox)
    asked = explorer.post(
        sandbox.url + "/oauth/request_token", {"callback_url": "https://explorer.example/"}
    )
    told = dict(pair.split("=") for pair in asked.text.split("&"))
    assert told["oauth_callback_confirmed"] == "true"
    pin = authorize(sandbox, told["oauth_token"], 1)
    url = sandbox.url + "/oauth/access_token"
    assert explorer.finish(url, told["oauth_token"], "0000000").status_code == 401
    got = explorer.finish(url, told["oauth_token"], pin)
    assert got.status_code == 200
    assert f"user_id={sandbox.accounts[1].user_id}" in got.text
    assert explorer.finish(url, told["oauth_token"], pin).status_code == 401
    # A program that signs as documented still can.
    documented = OAuth1Session(sandbox.consumer_key, sandbox.consumer_secret, callback_uri="oob")
    assert documented.fetch_request_token(sandbox.url + "/oauth/request_token")["oauth_token"]


def test_by_the_documents_a_login_needs_a_callback_and_no_user(sandbox: Sandbox) -> None:
    response = Explorer(sandbox).post(sandbox.url + "/oauth/request_token")
    assert response.status_code == 401
    with pytest.raises(TokenRequestDenied):
        OAuth1Session(
            sandbox.consumer_key, sandbox.consumer_secret, callback_uri="http://["
        ).fetch_request_token(sandbox.url + "/oauth/request_token")


def test_a_program_can_ask_whose_tokens_it_has(sandbox: Sandbox) -> None:
    """As twurl does after a login."""
    url = sandbox.url + "/1.1/account/verify_credentials.json?include_entities=false"
    told = requests.get(url, auth=owner(sandbox, 1)).json()
    second = sandbox.accounts[1]
    assert (told["screen_name"], told["id_str"]) == (second.handle, second.user_id)
    assert requests.get(url).status_code == 401
    bearer = {"Authorization": f"Bearer {sandbox.bearer_token}"}
    assert requests.get(url, headers=bearer).status_code == 403


def test_authlib_signs_as_the_sandbox_reads(sandbox: Sandbox) -> None:
    from authlib.integrations.requests_client import OAuth1Session as AuthlibSession

    first = sandbox.accounts[0]
    session = AuthlibSession(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        token=first.access_token,
        token_secret=first.access_token_secret,
    )
    response = session.post(sandbox.url + TOTALS, json=question(sandbox))
    assert (response.status_code, list(response.json())) == (200, ["g"])


@pytest.mark.parametrize(
    ("parts", "status"),
    [(1, 200), (2_000, 413), (0, 400)],
)
def test_a_body_may_come_in_chunks(sandbox: Sandbox, parts: int, status: int) -> None:
    body = json.dumps(question(sandbox)).encode()
    bearer = {"Authorization": f"Bearer {sandbox.bearer_token}"}
    pieces = (
        part for part in [body[:9], body[9:], *[b" " * 1000] * parts][: 2 + parts if parts else 1]
    )
    response = requests.post(sandbox.url + TOTALS, data=pieces, headers=bearer)
    assert response.status_code == status


@pytest.mark.parametrize("length", ["-5", "many", "9" * 5000])
def test_a_length_that_is_none_is_refused(sandbox: Sandbox, length: str) -> None:
    connection = HTTPConnection(urlsplit(sandbox.url).netloc, timeout=20)
    connection.request("POST", TOTALS, b"{}", {"Content-Length": length})
    assert connection.getresponse().status == 400
    connection.close()


def talk(sandbox: Sandbox, *pieces: bytes, seconds: float = 0.0) -> tuple[bytes, float]:
    """Send pieces of a request, with a pause after each; what comes until the end, and when."""
    address = ("127.0.0.1", urlsplit(sandbox.url).port or 0)
    with socket.create_connection(address, timeout=20) as client:
        began = time.monotonic()
        answer = b""
        with suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
                client.settimeout(max(seconds, 0.001))
                with suppress(TimeoutError):
                    answer += client.recv(65_536)
            client.settimeout(20)
            while piece := client.recv(65_536):
                answer += piece
        return answer, time.monotonic() - began


FAULTS = b"POST /sandbox/faults HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
CHUNKED = FAULTS + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_client_that_asks_whether_to_send_a_body_is_told_at_once(make_sandbox: Make) -> None:
    sandbox = make_sandbox(request_timeout=5.0)
    head = FAULTS + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    answer, took = talk(sandbox, head, b"{}", seconds=3.0)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert took < 3.0


@pytest.mark.parametrize("sent", [b"GET /", FAULTS + b"Content-Length: 99\r\n\r\n"])
def test_a_request_whose_bytes_trickle_is_dropped(make_sandbox: Make, sent: bytes) -> None:
    sandbox = make_sandbox(request_timeout=0.5)
    _, took = talk(sandbox, sent, *[b"a"] * 40, seconds=0.1)
    assert 0.4 < took < 3.0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (CHUNKED + b"2;" + b"x" * 300 + b"\r\n{}\r\n0\r\n\r\n", 200),
        (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\nMore: 1\r\n\r\n", 200),
        (CHUNKED + b"2\r\n{}XX\r\n0\r\n\r\n", 400),
        (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"2\r\n{}\r\n0\r\n\r\n", 400),
        (CHUNKED + (b"F0000\r\n" + b" " * 0xF0000 + b"\r\n") * 2 + b"0\r\n\r\n", 413),
    ],
    ids=["extension", "trailer", "too long", "gzip", "large"],
)
def test_a_body_in_chunks_is_read_or_refused(make_sandbox: Make, sent: bytes, status: int) -> None:
    answer, _ = talk(make_sandbox(request_timeout=10.0), sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_clients_that_went_away_are_forgotten(make_sandbox: Make) -> None:
    sandbox = make_sandbox()
    listener = sandbox._listener
    assert listener is not None
    for _ in range(20):
        address = ("127.0.0.1", urlsplit(sandbox.url).port or 0)
        with socket.create_connection(address) as client:
            client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            client.recv(1)
            # It ends with a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for thread in [*listener.connections]:
        thread.join(20)
    assert listener.connections == {}
