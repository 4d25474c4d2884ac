"""Requests of X API v2 as they are built, and its recorded forms of responses as they are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Request
from engagement_nb.client.adapters import refusal_of
from engagement_nb.client.adapters.v2 import TimelineAdapter, V2Adapter
from engagement_nb.client.credentials import Profile
from engagement_nb.errors import (
    ApiError,
    NoAccessError,
    RateLimitedError,
    ServerTroubleError,
    SpendingError,
    UnauthenticatedError,
)

ADAPTER = V2Adapter()
NOW = datetime(2026, 9, 30, tzinfo=UTC)
START, END = datetime(2026, 9, 28, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)
ONE, TWO = "1971951395250794679", "1972313783143235741"
TYPE = "https://api.twitter.com/2/problems/"
HOST_OF_2026 = "https://api.x.com/2/problems/"


def ask(endpoint: str = "totals", ids: tuple[str, ...] = (ONE, TWO), **more: Any) -> Request:
    metrics = ADAPTER.api.endpoint(endpoint).metrics
    if endpoint == "historical":
        more = {"start": START, "end": END, **more}
    return Request(endpoint, ids, metrics, Profile("me"), **more)


def read(request: Request, document: Any) -> Any:
    return ADAPTER.read(request, json.dumps(document).encode(), NOW)


def post(tweet_id: str, private: dict[str, int] | None = None, **public: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": tweet_id, "text": "hi", "public_metrics": public}
    return found if private is None else {**found, "non_public_metrics": private}


def field_problem(tweet_id: str, field: str) -> dict[str, Any]:
    return {
        "resource_type": "tweet",
        "resource_id": tweet_id,
        "field": field,
        "parameter": "id",
        "section": "data",
        "title": "Field Authorization Error",
        "detail": f"Sorry, you are not authorized to access '{field}' on the Tweet.",
        "type": f"{TYPE}not-authorized-for-field",
    }


def test_a_lookup_asks_for_private_fields_only_if_it_wants_their_metrics():
    """A member of a field cannot be asked for alone, so the whole field is."""
    call = ADAPTER.call(ask())
    assert (call.method, call.path) == ("GET", "/2/tweets")
    assert call.query == {
        "ids": f"{ONE},{TWO}",
        "tweet.fields": "created_at,public_metrics,non_public_metrics",
    }
    public = Request("totals", (ONE,), ("favorites",), Profile("me"), auth="app")
    assert ADAPTER.call(public).query["tweet.fields"] == "created_at,public_metrics"


@pytest.mark.parametrize(("by", "said"), [(None, "total"), ("day", "daily"), ("hour", "hourly")])
def test_analytics_asks_in_whole_seconds_with_every_field(by, said):
    """Times with milliseconds are refused."""
    query = ADAPTER.call(ask("historical", by=by)).query
    assert query["granularity"] == said
    assert (query["start_time"], query["end_time"]) == (
        "2026-09-28T00:00:00Z",
        "2026-09-30T00:00:00Z",
    )
    fields = query["analytics.fields"].split(",")
    assert {"id", "timestamp", "timestamped_metrics", "likes", "follows", "shares"} <= {*fields}


@pytest.mark.parametrize("word", ["retweet_count", "repost_count"])
def test_a_lookup_is_read_in_the_words_of_tweets_and_of_posts(word):
    """Our names, whatever the vocabulary."""
    private = {"impression_count": 9, "engagements": 5, "url_link_clicks": 0,
               "user_profile_clicks": 2}  # fmt: skip
    shown = post(ONE, private, like_count=3, reply_count=1, impression_count=9, bookmark_count=4,
                 quote_count=0, **{word: 7})  # fmt: skip
    response = read(ask(ids=(ONE,)), {"data": [shown]})
    assert response.groups[ONE] == {
        "impressions": 9,
        "favorites": 3,
        "retweets": 7,
        "replies": 1,
        "quote_tweets": 0,
        "bookmarks": 4,
        "engagements": 5,
        "url_clicks": 0,
        "user_profile_clicks": 2,
    }
    assert response.unsupported == {}


def test_no_link_zero_clicks_and_not_authorized_are_three_things():
    """The member is left out without a link; a foreign Post has an error for it."""
    private = {"impression_count": 9, "engagements": 5, "user_profile_clicks": 2}
    three = "1972676171035676803"
    document = {
        "data": [
            post(ONE, {**private, "url_link_clicks": 0}, like_count=1),
            post(TWO, private, like_count=2),
            post(three, like_count=3),
        ],
        "errors": [
            field_problem(three, f"non_public_metrics.{member}")
            for member in ("impression_count", "url_link_clicks", "user_profile_clicks")
        ],
    }
    response = read(ask(ids=(ONE, TWO, three)), document)
    assert response.groups[ONE]["url_clicks"] == 0
    assert "url_clicks" not in response.groups[TWO]
    assert "url_clicks" not in response.groups[three]
    assert response.unsupported == {Reason.NO_LINK: (TWO,), Reason.NEEDS_OWNER: (three,)}
    assert response.forbidden == ()


def test_a_foreign_post_left_out_of_the_data_is_forbidden_and_costs_no_other():
    """It can then be asked for without private fields."""
    problems = [field_problem(TWO, "non_public_metrics.engagements")]
    response = read(ask(), {"data": [post(ONE, {"engagements": 1})], "errors": problems})
    assert response.forbidden == (TWO,)
    assert [*response.groups] == [ONE]
    alone = read(ask(ids=(TWO,)), {"errors": problems})
    assert (alone.forbidden, alone.groups) == ((TWO,), {})


@pytest.mark.parametrize("host", [TYPE, HOST_OF_2026])
@pytest.mark.parametrize(
    "kind", ["resource-not-found", "not-authorized-for-resource", "resource-unavailable"]
)
def test_a_deleted_or_protected_post_is_unavailable_and_costs_no_other(host, kind):
    """The host of a problem's type differs, so only its last part counts."""
    problem = {
        "value": TWO,
        "title": "Not Found Error",
        "detail": f"Could not find tweet with ids: [{TWO}].",
        "type": host + kind,
    }
    response = read(ask(), {"data": [post(ONE, {"engagements": 1})], "errors": [problem]})
    assert response.unavailable == (TWO,)
    assert response.groups[ONE]["engagements"] == 1


def test_problems_of_included_posts_concern_nobody():
    """Quoted Posts make errors too, with another section."""
    problem = {**field_problem(TWO, "non_public_metrics.engagements"), "section": "includes"}
    response = read(ask(ids=(ONE,)), {"data": [post(ONE, {"engagements": 1})], "errors": [problem]})
    assert (response.forbidden, response.unavailable) == ((), ())


METRICS = {"likes": 3, "engagements": 8, "impressions": 100, "url_clicks": None}
FORMS = {
    "2.166": {"data": [{"id": ONE, "timestamped_metrics": [
        {"metrics": METRICS, "timestamp": "2026-09-28T00:00:00Z"}]}]},
    "2.167": {"data": [{"id": ONE, "timestamp": "2026-09-28T00:00:00Z", **METRICS,
        "timestamped_metrics": [{"metrics": METRICS, "timestamp": "2026-09-28T00:00:00Z"}]}]},
    "top level": {"data": [{"id": ONE, "timestamp": "2026-09-28T00:00:00Z", **METRICS}]},
    "one object": {"data": {"id": ONE, "timestamped_metrics": [
        {"metrics": METRICS, "timestamp": "2026-09-28T00:00:00Z"}]}},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_four_forms_of_analytics_are_read_alike(form):
    """null is not known, and so is a day that is left out."""
    total = read(ask("historical", (ONE,)), FORMS[form]).groups
    assert total == {ONE: {"favorites": 3, "engagements": 8, "impressions": 100}}
    series = read(ask("historical", (ONE,), by="day"), FORMS[form]).groups[ONE]
    assert series["favorites"] == {"2026-09-28": 3, "2026-09-29": None}
    assert {*series} == {"favorites", "engagements", "impressions"}


def test_hours_of_analytics_are_nested_as_in_the_engagement_api():
    """Metric, day, hour."""
    stamp = "2026-09-28T17:00:00Z"
    document = {"data": [{"id": ONE, "timestamped_metrics": [
        {"metrics": {"likes": "2"}, "timestamp": stamp}]}]}  # fmt: skip
    series = read(ask("historical", (ONE,), by="hour"), document).groups[ONE]
    assert series["favorites"]["2026-09-28"]["17"] == 2
    assert series["favorites"]["2026-09-29"]["00"] is None
    assert sum(len(hours) for hours in series["favorites"].values()) == 48


def test_old_names_of_analytics_count_where_the_present_one_is_missing():
    """2.166 had link_clicks and profile_visits beside the present names."""
    old = {"link_clicks": 4, "profile_visits": 6, "user_profile_clicks": 5}
    document = {"data": [{"id": ONE, "timestamped_metrics": [{"metrics": old}]}]}
    groups = read(ask("historical", (ONE,)), document).groups
    assert groups == {ONE: {"url_clicks": 4, "user_profile_clicks": 5}}


CASES: list[tuple[int, dict[str, Any], type[ApiError], str]] = [
    (401, {"title": "Unauthorized", "type": "about:blank", "status": 401,
           "detail": "Unauthorized"}, UnauthenticatedError, "Sign in again"),
    (402, {"title": "CreditsDepleted", "type": f"{TYPE}credits-depleted"}, SpendingError,
     "Buy credits"),
    (403, {"title": "SpendCapReached", "detail": "..."}, SpendingError, "Raise the limit"),
    (403, {"title": "Client Forbidden", "reason": "client-not-enrolled",
           "type": f"{TYPE}client-forbidden",
           "detail": "When authenticating requests you must use keys attached to a Project."},
     NoAccessError, "Enterprise contracts"),
    (403, {"title": "Unsupported Authentication", "type": f"{TYPE}unsupported-authentication"},
     UnauthenticatedError, "needs a user's tokens"),
    (429, {"title": "UsageCapExceeded", "period": "Monthly", "type": f"{TYPE}usage-capped"},
     SpendingError, "next month"),
    (429, {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank"},
     RateLimitedError, "next window"),
    (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, RateLimitedError,
     "next window"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "document", "kind", "advice"), CASES)
def test_each_refusal_has_its_own_error_and_advice(status, document, kind, advice):
    """Only the limit of 15 minutes is worth a wait."""
    texts = ADAPTER.texts(json.dumps(document).encode())
    error = refusal_of(ADAPTER.api, ask(), status, texts)
    assert type(error) is kind
    assert advice in str(error)


def test_the_advice_on_a_missing_plan_does_not_blame_the_project_as_certain():
    """The recorded 403 names a project that the app has."""
    texts = ADAPTER.texts(json.dumps(CASES[3][1]).encode())
    error = refusal_of(ADAPTER.api, ask("historical"), 403, texts)
    assert "If the app has a contract, check that it is in a project." in str(error.advice)


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b"[]",
        b"[" * 100_000,
        b'{"data": [{"id": "1971951395250794679", "public_metrics": {"like_count": -1}}]}',
        b'{"data": [{"id": "1971951395250794679", "public_metrics": {"like_count": "a"}}]}',
        b'{"data": [{"id": "1971951395250794679", "public_metrics": {"like_count": true}}]}',
        b'{"data": []}',
    ],
)
def test_a_response_that_is_not_as_documented_is_a_server_s_trouble(raw):
    """It is worth a retry, and never a figure."""
    with pytest.raises(ServerTroubleError):
        ADAPTER.read(ask(ids=(ONE,)), raw, NOW)


def test_a_page_of_a_timeline_is_read_as_a_lookup_of_its_posts():
    """The token of the next page is sent with the next request; the last page has none."""
    timeline = TimelineAdapter("2244994945", START)
    request = ask(ids=())
    call = timeline.call(request)
    assert call.path == "/2/users/2244994945/tweets"
    assert call.query["exclude"] == "retweets"
    assert call.query["start_time"] == "2026-09-28T00:00:00Z"
    document = {"data": [post(ONE, {"engagements": 1}, like_count=1)], "meta": {"next_token": "n"}}
    response = timeline.read(request, json.dumps(document).encode(), NOW)
    assert response.request.tweet_ids == (ONE,)
    assert response.groups[ONE]["engagements"] == 1
    assert timeline.call(request).query["pagination_token"] == "n"
    assert timeline.read(request, b'{"meta": {"result_count": 0}}', NOW).groups == {}
    assert timeline.token == ""
    # A token that no address can have is a malformed response, not the end of the timeline.
    document["meta"]["next_token"] = "n" * 70_000
    with pytest.raises(ServerTroubleError, match="70,000 characters"):
        timeline.read(request, json.dumps(document).encode(), NOW)
