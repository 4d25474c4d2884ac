"""The client: one request over a real socket to the sandbox, and every way it can end."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.client import Client, Request, Response
from engagement_nb.client.adapters.engagement import GROUPING
from engagement_nb.client.credentials import Profile, auth_for
from engagement_nb.client.hosts import hosts_at
from engagement_nb.client.pacing import WaitStoppedError
from engagement_nb.errors import (
    BadRequestError,
    ConnectionTroubleError,
    CredentialsError,
    ForbiddenTweetsError,
    InputError,
    RateLimitedError,
    ServerTroubleError,
    UnauthenticatedError,
    UnavailableTweetsError,
)
from engagement_nb.sandbox import Sandbox
from tests.client.profiles import profile_of, quick_client

MakeSandbox = Callable[..., Sandbox]


@pytest.fixture
def client() -> Iterator[Client]:
    with quick_client(timeout=5.0) as client:
        yield client


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server of the standard library with one response to every request."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def profile_at(url: str) -> Profile:
    return Profile("there", hosts_at(url), "a key", "a secret", "12-token", "token secret")


def send_to(
    client: Client, status: int, headers: dict[str, str], body: bytes, **parts: Any
) -> Response:
    with answering(status, headers, body) as (url, _):
        return client.send(Request("totals", ("1",), ("favorites",), profile_at(url), **parts))


def test_totals_of_own_tweets_come_by_tweet_and_metric(client: Client, sandbox: Sandbox) -> None:
    ids = sandbox.ids("own", 5)
    request = Request("totals", tuple(ids), ("favorites", "impressions"), profile_of(sandbox))
    response = client.send(request)
    assert set(response.groups) == set(ids)
    assert all(set(row) == {"favorites", "impressions"} for row in response.groups.values())
    assert response.start is None
    assert response.end is None
    assert json.loads(response.raw)[GROUPING] == response.groups


def test_a_bearer_token_gets_public_metrics_of_any_tweet(client: Client, sandbox: Sandbox) -> None:
    ids = sandbox.ids("others", 3)
    request = Request("totals", tuple(ids), ("favorites",), profile_of(sandbox), auth="app")
    assert set(client.send(request).groups) == set(ids)


def test_a_window_is_echoed_and_nested_by_day_and_hour(client: Client, sandbox: Sandbox) -> None:
    (tweet_id,) = sandbox.ids("own", 1)
    start, end = datetime(2026, 9, 1, 5, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)
    for by, leaf in (("day", str), ("hour", dict)):
        request = Request(
            "historical", (tweet_id,), ("favorites",), profile_of(sandbox), by, start, end
        )
        response = client.send(request)
        assert (response.start, response.end) == (start, end)
        series = response.groups[tweet_id]["favorites"]
        assert list(series) == ["2026-09-01"]
        assert isinstance(series["2026-09-01"], leaf)


def test_28hr_returns_its_window(client: Client, sandbox: Sandbox) -> None:
    (tweet_id,) = sandbox.ids("own", 1)
    response = client.send(Request("28hr", (tweet_id,), ("url_clicks",), profile_of(sandbox)))
    assert response.start is not None
    assert response.end is not None
    assert 28 <= (response.end - response.start).total_seconds() / 3600 <= 29


def test_unavailable_tweets_are_listed_with_the_data(client: Client, sandbox: Sandbox) -> None:
    own, gone = sandbox.ids("own", 2), sandbox.ids("deleted", 2)
    response = client.send(
        Request("totals", (*own, *gone), ("favorites",), profile_of(sandbox), auth="app")
    )
    assert set(response.unavailable) == set(gone)
    assert set(response.groups) == set(own)
    assert response.texts == ("2 Tweet ID(s) are unavailable",)


def test_all_tweets_unavailable_is_an_error_that_names_them(
    client: Client, sandbox: Sandbox
) -> None:
    gone = tuple(sandbox.ids("deleted", 2))
    with pytest.raises(UnavailableTweetsError) as caught:
        client.send(Request("totals", gone, ("favorites",), profile_of(sandbox), auth="app"))
    assert caught.value.tweet_ids == gone


@pytest.mark.parametrize("status", [403, 200])
@pytest.mark.parametrize("texts", ["together", "by author"])
def test_tweets_of_other_accounts_are_named_however_the_api_refuses_them(
    client: Client, make_sandbox: MakeSandbox, status: int, texts: str
) -> None:
    sandbox = make_sandbox(tweets=300, others=status, others_texts=texts)
    own, others = sandbox.ids("own", 2), sandbox.ids("others", 2)
    with pytest.raises(ForbiddenTweetsError) as caught:
        client.send(Request("totals", (*own, *others), ("favorites",), profile_of(sandbox)))
    assert set(caught.value.tweet_ids) == set(others)
    assert caught.value.status == status


def test_numbers_among_the_counts_are_accepted(client: Client, make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, bare_numbers=1.0)
    (tweet_id,) = sandbox.ids("own", 1)
    response = client.send(Request("totals", (tweet_id,), ("favorites",), profile_of(sandbox)))
    assert isinstance(response.groups[tweet_id]["favorites"], int)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", ServerTroubleError),
        ("502-html", ServerTroubleError),
        ("503-empty", ServerTroubleError),
        ("garble", ServerTroubleError),
        ("drop", ConnectionTroubleError),
        ("cut", ConnectionTroubleError),
    ],
)
def test_network_and_server_failures_have_different_errors(
    client: Client, make_sandbox: MakeSandbox, fault: str, error: type[Exception]
) -> None:
    sandbox = make_sandbox(tweets=300, faults={"script": [fault, "ok"]})
    request = Request("totals", tuple(sandbox.ids("own", 50)), ("favorites",), profile_of(sandbox))
    with pytest.raises(error) as caught:
        client.send(request)
    assert "127.0.0.1" in str(caught.value) or "totals" in str(caught.value)
    assert len(client.send(request).groups) == 50


def test_a_plain_response_is_read_although_gzip_was_requested(
    client: Client, make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300, faults={"script": ["plain"]})
    ids = tuple(sandbox.ids("own", 50))
    assert (
        len(client.send(Request("totals", ids, ("favorites",), profile_of(sandbox))).groups) == 50
    )


def test_a_zipped_refusal_is_read(client: Client) -> None:
    body = gzip.compress(b'{"errors": ["Your application id is not authorized."]}')
    with pytest.raises(Exception, match="no access to the Engagement API"):
        send_to(client, 403, {"Content-Encoding": "gzip"}, body)


def test_an_incomplete_gzip_body_is_a_cut_off_response(client: Client) -> None:
    body = gzip.compress(b'{"metrics": {"1": {"favorites": "1"}}}' * 50)
    with pytest.raises((ConnectionTroubleError, ServerTroubleError)):
        send_to(client, 200, {"Content-Encoding": "gzip"}, body[: len(body) // 2])
    with pytest.raises(ConnectionTroubleError):
        send_to(client, 200, {"Content-Encoding": "gzip"}, b"no gzip at all")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is not a JSON object"),
        (b"<html>", "is not a JSON object"),
        (b"\xff", "is not a JSON object"),
        (b"[]", "is not a JSON object"),
        (b"{}", "cannot be read"),
        (b'{"metrics": []}', "cannot be read"),
    ],
)
def test_a_response_without_counts_is_a_server_failure(
    client: Client, body: bytes, words: str
) -> None:
    with pytest.raises(ServerTroubleError, match=words) as caught:
        send_to(client, 200, {}, body)
    assert caught.value.status == 200


def test_an_unreachable_host_is_named(client: Client) -> None:
    with answering(200, {}, b"") as (url, _):
        pass
    with pytest.raises(ConnectionTroubleError, match="could not be reached"):
        client.send(Request("totals", ("1",), ("favorites",), profile_at(url)))


def test_a_read_timeout_is_an_error(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, latency=2.0)
    with (
        quick_client(timeout=0.2) as client,
        pytest.raises(ConnectionTroubleError, match="in time"),
    ):
        client.send(Request("totals", ("1",), ("favorites",), profile_of(sandbox)))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_signed_request_follows_no_redirect(client: Client, status: int) -> None:
    with answering(200, {}, b"{}") as (elsewhere, paths):
        location = {"Location": f"{elsewhere}/insights/engagement/totals"}
        with pytest.raises(BadRequestError, match="redirect"):
            send_to(client, status, location, b"")
        assert paths == []


@pytest.mark.parametrize("auth", ["user", "app"])
def test_tokens_are_sent_only_to_the_hosts_of_their_profile(auth: str, sandbox: Sandbox) -> None:
    profile = profile_of(sandbox, bearer_token="planted")
    signer = auth_for(profile, auth)
    for url in ("https://example.com/x", "http://127.0.0.1:1/x", "http://example.com/x"):
        with pytest.raises((ValueError, InputError), match=r"tokens are for|plain http"):
            next(signer.auth_flow(httpx.Request("POST", url)))


def test_a_request_without_tokens_for_it_is_not_sent(
    client: Client, make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300)
    profile = profile_of(sandbox, access_token="")
    with pytest.raises(CredentialsError, match="no access token"):
        client.send(Request("totals", ("1",), ("favorites",), profile))
    assert not sandbox.requests_seen


def test_a_request_is_sent_once(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, faults={"script": ["500"] * 3})
    with quick_client() as client, pytest.raises(ServerTroubleError):
        client.send(Request("totals", ("1",), ("favorites",), profile_of(sandbox)))
    assert len(sandbox.log) == 1


def test_the_recorder_is_called_only_for_owners_whose_tweets_returned_counts(
    make_sandbox: MakeSandbox,
) -> None:
    """X bills the handle of a user whose Tweets returned counts."""
    sandbox = make_sandbox(tweets=300)
    profile, recorded = profile_of(sandbox), list[Profile]()
    own, others = tuple(sandbox.ids("own", 1)), tuple(sandbox.ids("others", 1))

    def record(response: Response) -> None:
        recorded.append(response.request.profile)

    with quick_client(recorder=record) as client:
        client.send(Request("totals", own, ("favorites",), profile, auth="app"))
        with pytest.raises(ForbiddenTweetsError):
            client.send(Request("totals", others, ("favorites",), profile))
        assert recorded == []
        client.send(Request("totals", own, ("favorites",), profile))
    assert recorded == [profile]


def test_a_wrong_clock_is_named_if_the_response_shows_it() -> None:
    """The Date header is the only sign of it; the text is the same as for a wrong token."""

    def refuse(request: httpx.Request) -> httpx.Response:
        texts = ["Your account could not be authenticated. Reason: Access token not found"]
        date = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}
        return httpx.Response(401, json={"errors": texts}, headers=date)

    request = Request("totals", ("1",), ("favorites",), profile_at("https://example.com"))
    with (
        quick_client(transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(UnauthenticatedError, match=r"minutes ahead of.*Set this machine's"),
    ):
        client.send(request)


def test_many_threads_share_a_client(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300)
    ids = sandbox.ids("own", 40)
    profile = profile_of(sandbox)
    with quick_client() as client, ThreadPoolExecutor(8) as pool:
        responses = list(
            pool.map(
                lambda one: client.send(Request("totals", (one,), ("favorites",), profile)), ids
            )
        )
    assert [list(response.groups) for response in responses] == [[one] for one in ids]


def test_a_429_is_counted_and_waited_for(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, per_minute=1)
    profile = profile_of(sandbox)
    ids = tuple(sandbox.ids("own", 1))
    with quick_client() as stranger:
        stranger.send(Request("totals", ids, ("favorites",), profile))
    with quick_client() as client:
        with pytest.raises(RateLimitedError):
            client.send(Request("totals", ids, ("favorites",), profile))
        state = client.quota(profile, "totals")
        assert state.refused == 1
        assert state.wait > 0


def test_stopping_ends_the_wait_for_the_quota(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, per_minute=1)
    request = Request("totals", tuple(sandbox.ids("own", 1)), ("favorites",), profile_of(sandbox))
    with quick_client() as client, ThreadPoolExecutor(3) as pool:
        client.send(request)
        waiting = [pool.submit(client.send, request) for _ in range(3)]
        time.sleep(0.05)
        client.stop()
        for one in waiting:
            with pytest.raises(WaitStoppedError):
                one.result(timeout=5)


def test_every_metric_of_every_endpoint_is_accepted(client: Client, sandbox: Sandbox) -> None:
    (tweet_id,) = sandbox.ids("own", 1)
    profile = profile_of(sandbox)
    totals, windows = ENDPOINTS["totals"].metrics, ENDPOINTS["historical"].metrics
    assert set(client.send(Request("totals", (tweet_id,), totals, profile)).groups[tweet_id])
    for endpoint in ("28hr", "historical"):
        response = client.send(Request(endpoint, (tweet_id,), windows, profile))
        assert set(response.groups[tweet_id]) == set(windows)


def test_large_responses_are_parsed_by_one_thread_and_small_ones_by_the_caller(
    client: Client,
) -> None:
    with ThreadPoolExecutor(4) as pool:
        large = pool.map(
            lambda _: client.parse_offloaded(bytes(1_000_000), threading.get_ident), range(8)
        )
        assert len(set(large)) == 1
    assert client.parse_offloaded(b"{}", threading.get_ident) == threading.get_ident()
