"""Planning: what a fetch costs and what it cannot get, without asking anybody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.availability import Window
from engagement_nb.client.credentials import Profile
from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.hosts import hosts_at
from engagement_nb.errors import InputError
from engagement_nb.planning import Plan, make_plan
from engagement_nb.planning.periods import cut, parse_moment
from engagement_nb.planning.routing import Known, requests_for
from engagement_nb.vocabulary import MAX_WINDOW, snowflake

NOW = datetime(2026, 11, 23, 10, 17, 30, tzinfo=UTC)


def owner(number: int = 1) -> Profile:
    return Profile(
        f"owner{number}",
        hosts_at("http://127.0.0.1:8642"),
        consumer_key="key-of-the-app",
        consumer_secret="secret-of-the-app",
        access_token=f"{number}-token-of-owner",
        access_token_secret="secret-of-the-token",
    )


APP = Profile("app", hosts_at("http://127.0.0.1:8642"), bearer_token="bearer-of-the-app")


def ids(count: int, days: float = 10, low: int = 0) -> list[str]:
    """Ids of Tweets posted so many days ago."""
    return [str(snowflake(NOW - timedelta(days=days), low + n)) for n in range(count)]


def plan(tweet_ids: list[str], endpoint: str = "totals", **options: object) -> Plan:
    return make_plan(tweet_ids, endpoint, **{"profiles": [owner()], "now": NOW, **options})


def sizes(found: Plan) -> list[int]:
    return [len(request.tweet_ids) for request in found.requests]


@pytest.mark.parametrize(
    ("endpoint", "count", "requests"),
    [("totals", 250, 1), ("totals", 251, 2), ("28hr", 25, 1), ("28hr", 26, 2), ("28hr", 250, 10)],
)
def test_requests_are_as_large_as_the_endpoint_takes(
    endpoint: str, count: int, requests: int
) -> None:
    assert len(plan(ids(count), endpoint).requests) == requests


def test_ids_are_requested_once_and_malformed_ones_are_problems() -> None:
    given_ids = [*ids(3), *ids(3), "12x", "6.49E+17"]
    found = plan(given_ids)
    assert list(found.tweet_ids) == ids(3)
    assert sizes(found) == [3]
    assert set(found.problems["tweet_id"]) == {"12x", "6.49E+17"}
    assert set(found.problems["reason"]) == {"not a Tweet id"}
    assert any("counted once" in note for note in found.notes)


def test_old_tweets_use_the_bearer_as_the_owner_gets_no_more() -> None:
    found = plan([*ids(3), *ids(300, days=100)])
    assert sorted((r.auth, len(r.tweet_ids)) for r in found.requests) == [
        ("app", 50),
        ("app", 250),
        ("user", 3),
    ]
    assert {name for r in found.requests if r.auth == "app" for name in r.metrics}.isdisjoint(
        {"impressions", "engagements"}
    )


def test_an_owners_half_empty_request_carries_the_owners_old_tweets_too() -> None:
    recent, old = ids(200), ids(300, days=100)
    found = plan([*recent, *old], owners=dict.fromkeys([*recent, *old], "1"))
    assert sorted((r.auth, len(r.tweet_ids)) for r in found.requests) == [
        ("app", 250),
        ("user", 250),
    ]


def test_an_owners_request_is_left_alone_where_filling_it_saves_nothing() -> None:
    recent, old = ids(240), ids(100, days=100)
    found = plan([*recent, *old], owners=dict.fromkeys([*recent, *old], "1"))
    assert sorted((r.auth, len(r.tweet_ids)) for r in found.requests) == [
        ("app", 100),
        ("user", 240),
    ]


def test_user_tokens_never_request_public_metrics_of_others() -> None:
    theirs = ids(10)
    found = plan(theirs, owners=dict.fromkeys(theirs, "99"))
    assert [(r.auth, r.metrics) for r in found.requests] == [
        ("app", ("favorites", "retweets", "replies", "video_views", "quote_tweets"))
    ]
    only_public = plan(theirs, metrics=["favorites"])
    assert [r.auth for r in only_public.requests] == ["app"]


def test_tweets_of_others_are_not_requested_from_owner_only_endpoints() -> None:
    theirs = ids(10)
    found = plan(theirs, "28hr", owners=dict.fromkeys(theirs, "99"))
    assert not found.requests
    assert any("not yours" in hint for hint in found.hints)


def test_each_owners_tweets_are_requested_with_the_owners_tokens() -> None:
    one, two = ids(30), ids(20, low=100)
    owners = {**dict.fromkeys(one, "1"), **dict.fromkeys(two, "2")}
    found = make_plan([*one, *two], "28hr", profiles=[owner(1), owner(2)], owners=owners, now=NOW)
    assert {(r.profile.name, len(r.tweet_ids)) for r in found.requests} == {
        ("owner1", 25), ("owner1", 5), ("owner2", 20),
    }  # fmt: skip
    assert found.handles == ("1", "2")


def test_tweets_of_unknown_owner_count_for_all_whose_tokens_may_be_tried() -> None:
    """A limit on handles holds even if only the run learns who owns the Tweets."""
    profiles = [owner(1), owner(2), APP]
    found = plan(ids(3), "28hr", profiles=profiles)
    assert found.handles == ("1", "2")
    assert "up to 2 counted" in str(found)
    told = plan(ids(3), "28hr", profiles=profiles, owners=dict.fromkeys(ids(3), "2"))
    assert told.handles == ("2",)
    assert plan(ids(3), profiles=profiles, metrics=["favorites"]).handles == ()


def test_a_profile_that_lacks_a_part_of_its_tokens_is_named() -> None:
    """A profile with incomplete tokens cannot sign, and the plan says what it lacks."""
    found = plan(ids(3), "28hr", profiles=[replace(owner(), consumer_secret=Secret())])
    assert not found.requests
    assert any("'owner1' has an access token but no consumer secret:" in h for h in found.hints)
    assert not any(
        "cannot sign" in h for p in (owner(), APP) for h in plan([*ids(3)], profiles=[p]).hints
    )


def test_a_metric_by_its_label_is_pointed_to_its_wire_name() -> None:
    with pytest.raises(InputError, match="Did you mean favorites"):
        plan(ids(1), metrics=["likes"])
    with pytest.raises(InputError, match="Did you mean url_clicks"):
        plan(ids(1), "28hr", metrics=["url_click"])


def test_a_bearer_alone_requests_public_metrics_only() -> None:
    found = plan(ids(3), profiles=[APP])
    assert [r.auth for r in found.requests] == ["app"]
    assert found.handles == ()
    assert not plan(ids(3), "historical", profiles=[APP]).requests


def test_windows_before_a_tweet_was_posted_are_not_requested() -> None:
    period = {"start": NOW - timedelta(days=84), "end": NOW - timedelta(hours=1)}
    tweets = [*ids(25, days=100), *ids(25, days=40), *ids(25, days=5)]
    found = plan(tweets, "historical", **period)
    assert len(found.windows) == 3
    assert sizes(found) == [25] * 6
    for request in found.requests:
        assert request.end is not None
        assert all(int(t) < snowflake(request.end) for t in request.tweet_ids)


def test_a_tweet_posted_after_the_period_is_a_problem() -> None:
    found = plan(ids(2, days=1), "historical", start="2026-10-01", end="2026-11-01")
    assert not found.requests
    assert set(found.problems["reason"]) == {"posted later"}


def test_probing_requests_unproven_tweets_in_one_window_only() -> None:
    found = plan(ids(30, days=90), "historical", start=NOW - timedelta(days=80), end=NOW)
    outstanding = {window: list(found.tweet_ids) for window in found.windows}
    first, _ = requests_for(found, Known(), outstanding, probe=True)
    assert [(len(r.tweet_ids), r.end) for r in first] == [
        (25, found.windows[-1].end), (5, found.windows[-1].end),
    ]  # fmt: skip
    proven = Known(proven=dict.fromkeys(found.tweet_ids, 0))
    everything, _ = requests_for(found, proven, outstanding, probe=True)
    assert len(everything) == len(found.requests) == 6


@given(
    start=st.datetimes(datetime(2015, 1, 1), datetime(2025, 1, 1)),
    hours=st.integers(1, 24 * 400),
    by=st.sampled_from([None, "day", "hour"]),
)
@settings(max_examples=200, deadline=None)
def test_windows_touch_do_not_overlap_and_are_the_fewest(
    start: datetime, hours: int, by: str | None
) -> None:
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    period = Window(first, first + timedelta(hours=hours))
    windows = cut(period, by)  # type: ignore[arg-type]
    assert (windows[0].start, windows[-1].end) == period
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(timedelta(0) < w.end - w.start <= MAX_WINDOW for w in windows)
    assert len(windows) == -(-timedelta(hours=hours) // MAX_WINDOW)


def test_days_are_cut_at_midnight_if_that_costs_nothing() -> None:
    period = Window(datetime(2026, 9, 1, 5, tzinfo=UTC), datetime(2026, 10, 10, 7, tzinfo=UTC))
    assert cut(period, "day")[1].start.hour == 0
    assert cut(period, "hour")[1].start.hour == 7


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T13:45", datetime(2026, 10, 1, 13, 45, tzinfo=UTC)),
        ("2026-10-01T13:45:00Z", datetime(2026, 10, 1, 13, 45, tzinfo=UTC)),
        ("2026-10-01T13:45+09:00", datetime(2026, 10, 1, 4, 45, tzinfo=UTC)),
        (date(2026, 10, 1), datetime(2026, 10, 1, tzinfo=UTC)),
        (datetime(2026, 10, 1, 5), datetime(2026, 10, 1, 5, tzinfo=UTC)),
        (
            datetime(2026, 10, 1, 5, tzinfo=timezone(timedelta(hours=9))),
            datetime(2026, 9, 30, 20, tzinfo=UTC),
        ),
        (pd.Timestamp("2026-10-01 05:00", tz="Asia/Tokyo"), datetime(2026, 9, 30, 20, tzinfo=UTC)),
        (np.datetime64("2026-10-01"), datetime(2026, 10, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_converted_to_utc_and_never_relabelled(value: object, moment: datetime) -> None:
    assert parse_moment(value, "start") == moment  # type: ignore[arg-type]


def test_values_off_the_hour_go_to_the_enclosing_hour() -> None:
    found = plan(ids(1, days=400), "historical", start="2026-10-01T13:45", end="2026-10-02T01:15")
    assert found.start == datetime(2026, 10, 1, 13, tzinfo=UTC)
    assert found.end == datetime(2026, 10, 2, 2, tzinfo=UTC)


def test_without_a_period_it_is_the_28_days_just_past() -> None:
    found = plan(ids(1, days=400), "historical")
    assert found.end == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert found.start == found.end - MAX_WINDOW
    by_day = plan(ids(1, days=400), "historical", by="day")
    assert by_day.end == datetime(2026, 11, 23, tzinfo=UTC)
    assert len(by_day.windows) == 1


def test_the_present_hour_is_left_out_as_it_is_not_over() -> None:
    found = plan(ids(1, days=400), "historical", start="2026-11-20", end=NOW)
    assert found.end == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert any("not over" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "2026-12-01"}, "future"),
        ({"end": "2026-11-24"}, "future"),
        ({"start": "2026-11-01", "end": "2026-10-01"}, "empty"),
        ({"start": "2013-01-01", "end": "2014-01-01"}, "nothing earlier"),
        ({"start": "yesterday"}, "not a date"),
        ({"start": "0001-01-01T00:00+09:00"}, "outside of the years"),
        ({"end": "9999-12-31T23:00-09:00"}, "outside of the years"),
        ({"end": "0001-01-05"}, "nothing earlier"),
        ({"by": "week"}, "grouping"),
        ({"metrics": ["favourites"]}, "favorites"),
        ({"metrics": ["quote_tweets"]}, "none of the requested metrics"),
    ],
)
def test_unusable_input_is_one_clear_error(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan(ids(1), "historical", **options)


def test_totals_takes_no_period_and_no_series() -> None:
    with pytest.raises(InputError, match="no start and end"):
        plan(ids(1), start="2026-10-01")
    with pytest.raises(InputError, match="no series"):
        plan(ids(1), by="day")
    with pytest.raises(InputError, match="no endpoint"):
        plan(ids(1), "total")


def test_a_period_from_before_the_api_knows_anything_is_cut_and_said() -> None:
    old = [str(snowflake(datetime(2013, 1, 1, tzinfo=UTC)))]
    found = plan(old, "historical", start="2013-01-01", end="2014-10-01")
    assert found.start == datetime(2014, 9, 1, tzinfo=UTC)
    assert set(found.problems["reason"]) == {"before 2014-09-01"}
    assert any("2014-09-01" in note for note in found.notes)
    assert any("365" in note for note in found.notes)


def test_a_tweet_whose_every_metric_is_too_old_is_not_requested() -> None:
    found = plan(ids(2, days=100), metrics=["impressions"])
    assert not found.requests
    assert set(found.problems["reason"]) == {"older than 90 days"}
    videos = plan(ids(2, days=2_000), "28hr", metrics=["video_views"])
    assert set(videos.problems["reason"]) == {"older than 1800 days"}


def test_the_old_name_of_a_metric_is_accepted() -> None:
    assert plan(ids(1), "28hr", metrics=["media_clicks"]).metrics == ("media_engagements",)


def test_the_price_is_in_requests_and_minutes_and_reads_well() -> None:
    found = plan(ids(2_500), "28hr", limit=50)
    assert found.minutes == 2.0
    assert "2.0 minutes at 50 per minute" in str(found)
    values = json.loads(json.dumps(found.to_dict()))
    assert (values["requests"], values["minutes"], values["tweets"]) == (100, 2.0, 2_500)
    assert plan(ids(1)).minutes is None
    assert "token" not in repr(found).lower() + str(found.to_dict()).lower()
