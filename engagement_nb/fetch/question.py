"""What is asked of an API: Tweets, figures and a period, checked against the API's facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Api, By, Endpoint
from engagement_nb.apis.names import LABELS, wire_names
from engagement_nb.errors import InputError
from engagement_nb.metrics.periods import day_of, is_utc, resolve, splits_hours
from engagement_nb.tables.ids import IdList

Dates = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of an API. Made by `engagement_nb.make_plan`.

    Parameters
    ----------
    api, endpoint
        Of whom.
    ids
        About which Tweets.
    metrics
        Wire names, including those that the endpoint lacks.
    by
        "day" or "hour" for a series.
    zone
        IANA name of the time zone of the dates, and of days.
    period
        In UTC on whole hours; None for endpoints that take none.
    asked_at
        The moment at which ages are counted.
    notes
        Sentences that a reader of the figures needs.
    """

    api: Api
    endpoint: Endpoint
    ids: IdList
    metrics: tuple[str, ...]
    by: By | None
    zone: str
    period: Window | None
    asked_at: datetime
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, api: Api, endpoint: Endpoint, ids: IdList, metrics: Iterable[str] | None,
        by: str | None, dates: Dates, zone: str, now: datetime,
    ) -> Question:  # fmt: skip
        """Check a question. For the parameters and errors see `engagement_nb.make_plan`."""
        unit = _by(by, endpoint, api)
        wanted = _metrics(metrics, endpoint)
        notes: list[str] = []
        window = None
        if endpoint.takes_period:
            window = resolve(*dates, unit, now, notes, api=api, endpoint=endpoint, zone=zone)
        elif any(dates):
            takes = [other.name for other in api.endpoints.values() if other.takes_period]
            raise InputError(
                f"{endpoint.name} takes no start and end.",
                advice=f"Leave them out, or use {' or '.join(takes)}.",
            )
        if unit == "day":
            if window is None or any(day_of(moment, zone) != moment for moment in window):
                notes.append("The first or last day of the period is incomplete.")
            if splits_hours(zone, window or Window(now, now)):
                notes.append(
                    f"The API counts whole hours of UTC, and days of {zone} begin within one:"
                    " that hour counts for the day that begins."
                )
        if ids.duplicates:
            notes.append(f"Repeated ids, which are counted once: {ids.duplicates:,}.")
        return cls(api, endpoint, ids, wanted, unit, zone, window, now, tuple(notes))

    @property
    def step(self) -> By | None:
        """The step of the series to request: days of another zone than UTC come from hours."""
        return "hour" if self.by == "day" and not is_utc(self.zone) else self.by

    @property
    def offered(self) -> tuple[str, ...]:
        """The metrics that the endpoint gives."""
        return tuple(name for name in self.metrics if name in self.endpoint.metrics)

    @property
    def given(self) -> int:
        """Number of distinct entries given, including unavailable ones."""
        return len(self.ids.ids) + len(self.ids.problems)


def _by(by: str | None, endpoint: Endpoint, api: Api) -> By | None:
    if by in (None, "", "none"):
        return None
    if by not in ("day", "hour"):
        raise InputError(f"by={by!r} is not a grouping.", advice='Choose "day", "hour" or none.')
    unit: By = "day" if by == "day" else "hour"
    if unit not in endpoint.steps:
        others = [other.name for other in api.endpoints.values() if unit in other.steps]
        what = f"series by {unit}" if endpoint.steps else "series"
        raise InputError(
            f"{endpoint.name} gives no {what}.",
            advice=f"Use {' or '.join(others)} for days or hours." if others else "Leave by out.",
        )
    return unit


def _metrics(metrics: Iterable[str] | None, endpoint: Endpoint) -> tuple[str, ...]:
    if metrics is None:
        return endpoint.metrics
    wanted = wire_names(metrics)
    known = tuple(name for name in LABELS if name in wanted)
    if not any(name in endpoint.metrics for name in known):
        raise InputError(
            f"{endpoint.name} gives none of the requested metrics ({', '.join(known) or 'none'}).",
            advice=f"It gives: {', '.join(endpoint.metrics)}.",
        )
    return known
