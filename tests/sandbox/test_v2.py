"""API v2 on the sandbox's world: the same figures, and its own rules, limits and prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from engagement_nb.apis.v2 import LIMITS
from engagement_nb.sandbox import Sandbox
from tests.sandbox.helpers import owner, post

Make = Callable[..., Sandbox]
NOW = datetime(2026, 11, 20, 21, 40, 12, tzinfo=UTC)
ALL_FIELDS = "public_metrics,non_public_metrics,organic_metrics,promoted_metrics"
OF_LOOKUP = {
    "impressions": ("public_metrics", "impression_count"),
    "engagements": ("non_public_metrics", "engagements"),
    "favorites": ("public_metrics", "like_count"),
    "retweets": ("public_metrics", "retweet_count"),
    "replies": ("public_metrics", "reply_count"),
    "quote_tweets": ("public_metrics", "quote_count"),
}
OF_ANALYTICS = {
    "impressions": "impressions", "engagements": "engagements", "favorites": "likes",
    "retweets": "retweets", "replies": "replies", "url_clicks": "url_clicks",
    "user_follows": "follows", "media_views": "media_views", "detail_expands": "detail_expands",
    "user_profile_clicks": "user_profile_clicks", "hashtag_clicks": "hashtag_clicks",
    "permalink_clicks": "permalink_clicks",
}  # fmt: skip


@pytest.fixture
def make(make_sandbox: Make) -> Make:
    """Sandboxes that stand still, of an app with a contract for analytics."""
    return lambda **options: make_sandbox(
        **{"now": NOW, "tier": "enterprise", "tweets": 20_000, **options}
    )


@pytest.fixture(scope="module")
def frozen() -> Any:
    with Sandbox(now=NOW, tier="enterprise", credits=10**6, per_minute=None) as running:
        yield running


def ask(sandbox: Sandbox, path: str, account: int | None = 0, **query: Any) -> requests.Response:
    """One request, signed by an account, or else with the bearer token."""
    named = {name.replace("__", "."): value for name, value in query.items()}
    headers = {} if account is not None else {"Authorization": f"Bearer {sandbox.bearer_token}"}
    auth = owner(sandbox, account) if account is not None else None
    return requests.get(sandbox.url + path, params=named, auth=auth, headers=headers, timeout=30)


def by_id(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return {one["id"]: one for one in response.json().get("data", ())}


def recent(sandbox: Sandbox, count: int = 100) -> list[str]:
    """Posts of the first account of the last 30 days."""
    edge = int((NOW - timedelta(days=29)).timestamp() * 1000 - 1_288_834_974_657) << 22
    return [i for i in sandbox.ids("under-90-days", 400) if int(i) > edge][:count]


def test_look_up_gives_the_totals_of_the_engagement_api(frozen: Sandbox) -> None:
    ids = recent(frozen)
    assert len(ids) > 60
    posts = by_id(ask(frozen, "/2/tweets", ids=",".join(ids), tweet__fields=ALL_FIELDS))
    totals = post(frozen, "totals", ids, list(OF_LOOKUP)).json()["g"]
    assert list(posts) == ids
    for number in ids:
        shown = {m: posts[number][part][name] for m, (part, name) in OF_LOOKUP.items()}
        assert shown == {name: int(count) for name, count in totals[number].items()}


def test_a_timeline_gives_the_same_in_pages_without_any_list(frozen: Sandbox) -> None:
    user = frozen.accounts[0].user_id
    token: str | None = ""
    posts: dict[str, Any] = {}
    sizes = []
    while token is not None:
        more = {"pagination_token": token} if token else {}
        told = ask(
            frozen, f"/2/users/{user}/tweets", max_results=40, exclude="retweets",
            tweet__fields=ALL_FIELDS, **more,
        ).json()  # fmt: skip
        assert told["meta"]["result_count"] == len(told["data"])
        assert told["meta"]["newest_id"] == told["data"][0]["id"]
        posts |= {one["id"]: one for one in told["data"]}
        sizes.append(len(told["data"]))
        token = told["meta"].get("next_token")
    assert sizes[:-1] == [40] * (len(sizes) - 1)
    assert len(posts) == sum(sizes)
    ids = recent(frozen, 400)
    assert set(ids) <= set(posts)
    assert all(int(a) > int(b) for a, b in zip(posts, list(posts)[1:], strict=False))
    lookup = by_id(ask(frozen, "/2/tweets", ids=",".join(ids[:100]), tweet__fields=ALL_FIELDS))
    assert all(posts[number] == lookup[number] for number in ids[:100])


def test_a_timeline_has_whole_history_without_private_fields_and_retweets_unless_excluded(
    frozen: Sandbox,
) -> None:
    path = f"/2/users/{frozen.accounts[0].user_id}/tweets"
    old = ask(frozen, path, end_time="2026-06-01T00:00:00Z", max_results=100).json()["data"]
    assert len(old) == 100
    assert ask(
        frozen, path, end_time="2026-06-01T00:00:00Z", tweet__fields="non_public_metrics"
    ).json() == {"meta": {"result_count": 0}}
    fields = "referenced_tweets,created_at"
    with_retweets = ask(frozen, path, max_results=100, tweet__fields=fields).json()["data"]
    assert any("referenced_tweets" in one for one in with_retweets)
    without = ask(frozen, path, max_results=100, exclude="retweets", tweet__fields=fields)
    assert not any("referenced_tweets" in one for one in without.json()["data"])
    since = {"start_time": "2026-11-10T00:00:00Z", "end_time": "2026-11-12T00:00:00Z"}
    for one in ask(frozen, path, tweet__fields="created_at", **since).json()["data"]:
        assert "2026-11-10" <= one["created_at"] < "2026-11-12"


@pytest.mark.parametrize("days", [1, 18])
def test_analytics_give_the_sums_of_historical(frozen: Sandbox, days: int) -> None:
    ids = frozen.ids("under-90-days", 25)
    window = {"start": "2026-11-01T05:00:00Z", "end": f"2026-11-{days + 1:02d}T05:00:00Z"}
    theirs = post(frozen, "historical", ids, list(OF_ANALYTICS), **window).json()["g"]
    period = {"start_time": window["start"], "end_time": window["end"], "ids": ",".join(ids)}
    total = by_id(ask(frozen, "/2/tweets/analytics", **period))
    for granularity in ("hourly", "daily", "weekly", "total"):
        series = by_id(ask(frozen, "/2/tweets/analytics", granularity=granularity, **period))
        for number in ids:
            rows = series[number]["timestamped_metrics"]
            expected = {"hourly": 24 * days, "daily": days + 1, "weekly": -(-days // 7)}
            assert len(rows) == expected.get(granularity, 1)
            assert rows[0]["timestamp"] == window["start"]
            for metric, name in OF_ANALYTICS.items():
                assert sum(row["metrics"][name] for row in rows) == int(theirs[number][metric])
                assert total[number][name] == int(theirs[number][metric])


def test_bookmarks_and_shares_are_hidden_interactions_that_v2_shows(frozen: Sandbox) -> None:
    [number] = frozen.ids("under-90-days", 1)
    truth = frozen.truth([number])
    period = {"start_time": "2026-08-01T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}
    shown = by_id(ask(frozen, "/2/tweets/analytics", ids=number, **period))[number]
    assert shown["bookmarks"] == truth.of("bookmarks")[0]
    assert shown["shares"] == truth.of("copied_links")[0]
    assert shown["unlikes"] == 0
    assert "video_views" not in shown


def test_link_clicks_are_absent_where_there_is_no_link(frozen: Sandbox) -> None:
    ids = recent(frozen)
    posts = by_id(ask(frozen, "/2/tweets", ids=",".join(ids), tweet__fields=ALL_FIELDS))
    with_link = set(frozen.ids("url", 400))
    for number, one in posts.items():
        for part in ("non_public_metrics", "organic_metrics"):
            assert ("url_link_clicks" in one[part]) is (number in with_link)


def test_public_is_organic_and_promoted(make: Make) -> None:
    running = make(tweets=60_000)
    ids = recent(running)
    posts = by_id(ask(running, "/2/tweets", ids=",".join(ids), tweet__fields=ALL_FIELDS))
    promoted = set(running.ids("promoted", 400)) & set(posts)
    assert promoted
    totals = post(running, "totals", ids, ["impressions"]).json()["g"]
    for number, one in posts.items():
        assert ("promoted_metrics" in one) is (number in promoted)
        both = one.get("promoted_metrics", {})
        for name in ("like_count", "impression_count", "retweet_count", "reply_count"):
            organic = one["organic_metrics"][name]
            assert one["public_metrics"][name] == organic + both.get(name, 0)
        assert one["public_metrics"]["impression_count"] == int(totals[number]["impressions"])


def test_what_cannot_be_given_is_an_error_for_its_post_and_field_and_costs_no_other(
    frozen: Sandbox,
) -> None:
    own, others = recent(frozen, 2), frozen.ids("others", 1)
    gone, never = frozen.ids("deleted", 1), frozen.ids("never-existed", 1)
    protected = frozen.ids("protected", 1)
    ids = ",".join([*own, *others, *gone, *never, *protected])
    response = ask(frozen, "/2/tweets", ids=ids, tweet__fields=ALL_FIELDS)
    assert list(by_id(response)) == own
    errors: dict[str, set[str]] = {}
    for error in response.json()["errors"]:
        told = error["type"].rpartition("/")[2] + " " + error.get("field", "")
        errors.setdefault(error["resource_id"], set()).add(told.strip())
    assert errors[gone[0]] == errors[never[0]] == {"resource-not-found"}
    assert errors[protected[0]] == {"not-authorized-for-resource"}
    of_fields = {
        f"not-authorized-for-field non_public_metrics.{name}"
        for name in ("impression_count", "url_link_clicks", "user_profile_clicks")
    }
    assert of_fields < errors[others[0]]
    assert not any("engagements" in text for text in errors[others[0]])
    alone = ask(frozen, "/2/tweets", ids=gone[0]).json()
    assert list(alone) == ["errors"]
    public = ask(frozen, "/2/tweets", account=None, ids=ids, tweet__fields="public_metrics")
    assert list(by_id(public)) == [*own, *others]
    one = ask(frozen, f"/2/tweets/{gone[0]}").json()["errors"][0]
    assert (one["parameter"], one["detail"]) == (
        "id", f"Could not find tweet with id: [{gone[0]}]."
    )  # fmt: skip


def test_a_foreign_post_is_left_out_or_kept_without_the_field(make: Make) -> None:
    for switch, kept in (("left out", False), ("kept", True)):
        running = make(foreign_posts=switch)
        others = running.ids("others", 1)
        told = ask(
            running, "/2/tweets", ids=others[0], tweet__fields="public_metrics,non_public_metrics"
        ).json()
        assert ("data" in told) is kept
        assert len(told["errors"]) == 3
        if kept:
            assert "public_metrics" in told["data"][0]
            assert "non_public_metrics" not in told["data"][0]


def test_private_fields_of_posts_over_30_days_old(make: Make) -> None:
    fields = "public_metrics,non_public_metrics"
    for switch, status, errors in (
        ("field errors", 200, 3),
        ("left out", 200, 0),
        ("refused", 400, 1),
    ):
        running = make(old_posts=switch)
        [new], [old] = recent(running, 1), running.ids("over-90-days", 1)
        response = ask(running, "/2/tweets", ids=f"{new},{old}", tweet__fields=fields)
        assert response.status_code == status
        assert len(response.json().get("errors", [])) == errors
        if status == 200:
            posts = by_id(response)
            assert "non_public_metrics" in posts[new]
            assert "non_public_metrics" not in posts[old]
            assert "public_metrics" in posts[old]


def test_it_speaks_of_tweets_or_of_posts(make: Make) -> None:
    running = make()
    ids = recent(running, 1)[0] + "," + running.ids("deleted", 1)[0]
    told = ask(running, "/2/tweets", ids=ids, tweet__fields="public_metrics").json()
    assert "retweet_count" in told["data"][0]["public_metrics"]
    assert "edit_history_tweet_ids" in told["data"][0]
    assert told["errors"][0]["resource_type"] == "tweet"
    assert ask(running, "/2/tweets", ids=ids, post__fields="public_metrics").status_code == 400
    running = make(words="post")
    told = ask(running, "/2/tweets", ids=ids, post__fields="public_metrics").json()
    assert "repost_count" in told["data"][0]["public_metrics"]
    assert "retweet_count" not in told["data"][0]["public_metrics"]
    assert "edit_history_post_ids" in told["data"][0]
    assert told["errors"][0]["resource_type"] == "post"
    assert ask(running, "/2/tweets", ids=ids, tweet__fields="public_metrics").status_code == 400


@pytest.mark.parametrize(
    ("path", "query", "parameter"),
    [
        ("/2/tweets", {}, "ids"),
        ("/2/tweets", {"ids": "x"}, "ids"),
        ("/2/tweets", {"ids": ",".join(["1"] + [str(n) for n in range(2, 102)])}, "ids"),
        ("/2/tweets", {"ids": "9" * 19}, "ids"),
        ("/2/tweets", {"ids": "1", "tweet__fields": "likes"}, "tweet.fields"),
        ("/2/tweets", {"ids": "1", "fields": "likes"}, "fields"),
        ("/2/tweets", {"ids": "1", "expansions": "author_id"}, "expansions"),
        ("/2/tweets/abc", {}, "id"),
        ("/2/users/{}/tweets", {"max_results": 4}, "max_results"),
        ("/2/users/{}/tweets", {"max_results": 101}, "max_results"),
        ("/2/users/{}/tweets", {"pagination_token": "äöü"}, "pagination_token"),
        ("/2/users/{}/tweets", {"exclude": "likes"}, "exclude"),
        ("/2/users/{}/tweets", {"start_time": "2026-11-01"}, "start_time"),
        ("/2/tweets/analytics", {"ids": "1"}, "start_time"),
        ("/2/tweets/analytics", {"ids": "1", "start_time": "2026-11-01T00:00:00.0Z"}, "start_time"),
        (
            "/2/tweets/analytics",
            {"ids": "1", "start_time": "2026-11-02T00:00:00Z", "end_time": "2026-11-01T00:00:00Z"},
            "start_time",
        ),
        ("/2/tweets/analytics", {"ids": "1", "granularity": "Daily"}, "granularity"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_in_a_problem_document(
    frozen: Sandbox, path: str, query: dict[str, Any], parameter: str
) -> None:
    response = ask(frozen, path.format(frozen.accounts[0].user_id), **query)
    told = response.json()
    assert (response.status_code, told["title"], told["status"]) == (400, "Invalid Request", 400)
    assert told["type"].endswith("/problems/invalid-request")
    assert list(told["errors"][0]["parameters"]) == [parameter]
    assert told["errors"][0]["message"]


def test_tokens_of_the_wrong_kind_and_unknown_ones_are_refused(frozen: Sandbox) -> None:
    for path in ("/2/users/me", "/2/tweets/analytics"):
        response = ask(frozen, path, account=None)
        told = response.json()
        assert (response.status_code, told["title"]) == (403, "Unsupported Authentication")
        assert told["type"].endswith("/unsupported-authentication")
        assert set(told) == {"title", "detail", "type", "status"}
        app = OAuth1(frozen.consumer_key, frozen.consumer_secret)
        response = requests.get(frozen.url + path, auth=app)
        assert (response.status_code, response.json()["title"]) == (403, told["title"])
    expected = {
        "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"
    }  # fmt: skip
    url = frozen.url + "/2/tweets?ids=1"
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "OAuth x"}):
        response = requests.get(url, headers=headers)
        assert (response.status_code, response.json()) == (401, expected)
    signed = requests.Request("GET", url, auth=owner(frozen)).prepare()
    assert requests.Session().send(signed).status_code == 200
    again = requests.Request("GET", url, auth=owner(frozen)).prepare()
    again.url = str(again.url).replace("ids=1", "ids=2")
    assert requests.Session().send(again).status_code == 401


def test_an_app_without_the_tier_is_refused_as_recorded(make: Make) -> None:
    running = make(tier="pay per use", problem_host="api.twitter.com")
    period = {"start_time": "2026-11-01T00:00:00Z", "end_time": "2026-11-02T00:00:00Z"}
    response = ask(running, "/2/tweets/analytics", ids=recent(running, 1)[0], **period)
    told = response.json()
    assert (response.status_code, told["title"]) == (403, "Client Forbidden")
    assert told["reason"] == "client-not-enrolled"
    assert told["type"] == "https://api.twitter.com/2/problems/client-forbidden"
    assert told["client_id"] == running.client_id
    token = running.keys.app_without_access.bearer_token
    response = requests.get(
        running.url + "/2/tweets?ids=1", headers={"Authorization": f"Bearer {token}"}
    )
    assert (response.status_code, response.json()["reason"]) == (403, "client-not-enrolled")


@pytest.mark.parametrize(
    ("form", "members"),
    [
        ("both", {"id", "timestamp", "likes", "timestamped_metrics"}),
        ("timestamped", {"id", "timestamped_metrics"}),
        ("by granularity", {"id", "likes"}),
        ("one object", {"id", "timestamp", "likes", "timestamped_metrics"}),
    ],
)
def test_analytics_come_in_four_forms(make: Make, form: str, members: set[str]) -> None:
    running = make(analytics_form=form)
    number = recent(running, 1)[0]
    query = {
        "ids": number, "start_time": "2026-11-01T00:30:00Z", "end_time": "2026-11-20T03:10:00Z",
        "analytics__fields": "likes",
    }  # fmt: skip
    total = ask(running, "/2/tweets/analytics", **query).json()["data"]
    one = total if form == "one object" else total[0]
    assert set(one) == members
    daily = ask(running, "/2/tweets/analytics", granularity="daily", **query).json()["data"]
    rows = (daily if form == "one object" else daily[0])["timestamped_metrics"]
    assert (rows[0]["timestamp"], rows[1]["timestamp"]) == (
        "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
    )  # fmt: skip
    likes = int(post(running, "totals", [number], ["favorites"]).json()["g"][number]["favorites"])
    assert sum(row["metrics"]["likes"] for row in rows) <= likes
    every = query | {"analytics__fields": ""}
    shown = str(ask(running, "/2/tweets/analytics", **every).json())
    assert ("profile_visits" in shown) is (form == "timestamped")
    assert ("bookmarks" in shown) is (form != "timestamped")


def test_a_foreign_post_in_analytics_costs_no_other(frozen: Sandbox) -> None:
    own, others = recent(frozen, 1), frozen.ids("others", 1)
    period = {"start_time": "2026-11-01T00:00:00Z", "end_time": "2026-11-02T00:00:00Z"}
    response = ask(frozen, "/2/tweets/analytics", ids=",".join(own + others), **period)
    assert list(by_id(response)) == own
    [error] = response.json()["errors"]
    assert (error["resource_id"], error["title"]) == (others[0], "Authorization Error")


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def left(response: requests.Response) -> tuple[int, str, str]:
    names = ("limit", "remaining")
    limit, remaining = (response.headers[f"x-rate-limit-{name}"] for name in names)
    return response.status_code, limit, remaining


def test_each_user_and_the_app_have_their_own_15_minutes_at_each_path(make: Make) -> None:
    hand = Hand()
    running = make(v2_limit=2, monotonic=hand, auth_clock=lambda: 1_790_000_000.0)
    bearer = {"Authorization": f"Bearer {running.bearer_token}"}

    def get(path: str) -> requests.Response:
        return requests.get(running.url + path, headers=bearer)

    assert [left(get("/2/tweets?ids=1"))[0] for _ in range(3)] == [200, 200, 429]
    response = get("/2/tweets?ids=1")
    assert left(response) == (429, "2", "0")
    assert response.json() == {
        "title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank",
        "status": 429,
    }  # fmt: skip
    assert "retry-after" not in response.headers
    assert 0 < int(response.headers["x-rate-limit-reset"]) - 1_790_000_000 <= 901
    assert response.headers["x-access-level"] == "read"
    assert left(get("/2/tweets/1")) == (200, "2", "1")
    hand.seconds += 900
    assert left(get("/2/tweets?ids=1")) == (200, "2", "1")


def test_users_do_not_share_a_limit_and_the_table_is_the_published_one(frozen: Sandbox) -> None:
    first, second = (left(ask(frozen, "/2/tweets", account=n, ids="1")) for n in (1, 2))
    assert first[1] == second[1] == str(LIMITS["/2/tweets"][1])
    assert first[2] == second[2]
    assert left(ask(frozen, "/2/tweets", account=None, ids="1"))[1] == str(LIMITS["/2/tweets"][0])


def test_a_429_is_a_problem_document_or_has_code_88(make: Make) -> None:
    for form, members in (
        ("problem", {"title", "detail", "type", "status"}),
        ("code 88", {"errors"}),
    ):
        running = make(v2_limit=1, too_many=form)
        ask(running, "/2/tweets", ids="1")
        response = ask(running, "/2/tweets", ids="1")
        assert (response.status_code, set(response.json())) == (429, members)
        assert response.headers["x-rate-limit-remaining"] == "0"
    assert response.json()["errors"] == [{"code": 88, "message": "Rate limit exceeded"}]


def test_oauth_1_can_be_refused_as_for_an_app_without_its_permission(make: Make) -> None:
    running = make(oauth1_at_v2="refused")
    response = ask(running, "/2/tweets", ids="1")
    assert response.status_code == 403
    assert response.json()["type"].endswith("/problems/oauth1-permissions")
    assert ask(running, "/2/tweets", account=None, ids="1").status_code == 200
    assert post(running, "totals", recent(running, 1), ["favorites"]).status_code == 200


def test_a_post_costs_once_a_day_and_an_owned_timeline_less(make: Make) -> None:
    moment = {"now": NOW}
    running = make(now=None, clock=lambda: moment["now"], credits=20)
    ids = recent(running, 10)

    def bill() -> tuple[float, int]:
        purse = running.v2.purse
        return round(purse.spent, 6), purse.reads.total()

    for _ in range(2):
        ask(running, "/2/tweets", ids=",".join(ids))
        assert bill() == (0.05, 10)
    gone = running.ids("deleted", 2)
    ask(running, "/2/tweets", ids=",".join(gone))
    assert bill() == (0.05, 10)
    moment["now"] += timedelta(days=1)
    ask(running, "/2/tweets", ids=",".join(ids))
    assert bill() == (0.1, 20)
    # The first account owns the app: its timeline is cheaper, and does not count for the cap.
    moment["now"] += timedelta(days=1)
    path = "/2/users/{}/tweets"
    ask(running, path.format(running.accounts[0].user_id), max_results=10)
    assert bill() == (0.11, 20)
    ask(running, path.format(running.accounts[1].user_id), account=1, max_results=10)
    assert bill() == (0.16, 30)


def test_no_credits_a_spend_cap_and_a_monthly_cap_are_three_refusals(make: Make) -> None:
    for options, status, title, kind in (
        ({"credits": 0.01}, 402, "CreditsDepleted", "credits-depleted"),
        ({"spend_cap": 0.01}, 403, "SpendCapReached", "spend-cap-reached"),
        ({"post_cap": 3}, 429, "UsageCapExceeded", "usage-capped"),
    ):
        running = make(**options)
        ids = recent(running, 4)
        assert ask(running, "/2/tweets", ids=",".join(ids[:3])).status_code == 200
        for path in ("/2/tweets", f"/2/tweets/{ids[3]}"):
            response = ask(running, path, **({"ids": ids[3]} if path == "/2/tweets" else {}))
            told = response.json()
            assert (response.status_code, told["title"]) == (status, title)
            assert told["type"].endswith("/" + kind)
        if status == 429:
            assert (told["period"], told["scope"]) == ("Monthly", "Product")
            assert response.headers["x-rate-limit-remaining"] != "0"


def test_faults_and_gzip_work_as_elsewhere(make: Make) -> None:
    running = make(faults=["503", "502-html", "garble"])
    first = ask(running, "/2/tweets", ids="1")
    assert (first.status_code, first.json()["status"]) == (503, 503)
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["x-rate-limit-remaining"]
    assert ask(running, "/2/tweets", ids="1").status_code == 502
    with pytest.raises(ValueError, match="Expecting value"):
        ask(running, "/2/tweets", ids="1").json()
    plain = {"Accept-Encoding": "identity", "Authorization": f"Bearer {running.bearer_token}"}
    assert requests.get(running.url + "/2/tweets?ids=1", headers=plain).status_code == 200
    assert running.requests_seen["/2/tweets 503"] == 1
