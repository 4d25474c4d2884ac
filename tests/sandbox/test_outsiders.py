"""Programs as others write them for the API, with nothing changed but the base address."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from oauthlib.oauth1 import Client
from requests_oauthlib import OAuth1, OAuth1Session

from engagement_nb.sandbox import Sandbox

TOTALS, RECENT, HISTORICAL = (
    f"/insights/engagement/{name}" for name in ("totals", "28hr", "historical")
)


@pytest.fixture
def keys(sandbox: Sandbox) -> tuple[str, str, str, str]:
    first = sandbox.accounts[0]
    return (
        sandbox.consumer_key,
        sandbox.consumer_secret,
        first.access_token,
        first.access_token_secret,
    )


def test_a_script_with_an_oauth1_session_reads_all_three_endpoints(
    sandbox: Sandbox, keys: tuple[str, str, str, str]
) -> None:
    session = OAuth1Session(
        keys[0], client_secret=keys[1], resource_owner_key=keys[2], resource_owner_secret=keys[3]
    )
    session.headers.update({"Accept-Encoding": "gzip", "Content-Type": "application/json"})
    tweet_ids = sandbox.ids("own", 3)
    payload = {
        "tweet_ids": tweet_ids,
        "engagement_types": ["favorites", "replies", "retweets", "impressions", "engagements"],
        "groupings": {"perTweet": {"group_by": ["tweet.id", "engagement.type"]}},
    }
    for path in (TOTALS, RECENT, HISTORICAL):
        response = session.post(sandbox.url + path, data=json.dumps(payload))
        assert response.status_code == 200, response.text
        assert response.headers["content-encoding"] == "gzip"
        assert set(response.json()["perTweet"]) == set(tweet_ids)
        for counts in response.json()["perTweet"].values():
            assert set(counts) == set(payload["engagement_types"])
            assert all(isinstance(count, str) and int(count) >= 0 for count in counts.values())


@pytest.mark.parametrize("shape", [str, int, lambda i: f"{i}\n"], ids=["text", "number", "newline"])
def test_ids_may_be_text_or_numbers_or_lines_of_a_file(
    sandbox: Sandbox, keys: tuple[str, str, str, str], shape: Any
) -> None:
    ids = sandbox.ids("own", 2)
    response = requests.post(
        sandbox.url + TOTALS,
        auth=OAuth1(*keys),
        json={
            "tweet_ids": [shape(int(i)) for i in ids],
            "engagement_types": ["favorites", "favorites"],
            "groupings": {"g": {"group_by": ["Tweet.id", "engagement.type"]}},
        },
    )
    assert response.status_code == 200, response.text
    assert set(response.json()["g"]) == set(ids)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.000Z"])
def test_dates_may_come_with_or_without_a_time(
    sandbox: Sandbox, keys: tuple[str, str, str, str], form: str
) -> None:
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=14)
    response = requests.post(
        sandbox.url + HISTORICAL,
        auth=OAuth1(*keys),
        json={
            "start": start.strftime(form),
            "end": end.strftime(form),
            "tweet_ids": sandbox.ids("own", 2),
            "engagement_types": ["impressions"],
            "groupings": {"days": {"group_by": ["engagement.type", "engagement.day"]}},
        },
    )
    assert response.status_code == 200, response.text
    data = response.json()
    assert data["start"] == f"{start:%Y-%m-%dT00:00:00Z}"
    assert data["end"] == f"{end:%Y-%m-%dT00:00:00Z}"
    assert len(data["days"]["impressions"]) == 14


def test_curl_with_a_bearer_token_gets_public_metrics(sandbox: Sandbox) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body = json.dumps(
        {
            "tweet_ids": sandbox.ids("others", 2),
            "engagement_types": ["favorites", "retweets", "replies", "quote_tweets", "video_views"],
            "groupings": {"perTweetMetricsUnowned": {"group_by": ["tweet.id", "engagement.type"]}},
        }
    )
    command = [curl, "--silent", "--show-error", "--request", "POST", "--compressed"]
    command += ["--url", sandbox.url + TOTALS, "--header", "accept-encoding: gzip"]
    command += ["--header", f"authorization: Bearer {sandbox.bearer_token}"]
    command += ["--header", "content-type: application/json", "--data", body]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert len(json.loads(done.stdout)["perTweetMetricsUnowned"]) == 2


def test_a_client_that_adds_a_body_hash_is_accepted(
    sandbox: Sandbox, keys: tuple[str, str, str, str]
) -> None:
    body = json.dumps(
        {
            "tweet_ids": sandbox.ids("own", 1),
            "engagement_types": ["impressions"],
            "groupings": {"g": {"group_by": ["engagement.type"]}},
        }
    )
    digest = base64.b64encode(hashlib.sha1(body.encode()).digest()).decode()

    class WithBodyHash(Client):
        def get_oauth_params(self, request: Any) -> list[tuple[str, str]]:
            return [*super().get_oauth_params(request), ("oauth_body_hash", digest)]

    url, headers, _ = WithBodyHash(*keys).sign(sandbox.url + TOTALS, "POST")
    assert "oauth_body_hash" in headers["Authorization"]
    headers |= {"Content-Type": "application/json"}
    assert requests.post(url, data=body, headers=headers).status_code == 200


def test_a_bearer_token_is_fetched_with_key_and_secret_and_used(sandbox: Sandbox) -> None:
    """As programs with urllib do, which gunzip responses themselves."""
    pair = f"{sandbox.consumer_key}:{sandbox.consumer_secret}".encode()
    request = urllib.request.Request(
        sandbox.url + "/oauth2/token",
        data=b"grant_type=client_credentials",
        headers={
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
        },
    )
    with urllib.request.urlopen(request) as response:
        token = json.load(response)
    assert token["token_type"] == "bearer"
    body = {
        "tweet_ids": sandbox.ids("others", 1),
        "engagement_types": ["favorites"],
        "groupings": {"Grand Totals": {"group_by": ["engagement.type"]}},
    }
    request = urllib.request.Request(
        sandbox.url + TOTALS,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + token["access_token"],
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        },
    )
    with urllib.request.urlopen(request) as response:
        counts = json.loads(gzip.decompress(response.read()))
    assert int(counts["Grand Totals"]["favorites"]) >= 0


def test_a_client_that_gunzips_every_response_can_read_a_refusal(sandbox: Sandbox) -> None:
    for path, status in ((TOTALS, 401), ("/nowhere", 404)):
        response = requests.post(
            sandbox.url + path, data=b"{}", headers={"Accept-Encoding": "gzip"}, stream=True
        )
        assert response.status_code == status
        assert isinstance(json.loads(gzip.decompress(response.raw.read()))["errors"], list)
