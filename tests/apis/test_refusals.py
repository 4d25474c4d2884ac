"""Refusals: every failing case of the API's contract has its error, cause and next step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engagement_nb import errors
from engagement_nb.apis.engagement import ENDPOINTS, ENGAGEMENT, METRICS
from engagement_nb.apis.refusals import error_for, explain, refusals_of_http
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import Profile, auth_for
from engagement_nb.client.hosts import Hosts
from engagement_nb.sandbox import Sandbox
from tests.client.profiles import profile_of, quick_client

OPTIONS: list[dict[str, Any]] = [
    {},
    {"others": 200, "others_texts": "by author", "forbidden_metrics_status": 403},
    {"reasons": "detailed", "no_access_status": 403, "lookback_days": 30},
]


@pytest.fixture(scope="module", params=range(len(OPTIONS)), ids=["published", "others", "detailed"])
def world(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(tweets=300, per_minute=1_000_000, **OPTIONS[request.param]) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with quick_client() as client:
        yield client


def refusal_of(client: Client, request: Request) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        client.send(request)
    assert caught.value.what
    assert caught.value.advice.endswith(".")
    return caught.value


def test_tweets_of_another_account(world: Sandbox, client: Client) -> None:
    others = tuple(world.ids("others", 3))
    for endpoint, metric in (
        ("totals", "impressions"),
        ("28hr", "replies"),
        ("historical", "replies"),
    ):
        request = Request(endpoint, others, (metric,), profile_of(world))  # type: ignore[arg-type]
        error = refusal_of(client, request)
        assert type(error) is errors.ForbiddenTweetsError
        assert set(error.tweet_ids) == set(others)
        assert "owner's tokens" in error.advice


def test_all_unavailable(world: Sandbox, client: Client) -> None:
    request = Request("totals", tuple(world.ids("deleted", 2)), ("favorites",), profile_of(world))
    error = refusal_of(client, request)
    assert type(error) is errors.UnavailableTweetsError
    assert error.tweet_ids == request.tweet_ids


def test_metrics_that_the_endpoint_or_the_auth_does_not_give(
    world: Sandbox, client: Client
) -> None:
    own = tuple(world.ids("own", 1))
    for request in (
        Request("totals", own, ("url_clicks",), profile_of(world)),
        Request("totals", own, ("impressions",), profile_of(world), auth="app"),
        Request("28hr", own, ("quote_tweets",), profile_of(world)),
    ):
        error = refusal_of(client, request)
        assert type(error) is errors.ForbiddenMetricsError
        assert error.metrics == request.metrics


def test_tokens_that_are_not_accepted(world: Sandbox, client: Client) -> None:
    own = tuple(world.ids("own", 1))
    detailed = world.settings.reasons == "detailed"
    cases = [
        ({"access_token": "1-planted"}, "token"),
        ({"access_token_secret": "planted"}, "signature" if detailed else "token"),
        ({"consumer_key": "planted"}, "consumer key" if detailed else "token"),
        ({"consumer_secret": "planted"}, "signature" if detailed else "token"),
    ]
    for change, word in cases:
        error = refusal_of(
            client, Request("totals", own, ("favorites",), profile_of(world, **change))
        )
        assert type(error) is errors.UnauthenticatedError
        assert word in error.what.split("The API says")[0]
        assert "planted" not in str(error)


def test_a_revoked_token_is_recognised(client: Client) -> None:
    with Sandbox(tweets=300, per_minute=1_000_000) as sandbox:
        own = tuple(sandbox.ids("own", 1))
        request = Request("totals", own, ("favorites",), profile_of(sandbox))
        client.send(request)
        sandbox.keys.revoke(sandbox.accounts[0].access_token)
        error = refusal_of(client, request)
    assert type(error) is errors.UnauthenticatedError
    assert "revoked" in error.what
    assert "auth login" in error.advice


def test_a_wrong_kind_of_authorization(world: Sandbox, client: Client) -> None:
    """The bearer token at 28hr, and a header that is neither kind."""
    own = tuple(world.ids("own", 1))
    error = refusal_of(client, Request("28hr", own, ("replies",), profile_of(world), auth="app"))
    assert isinstance(error, errors.UnauthenticatedError | errors.ForbiddenMetricsError)
    response = httpx.post(
        world.url + ENDPOINTS["totals"].path, headers={"Authorization": "Magic x"}, json={}
    )
    found = explain(ENGAGEMENT, response.status_code, response.json()["errors"])
    assert found.key == "unknown authorization"


def test_a_wrong_clock_is_named_if_the_api_says_so(client: Client) -> None:
    with Sandbox(
        tweets=300, per_minute=1_000_000, reasons="detailed", clock_skew=3600.0
    ) as sandbox:
        own = tuple(sandbox.ids("own", 1))
        error = refusal_of(client, Request("totals", own, ("favorites",), profile_of(sandbox)))
    assert type(error) is errors.UnauthenticatedError
    assert "clock" in error.advice


def test_an_app_without_the_product(world: Sandbox, client: Client) -> None:
    app = world.keys.app_without_access
    profile = profile_of(world, consumer_key=app.consumer_key, consumer_secret=app.consumer_secret)
    request = Request("totals", tuple(world.ids("own", 1)), ("favorites",), profile, auth="app")
    error = refusal_of(client, request)
    assert type(error) is errors.NoAccessError
    assert "account manager" in error.advice


def test_a_key_and_secret_without_a_bearer_token(world: Sandbox, client: Client) -> None:
    profile = profile_of(world, consumer_secret="planted")
    error = refusal_of(client, Request("totals", ("1",), ("favorites",), profile, auth="app"))
    assert type(error) is errors.UnauthenticatedError
    assert "bearer token" in error.what
    assert "Copy" in error.advice


def test_requests_that_are_malformed(world: Sandbox) -> None:
    """Only a wrong period is explained; the client sends none of the others."""
    own = world.ids("own", 1)
    groupings = {"g": {"group_by": ["tweet.id", "engagement.type"]}}
    good = {"tweet_ids": own, "engagement_types": ["favorites"], "groupings": groupings}
    many = {f"g{n}": groupings["g"] for n in range(4)}
    window = {"start": "2026-01-01", "end": "2026-11-01"}
    future = {"start": "2031-01-01", "end": "2031-01-02"}
    cases: list[tuple[str, Any, str]] = [
        ("totals", b"{", "bad request"),
        ("totals", b"[]", "bad request"),
        ("totals", {**good, "tweet_ids": own * 251}, "bad request"),
        ("totals", {**good, "groupings": many}, "bad request"),
        ("historical", {**good, **window}, "period"),
        ("historical", {**good, **future}, "period"),
        ("historical", {**good, "start": "2013-01-01", "end": "2013-01-02"}, "period"),
        ("historical", {**good, "start": "yesterday", "end": "today"}, "period"),
    ]
    auth = auth_for(profile_of(world), "user")
    for endpoint, body, key in cases:
        url = world.url + ENDPOINTS[endpoint].path
        if isinstance(body, bytes):
            json_type = {"Content-Type": "application/json"}
            response = httpx.post(url, content=body, headers=json_type, auth=auth)
        else:
            response = httpx.post(url, json=body, auth=auth)
        found = explain(ENGAGEMENT, response.status_code, response.json()["errors"])
        assert found.key == key, body
        assert issubclass(found.error, errors.BadRequestError), body


def test_too_many_requests(client: Client) -> None:
    with Sandbox(tweets=300, per_minute=1) as sandbox:
        own = tuple(sandbox.ids("own", 1))
        request = Request("totals", own, ("favorites",), profile_of(sandbox))
        httpx.post(
            sandbox.url + ENDPOINTS["totals"].path,
            json={},
            auth=auth_for(profile_of(sandbox), "user"),
        )
        with quick_client() as fresh:
            error = refusal_of(fresh, request)
    assert type(error) is errors.RateLimitedError


def test_a_wrong_address(world: Sandbox, client: Client) -> None:
    profile: Profile = profile_of(world)
    elsewhere = replace(profile, hosts=Hosts(world.url + "/nowhere", world.url))
    error = refusal_of(client, Request("totals", ("1",), ("favorites",), elsewhere))
    assert type(error) is errors.BadRequestError
    assert "ENGAGEMENT_API_URL" in error.advice


def test_partial_responses_say_why_they_are_partial() -> None:
    texts = ["Impressions & engagements for tweets older than 90 days (...) are not supported"]
    assert explain(ENGAGEMENT, 400, texts).key == "impressions too old"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "The service is temporarily unavailable"),
        (400, "Tweet ID(s) must be digits\nThe service is unavailable"),
        (403, "unavailable"),
        (404, "Page unavailable"),
        (200, "2 Tweet ID(s) are unavailable"),
    ],
)
def test_tweets_are_unavailable_only_if_the_api_rejects_the_request_for_it(
    status: int, text: str
) -> None:
    """A proxy says "unavailable" too, and beside data the text is about some Tweets only."""
    assert explain(ENGAGEMENT, 400, ["Tweet ID(s) are unavailable"]).key == "unavailable"
    assert not isinstance(
        error_for(ENGAGEMENT, status, text.split("\n")), errors.UnavailableTweetsError
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_5xx_is_a_server_failure_whatever_its_text(status: int) -> None:
    for texts in ([], ["internal server error"], ["Service unavailable"], ["<html>"]):
        assert type(error_for(ENGAGEMENT, status, texts)) is errors.ServerTroubleError


def test_every_response_has_an_explanation() -> None:
    for status in range(100, 600):
        for texts in ([], ["some text nobody has seen"]):
            error = error_for(ENGAGEMENT, status, texts)
            assert error.what
            assert error.advice
            assert error.status == status


def test_every_row_can_be_reached_and_speaks_in_sentences() -> None:
    assert len({row.key for row in ENGAGEMENT.refusals}) == len(ENGAGEMENT.refusals)
    for row in ENGAGEMENT.refusals:
        assert row.cause.endswith(".")
        assert row.advice.endswith(".")


def test_the_author_is_not_taken_for_a_tweet() -> None:
    text = (
        "Forbidden to access tweets for author id 18435372: 640026211712786432, 640026277605339136"
    )
    assert error_for(ENGAGEMENT, 403, [text]).tweet_ids == (
        "640026211712786432",
        "640026277605339136",
    )


def test_all_metrics_of_a_refusal_are_named() -> None:
    text = f"Forbidden to access metrics: {', '.join(METRICS)}, media_clicks"
    assert error_for(ENGAGEMENT, 400, [text]).metrics == (*METRICS,)


@pytest.mark.parametrize(
    ("seconds", "said"), [(300, "5 minutes ahead of"), (-300, "5 minutes behind")]
)
def test_a_refused_signature_names_a_clock_that_is_wrong(seconds: int, said: str) -> None:
    cause = explain(ENGAGEMENT, 401, []).cause
    error = error_for(ENGAGEMENT, 401, [], where="totals", clock_off=timedelta(seconds=seconds))
    assert error.what == (f"totals: {cause} (status 401) This machine's clock is {said} the API's.")
    assert error.advice == (
        "Set this machine's clock (turn on automatic network time), then try again."
    )


@pytest.mark.parametrize(("status", "off"), [(401, 60), (401, -60), (401, 0), (400, 300)])
def test_a_slightly_wrong_clock_is_not_blamed(status: int, off: int) -> None:
    error = error_for(ENGAGEMENT, status, [], clock_off=timedelta(seconds=off))
    row = explain(ENGAGEMENT, status, [])
    assert (error.what, error.advice) == (f"{row.cause} (status {status})", row.advice)


def test_an_error_quotes_the_beginning_of_what_the_api_says() -> None:
    row = explain(ENGAGEMENT, 400, ["one", "two"])
    error = error_for(ENGAGEMENT, 400, ["one", "two"], tweet_ids=["1"])
    assert error.what == f"{row.cause} The API says: 'one; two' (status 400)."
    assert (error.texts, error.tweet_ids, error.metrics) == (("one", "two"), (), ())
    long = error_for(ENGAGEMENT, 400, ["word " * 100]).what
    assert long.endswith("word word ...' (status 400).")
    assert len(long) <= len(row.cause) + 240
    assert error_for(ENGAGEMENT, 0, []).what == explain(ENGAGEMENT, 0, []).cause


@pytest.mark.parametrize(
    ("statuses", "key", "kind"),
    [
        ((404,), "not found", errors.BadRequestError),
        ((300, 399), "redirect", errors.BadRequestError),
        ((407,), "proxy", errors.BadRequestError),
        ((511,), "sign-in page", errors.BadRequestError),
        ((400, 403, 499), "bad request", errors.BadRequestError),
        ((500, 510, 599), "server trouble", errors.ServerTroubleError),
        ((0, 200, 299, 600), "unreadable", errors.ServerTroubleError),
    ],
)
def test_a_status_that_no_text_explains_has_a_case_of_its_own(
    statuses: tuple[int, ...], key: str, kind: type[errors.ApiError]
) -> None:
    """It does not depend on the API, whose variable is named where the address may be wrong."""
    api = replace(ENGAGEMENT, refusals=refusals_of_http("A_VARIABLE"))
    for status in statuses:
        row = explain(api, status, ["any text"])
        assert (row.key, row.error) == (key, kind)
        assert row.cause[0].isupper()
        assert row.advice[0].isupper()
        assert row.cause.endswith(".")
        assert row.advice.endswith(".")
        assert ("Check A_VARIABLE" in row.advice) == (key in ("not found", "redirect"))
