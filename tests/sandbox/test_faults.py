"""Trouble on demand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import requests

from engagement_nb.sandbox import FAULTS, Sandbox
from engagement_nb.sandbox.faults import Faults
from tests.sandbox.helpers import post

Make = Callable[..., Sandbox]


def ask(sandbox: Sandbox) -> requests.Response:
    return post(sandbox, "totals", sandbox.ids("own", 5), ["favorites"])


@pytest.fixture(scope="module")
def troubled() -> object:
    with Sandbox(per_minute=10**6) as running:
        running.faults.slow_seconds = 0.3
        yield running


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_come_as_json_html_or_nothing(troubled: Sandbox, status: int) -> None:
    troubled.faults.configure([f"{status}", f"{status}-html", f"{status}-empty"])
    as_json, as_html, as_nothing = (ask(troubled) for _ in range(3))
    assert {a.status_code for a in (as_json, as_html, as_nothing)} == {status}
    assert as_json.json() == {"errors": ["internal server error"]}
    assert as_html.headers["content-type"].startswith("text/html")
    assert "SANDBOX" in as_html.text
    assert as_nothing.content == b""
    assert ask(troubled).status_code == 200


@pytest.mark.parametrize("fault", ["drop", "cut"])
def test_a_connection_can_end_before_or_within_the_response(troubled: Sandbox, fault: str) -> None:
    troubled.faults.configure([fault])
    with pytest.raises(requests.exceptions.RequestException):
        ask(troubled)
    assert ask(troubled).status_code == 200


def test_a_body_can_be_garbled(troubled: Sandbox) -> None:
    troubled.faults.configure(["garble"])
    response = ask(troubled)
    assert response.status_code == 200
    with pytest.raises(ValueError):  # noqa: PT011
        json.loads(response.content)


def test_a_body_can_come_slowly_and_whole(troubled: Sandbox) -> None:
    troubled.faults.configure(["slow"])
    began = time.perf_counter()
    assert len(ask(troubled).json()["g"]) == 5
    assert time.perf_counter() - began >= 0.25


def test_a_response_can_be_plain_although_gzip_was_requested(troubled: Sandbox) -> None:
    troubled.faults.configure(["plain"])
    assert "content-encoding" not in ask(troubled).headers
    assert ask(troubled).headers["content-encoding"] == "gzip"


def test_every_response_can_be_delayed(make_sandbox: Make) -> None:
    slow = make_sandbox(latency=0.2)
    began = time.perf_counter()
    ask(slow)
    assert time.perf_counter() - began >= 0.2


def test_other_requests_are_answered_while_one_waits(make_sandbox: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    slow = make_sandbox(latency=0.4)
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(slow).status_code, range(8)))
    assert statuses == [200] * 8
    assert time.perf_counter() - began < 1.6


def test_rates_are_seeded_and_about_right() -> None:
    runs = []
    for seed in (1, 1, 2):
        faults = Faults(seed)
        faults.configure({"rates": {"503": 0.2, "drop": 0.1}})
        runs.append([faults.next("/x") for _ in range(2000)])
    assert runs[0] == runs[1] != runs[2]
    assert 300 < runs[0].count("503") < 500
    assert 130 < runs[0].count("drop") < 270


def test_a_path_can_be_broken_while_others_work(make_sandbox: Make) -> None:
    sandbox = make_sandbox(faults={"paths": {"/insights/engagement/28hr": "502"}})
    ids = sandbox.ids("own", 1)
    assert [post(sandbox, "28hr", ids, ["favorites"]).status_code for _ in range(2)] == [502, 502]
    assert post(sandbox, "historical", ids, ["favorites"]).status_code == 200


def test_the_auth_host_can_be_broken_at_its_paths(make_sandbox: Make) -> None:
    sandbox = make_sandbox(faults={"paths": {"/oauth2/token": "503-html"}})
    response = requests.post(
        sandbox.url + "/oauth2/token",
        auth=(sandbox.consumer_key, sandbox.consumer_secret),
        data={"grant_type": "client_credentials"},
    )
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")


def test_a_wrong_clock_refuses_signatures_but_not_bearer_tokens(make_sandbox: Make) -> None:
    sandbox = make_sandbox(clock_skew=3600, reasons="detailed")
    response = ask(sandbox)
    assert response.status_code == 401
    assert response.json()["errors"][0].endswith("Reason: Timestamp out of bounds")
    response = post(sandbox, "totals", sandbox.ids("own", 1), ["favorites"], account=None)
    assert response.status_code == 200


def test_faults_are_set_shown_and_stopped_over_http(make_sandbox: Make) -> None:
    sandbox = make_sandbox()
    url = sandbox.url + "/sandbox/faults"
    assert requests.post(url, json={"script": ["503", "ok"], "rates": {"drop": 0.0}}).json()[
        "script"
    ] == ["503", "ok"]
    assert [ask(sandbox).status_code for _ in range(3)] == [503, 200, 200]
    requests.post(url, json={"paths": {"/insights/engagement/totals": "500"}, "clock_skew": 9999})
    assert requests.delete(url).json() == {
        "seed": 1, "rates": {}, "script": [], "paths": {}, "latency": 0.0, "slow_seconds": 2.0,
        "clock_skew": 0.0,
    }  # fmt: skip
    assert ask(sandbox).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"script": ["505"]}, {"script": "503"}, {"rates": {"503": 2}}, {"rates": ["503"]},
        {"rates": {"503": 0.6, "502": 0.6}}, {"rates": {"503": "often"}}, {"latency": -1},
        {"latency": True}, {"nonsense": 1}, {"paths": {"/": "ok"}}, {"clock_skew": "1"}, [], None,
    ],
    ids=str,
)  # fmt: skip
def test_invalid_faults_are_refused_and_change_nothing(troubled: Sandbox, wanted: object) -> None:
    url = troubled.url + "/sandbox/faults"
    before = requests.get(url).json()
    response = requests.post(url, json=wanted)
    assert response.status_code == 400
    assert response.json()["errors"][0]
    assert requests.get(url).json() == before


def test_every_fault_counts_against_the_quota(make_sandbox: Make) -> None:
    faults = [fault for fault in FAULTS if fault not in ("drop", "cut")]
    sandbox = make_sandbox(per_minute=100, faults=faults)
    sandbox.faults.slow_seconds = 0.0
    left = [int(ask(sandbox).headers["x-per-minute-remaining"]) for _ in faults]
    assert left == list(range(99, 99 - len(faults), -1))
