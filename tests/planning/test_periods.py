"""Periods by name: which dates they are, in which time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_nb.errors import InputError
from engagement_nb.planning.periods import dates_of

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def dates(period: str, zone: str | None = None, now: datetime = MONDAY) -> list[str]:
    found = dates_of(None, None, period, zone, now)
    return ["" if moment is None else f"{moment:%Y-%m-%d %H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("last week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("Last_Week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("last 4 weeks", "2026-10-26 00:00", "2026-11-23 00:00"),
        ("last 7 days", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("last day", "2026-11-22 00:00", "2026-11-23 00:00"),
        ("last month", "2026-10-01 00:00", "2026-11-01 00:00"),
        ("last 2 months", "2026-09-01 00:00", "2026-11-01 00:00"),
        ("since monday", "2026-11-23 00:00", ""),
        ("since friday", "2026-11-20 00:00", ""),
        ("2026-10", "2026-10-01 00:00", "2026-11-01 00:00"),
        ("2026-11", "2026-11-01 00:00", ""),
    ],
)
def test_a_named_period_is_whole_days_up_to_the_present_one(
    period: str, start: str, end: str
) -> None:
    assert dates(period) == [start, end]


def test_a_week_is_the_same_on_every_day_of_the_next() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(7)]
    assert len({tuple(dates("last week", now=day)) for day in days}) == 1


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Asia/Tokyo", "2026-11-15 15:00", "2026-11-22 15:00"),
        ("America/New_York", "2026-11-16 05:00", "2026-11-23 05:00"),
        ("Asia/Kolkata", "2026-11-15 18:00", "2026-11-22 18:00"),
    ],
)
def test_days_are_those_of_the_zone_and_begin_on_a_full_hour(
    zone: str, start: str, end: str
) -> None:
    assert dates("last week", zone) == [start, end]


def test_a_week_in_which_clocks_change_has_an_hour_more() -> None:
    start, end = dates_of(None, None, "last week", "Europe/Paris", datetime(2026, 10, 26, 9, tzinfo=UTC))  # noqa: E501 # fmt: skip
    assert start is not None
    assert end is not None
    assert end - start == timedelta(days=7, hours=1)


def test_before_midnight_in_the_zone_it_is_still_the_day_before() -> None:
    late = datetime(2026, 11, 23, 3, tzinfo=UTC)  # Sunday evening in New York
    assert dates("last week", "America/New_York", late)[0] == "2026-11-09 05:00"


def test_dates_without_an_offset_are_dates_of_the_zone() -> None:
    found = dates_of("2026-11-01", "2026-11-02T00:00Z", None, "Asia/Tokyo", MONDAY)
    assert found == (datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("2026-11-01", None, "last week", None), "two ways to give the same dates"),
        ((None, "2026-11-01", "2026-10", None), "two ways to give the same dates"),
        ((None, None, "next week", None), "not a period.*last week"),
        ((None, None, "last 0 days", None), "not a period"),
        ((None, None, "last 9999 days", None), "not a period"),
        ((None, None, "2026-13", None), "not a period"),
        ((None, None, "0001-01", None), "not a period"),
        ((None, None, "last week", "Mars/Olympus"), "not a time zone.*Europe/Paris"),
        ((None, None, "last week", "../etc/passwd"), "not a time zone"),
    ],
)
def test_an_unreadable_period_is_one_clear_sentence(
    given: tuple[str | None, str | None, str | None, str | None], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        dates_of(*given, MONDAY)


@given(
    st.datetimes(datetime(2016, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    st.sampled_from(["day", "week", "month"]),
)
def test_periods_that_follow_each_other_neither_overlap_nor_leave_a_gap(
    naive: datetime, zone: str, unit: str
) -> None:
    now = naive.replace(tzinfo=UTC)
    two = dates_of(None, None, f"last 2 {unit}s", zone, now)
    one = dates_of(None, None, f"last {unit}", zone, now)
    assert two[1] == one[1]
    assert two[0] is not None
    assert one[0] is not None
    within = one[0] - timedelta(hours=-1)
    before = dates_of(None, None, f"last {unit}", zone, within)
    assert before == (two[0], one[0])
    assert all(pd.Timestamp(moment).minute == 0 for moment in (*two, *one))
