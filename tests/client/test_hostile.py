"""The client with servers that respond wrongly, slowly, too much or never."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from typing import Any

import httpx
import pytest

from engagement_nb.client import Request, Response
from engagement_nb.client.bounds import BoundedConnection, DeadlineError
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.errors import (
    BadRequestError,
    ConnectionTroubleError,
    EngagementError,
    ServerTroubleError,
)
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
    with pytest.raises(ConnectionTroubleError, match=r"not finish its response within 0\.5 s"):
        ask(behave, auth=auth, deadline=0.5)


def test_a_connection_that_is_made_after_the_deadline_is_cut_at_once() -> None:
    """The read from it fails because of the cut, long before its own timeout."""
    inner: list[type[Exception]] = []

    def get_late(url: str, http: httpx.Client) -> None:
        with BoundedConnection(http, deadline=0.0, max_bytes=100).exchange() as extensions:
            for thread in threading.enumerate():
                if isinstance(thread, threading.Timer):
                    thread.join()
            try:
                http.get(url, extensions=extensions)
            except httpx.HTTPError as error:
                inner.append(type(error))
                raise

    with (
        serving(silent) as url,
        httpx.Client(timeout=3.0) as http,
        pytest.raises(DeadlineError),
    ):
        get_late(url, http)
    assert inner in ([httpx.ReadError], [httpx.RemoteProtocolError])


def test_a_server_that_never_answers_is_named() -> None:
    with pytest.raises(ConnectionTroubleError, match=r"127\.0\.0\.1 did not respond in time"):
        ask(silent, timeout=0.2)


def test_a_connection_that_is_dropped_is_named() -> None:
    with pytest.raises(ConnectionTroubleError, match="cut off"):
        ask(hangs_up)


@pytest.mark.parametrize("auth", ["user", "app"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_takes_no_more_memory_than_the_limit(layers: int, auth: str) -> None:
    behave = gzip_bomb(200_000_000, layers)
    tracemalloc.start()
    try:
        with pytest.raises(ConnectionTroubleError, match=r"larger than 1 MB|encoded"):
            ask(behave, auth=auth, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


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
def test_two_hundred_thousand_error_texts_take_less_than_a_second(text: str) -> None:
    body = json.dumps({"errors": [text] * 200_000}).encode()
    began = time.process_time()
    with pytest.raises(EngagementError):
        ask(responds(body, "400 Bad Request"))
    assert time.process_time() - began < 1.0
