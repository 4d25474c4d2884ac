"""What a contract says about handles, and the billing months that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engagement_nb.errors import InputError

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Contract:
    """What a contract says about handles.

    Parameters
    ----------
    handles
        Unique handles a billing month; None where it is not limited or not known.
    day
        Day of the month on which a billing month begins; in months that are shorter, their
        last day.
    zone
        Time zone in which that day begins.
    """

    handles: int | None = None
    day: int = 1
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.handles is not None and self.handles < 1:
            raise InputError(
                f"A contract of {self.handles} handles makes no sense.", advice="Give 1 or more."
            )
        if not 1 <= self.day <= 31:
            raise InputError(
                f"{self.day} is no day of a month.", advice="Give 1 to 31, as in the contract."
            )
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InputError(
                f'There is no time zone "{self.zone}".',
                advice='Give a name such as "Europe/Berlin", or "UTC".',
            ) from None

    def day_of(self, moment: datetime) -> date:
        """The calendar day of a moment, in the contract's zone; naive moments are UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(ZoneInfo(self.zone)).date()

    def month_of(self, day: date) -> tuple[date, date]:
        """First day of the billing month that a day is in, and first day of the next one."""
        begins = self._begins(day.year, day.month)
        if day < begins:
            return self._begins(*_shift(day.year, day.month, -1)), begins
        return begins, self._begins(*_shift(day.year, day.month, 1))

    def _begins(self, year: int, month: int) -> date:
        next_month = date(*_shift(year, month, 1), 1)
        return min(date(year, month, 1) + timedelta(days=self.day - 1), next_month - _DAY)


def _shift(year: int, month: int, by: int) -> tuple[int, int]:
    months = year * 12 + month - 1 + by
    return months // 12, months % 12 + 1
