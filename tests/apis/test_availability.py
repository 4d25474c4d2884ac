"""What the API can tell of a Tweet: each rule at its border."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from engagement_nb.apis.availability import (
    availability,
    limits,
)
from engagement_nb.apis.engagement import ENDPOINTS, METRICS
from engagement_nb.apis.reasons import UNFINISHED, Reason
from engagement_nb.apis.times import (
    FIRST_SNOWFLAKE_ID,
    as_utc,
    full_hour,
    next_full_hour,
    posted_before,
    snowflake,
    tweet_time,
    wire_time,
)

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
KNOWN_FROM = datetime(2015, 9, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)


def tweet(posted: datetime) -> str:
    return str(snowflake(posted))


def hour_from(start: datetime) -> tuple[datetime, datetime]:
    return (start, start + HOUR)


@pytest.mark.parametrize("metric", ["impressions", "engagements"])
def test_totals_gives_impressions_and_engagements_for_90_days(metric: str) -> None:
    border = NOW - timedelta(days=90)
    before = tweet(border - MOMENT)
    assert availability(tweet(border), ENDPOINTS["totals"], metric, None, NOW) is None
    assert availability(before, ENDPOINTS["totals"], metric, None, NOW) == Reason.OLDER_THAN_90_DAYS
    assert availability(before, ENDPOINTS["totals"], "favorites", None, NOW) is None
    for endpoint in ("28hr", "historical"):
        assert availability(before, ENDPOINTS[endpoint], metric, hour_from(NOW), NOW) is None


@pytest.mark.parametrize("endpoint", ["totals", "28hr", "historical"])
def test_video_views_are_known_for_1800_days_and_then_read_0(endpoint: str) -> None:
    border = NOW - timedelta(days=1800)
    window = None if endpoint == "totals" else hour_from(NOW)
    assert availability(tweet(border), ENDPOINTS[endpoint], "video_views", window, NOW) is None
    found = availability(tweet(border - MOMENT), ENDPOINTS[endpoint], "video_views", window, NOW)
    assert found == Reason.OLDER_THAN_1800_DAYS
    assert {one.reason: one.reads_zero for one in limits(ENDPOINTS[endpoint], window, NOW)} == {
        Reason.OLDER_THAN_90_DAYS: False,
        Reason.OLDER_THAN_1800_DAYS: True,
    }


@pytest.mark.parametrize("metric", ["favorites", "replies", "retweets"])
def test_historical_knows_likes_replies_and_reposts_from_2015_09_15_on(metric: str) -> None:
    before = tweet(KNOWN_FROM - MOMENT)
    early, later = (KNOWN_FROM - MOMENT, KNOWN_FROM + HOUR), hour_from(KNOWN_FROM)
    found = availability(before, ENDPOINTS["historical"], metric, early, NOW)
    assert found == Reason.BEFORE_2015_09_15
    assert availability(before, ENDPOINTS["historical"], metric, later, NOW) is None
    assert availability(tweet(KNOWN_FROM), ENDPOINTS["historical"], metric, early, NOW) is None
    assert availability(before, ENDPOINTS["28hr"], metric, early, NOW) is None
    assert availability(before, ENDPOINTS["historical"], "impressions", early, NOW) is None
    (limit,) = [one for one in limits(ENDPOINTS["historical"], early, NOW) if metric in one.metrics]
    assert (limit.reads_zero, limit.known_from) == (True, KNOWN_FROM)


@pytest.mark.parametrize("endpoint", ["28hr", "historical"])
def test_a_tweet_posted_at_the_end_of_a_period_is_posted_later(endpoint: str) -> None:
    start, end = hour_from(NOW - HOUR)
    found = availability(tweet(end), ENDPOINTS[endpoint], "impressions", (start, end), NOW)
    assert found == Reason.POSTED_LATER
    assert (
        availability(tweet(end - MOMENT), ENDPOINTS[endpoint], "impressions", (start, end), NOW)
        is None
    )


def test_an_endpoint_does_not_give_the_metrics_of_the_others() -> None:
    offered = Reason.METRIC_NOT_OFFERED
    assert availability(tweet(NOW), ENDPOINTS["totals"], "url_clicks", None, NOW) == offered
    assert (
        availability(tweet(NOW), ENDPOINTS["28hr"], "quote_tweets", hour_from(NOW), NOW) == offered
    )


def test_only_totals_gives_public_metrics_without_the_owners_tokens() -> None:
    public = {name for name in METRICS if not ENDPOINTS["totals"].needs_owner(name)}
    assert public == {"favorites", "retweets", "replies", "video_views", "quote_tweets"}
    assert all(
        ENDPOINTS["28hr"].needs_owner(n) and ENDPOINTS["historical"].needs_owner(n) for n in METRICS
    )


def test_a_tweet_is_posted_before_a_moment_by_its_id() -> None:
    assert not posted_before(tweet(NOW), NOW)
    assert posted_before(tweet(NOW - MOMENT), NOW)
    assert posted_before("20", datetime(2010, 11, 5, tzinfo=UTC))
    assert tweet_time(FIRST_SNOWFLAKE_ID) == datetime(2010, 11, 4, 1, 43, 1, 738_000, tzinfo=UTC)
    assert tweet_time(FIRST_SNOWFLAKE_ID - 1) is None


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="a machine's zone cannot be set")
def test_a_time_without_a_zone_is_utc_whatever_the_zone_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert as_utc("2026-11-23T10:30") == as_utc("2026-11-23T12:30+02:00") == NOW
        assert as_utc(NOW.replace(tzinfo=None)) == NOW
    time.tzset()


def test_a_moment_is_within_the_hour_that_began_before_it() -> None:
    hour, moment = NOW.replace(minute=0), NOW + timedelta(seconds=15, microseconds=5)
    assert (full_hour(moment), next_full_hour(moment)) == (hour, hour + HOUR)
    assert (full_hour(hour), next_full_hour(hour)) == (hour, hour)
    assert wire_time(moment.astimezone(timezone(2 * HOUR))) == "2026-11-23T10:30:15Z"


def test_each_reason_has_advice_and_only_temporary_ones_are_requested_again() -> None:
    assert all(reason.advice.endswith((".", "auth check.")) for reason in Reason)
    assert {
        Reason.REQUEST_FAILED, Reason.NOT_AUTHENTICATED, Reason.NO_ANSWER,
    } == UNFINISHED  # fmt: skip
