"""The contract, row by row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.sandbox import Sandbox
from tests.sandbox.helpers import post

Make = Callable[..., Sandbox]
NOW = datetime(2026, 11, 20, 21, 40, 12, tzinfo=UTC)
DAY, HOUR = "engagement.day", "engagement.hour"


@pytest.fixture(scope="module")
def frozen() -> Any:
    """A sandbox whose time stands still, so that responses can be compared."""
    with Sandbox(per_minute=10**6, clock=lambda: NOW) as running:
        yield running


def test_every_metric_is_given_where_the_contract_says_and_refused_elsewhere(
    frozen: Sandbox,
) -> None:
    ids = frozen.ids("own", 2)
    everything = {*ENDPOINTS["totals"].metrics, *ENDPOINTS["28hr"].metrics}
    assert len(ENDPOINTS["totals"].metrics) == 7
    assert len(everything) == 18
    for endpoint in ENDPOINTS.values():
        whole = post(frozen, endpoint.name, ids, endpoint.metrics)
        assert set(whole.json()["g"][ids[0]]) == set(endpoint.metrics)
        for metric in everything - set(endpoint.metrics):
            response = post(frozen, endpoint.name, ids, ["favorites", metric])
            assert response.status_code == 400
            assert response.json() == {"errors": [f"Forbidden to access metrics: {metric}"]}


def test_a_bearer_token_gets_public_metrics_of_any_tweet_on_totals_only(
    frozen: Sandbox,
) -> None:
    ids = [*frozen.ids("own", 2), *frozen.ids("others", 2)]
    public = ["favorites", "retweets", "replies", "video_views", "quote_tweets"]
    assert set(post(frozen, "totals", ids, public, account=None).json()["g"]) == set(ids)
    response = post(frozen, "totals", ids, ["favorites", "impressions"], account=None)
    assert response.json() == {"errors": ["Forbidden to access metrics: impressions"]}
    for endpoint in ("28hr", "historical"):
        response = post(frozen, endpoint, ids[:2], ["favorites", "replies"], account=None)
        assert response.json() == {"errors": ["Forbidden to access metrics: favorites, replies"]}


def test_media_clicks_is_the_old_name_of_media_engagements(frozen: Sandbox) -> None:
    ids = frozen.ids("image", 3)
    old = post(frozen, "28hr", ids, ["media_clicks"], "engagement.type").json()["g"]
    new = post(frozen, "28hr", ids, ["media_engagements"], "engagement.type").json()["g"]
    assert old == {"media_clicks": new["media_engagements"]}


@pytest.mark.parametrize(("endpoint", "most"), [("totals", 250), ("28hr", 25), ("historical", 25)])
def test_too_many_ids_in_a_request_are_refused(frozen: Sandbox, endpoint: str, most: int) -> None:
    ids = frozen.ids("own", most + 1)
    assert post(frozen, endpoint, ids[:most], ["favorites"]).status_code == 200
    response = post(frozen, endpoint, ids, ["favorites"])
    assert response.status_code == 400
    assert str(most) in response.json()["errors"][0]


def test_groupings_nest_in_the_order_given_at_one_to_four_levels(frozen: Sandbox) -> None:
    ids, types = frozen.ids("own", 3), ["impressions", "favorites"]

    def group(*group_by: str) -> Any:
        return post(frozen, "28hr", ids, types, *group_by).json()["g"]

    full = group("tweet.id", "engagement.type", DAY, HOUR)
    turned = group("engagement.type", "tweet.id", DAY, HOUR)
    hours = [(day, hour) for day, row in full[ids[0]]["favorites"].items() for hour in row]
    assert hours[0] == ("2026-11-19", "17")
    assert hours[-1] == ("2026-11-20", "21")
    assert len(hours) == 29
    total = 0
    for i in ids:
        for name in types:
            assert full[i][name] == turned[name][i]
            by_day = group("tweet.id", "engagement.type", DAY)[i][name]
            assert by_day == {
                day: str(sum(map(int, row.values()))) for day, row in full[i][name].items()
            }
            whole = group("tweet.id", "engagement.type")[i][name]
            assert int(whole) == sum(map(int, by_day.values()))
            total += int(whole)
    assert sum(map(int, group("engagement.type").values())) == total
    assert sum(map(int, group("tweet.id").values())) == total
    assert sum(map(int, group(DAY).values())) == total
    assert group(DAY, "tweet.id")["2026-11-20"] == {
        i: str(
            sum(int(full[i][n]["2026-11-20"][h]) for n in types for h in full[i][n]["2026-11-20"])
        )
        for i in ids
    }
    late = group(HOUR, DAY, "engagement.type")
    assert set(late) == {f"{hour:02d}" for hour in range(24)}
    assert set(late["05"]) == {"2026-11-20"}
    assert set(late["18"]) == {"2026-11-19", "2026-11-20"}
    assert late["18"]["2026-11-19"]["favorites"] == str(
        sum(int(full[i]["favorites"]["2026-11-19"]["18"]) for i in ids)
    )


def test_hour_without_day_is_by_day_then_hour_or_summed_over_the_days(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    ids, group_by = frozen.ids("own", 2), ("tweet.id", "engagement.type", HOUR)
    documented = post(frozen, "28hr", ids, ["impressions"], *group_by).json()["g"]
    recorded_sandbox = make_sandbox(clock=lambda: NOW, hour_without_day="hour of day")
    recorded = post(recorded_sandbox, "28hr", ids, ["impressions"], *group_by).json()["g"]
    for i in ids:
        days = documented[i]["impressions"]
        assert list(days) == ["2026-11-19", "2026-11-20"]
        summed = {f"{hour:02d}": 0 for hour in range(24)}
        for row in days.values():
            for hour, count in row.items():
                summed[hour] += int(count)
        assert recorded[i]["impressions"] == {hour: str(n) for hour, n in summed.items()}


def test_three_groupings_come_back_under_their_names_even_reserved_ones(frozen: Sandbox) -> None:
    ids = [*frozen.ids("own", 2), *frozen.ids("deleted", 1)]
    groupings = {
        "errors": {"group_by": ["engagement.type"]},
        "unavailable_tweet_ids": {"group_by": ["tweet.id"]},
        "Ünïcode \n": {"group_by": [DAY]},
    }
    response = post(frozen, "28hr", ids, ["favorites"], groupings=groupings).json()
    assert set(response["errors"]) == {"favorites"}
    assert set(response["unavailable_tweet_ids"]) == set(ids[:2])
    assert "Ünïcode \n" in response
    four = {**groupings, "one more": {"group_by": [DAY]}}
    assert post(frozen, "28hr", ids, ["favorites"], groupings=four).status_code == 400


@pytest.mark.parametrize(
    ("endpoint", "group_by", "named"),
    [
        ("totals", ["tweet.id", HOUR], HOUR),
        ("totals", [DAY], DAY),
        ("28hr", ["tweet.id", "engagement.week"], "engagement.week"),
        ("28hr", [DAY, "tweet.id", "engagement.type", HOUR], DAY),
        ("historical", ["tweet.id", "engagement.type", HOUR, DAY], "tweet.id"),
        ("historical", ["tweet.id", "tweet.id"], "tweet.id"),
    ],
)
def test_groupings_that_the_endpoint_does_not_give_are_refused_by_name(
    frozen: Sandbox, endpoint: str, group_by: list[str], named: str
) -> None:
    response = post(frozen, endpoint, frozen.ids("own", 1), ["favorites"], *group_by)
    assert response.status_code == 400
    text = response.json()["errors"][0]
    assert text.startswith("One or more of the groupBys you have specified are not supported: (")
    assert named in text
    assert text.endswith("). Please adjust your request and try again.")


def test_only_one_grouping_of_four_levels_is_accepted(frozen: Sandbox) -> None:
    full = {"group_by": ["tweet.id", "engagement.type", DAY, HOUR]}
    ids = frozen.ids("own", 1)
    both = post(frozen, "28hr", ids, ["favorites"], groupings={"a": full, "b": full})
    assert both.status_code == 400
    one = post(frozen, "28hr", ids, ["favorites"], groupings={"a": full, "b": {"group_by": [DAY]}})
    assert one.status_code == 200


def test_unavailable_ids_are_listed_beside_the_data_of_the_others(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    good = frozen.ids("own", 2)
    bad = [frozen.ids(kind, 1)[0] for kind in ("deleted", "protected", "never-existed")]
    for endpoint in ENDPOINTS:
        response = post(frozen, endpoint, [bad[0], *good, *bad[1:], "1"], ["favorites"])
        assert response.status_code == 200
        assert set(response.json()["g"]) == set(good)
        assert response.json()["errors"] == ["4 Tweet ID(s) are unavailable"]
        assert response.json()["unavailable_tweet_ids"] == by_text([*bad, "1"])
    silent = make_sandbox(clock=lambda: NOW, say_unavailable=False)
    response = post(silent, "totals", [*good, *bad], ["favorites"])
    assert "errors" not in response.json()
    assert response.json()["unavailable_tweet_ids"] == by_text(bad)


def test_all_ids_unavailable_is_a_400(frozen: Sandbox) -> None:
    for account in (0, None):
        response = post(frozen, "totals", frozen.ids("deleted", 2), ["favorites"], account=account)
        expected = {"errors": ["Tweet ID(s) are unavailable"]}
        assert (response.status_code, response.json()) == (400, expected)


def test_a_tweet_of_another_account_refuses_the_whole_request_of_user_tokens(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    others = frozen.ids("others", 2)
    ids = [*frozen.ids("own", 2), *others]
    for endpoint in ENDPOINTS:
        response = post(frozen, endpoint, ids, ["favorites"])
        expected = {"errors": [f"Forbidden to access tweets: {', '.join(by_text(others))}"]}
        assert (response.status_code, response.json()) == (403, expected)
    recorded = make_sandbox(clock=lambda: NOW, others=200, others_texts="by author")
    response = post(recorded, "28hr", ids, ["favorites"])
    assert response.status_code == 200
    assert set(response.json()) == {"errors"}
    found = []
    for text in response.json()["errors"]:
        start, _, listed = text.partition(": ")
        assert start.startswith("Forbidden to access tweets for author id ")
        author = start.rpartition(" ")[2]
        numbers = recorded.world.truth(listed.split(", ")).tweets.account
        keys = recorded.keys
        assert {keys.user_id(int(number)) for number in numbers} == {author}
        found += listed.split(", ")
    assert sorted(found) == sorted(others)
    kind = make_sandbox(clock=lambda: NOW, totals_refuses_others=False)
    assert set(post(kind, "totals", ids, ["favorites"]).json()["g"]) == set(ids)
    assert post(kind, "totals", ids, ["favorites", "impressions"]).status_code == 403
    assert post(kind, "28hr", ids, ["favorites"]).status_code == 403


def test_impressions_and_engagements_older_than_90_days_are_left_out_and_listed(
    frozen: Sandbox,
) -> None:
    new, old = frozen.ids("own", 2), frozen.ids("over-90-days", 2)
    types = ["impressions", "engagements", "favorites"]
    response = post(frozen, "totals", [*old, *new], types).json()
    assert response["unsupported_for_impressions_engagements_tweet_ids"] == by_text(old)
    [text] = response["errors"]
    assert text.startswith("Impressions & engagements for tweets older than 90 days (")
    assert text.endswith(") are not supported")
    assert all(set(response["g"][i]) == set(types) for i in new)
    assert all(set(response["g"][i]) == {"favorites"} for i in old)
    sums = post(frozen, "totals", [*old, *new], types, "engagement.type").json()["g"]
    assert int(sums["impressions"]) == sum(int(response["g"][i]["impressions"]) for i in new)
    assert int(sums["favorites"]) == sum(int(response["g"][i]["favorites"]) for i in [*old, *new])
    historical = post(frozen, "historical", old, types).json()
    assert set(historical["g"][old[0]]) == set(types)
    assert set(historical) == {"start", "end", "g"}


def test_video_views_older_than_1800_days_read_zero_and_are_listed(make_sandbox: Make) -> None:
    running = make_sandbox(rates={"video_views": 50.0}, clock=lambda: NOW)
    world, account = running.world, 0
    old = [
        i
        for i in running.ids("over-1800-days", 400, account)
        if world.tweets(world.find(_numbers([i]))).has("video")[0]
    ][:2]
    new = running.ids("video", 1)
    assert running.truth(old).of("video_views").min() > 0
    response = post(running, "totals", [*old, *new], ["video_views"]).json()
    assert response["unsupported_for_video_views_tweet_ids"] == by_text(old)
    assert [response["g"][i]["video_views"] for i in old] == ["0", "0"]
    assert int(response["g"][new[0]]["video_views"]) > 0
    for endpoint in ("28hr", "historical"):
        response = post(running, endpoint, old, ["video_views"]).json()
        assert response["unsupported_for_video_views_tweet_ids"] == by_text(old)


def by_text(ids: list[str]) -> list[str]:
    """As the published examples list them: by their text."""
    return sorted(ids)


def test_ids_are_in_the_order_of_their_text_unless_the_switch_says_otherwise(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    # Ids of before and after 2012-11 have 18 and 19 digits, so that text and number differ.
    ids = [*frozen.ids("own", 4), *frozen.ids("before-2014-09", 4)]
    types = ["retweets", "impressions", "favorites"]
    as_asked, mixed = (make_sandbox(clock=lambda: NOW, order=o) for o in ("as asked", "mixed"))
    assert sorted(ids) != sorted(ids, key=int)
    for endpoint in ENDPOINTS:
        found = post(frozen, endpoint, ids, ["favorites"]).json()["g"]
        assert list(found) == sorted(ids) != ids
        plain = post(as_asked, endpoint, ids, ["favorites"]).json()["g"]
        assert list(plain) == ids
        shuffled = post(mixed, endpoint, ids, ["favorites"]).json()["g"]
        assert list(shuffled) not in (ids, sorted(ids), sorted(ids, key=int))
        assert plain == found == shuffled
        new = ids[:1]
        assert list(post(frozen, endpoint, new, types).json()["g"][new[0]]) == sorted(types)
        for other in (as_asked, mixed):
            assert list(post(other, endpoint, new, types).json()["g"][new[0]]) == types


def test_28hr_has_the_enclosing_hours_or_the_last_28(make_sandbox: Make) -> None:
    hours = ("engagement.type", "engagement.day", "engagement.hour")
    on_the_hour = NOW.replace(minute=0, second=0, microsecond=0)
    for now, switch, expected in (
        (NOW, 29, 29), (NOW, 28, 28), (on_the_hour, 29, 28), (on_the_hour, 28, 28),
    ):  # fmt: skip
        running = make_sandbox(now=now, recent_hours=switch)
        told = post(running, "28hr", running.ids("own", 1), ["favorites"], *hours).json()
        assert sum(map(len, told["g"]["favorites"].values())) == expected
        start, end = (datetime.fromisoformat(told[name]) for name in ("start", "end"))
        assert end - start == timedelta(hours=expected)


def test_the_echoed_end_is_rounded_or_as_asked(make_sandbox: Make) -> None:
    by_hour = ("engagement.type", "engagement.day", "engagement.hour")
    now = NOW.replace(hour=21, minute=40, second=12)
    sandboxes = {
        switch: make_sandbox(now=now, echoed_end=switch) for switch in ("rounded", "as asked")
    }
    for switch, start, end, dated in (
        ("rounded", f"{now - timedelta(days=28):%Y-%m-%dT21:00:00Z}", "T22:00:00Z", "T07:00:00Z"),
        ("as asked", f"{now - timedelta(days=28):%Y-%m-%dT22:00:00Z}", "T21:40:00Z", "T06:30:15Z"),
    ):
        running = sandboxes[switch]
        ids = running.ids("own", 1)
        told = post(running, "historical", ids, ["favorites"], *by_hour).json()
        assert (told["start"], told["end"]) == (start, f"{now:%Y-%m-%d}{end}")
        assert list(told["g"]["favorites"][f"{now:%Y-%m-%d}"])[-1] == "21"
        period = {"start": "2026-11-10T05:10:00Z", "end": "2026-11-11T06:30:15Z"}
        told = post(running, "historical", ids, ["favorites"], *by_hour, **period).json()
        assert (told["start"], told["end"]) == ("2026-11-10T05:00:00Z", f"2026-11-11{dated}")


def test_the_90_days_can_hold_for_windows_too(make_sandbox: Make) -> None:
    types = ["impressions", "engagements", "favorites"]
    listed = "unsupported_for_impressions_engagements_tweet_ids"
    for switch in (False, True):
        running = make_sandbox(now=NOW, aged_on_windows=switch)
        new, old = running.ids("own", 2), running.ids("over-90-days", 2)
        for endpoint in ("28hr", "historical"):
            told = post(running, endpoint, [*old, *new], types).json()
            assert set(told["g"][new[0]]) == set(types)
            assert set(told["g"][old[0]]) == ({"favorites"} if switch else set(types))
            assert told.get(listed) == (sorted(old) if switch else None)


def _numbers(ids: list[str]) -> Any:
    import numpy as np

    return np.array(ids, dtype=np.int64)


def test_totals_video_views_count_all_tweets_that_carry_the_same_video(make_sandbox: Make) -> None:
    running = make_sandbox(clock=lambda: NOW)
    ids = running.ids("video", 250)
    totals = post(running, "totals", ids, ["video_views"]).json()["g"]
    alone = running.truth(ids).of("video_views")
    shown = [int(totals[i]["video_views"]) for i in ids]
    assert all(together >= one for together, one in zip(shown, alone, strict=True))
    assert any(together > one for together, one in zip(shown, alone, strict=True))


def test_times_off_the_hour_extend_to_whole_hours_and_end_is_exclusive(frozen: Sandbox) -> None:
    ids = frozen.ids("own", 1)

    def ask(**window: str) -> Any:
        return post(frozen, "historical", ids, ["impressions"], DAY, HOUR, **window).json()

    response = ask(start="2026-11-01T12:24:00Z", end="2026-11-10T08:37:00Z")
    assert (response["start"], response["end"]) == ("2026-11-01T12:00:00Z", "2026-11-10T09:00:00Z")
    assert next(iter(response["g"]["2026-11-01"])) == "12"
    assert list(response["g"]["2026-11-10"])[-1] == "08"
    response = ask(start="2026-11-01", end="2026-11-15")
    assert (response["start"], response["end"]) == ("2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z")
    assert list(response["g"])[-1] == "2026-11-14"
    response = ask()
    assert (response["start"], response["end"]) == ("2026-10-23T21:00:00Z", "2026-11-20T22:00:00Z")
    response = ask(start="2026-11-01T09:00:00+09:00", end="2026-11-02T00:00")
    assert (response["start"], response["end"]) == ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01", "2026-11-30"),
        ("2026-11-20T21:00:00Z", "2026-11-20T21:41:00Z"),
        ("2026-10-01", "2026-10-29T00:00:01Z"),
        ("2026-11-02", "2026-11-01"),
        ("2026-11-02", "2026-11-02"),
        ("2025-11-19", "2025-12-01"),
        ("yesterday", None),
        ("2026-02-30", "2026-03-01"),
        ("20261101", "20261102"),
        (1762300800, None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_invalid_periods_are_refused_with_a_text(frozen: Sandbox, start: Any, end: Any) -> None:
    window = {k: v for k, v in (("start", start), ("end", end)) if v is not None}
    response = post(frozen, "historical", frozen.ids("own", 1), ["impressions"], **window)
    assert response.status_code == 400
    assert isinstance(response.json()["errors"][0], str)


def test_historical_reaches_28_days_and_365_days_back_or_to_2014_09(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    ids = frozen.ids("over-90-days", 1)
    window = {"start": "2025-11-20", "end": "2025-12-18"}
    assert post(frozen, "historical", ids, ["impressions"], **window).status_code == 200
    deep = make_sandbox(clock=lambda: NOW, lookback_days=None)
    first = {"start": "2014-09-01", "end": "2014-09-29"}
    assert post(deep, "historical", ids, ["impressions"], **first).status_code == 200
    before = {"start": "2014-08-31T23:59:00Z", "end": "2014-09-02"}
    assert post(deep, "historical", ids, ["impressions"], **before).status_code == 400


def test_public_counts_before_2015_09_15_read_zero_in_historical(make_sandbox: Make) -> None:
    born = datetime(2015, 9, 20, tzinfo=UTC)
    types = ("favorites", "retweets", "replies")
    many = dict.fromkeys(types, 400.0)
    running = make_sandbox(clock=lambda: born, lookback_days=None, rates=many, accounts=1)
    ids = running.ids("before-2015-09", 25)
    window = {"start": "2015-09-01", "end": "2015-09-20"}
    days = post(
        running, "historical", ids, [*types, "engagements"], "engagement.type", DAY, **window
    ).json()["g"]
    for name in types:
        counts = {day: int(count) for day, count in days[name].items()}
        assert all(count == 0 for day, count in counts.items() if day < "2015-09-15")
        assert sum(counts.values()) > 0
    assert sum(int(n) for day, n in days["engagements"].items() if day < "2015-09-15") > 0


def test_time_series_list_the_zeros_too(frozen: Sandbox) -> None:
    ids = frozen.ids("over-90-days", 5)
    response = post(frozen, "historical", ids, ["app_opens"], "tweet.id", DAY, HOUR).json()
    for days in response["g"].values():
        assert len(days) == 29
        assert len(days["2026-11-01"]) == 24
        assert "0" in days["2026-11-01"].values()


def test_counts_are_strings_unless_the_switch_mixes_in_numbers(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    mixed = make_sandbox(clock=lambda: NOW, bare_numbers=0.3)
    ids = frozen.ids("own", 20)
    strings = post(frozen, "totals", ids, ["impressions", "favorites"]).json()["g"]
    both = post(mixed, "totals", ids, ["impressions", "favorites"]).json()["g"]
    kinds = {type(count) for row in both.values() for count in row.values()}
    assert kinds == {str, int}
    assert {i: {k: str(v) for k, v in row.items()} for i, row in both.items()} == strings


def test_totals_echo_no_window_unless_the_switch_says_so(
    frozen: Sandbox, make_sandbox: Make
) -> None:
    ids = frozen.ids("own", 3)
    assert set(post(frozen, "totals", ids, ["favorites"]).json()) == {"g"}
    told = post(make_sandbox(now=NOW, totals_echo=True), "totals", ids, ["favorites"]).json()
    assert told["end"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    oldest = datetime.fromtimestamp(((int(min(ids)) >> 22) + 1_288_834_974_657) / 1000, UTC)
    assert told["start"] == f"{oldest:%Y-%m-%dT%H:00:00Z}"
