"""Planning: what a fetch costs and what it cannot get, without asking anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.apis.availability import Window
from engagement_nb.apis.engagement import MAX_WINDOW
from engagement_nb.apis.names import LABELS
from engagement_nb.apis.times import snowflake
from engagement_nb.errors import InputError
from engagement_nb.fetch import Plan, make_plan
from engagement_nb.metrics.periods import cut
from tests.fetch.plans import APP, NOW, ids, owner, plan


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


@given(
    start=st.datetimes(datetime(2015, 1, 1), datetime(2025, 1, 1)),
    hours=st.integers(1, 24 * 400),
)
@settings(max_examples=200, deadline=None)
def test_windows_touch_do_not_overlap_and_are_the_fewest(start: datetime, hours: int) -> None:
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    period = Window(first, first + timedelta(hours=hours))
    windows = cut(period, MAX_WINDOW)
    assert (windows[0].start, windows[-1].end) == period
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(timedelta(0) < w.end - w.start <= MAX_WINDOW for w in windows)
    assert len(windows) == -(-timedelta(hours=hours) // MAX_WINDOW)


WINDOW_METRICS = (
    "impressions, engagements, favorites, retweets, replies, video_views, media_views,"
    " media_engagements, url_clicks, hashtag_clicks, detail_expands, permalink_clicks,"
    " app_install_attempts, app_opens, email_tweet, user_follows, user_profile_clicks"
)


@pytest.mark.parametrize(
    ("endpoint", "options", "sentences"),
    [
        (
            "total",
            {},
            "There is no endpoint 'total'. Choose one of: totals, 28hr, historical.",
        ),
        (
            "totals",
            {"start": "2026-10-01"},
            "totals takes no start and end. Leave them out, or use historical.",
        ),
        (
            "28hr",
            {"end": "2026-10-01"},
            "28hr takes no start and end. Leave them out, or use historical.",
        ),
        (
            "totals",
            {"by": "day"},
            "totals gives no series. Use 28hr or historical for days or hours.",
        ),
        (
            "28hr",
            {"by": "week"},
            'by=\'week\' is not a grouping. Choose "day", "hour" or none.',
        ),
        ("totals", {"metrics": ["likez"]}, 'There is no metric "likez". Did you mean favorites?'),
        (
            "28hr",
            {"metrics": "shares_by_emails"},
            'There is no metric "shares_by_emails". Did you mean email_tweet?',
        ),
        (
            "28hr",
            {"metrics": ["url_clik"]},
            'There is no metric "url_clik". Did you mean url_clicks?',
        ),
        (
            "28hr",
            {"metrics": ["xyz"]},
            'There is no metric "xyz". Metrics are ' + ", ".join(LABELS) + ".",
        ),
        (
            "historical",
            {"metrics": ["quote_tweets"]},
            "historical gives none of the requested metrics (quote_tweets). It gives: "
            + WINDOW_METRICS
            + ".",
        ),
        (
            "totals",
            {"metrics": ["url_clicks", "media_views"]},
            "totals gives none of the requested metrics (media_views, url_clicks). It gives:"
            " impressions, engagements, favorites, retweets, replies, video_views, quote_tweets.",
        ),
        (
            "totals",
            {"metrics": []},
            "totals gives none of the requested metrics (none). It gives:"
            " impressions, engagements, favorites, retweets, replies, video_views, quote_tweets.",
        ),
    ],
)
def test_unusable_input_is_one_clear_error(
    endpoint: str, options: dict[str, object], sentences: str
) -> None:
    """The error says what cannot be used, and what to write instead."""
    with pytest.raises(InputError) as raised:
        plan(ids(1), endpoint, **options)
    assert str(raised.value) == sentences


def test_a_metric_can_be_given_by_any_name_that_x_gives_it() -> None:
    found = plan(ids(1), "28hr", metrics=["likes", "retweet_count", "media_clicks"])
    assert found.question.metrics == ("favorites", "retweets", "media_engagements")


@pytest.mark.parametrize("by", [None, "", "none", "day", "hour"])
def test_figures_are_by_day_or_by_hour_or_one_per_tweet(by: str | None) -> None:
    found = plan(ids(1), "28hr", by=by)
    assert found.question.by == (by if by in ("day", "hour") else None)
    assert found.requests[0].by == found.question.by


@pytest.mark.parametrize(
    ("endpoint", "options", "incomplete"),
    [
        ("28hr", {"by": "day"}, True),
        ("28hr", {"by": "hour"}, False),
        ("28hr", {}, False),
        ("historical", {"by": "day"}, False),
        ("historical", {"by": "day", "start": "2026-11-01", "end": "2026-11-03"}, False),
        ("historical", {"by": "day", "start": "2026-11-01T01:00", "end": "2026-11-03"}, True),
        ("historical", {"by": "day", "start": "2026-11-01", "end": "2026-11-03T01:00"}, True),
        ("historical", {"by": "hour", "start": "2026-11-01T01:00", "end": "2026-11-03"}, False),
    ],
)
def test_a_series_by_day_that_begins_or_ends_within_a_day_has_a_note(
    endpoint: str, options: dict[str, object], incomplete: bool
) -> None:
    note = "The first or last day of the period is incomplete."
    assert plan(ids(1), endpoint, **options).notes == ((note,) if incomplete else ())


def test_a_tweet_whose_every_metric_is_too_old_is_not_requested() -> None:
    found = plan(ids(2, days=100), metrics=["impressions"])
    assert not found.requests
    assert set(found.problems["reason"]) == {"older than 90 days"}
    videos = plan(ids(2, days=2_000), "28hr", metrics=["video_views"])
    assert set(videos.problems["reason"]) == {"older than 1800 days"}


def test_the_old_name_of_a_metric_is_accepted() -> None:
    assert plan(ids(1), "28hr", metrics=["media_clicks"]).question.metrics == ("media_engagements",)
