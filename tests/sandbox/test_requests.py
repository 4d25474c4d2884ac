"""What comes in: bodies, ids, methods and encodings, good and bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from engagement_nb.sandbox import Sandbox
from tests.sandbox.helpers import owner, post

Make = Callable[..., Sandbox]
NOW = datetime(2026, 11, 20, 21, 40, 12, tzinfo=UTC)
DAY, HOUR = "engagement.day", "engagement.hour"


@pytest.fixture(scope="module")
def frozen() -> Any:
    """A sandbox whose time stands still, so that responses can be compared."""
    with Sandbox(per_minute=10**6, clock=lambda: NOW) as running:
        yield running


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"tweet_ids": NaN}',
        b'{"tweet_ids": ["\\ud800"]}', b"[" * 100_000, b'{"a":' * 5_000,
        b'{"tweet_ids": [9999999999999999999999999]}', b'{"tweet_ids": [1e400]}',
    ],
    ids=lambda raw: raw[:20].decode("latin-1"),
)  # fmt: skip
def test_no_or_bad_json_is_a_400_with_texts(frozen: Sandbox, body: bytes) -> None:
    url = f"{frozen.url}/insights/engagement/totals"
    for kind in ("application/json", "text/plain"):
        response = requests.post(url, body, auth=owner(frozen), headers={"Content-Type": kind})
        assert response.status_code == 400
        assert all(isinstance(text, str) for text in response.json()["errors"])


@pytest.mark.parametrize("bad", ["", "abc", "-1", "12.5", 12.5, True, None, [], "9" * 30, "１２"])
def test_an_invalid_id_is_refused_by_name(frozen: Sandbox, bad: Any) -> None:
    response = post(frozen, "totals", [*frozen.ids("own", 1), bad], ["favorites"])
    assert response.status_code == 400
    assert response.json()["errors"][0].startswith("Invalid Tweet ID: ")


def test_strict_ids_and_refused_keys_are_switches(make_sandbox: Make) -> None:
    strict = make_sandbox(lenient_ids=False, unknown_keys="refused")
    ids = strict.ids("own", 1)
    assert post(strict, "totals", ids, ["favorites"]).status_code == 200
    assert post(strict, "totals", [int(ids[0])], ["favorites"]).status_code == 400
    assert post(strict, "totals", [ids[0] + "\n"], ["favorites"]).status_code == 400
    assert post(strict, "totals", ids, ["favorites"], "Tweet.id").status_code == 400
    assert post(strict, "totals", ids, ["favorites"], fields="all").status_code == 400


def test_unknown_keys_are_ignored_and_an_id_twice_counts_once(frozen: Sandbox) -> None:
    ids = frozen.ids("own", 2)
    once = post(frozen, "totals", ids, ["favorites"], "engagement.type").json()
    twice = post(
        frozen, "totals", [*ids, *ids], ["favorites"], "engagement.type", fields="all", start="soon"
    ).json()
    assert once == twice


def test_an_app_without_access_is_refused(frozen: Sandbox, make_sandbox: Make) -> None:
    expected = {"errors": ["Your application id is not authorized."]}
    for running, status in ((frozen, 401), (make_sandbox(no_access_status=403), 403)):
        token = running.keys.app_without_access.bearer_token
        response = post(
            running, "totals", ["1"], ["favorites"], account=None,
        )  # fmt: skip
        assert response.status_code == 400
        url = f"{running.url}/insights/engagement/totals"
        response = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"})
        assert (response.status_code, response.json()) == (status, expected)


def test_a_forbidden_metric_can_be_a_403(make_sandbox: Make) -> None:
    running = make_sandbox(forbidden_metrics_status=403)
    assert post(running, "totals", running.ids("own", 1), ["url_clicks"]).status_code == 403


def test_other_paths_are_404_and_other_methods_405(frozen: Sandbox) -> None:
    for path in ("/insights/engagement", "/insights/engagement/weekly", "/%00", "/insights//x",
                 "/insights/engagement/totals/"):  # fmt: skip
        response = requests.post(frozen.url + path, json={}, allow_redirects=False)
        assert response.status_code == 404
        assert response.headers["x-per-minute-limit"] == str(10**6)
        assert frozen.log[-1].status == 404
    url = f"{frozen.url}/insights/engagement/totals"
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"):
        response = requests.request(method, url)
        assert response.status_code == 405
        if method != "HEAD":
            assert json.loads(response.content)["errors"]


def test_a_huge_body_is_refused(frozen: Sandbox) -> None:
    url = f"{frozen.url}/insights/engagement/totals"
    response = requests.post(url, b" " * 3_000_000, auth=owner(frozen))
    assert response.status_code == 413


def test_url_clicks_happen_on_hashtags_without_url(make_sandbox: Make) -> None:
    running = make_sandbox(clock=lambda: NOW)
    ids = running.ids("hashtag-no-url", 200)
    assert running.truth(ids).of("url_clicks").sum() > 0
    assert running.truth(running.ids("plain", 100)).of("url_clicks").sum() == 0


def test_a_request_that_does_not_accept_gzip_gets_a_406(frozen: Sandbox) -> None:
    ids = frozen.ids("own", 1)
    for asked in ("gzip", "deflate, gzip;q=0.5", "*"):
        response = post(frozen, "totals", ids, ["favorites"], headers={"Accept-Encoding": asked})
        assert (response.status_code, response.headers["content-encoding"]) == (200, "gzip")
    for asked in ("identity", "gzip;q=0", "br", ""):
        response = post(frozen, "totals", ids, ["favorites"], headers={"Accept-Encoding": asked})
        assert response.status_code == 406
        assert "content-encoding" not in response.headers
        assert response.json() == {
            "errors": [
                "This request requires gzip compression. Retry the request after setting "
                "'Accept-Encoding' header in the request to 'gzip'."
            ]
        }


def test_gzip_can_be_optional(make_sandbox: Make) -> None:
    running = make_sandbox(clock=lambda: NOW, gzip="optional")
    ids = running.ids("own", 1)
    for asked, got in (("gzip", "gzip"), ("identity", None), ("gzip;q=0", None)):
        response = post(running, "totals", ids, ["favorites"], headers={"Accept-Encoding": asked})
        assert response.headers.get("content-encoding") == got
        assert response.json()["g"]


def test_age_limits_are_exact(make_sandbox: Make) -> None:
    moment = {"now": NOW}
    running = make_sandbox(clock=lambda: moment["now"])
    [tweet] = running.ids("own", 1)
    born = datetime.fromtimestamp(((int(tweet) >> 22) + 1_288_834_974_657) / 1000, UTC)
    for after, given in ((timedelta(days=90), True), (timedelta(days=90, seconds=1), False)):
        moment["now"] = born + after
        response = post(running, "totals", [tweet], ["impressions", "favorites"]).json()
        assert ("impressions" in response["g"][tweet]) is given
