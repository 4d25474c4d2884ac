"""Answers to tables: every shape that the API is known to send, and the zeros that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from engagement_nb.apis.availability import limits
from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import snowflake
from engagement_nb.dataset.frames import (
    TIME,
    response_table,
    sum_windows,
    to_frame,
)
from engagement_nb.errors import ServerTroubleError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OLD = str(snowflake(NOW - timedelta(days=2_000)))
NEW = str(snowflake(NOW - timedelta(days=2)))


def test_totals_as_texts_and_bare_numbers() -> None:
    groups = {NEW: {"favorites": "12", "replies": 3}, OLD: {"favorites": 10**15, "replies": "0"}}
    frame = to_frame(response_table(groups, ("favorites", "replies", "quote_tweets")), groups)
    assert list(frame.columns) == ["tweet_id", "created_at", "favorites", "replies", "quote_tweets"]
    assert frame["favorites"].tolist() == [12, 10**15]
    assert frame["replies"].tolist() == [3, 0]
    assert frame["quote_tweets"].isna().all()
    assert {str(frame[name].dtype) for name in ("favorites", "quote_tweets")} == {"Int64"}
    assert str(frame["tweet_id"].dtype) == "string"
    assert str(frame["created_at"].dtype) == "datetime64[ms, UTC]"
    assert frame["created_at"][0] == pd.Timestamp(NOW - timedelta(days=2))


def test_days_and_hours_become_rows_in_utc() -> None:
    hours = {NEW: {"favorites": {"2026-11-21": {"22": "1", "23": 2}, "2026-11-22": {"00": "3"}}}}
    frame = to_frame(response_table(hours, ("favorites",), "hour"))
    assert frame["time"].tolist() == [
        pd.Timestamp("2026-11-21 22:00", tz="UTC"),
        pd.Timestamp("2026-11-21 23:00", tz="UTC"),
        pd.Timestamp("2026-11-22 00:00", tz="UTC"),
    ]
    assert frame["favorites"].tolist() == [1, 2, 3]
    days = {NEW: {"favorites": {"2026-11-21": "4"}}}
    assert to_frame(response_table(days, ("favorites",), "day"))["favorites"].tolist() == [4]


def test_a_metric_without_figures_is_missing_and_one_with_some_times_is_malformed() -> None:
    groups = {NEW: {"favorites": {"2026-11-21": {"22": "1"}}, "replies": {}}}
    frame = to_frame(response_table(groups, ("favorites", "replies"), "hour"))
    assert frame["favorites"].tolist() == [1]
    assert frame["replies"].isna().all()
    groups[NEW]["replies"] = {"2026-11-21": {"23": "2"}}
    with pytest.raises(ServerTroubleError, match="different times"):
        response_table(groups, ("favorites", "replies"), "hour")


DAYS = [f"2026-11-{day}" for day in range(18, 22)]
WINDOW = (datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("of_old", "of_new", "words"),
    [
        (DAYS, DAYS, ""),
        (DAYS[::-1], DAYS[3:], ""),
        (DAYS[1:], DAYS, "missing"),
        (DAYS, [], "missing"),
        ([*DAYS[:3], "2026-11-22"], DAYS, "outside"),
        ([*DAYS, "2026-11-17"], DAYS, "outside"),
        ([*DAYS, "2026-11-21T00"], DAYS, "repeated"),
    ],
)
def test_a_series_has_each_day_of_its_period_from_posting_on_and_no_other(
    of_old: list[str], of_new: list[str], words: str
) -> None:
    """NEW was posted on the last day of the period."""
    groups = {
        OLD: {"favorites": dict.fromkeys(of_old, "1")},
        NEW: {"favorites": dict.fromkeys(of_new, "1")},
    }
    if not words:
        assert len(response_table(groups, ("favorites",), "day", window=WINDOW))
        return
    with pytest.raises(ServerTroubleError, match=words):
        response_table(groups, ("favorites",), "day", window=WINDOW)


def test_video_views_of_old_tweets_are_unknown_listed_or_not() -> None:
    groups = {NEW: {"video_views": "0"}, OLD: {"video_views": "0"}}
    of_age = limits(ENDPOINTS["totals"], None, NOW)
    table = response_table(groups, ("video_views",), limits=of_age)
    assert table["video_views"].to_pylist() == [0, None]
    told = {Reason.OLDER_THAN_1800_DAYS: [NEW]}
    listed = response_table(groups, ("video_views",), limits=of_age, unsupported=told)
    assert listed["video_views"].to_pylist() == [None, None]


def test_a_count_of_video_views_of_an_old_tweet_is_kept() -> None:
    """Only the zero of an old video means that its views are unknown."""
    groups = {OLD: {"video_views": "7"}}
    table = response_table(groups, ("video_views",), limits=limits(ENDPOINTS["totals"], None, NOW))
    assert table["video_views"].to_pylist() == [7]


def test_a_tweet_without_a_series_leaves_the_next_one_in_the_table() -> None:
    groups = {OLD: {"favorites": {}}, NEW: {"favorites": {"2026-11-21": "4"}}}
    table = response_table(groups, ("favorites",), "day")
    assert table["tweet_id"].to_pylist() == [NEW]


def test_impressions_listed_as_unsupported_are_unknown_even_if_a_zero_is_sent() -> None:
    groups = {NEW: {"impressions": "0", "engagements": "0", "favorites": "1"}}
    table = response_table(
        groups,
        ("impressions", "engagements", "favorites"),
        limits=limits(ENDPOINTS["28hr"], None, NOW),
        unsupported={Reason.OLDER_THAN_90_DAYS: [NEW]},
    )
    assert [column.to_pylist() for column in table.columns[1:]] == [[None], [None], [1]]


@pytest.mark.parametrize("by", [None, "day"])
def test_likes_before_2015_09_15_are_unknown(by: Any) -> None:
    early = str(snowflake(datetime(2015, 9, 1, tzinfo=UTC)))
    late = str(snowflake(datetime(2015, 9, 15, tzinfo=UTC)))
    value: Any = {"2015-09-14": "0", "2015-09-15": "2"} if by else "2"
    groups = {i: {"favorites": value, "impressions": value} for i in (early, late)}
    window = (datetime(2015, 9, 14, tzinfo=UTC), datetime(2015, 9, 16, tzinfo=UTC))
    options: Any = {"by": by, "window": window}
    table = response_table(
        groups,
        ("favorites", "impressions"),
        limits=limits(ENDPOINTS["historical"], window, NOW),
        **options,
    )
    assert table["favorites"].to_pylist() == ([None, 2, 2] if by else [None, 2])
    assert None not in table["impressions"].to_pylist()
    elsewhere = response_table(
        groups, ("favorites",), limits=limits(ENDPOINTS["28hr"], window, NOW), **options
    )
    assert None not in elsewhere["favorites"].to_pylist()


@pytest.mark.parametrize("by", ["day", "hour"])
def test_a_series_begins_with_the_day_or_hour_of_posting(by: Any) -> None:
    """A row from before a Tweet was posted is not a zero."""
    posted = datetime(2026, 11, 19, 22, 30, tzinfo=UTC)
    tweet = str(snowflake(posted))
    hours = {f"{hour:02}": "0" for hour in range(24)}
    days: Any = dict.fromkeys(DAYS, hours if by == "hour" else "0")
    groups = {tweet: {"favorites": days}, OLD: {"favorites": days}}
    table = response_table(groups, ("favorites",), by, window=WINDOW)
    frame = to_frame(table)
    first = frame.groupby("tweet_id")["time"].min()
    assert first[tweet] == pd.Timestamp(posted).floor("D" if by == "day" else "h")
    assert first[OLD] == pd.Timestamp(WINDOW[0])
    assert frame["tweet_id"].value_counts()[tweet] == (3 if by == "day" else 50)


@pytest.mark.parametrize("by", ["day", "hour"])
def test_a_window_that_begins_within_a_day_has_the_rest_of_that_day(by: Any) -> None:
    window = (datetime(2026, 11, 18, 5, tzinfo=UTC), WINDOW[1])
    hours = {day: {f"{hour:02}": "1" for hour in range(5 * (day == DAYS[0]), 24)} for day in DAYS}
    value: Any = hours if by == "hour" else dict.fromkeys(DAYS, "1")
    table = response_table({OLD: {"favorites": value}}, ("favorites",), by, window=window)
    first = pd.Timestamp(window[0]).floor("D" if by == "day" else "h")
    assert (to_frame(table)["time"].min(), len(table)) == (first, 91 if by == "hour" else 4)


@pytest.mark.parametrize("by", [None, "day"])
def test_a_tweet_posted_after_the_window_has_no_row(by: Any) -> None:
    later = str(snowflake(WINDOW[1]))
    value: Any = dict.fromkeys(DAYS, "0") if by else "0"
    groups = {later: {"favorites": value}, NEW: {"favorites": value}}
    table = response_table(groups, ("favorites",), by, window=WINDOW)
    assert table["tweet_id"].unique().to_pylist() == [NEW]


@pytest.mark.parametrize(
    "groups",
    [
        {NEW: {"favorites": "many"}},
        {NEW: {"favorites": "1.5"}},
        {NEW: {"favorites": [1]}},
        {NEW: "favorites"},
        {NEW: {"favorites": str(2**64)}},
    ],
)
def test_a_response_of_another_shape_is_retried(groups: Any) -> None:
    with pytest.raises(ServerTroubleError, match="not shaped") as raised:
        response_table(groups, ("favorites",))
    assert raised.value.tweet_ids == (NEW,)
    assert raised.value.advice == "Run the same command again."


@pytest.mark.parametrize("days", ["7", {"first": "7"}, {"2026-13-01": "7"}, ["7"]])
def test_a_series_of_another_shape_is_retried(days: Any) -> None:
    with pytest.raises(ServerTroubleError, match="not shaped"):
        response_table({NEW: {"favorites": days}}, ("favorites",), "day")


def test_a_sum_over_windows_is_unknown_if_any_part_is_unknown() -> None:
    table = pa.table(
        {"tweet_id": ["1", "1", "2", "2"], "favorites": pa.array([1, 2, 3, None], pa.int64())}
    )
    summed = sum_windows(table)
    assert summed["favorites"].to_pylist() == [3, None]


def test_days_of_touching_windows_are_added_by_day_with_the_latest_reading() -> None:
    """Hours of one day can come from two windows."""
    first, second = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC)
    table = pa.table(
        {
            "tweet_id": ["1", "1", "1"],
            "time": pa.array([first, second, second], TIME),
            "favorites": pa.array([1, 2, 4], pa.int64()),
            "read_at": pa.array([first, second, first], TIME),
        }
    )
    summed = sum_windows(table)
    assert summed["favorites"].to_pylist() == [1, 6]
    assert summed["time"].to_pylist() == [first, second]
    assert summed["read_at"].to_pylist() == [first, second]


def test_rows_are_put_in_the_order_of_the_given_tweets_and_of_time() -> None:
    times = pa.array([2, 1, 1, 2], pa.int64()).cast(TIME)
    table = pa.table({"tweet_id": ["2", "2", "1", "1"], "time": times})
    assert to_frame(table, ["2", "1"])["tweet_id"].tolist() == ["2", "2", "1", "1"]
    assert to_frame(table)["tweet_id"].tolist() == ["1", "1", "2", "2"]
    ordered = to_frame(table)["time"].astype("int64").tolist()
    assert ordered == [1, 2, 1, 2]


def test_an_empty_response_is_an_empty_frame_with_all_columns() -> None:
    frame = to_frame(response_table({}, ("favorites",), "hour"))
    assert list(frame.columns) == ["tweet_id", "created_at", "time", "favorites"]
    assert len(frame) == 0
