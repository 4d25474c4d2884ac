"""Turn dates as people write them into whole hours in UTC, and into windows of one request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Api, By, Endpoint
from engagement_nb.apis.times import full_hour
from engagement_nb.errors import InputError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LATEST_MIDNIGHT = HOUR - timedelta(minutes=1)
"""After this time of an hour of UTC, a midnight in it has passed: see `day_of`."""
Moment = str | date | datetime | None
_Time = TypeVar("_Time", bound=Any)

_UNITS: dict[str, Literal["D", "W-SUN", "M"]] = {"day": "D", "week": "W-SUN", "month": "M"}
"""Units of a relative period as pandas calls them; a week begins on Monday (ISO 8601)."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LAST = re.compile(r"last (?:([1-9]\d{0,2}) )?(day|week|month)s?")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
PERIODS = "last week, last month, last 7 days, last 4 weeks, since monday, or a month as 2026-10"
"""The periods that can be named, as a person reads them."""


def cut(window: Window, longest: timedelta) -> tuple[Window, ...]:
    """Cut a period into windows of at most this length that touch and don't overlap.

    Windows are placed from the end backwards, so the short one comes first: fewer Tweets were
    posted before it ends.
    """
    borders = [window.end]
    while borders[-1] - longest > window.start:
        borders.append(borders[-1] - longest)
    borders.append(window.start)
    borders.reverse()
    return tuple(Window(*pair) for pair in pairwise(borders))


def dates_of(
    start: Moment,
    end: Moment,
    period: str | None,
    zone: str | None,
    now: datetime,
    *,
    whole_hours: bool = True,
) -> tuple[datetime | None, datetime | None]:
    """The first moment of a period and the moment after its last, in UTC.

    Parameters
    ----------
    start, end
        Dates or times; those without an offset are in ``zone``.
    period
        Instead of both, a named period: "last N days", "last N weeks" or "last N months"
        are whole ones in ``zone`` before the day, week (from Monday) or month of ``now``;
        "last week" is one week; "since monday" begins with the latest Monday; "2026-10" is a
        month. A period that is not over has no end here.
    zone
        IANA name of a time zone; UTC by default. If its days do not begin on a full hour of
        UTC, the period begins and ends at the full hour before, so consecutive periods do not
        overlap.
    now
        The present moment.
    whole_hours
        Whether a named period begins and ends at full hours of UTC.

    Raises
    ------
    InputError
        A period is given together with a start or end, or one of them cannot be read.
    """
    start, end, period = start or None, end or None, period or None
    place = zone_of(zone or "UTC")
    if period is None:
        return parse_moment(start, "start", place), parse_moment(end, "end", place)
    if start is not None or end is not None:
        raise InputError(
            f"period={period!r} and a start or end are two ways to give the same dates.",
            advice="Give only one of them.",
        )
    first, after = (
        None if day is None else datetime.combine(day, time(), place).astimezone(UTC)
        for day in _named_days(period, place, now)
    )
    if after is not None and after > now:
        after = None
    if not whole_hours:
        return first, after
    return first and full_hour(first), after and full_hour(after)


def gaps_between(
    spans: Iterable[tuple[_Time, _Time]], period: tuple[_Time, _Time]
) -> tuple[tuple[_Time, _Time], ...]:
    """The parts of a period that no span covers."""
    gaps, at = [], period[0]
    for start, end in sorted(spans):
        if at < min(start, period[1]):
            gaps.append((at, min(start, period[1])))
        at = max(at, end)
    if at < period[1]:
        gaps.append((at, period[1]))
    return tuple(gaps)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(
            f"{name!r} is not a time zone.",
            advice="Give an IANA name, such as Europe/Paris or Asia/Tokyo.",
        ) from None


def _named_days(period: str, place: tzinfo, now: datetime) -> tuple[date, date | None]:
    """The first day of a named period, and the day after its last if it has one."""
    words = " ".join(str(period).lower().replace("_", " ").split())
    today = now.astimezone(place).date()
    last, weekday = _LAST.fullmatch(words), words.removeprefix("since ")
    if last is not None:
        present = pd.Period(today, freq=_UNITS[last[2]])
        first, after = present - int(last[1] or 1), present
    elif words.startswith("since ") and weekday in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(weekday)) % 7
        return today - timedelta(days=back), None
    elif _MONTH.fullmatch(words):
        first = pd.Period(words)
        after = first + 1
    else:
        raise InputError(f"{period!r} is not a period.", advice=f"Write {PERIODS}.")
    return first.start_time.date(), after.start_time.date()


def parse_moment(value: Moment, name: str, zone: tzinfo = UTC) -> datetime | None:
    """A date or time in UTC; those without an offset are in ``zone``, others are converted."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif not isinstance(value, datetime) or isinstance(value, pd.Timestamp):
            value = pd.Timestamp(value).to_pydatetime()
    except (TypeError, ValueError):
        raise InputError(
            f"{name}={value!r} is not a date or time.",
            advice="Write 2026-01-31, 2026-01-31T13:00 or 2026-01-31T13:00+09:00.",
        ) from None
    if pd.isna(value):
        return None
    try:
        return (value.replace(tzinfo=zone) if value.tzinfo is None else value).astimezone(UTC)
    except OverflowError:
        raise InputError(
            f"{name}={value} is outside of the years 1 to 9999 in UTC.",
            advice="Choose a period that the API knows: from 2014-09-01 on.",
        ) from None


def _is_midnight(moment: datetime, zone: str) -> bool:
    return moment.astimezone(zone_of(zone)).time() == time()


def day_of(hour: datetime, zone: str) -> datetime:
    """The first hour of the day of a zone to which an hour of UTC belongs.

    Where midnight falls within an hour of UTC (Kathmandu, Adelaide), the whole hour belongs to
    the day that begins in it. In every such zone of today at least half of it does.
    """
    place = zone_of(zone)
    return _first_hour((hour + LATEST_MIDNIGHT).astimezone(place).date(), place)


def _first_hour(day: date, place: tzinfo) -> datetime:
    return full_hour(datetime.combine(day, time(), place).astimezone(UTC))


def _first_day_from(hour: datetime, zone: str) -> datetime:
    """The first hour of the first day of a zone that does not begin before an hour."""
    place = zone_of(zone)
    day = hour.astimezone(place).date()
    begins = (_first_hour(day + timedelta(days=n), place) for n in range(3))
    return next(moment for moment in begins if moment >= hour)


def in_words(start: datetime, end: datetime, zone: str = "UTC") -> str:
    """A period in the dates of a zone, both included: ``2026-10-05 to 2026-10-11 (UTC)``."""
    place = zone_of(zone)
    first, last = (moment.astimezone(place) for moment in (start, end))
    if last > first and all(m.time() == time() or day_of(m, zone) == m for m in (first, last)):
        days = (first + LATEST_MIDNIGHT, last + LATEST_MIDNIGHT - DAY)
        said = [f"{day:%Y-%m-%d}" for day in days]
    else:
        said = [f"{moment:%Y-%m-%d %H:%M}" for moment in (first, last)]
    return f"{' to '.join(dict.fromkeys(said))} ({zone})"


def splits_hours(zone: str, window: Window) -> bool:
    """Whether days of a zone begin within hours of UTC, anywhere in a period."""
    place = zone_of(zone)
    first = window.start.astimezone(place).date()
    days = (first + timedelta(days=n) for n in range((window.end - window.start).days + 2))
    return any(datetime.combine(day, time(), place).astimezone(UTC).minute for day in days)


def is_utc(zone: str | None) -> bool:
    """Whether days of a zone are those of UTC; no zone means UTC."""
    return not zone or zone.upper().removeprefix("ETC/") in ("UTC", "UCT", "ZULU", "GMT")


def resolve(
    start: datetime | None,
    end: datetime | None,
    by: By | None,
    now: datetime,
    notes: list[str],
    *,
    api: Api,
    endpoint: Endpoint,
    zone: str = "UTC",
) -> Window:
    """The period in whole hours, checked against the limits of the API.

    Parameters
    ----------
    start, end
        As given. The default end is the last full hour (by day: the last midnight); the default
        start is as long before the end as one request may cover, by day on a midnight.
    by
        The grouping.
    now
        The present moment.
    notes
        Receives a sentence about each change to the period.
    api, endpoint
        Whose limits.
    zone
        Whose midnights begin days.

    Raises
    ------
    InputError
        The period is empty, in the future, or ends before the API's first moment.
    """
    first, last = start, end
    known_from, present = api.first_moment, full_hour(now)
    if last is None:
        midnight = day_of(present, zone)
        last = midnight if by == "day" and (first is None or first < midnight) else present
        if first is not None and last < present:
            notes.append("By day, the period ends with the last day that is over.")
    elif last > now:
        raise InputError(
            f"The end {last:%Y-%m-%d %H:%M} UTC lies in the future (now {now:%Y-%m-%d %H:%M}).",
            advice="Choose an end that is over.",
        )
    elif _is_midnight(last, zone):
        last = full_hour(last)
    elif last != full_hour(last):
        over = full_hour(last) + HOUR <= present
        why = "The API counts whole hours" if over else "The present hour is not over"
        last = min(full_hour(last) + HOUR, present)
        notes.append(f"{why}: the period ends at {last:%H:%M} UTC.")
    if known_from is not None and last <= known_from:
        raise InputError(
            f"The period ends before {known_from:%Y-%m-%d}, and the API knows nothing earlier.",
            advice="Choose a later period.",
        )
    if first is None:
        first = last - (endpoint.length or DAY)
        if by == "day" and day_of(last, zone) == last:
            first = _first_day_from(first, zone)
    elif first != full_hour(first) and not _is_midnight(first, zone):
        notes.append(
            f"The API counts whole hours: the period starts at {full_hour(first):%H:%M} UTC."
        )
    first = full_hour(first)
    if first > now:
        raise InputError(
            f"The start {first:%Y-%m-%d %H:%M} UTC lies in the future (now {now:%Y-%m-%d %H:%M}).",
            advice="Choose a period that is over.",
        )
    if first >= last:
        raise InputError(
            f"The period is empty: it starts at {first:%Y-%m-%d %H:%M} and ends at"
            f" {last:%Y-%m-%d %H:%M} UTC.",
            advice="Choose an end after the start; the end itself is not included.",
        )
    if known_from is not None and first < known_from:
        first = known_from
        notes.append(
            f"The API knows nothing before {known_from:%Y-%m-%d}: the period starts there."
        )
    if api.max_lookback is not None and first < now - api.max_lookback:
        notes.append(
            f"The period starts more than {api.max_lookback.days} days ago; newer pages of the"
            " API's reference say that this is refused."
        )
    return Window(first, last)
