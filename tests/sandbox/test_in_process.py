"""The sandbox as a function: no socket, no thread, no server."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading

import pytest
from oauthlib.oauth1 import Client

from engagement_nb.sandbox import Sandbox

URL = "http://127.0.0.1/insights/engagement/totals"
NOW = "2026-11-02"


def body(sandbox: Sandbox) -> bytes:
    return json.dumps(
        {
            "tweet_ids": sandbox.ids("own", 2),
            "engagement_types": ["impressions", "engagements"],
            "groupings": {"g": {"group_by": ["tweet.id", "engagement.type"]}},
        }
    ).encode()


def signed(sandbox: Sandbox, url: str) -> dict[str, str]:
    first = sandbox.accounts[0]
    _, headers, _ = Client(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        first.access_token,
        first.access_token_secret,
    ).sign(url, "POST")
    return {**headers, "Accept-Encoding": "gzip", "Content-Type": "application/json"}


def test_a_signed_request_gets_the_same_figures_as_over_the_socket() -> None:
    import requests

    with Sandbox(now=NOW) as sandbox:
        inside = sandbox.handle("POST", URL, signed(sandbox, URL), body(sandbox))
        url = sandbox.url + "/insights/engagement/totals"
        outside = requests.post(url, body(sandbox), headers=signed(sandbox, url))
    assert (inside.status, outside.status_code) == (200, 200)
    assert inside.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(inside.body)) == outside.json()
    assert int(inside.headers["x-per-minute-remaining"]) == (
        int(outside.headers["x-per-minute-remaining"]) + 1
    )


def test_it_needs_no_thread() -> None:
    code = (
        "import sys, threading\n"
        "from engagement_nb.sandbox import Sandbox\n"
        "reply = Sandbox().handle('GET', 'http://localhost/')\n"
        "assert reply.status == 200 and b'SANDBOX' in reply.body\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1/nowhere", 404),
        (URL, 405),
        ("http://data-api.twitter.com/sandbox/world", 421),
        ("http://[x/", 421),
        ("", 421),
    ],
)
def test_a_request_that_is_not_for_it_is_refused(url: str, status: int) -> None:
    reply = Sandbox().handle("GET", url)
    assert (reply.status, list(json.loads(reply.body))) == (status, ["errors"])


def test_a_fault_on_the_way_is_told_beside_the_response() -> None:
    sandbox = Sandbox(faults=["drop", "cut", "slow", "503-html"], latency=1.5)
    replies = [sandbox.handle("POST", URL, signed(sandbox, URL), body(sandbox)) for _ in range(4)]
    assert [reply.fault for reply in replies] == ["drop", "cut", "slow", ""]
    assert [reply.status for reply in replies] == [200, 200, 200, 503]
    assert {reply.delay for reply in replies} == {1.5}


def test_threads_may_share_it() -> None:
    sandbox = Sandbox(per_minute=40)
    statuses: list[int] = []

    def ask() -> None:
        for _ in range(10):
            reply = sandbox.handle("POST", URL, signed(sandbox, URL), body(sandbox))
            statuses.append(reply.status)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 40 + [429] * 10
