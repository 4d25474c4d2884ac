"""The client with servers that respond wrongly, slowly, too much or never."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from engagement_nb.client import Client, Request, Response
from engagement_nb.client.bounds import BoundedConnection
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.errors import (
    BadRequestError,
    ConnectionTroubleError,
    EngagementError,
    ServerTroubleError,
)
from engagement_nb.fetch.run import WORTH_A_RETRY
from tests.client.hostile import (
    Behavior,
    drips_body,
    drips_headers,
    gzip_bomb,
    hangs_up,
    responds,
    serving,
    silent,
)
from tests.client.profiles import quick_client


def ask(behave: Behavior, *, by: Any = None, auth: Any = "user", **options: Any) -> Response:
    """Ask a server for the favorites of Tweet 1."""
    with serving(behave) as url, quick_client(**options) as client:
        profile = Profile("me", hosts_at(url), "a key", "a secret", "1-token", "token secret")
        endpoint: Any = "historical" if by else "totals"
        return client.send(Request(endpoint, ("1",), ("favorites",), profile, by, auth=auth))


@pytest.mark.parametrize("auth", ["user", "app"])
@pytest.mark.parametrize("behave", [drips_headers, drips_body])
def test_an_endless_response_is_dropped_at_the_deadline(behave: Behavior, auth: str) -> None:
    with pytest.raises(ConnectionTroubleError, match=r"no complete response within 0\.2 s"):
        ask(behave, auth=auth, deadline=0.2)


def test_nothing_is_sent_or_read_after_the_deadline() -> None:
    def get(url: str) -> None:
        connection = BoundedConnection(deadline=0.0)
        with connection.http as http, connection.exchange() as extensions:
            http.get(url, extensions=extensions)

    with serving(silent) as url, pytest.raises(httpx.TimeoutException, match="within 0 s"):
        get(url)


def test_a_read_ends_at_the_deadline_long_before_its_own_timeout() -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionTroubleError, match=r"no complete response within 0\.2 s"):
        ask(silent, deadline=0.2, timeout=60.0)
    assert time.monotonic() - began < 10.0


def test_a_deadline_needs_no_thread_of_its_own() -> None:
    seen: list[list[str]] = []

    def behave(connection: Any, ended: threading.Event) -> None:
        seen.append([type(thread).__name__ for thread in threading.enumerate()])
        responds(b'{"metrics": {"1": {"favorites": "5"}}}')(connection, ended)

    ask(behave)
    assert "Timer" not in seen[0]


def test_a_server_that_never_answers_is_named() -> None:
    with pytest.raises(ConnectionTroubleError, match=r"127\.0\.0\.1 did not respond in time"):
        ask(silent, timeout=0.2)


def test_a_connection_that_is_dropped_is_named() -> None:
    with pytest.raises(ConnectionTroubleError, match="cut off"):
        ask(hangs_up)


@pytest.mark.parametrize("auth", ["user", "app"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_takes_no_more_memory_than_the_limit(layers: int, auth: str) -> None:
    behave = gzip_bomb(40_000_000, layers)
    tracemalloc.start()
    try:
        with pytest.raises(ConnectionTroubleError, match=r"larger than 1 MB|encoded"):
            ask(behave, auth=auth, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_one_thread_at_a_time_reads_a_large_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty responses of 60 MB at once would take 4 GB otherwise."""
    monkeypatch.setattr("engagement_nb.client.bounds.SMALL_BYTES", 1_000)
    reading: list[int] = []
    most: list[int] = []

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b" " * 1_001
            reading.append(1)
            for _ in range(50):
                most.append(len(reading))
                time.sleep(0)
                yield b" " * 100
            reading.pop()

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Body()))
    profile = Profile("me", hosts_at("http://127.0.0.1"), "key", "a secret", "1-token", "its")
    request = Request("totals", ("1",), ("favorites",), profile)

    def send(client: Client) -> None:
        with pytest.raises(ServerTroubleError):
            client.send(request)

    with quick_client(transport=transport) as client, ThreadPoolExecutor(8) as pool:
        client.pacer.learn(
            client.pacer.acquire("totals", *client._holder(profile, "user")),
            {"x-per-minute-limit": "1000", "x-per-minute-remaining": "999"},
            200,
        )
        for done in [pool.submit(send, client) for _ in range(16)]:
            done.result()
    assert len(most) == 16 * 50
    assert max(most) == 1


FIGURES = '"metrics":{"1":{"favorites":"5"}}'


LARGE = {
    "objects": ('{"metrics":{},"x":[', "{},", 20_000_000, "{}]}"),
    "ids": ("{" + FIGURES + ',"unavailable_tweet_ids":[', "1,", 30_000_000, "1]}"),
    "text": ("{" + FIGURES + ',"x":"', "x", 62_000_000, '"}'),
    "nested": ("", "[", 60_000_000, ""),
}
"""Bodies of nearly the largest size that is read: the start, what is repeated, the end."""
MEASURE = """
import resource, sys
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.client.pacing import Pacer
from engagement_nb.errors import EngagementError
pacer = Pacer()
with Client(pacer=pacer) as client:
    for url in sys.argv[1:]:
        me = Profile("me", hosts_at(url), "key", "a secret", "1-token", "its")
        try:
            client.send(Request("totals", ("1",), ("favorites",), me))
            print("read")
        except EngagementError as error:
            print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _packed(begin: str, piece: str, times: int, end: str) -> bytes:
    """A body, gzipped in parts so that it is never whole in memory here."""
    pack = zlib.compressobj(1, wbits=31)
    block = (piece * 100_000).encode()
    parts = [pack.compress(begin.encode())]
    parts += [pack.compress(block) for _ in range(times // 100_000)]
    return b"".join([*parts, pack.compress(end.encode()), pack.flush()])


@pytest.mark.skipif(sys.platform == "win32", reason="measures with resource")
def test_responses_take_less_than_1_gb_of_memory_whatever_they_contain() -> None:
    """242 KB gzipped took up to 8.2 GB."""
    with ExitStack() as servers:
        urls = [
            servers.enter_context(serving(responds(_packed(*body), Content_Encoding="gzip")))
            for body in LARGE.values()
        ]
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *urls], capture_output=True, text=True, check=True
        )
    *said, peak = done.stdout.splitlines()
    assert dict(zip(LARGE, said, strict=True))["text"] == "read"
    assert sum("as documented" in line or "JSON" in line for line in said) == 3
    assert int(peak) * (1 if sys.platform == "darwin" else 1024) < 600_000_000
    assert "Traceback" not in done.stderr


DEEP = "[" * 1_000 + "]" * 1_000


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("400 Bad Request", f'{{"errors": [{DEEP}]}}'),
        ("400 Bad Request", f'{{"errors": [{{"message": {DEEP}}}]}}'),
        ("503 Service Unavailable", f'{{"errors": [{DEEP}]}}'),
        ("200 OK", f'{{"errors": [{DEEP}]}}'),
        ("200 OK", f'{{{FIGURES}, "unavailable_tweet_ids": [{DEEP}]}}'),
        ("200 OK", f'{{"metrics": {{"1": {{"favorites": {DEEP}}}}}}}'),
        ("200 OK", DEEP),
    ],
)  # fmt: skip
def test_a_response_nested_a_thousand_deep_is_retried_as_malformed(status: str, body: str) -> None:
    """It ended a run of twenty requests with a traceback."""
    with pytest.raises(ServerTroubleError) as caught:
        ask(responds(body.encode(), status))
    assert isinstance(caught.value, tuple(WORTH_A_RETRY))


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        f'{{"errors": [{DEEP}]}}',
        f'{{"token_type": {DEEP}}}',
        f'{{"token_type": "bearer", "access_token": {DEEP}}}',
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_a_bearer_response_nested_a_thousand_deep_is_one_sentence(status: str, body: str) -> None:
    with pytest.raises(EngagementError, match="the bearer token"):
        ask(responds(body.encode(), status), auth="app")


def test_each_response_of_200_mb_is_refused_within_a_second() -> None:
    with serving(gzip_bomb(200_000_000)) as url, quick_client() as client:
        profile = Profile("me", hosts_at(url), "a key", "a secret", "1-token", "token secret")
        began = time.process_time()
        for _ in range(2):
            with pytest.raises(ConnectionTroubleError, match="larger than 64 MB"):
                client.send(Request("totals", ("1",), ("favorites",), profile))
    assert time.process_time() - began < 2.0


def test_a_plain_response_over_the_limit_is_refused_too() -> None:
    with pytest.raises(ConnectionTroubleError, match="larger than 1 MB"):
        ask(responds(b" " * 1_000_001), max_bytes=1_000_000)


def test_a_web_page_instead_of_data_points_to_a_proxy_or_a_sign_in_page() -> None:
    page = b"<!DOCTYPE html><html><title>Sign in to the hotel</title></html>"
    with pytest.raises(ServerTroubleError, match=r"a web page.*proxy or a sign-in page"):
        ask(responds(page, Content_Type="text/html"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("302 Found", "redirect"),
        ("407 Proxy Authentication Required", "proxy"),
        ("511 Network Authentication Required", "sign"),
    ],
)
def test_a_network_that_requires_a_sign_in_is_named(status: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        ask(responds(b"", status, Location="http://login.hotel.example/"))


@pytest.mark.parametrize("auth", ["user", "app"])
@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Blocked"])
def test_a_proxy_that_refuses_the_connection_is_named_without_its_password(
    status: str, auth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = responds(b"<html>Blocked by policy</html>", status, Content_Type="text/html")
    profile = Profile("me", hosts_at("https://api.example"), "key", "secret", "1-token", "its")
    with serving(page) as url, monkeypatch.context() as patch:
        patch.setenv("HTTPS_PROXY", url.replace("//", "//user:pa55word@"))
        with (
            quick_client() as client,
            pytest.raises(ConnectionTroubleError, match=rf"proxy.*{status}.*HTTPS_PROXY") as caught,
        ):
            client.send(Request("totals", ("1",), ("favorites",), profile, auth=auth))
    assert "pa55word" not in str(caught.value)


def test_headers_with_impossible_numbers_cost_no_response() -> None:
    """A limit of more than 64 bits used to end the fetch after the request was paid for."""
    headers = {
        "x_per_minute_limit": "2" + "0" * 19,
        "x_per_minute_remaining": "-1",
        "Retry_After": "9" * 40,
        "Date": "Thu, 99 Foo 99999 99:99:99 GMT",
    }
    response = ask(responds(b'{"metrics": {"1": {"favorites": "5"}}}', **headers))
    assert response.groups == {"1": {"favorites": "5"}}


@pytest.mark.parametrize(
    "count", ["-5", "1_000", "\uff13", " 5", "", "5.0", "1e3", True, -5, 5.5, None, [], {}]
)
@pytest.mark.parametrize("by", [None, "day", "hour"])
def test_an_invalid_count_is_a_malformed_response(count: object, by: str | None) -> None:
    series = {None: count, "day": {"2026-10-01": count}, "hour": {"2026-10-01": {"05": count}}}
    body = json.dumps({"metrics": {"1": {"favorites": series[by]}}}).encode()
    with pytest.raises(ServerTroubleError, match="not as documented"):
        ask(responds(body), by=by)


@pytest.mark.parametrize("count", ["0", "12", "9" * 18, 0, 12])
def test_counts_may_be_text_or_numbers(count: object) -> None:
    response = ask(responds(json.dumps({"metrics": {"1": {"favorites": count}}}).encode()))
    assert int(response.groups["1"]["favorites"]) == int(str(count))


@pytest.mark.parametrize(
    "groups",
    [
        {"1": 5},
        {"1": "5"},
        {"1": ["favorites"]},
        {"1": None},
        {"1": {"favorites": {"2026-10-01": "5"}}},
        {"favorites": {"1": "5"}, "1": 5},
    ],
)
def test_a_response_of_another_shape_is_reported(groups: object) -> None:
    with pytest.raises(ServerTroubleError, match="not as documented"):
        ask(responds(json.dumps({"metrics": groups}).encode()))


@pytest.mark.parametrize("text", ["", "x", "tweet limit " * 20])
def test_fifty_thousand_error_texts_take_less_than_a_second(text: str) -> None:
    body = json.dumps({"errors": [text] * 50_000}).encode()
    began = time.process_time()
    with pytest.raises(EngagementError):
        ask(responds(body, "400 Bad Request"))
    assert time.process_time() - began < 1.0
