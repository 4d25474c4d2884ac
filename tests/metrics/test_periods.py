"""Periods by name: which dates they are, in which time zone."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.apis.engagement import ENDPOINTS, ENGAGEMENT
from engagement_nb.errors import InputError
from engagement_nb.metrics import periods
from engagement_nb.metrics.periods import (
    Moment,
    dates_of,
    day_of,
    in_words,
    is_utc,
    parse_moment,
    splits_hours,
)

MONDAY = datetime(2026, 11, 23, 8, 30, 15, 250_000, tzinfo=UTC)


def resolve(
    start: Moment, end: Moment, by: By | None, now: datetime, notes: list[str], zone: str = "UTC"
) -> Window:
    """The period of historical."""
    dates = dates_of(start, end, None, zone, now)
    facts = {"api": ENGAGEMENT, "endpoint": ENDPOINTS["historical"]}
    return periods.resolve(*dates, by, now, notes, zone=zone, **facts)


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
        ("2014-09", "2014-09-01 00:00", "2014-10-01 00:00"),
        ("2013-12", "2013-12-01 00:00", "2014-01-01 00:00"),
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
    day, next_day = datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 1, 15, tzinfo=UTC)
    assert dates_of("2026-11-01", "2026-11-02", None, "Asia/Tokyo", MONDAY) == (day, next_day)
    assert dates_of("2026-10-31T15:00Z", "", None, "Asia/Tokyo", MONDAY) == (day, None)


NAMED = (
    "Write last week, last month, last 7 days, last 4 weeks, since monday, or a month as 2026-10."
)


@pytest.mark.parametrize(
    ("period", "zone", "sentences"),
    [
        ("next week", None, f"'next week' is not a period. {NAMED}"),
        ("last 0 days", None, f"'last 0 days' is not a period. {NAMED}"),
        ("last 9999 days", None, f"'last 9999 days' is not a period. {NAMED}"),
        ("monday", None, f"'monday' is not a period. {NAMED}"),
        ("since today", None, f"'since today' is not a period. {NAMED}"),
        ("2026-13", None, f"'2026-13' is not a period. {NAMED}"),
        *(
            (
                "last week",
                zone,
                f"{zone!r} is not a time zone."
                " Give an IANA name, such as Europe/Paris or Asia/Tokyo.",
            )
            for zone in ("Mars/Olympus", "../etc/passwd")
        ),
    ],
)
def test_an_unreadable_period_is_one_clear_error(
    period: str, zone: str | None, sentences: str
) -> None:
    """The error says what cannot be read, and what to write instead."""
    with pytest.raises(InputError) as raised:
        dates_of(None, None, period, zone, MONDAY)
    assert str(raised.value) == sentences


@pytest.mark.parametrize("dates", [("2026-11-01", None), (None, "2026-11-01")])
def test_a_named_period_takes_no_start_and_no_end(dates: tuple[str | None, str | None]) -> None:
    with pytest.raises(InputError) as raised:
        dates_of(*dates, "last week", None, MONDAY)
    assert str(raised.value) == (
        "period='last week' and a start or end are two ways to give the same dates."
        " Give only one of them."
    )


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


WRITE = "Write 2026-01-31, 2026-01-31T13:00 or 2026-01-31T13:00+09:00."


@pytest.mark.parametrize(
    ("start", "end", "sentences"),
    [
        ("yesterday", None, f"start='yesterday' is not a date or time. {WRITE}"),
        (None, "today", f"end='today' is not a date or time. {WRITE}"),
        ([1], None, f"start=[1] is not a date or time. {WRITE}"),
        (
            "0001-01-01T00:00+09:00",
            None,
            "start=0001-01-01 00:00:00+09:00 is outside of the years 1 to 9999 in UTC."
            " Choose a period that the API knows: from 2014-09-01 on.",
        ),
        (
            None,
            "9999-12-31T23:00-09:00",
            "end=9999-12-31 23:00:00-09:00 is outside of the years 1 to 9999 in UTC."
            " Choose a period that the API knows: from 2014-09-01 on.",
        ),
    ],
)
def test_an_unreadable_moment_is_one_clear_error(
    start: Moment, end: Moment, sentences: str
) -> None:
    """The error names the parameter and its value, and says what to write instead."""
    with pytest.raises(InputError) as raised:
        dates_of(start, end, None, "Europe/Paris", MONDAY)
    assert str(raised.value) == sentences
    with pytest.raises(InputError) as raised:
        resolve(start, end, None, MONDAY, [])
    assert str(raised.value) == sentences


LONG_AGO = (
    "The period starts more than 365 days ago; newer pages of the API's reference say that this"
    " is refused."
)
WITHOUT_TODAY = "By day, the period ends with the last day that is over."
NOTHING_EARLIER = "The API knows nothing before 2014-09-01: the period starts there."


def resolved(start: Moment, end: Moment, by: By | None, now: datetime) -> tuple[str, list[str]]:
    """The period as "month-day hour" twice, and the notes."""
    notes: list[str] = []
    found = resolve(start, end, by, now, notes)
    assert all(moment.strftime("%M%S%f") == "0" * 10 for moment in found)
    return " to ".join(f"{moment:%Y-%m-%d %H}" for moment in found), notes


def starts(hour: int) -> str:
    return f"The API counts whole hours: the period starts at {hour:02}:00 UTC."


def ends(hour: int) -> str:
    return f"The API counts whole hours: the period ends at {hour:02}:00 UTC."


@pytest.mark.parametrize(
    ("start", "end", "by", "period", "notes"),
    [
        (None, None, None, "2026-10-26 08 to 2026-11-23 08", []),
        (None, None, "hour", "2026-10-26 08 to 2026-11-23 08", []),
        (None, None, "day", "2026-10-26 00 to 2026-11-23 00", []),
        ("2026-11-22", None, "day", "2026-11-22 00 to 2026-11-23 00", [WITHOUT_TODAY]),
        ("2026-11-23", None, "day", "2026-11-23 00 to 2026-11-23 08", []),
        (
            "2026-11-01T13:45",
            "2026-11-02T01:15",
            None,
            "2026-11-01 13 to 2026-11-02 02",
            [ends(2), starts(13)],
        ),
        ("2026-11-01T13:00", "2026-11-02T01:00", None, "2026-11-01 13 to 2026-11-02 01", []),
        ("2026-11-23", "2026-11-23T07:15", None, "2026-11-23 00 to 2026-11-23 08", [ends(8)]),
        ("2026-11-23", "2026-11-23T08:00", None, "2026-11-23 00 to 2026-11-23 08", []),
        (
            "2026-11-23",
            MONDAY,
            None,
            "2026-11-23 00 to 2026-11-23 08",
            ["The present hour is not over: the period ends at 08:00 UTC."],
        ),
        ("2025-11-23T09:00", "2025-11-24", None, "2025-11-23 09 to 2025-11-24 00", []),
        (
            "2025-11-23T08:59",
            "2025-11-24",
            None,
            "2025-11-23 08 to 2025-11-24 00",
            [starts(8), LONG_AGO],
        ),
        ("2014-09-01", "2014-09-02", None, "2014-09-01 00 to 2014-09-02 00", [LONG_AGO]),
        (
            "2014-08-31T23:59",
            "2014-09-01T01:00",
            None,
            "2014-09-01 00 to 2014-09-01 01",
            [starts(23), NOTHING_EARLIER, LONG_AGO],
        ),
    ],
)
def test_a_period_is_whole_hours_that_are_over(
    start: Moment, end: Moment, by: By | None, period: str, notes: list[str]
) -> None:
    """Moments go to the enclosing hour, and each change of the period has a note."""
    assert resolved(start, end, by, MONDAY) == (period, notes)


def test_a_start_exactly_365_days_ago_has_no_note() -> None:
    now = MONDAY.replace(minute=0, second=0, microsecond=0)
    assert resolved("2025-11-23T08:00", None, None, now)[1] == []
    assert resolved("2025-11-23T08:00", None, None, now + timedelta(seconds=1))[1] == [LONG_AGO]


EMPTY = "Choose an end after the start; the end itself is not included."


@pytest.mark.parametrize(
    ("start", "end", "sentences"),
    [
        (
            None,
            "2026-11-23T08:31",
            "The end 2026-11-23 08:31 UTC lies in the future (now 2026-11-23 08:30)."
            " Choose an end that is over.",
        ),
        (
            "2026-11-23T09:00",
            None,
            "The start 2026-11-23 09:00 UTC lies in the future (now 2026-11-23 08:30)."
            " Choose a period that is over.",
        ),
        *(
            (
                None,
                end,
                "The period ends before 2014-09-01, and the API knows nothing earlier."
                " Choose a later period.",
            )
            for end in ("2014-09-01", "2014-08-31T22:30", "0001-01-05")
        ),
        (
            "2026-11-01",
            "2026-11-01",
            f"The period is empty: it starts at 2026-11-01 00:00 and ends at 2026-11-01 00:00 UTC."
            f" {EMPTY}",
        ),
        (
            "2026-11-01T01:30",
            "2026-11-01",
            f"The period is empty: it starts at 2026-11-01 01:00 and ends at 2026-11-01 00:00 UTC."
            f" {EMPTY}",
        ),
        (
            "2026-11-23T08:30",
            None,
            f"The period is empty: it starts at 2026-11-23 08:00 and ends at 2026-11-23 08:00 UTC."
            f" {EMPTY}",
        ),
    ],
)
def test_an_unusable_period_is_one_clear_error(start: Moment, end: Moment, sentences: str) -> None:
    """The error says why the API has no such period, and what to choose instead."""
    with pytest.raises(InputError) as raised:
        resolve(start, end, None, MONDAY, [])
    assert str(raised.value) == sentences


def test_a_start_at_the_present_full_hour_is_an_empty_period() -> None:
    """An hour that begins now is not in the future, but nothing of it is over."""
    with pytest.raises(InputError, match="empty"):
        resolve("2026-11-23T08:00", None, None, datetime(2026, 11, 23, 8, tzinfo=UTC), [])


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a Windows machine is fixed")
def test_the_time_zone_of_the_machine_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour between the clocks of India and UTC would move the full hours."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert dates("last week") == ["2026-11-16 00:00", "2026-11-23 00:00"]
        assert dates("since monday", "Asia/Tokyo") == ["2026-11-22 15:00", ""]
        assert resolved("2026-11-01T01:30", None, None, MONDAY) == (
            "2026-11-01 01 to 2026-11-23 08",
            [starts(1)],
        )
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("zone", "hour", "begins"),
    [
        ("UTC", "2026-11-23T00", "2026-11-23T00"),
        ("Asia/Tokyo", "2026-11-23T14", "2026-11-22T15"),
        ("Asia/Tokyo", "2026-11-23T15", "2026-11-23T15"),
        ("America/Los_Angeles", "2026-11-01T06", "2026-10-31T07"),
        ("America/Los_Angeles", "2026-11-02T07", "2026-11-01T07"),  # this day has 25 hours
        ("America/Los_Angeles", "2026-11-02T08", "2026-11-02T08"),
        ("Asia/Kathmandu", "2026-11-23T17", "2026-11-22T18"),
        ("Asia/Kathmandu", "2026-11-23T18", "2026-11-23T18"),  # midnight is at 18:15
        ("Asia/Kolkata", "2026-11-23T18", "2026-11-23T18"),
        ("Australia/Lord_Howe", "2026-11-23T12", "2026-11-22T13"),  # +11:00 in summer
        ("Australia/Lord_Howe", "2026-06-23T13", "2026-06-23T13"),  # +10:30 in winter
        ("America/St_Johns", "2026-11-23T03", "2026-11-23T03"),
    ],
)
def test_an_hour_belongs_to_the_day_that_begins_in_it(zone: str, hour: str, begins: str) -> None:
    moment = datetime.fromisoformat(hour).replace(tzinfo=UTC)
    assert f"{day_of(moment, zone):%Y-%m-%dT%H}" == begins


@given(st.sampled_from(["Asia/Kathmandu", "Australia/Lord_Howe", "America/Los_Angeles",
                        "Pacific/Chatham", "America/St_Johns", "Africa/Casablanca"]),
       st.integers(0, 24 * 700))  # fmt: skip
def test_days_of_a_zone_follow_each_other_and_lose_no_hour(zone: str, hours: int) -> None:
    hour = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    day, after = day_of(hour, zone), day_of(hour + timedelta(hours=1), zone)
    assert day <= hour
    assert after in (day, hour + timedelta(hours=1))


def test_zones_whose_days_begin_within_an_hour_of_utc_are_known() -> None:
    year = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    split = ["Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe"]
    assert all(splits_hours(zone, year) for zone in split)
    assert not any(splits_hours(zone, year) for zone in ("UTC", "Europe/Paris", "Asia/Tokyo"))
    assert [is_utc(zone) for zone in (None, "", "UTC", "Etc/UTC", "Europe/London")] == [
        True, True, True, True, False,
    ]  # fmt: skip


def test_days_of_a_zone_are_whole_whether_they_are_dates_or_a_named_period() -> None:
    for zone in ("Asia/Kathmandu", "America/Los_Angeles", "UTC"):
        named = dates_of(None, None, "2026-10", zone, MONDAY)
        assert resolve("2026-10-01", "2026-11-01", "day", MONDAY, [], zone) == named
        period = resolve(None, None, "day", MONDAY, [], zone)
        assert [day_of(moment, zone) for moment in period] == [*period]


@pytest.mark.parametrize(
    ("start", "end", "zone", "said"),
    [
        ("2026-10-25T18:15", "2026-11-01T18:15", "Asia/Kathmandu",
         "2026-10-26 to 2026-11-01 (Asia/Kathmandu)"),
        # The hour of midnight belongs to the day that begins.
        ("2026-10-25T18:00", "2026-11-01T18:00", "Asia/Kathmandu",
         "2026-10-26 to 2026-11-01 (Asia/Kathmandu)"),
        ("2026-10-24T07:00", "2026-11-02T08:00", "America/Los_Angeles",
         "2026-10-24 to 2026-11-01 (America/Los_Angeles)"),
        ("2026-10-31T00:00", "2026-11-01T00:00", "UTC", "2026-10-31 (UTC)"),
        ("2026-10-31T08:00", "2026-11-01T00:00", "UTC",
         "2026-10-31 08:00 to 2026-11-01 00:00 (UTC)"),
    ],
)  # fmt: skip
def test_a_period_is_said_in_the_dates_of_its_zone_with_the_year(start, end, zone, said):
    moments = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert in_words(*moments, zone) == said
