"""Which runs of a dataset answer a question, and whether they can count its period."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.dataset.coverage import (
    Span,
    choose,
    clip,
    from_ms,
    gaps_between,
    in_ms,
    spans_of,
    within,
)
from engagement_nb.dataset.records import RunRecord
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics.periods import is_utc

Dates = tuple[datetime | None, datetime | None]
"""Start and end of a period as given; None where the runs tell."""


@dataclass(frozen=True)
class Choice:
    """What to read.

    Parameters
    ----------
    runs
        Runs of one endpoint and grouping, oldest first.
    by
        The grouping to return: that of the runs, or a coarser one.
    period
        The period to count; None for snapshots.
    zone
        The time zone of days.
    labelled
        Whether snapshots are kept apart.
    """

    runs: Sequence[RunRecord]
    by: By | None
    period: Window | None = None
    zone: str = "UTC"
    labelled: bool = False

    @property
    def unit(self) -> By | None:
        """The grouping of the rows in the files."""
        return self.runs[-1].by

    @property
    def used(self) -> Sequence[RunRecord]:
        """The runs that have figures of the period."""
        span = self.period and in_ms(*self.period)
        return [run for run in self.runs if span is None or clip(_windows([run]), span)]


def choice_of(
    runs: Sequence[RunRecord],
    endpoint: str | None,
    by: By | None,
    dates: Dates,
    zone: str | None,
    snapshot: str | None,
) -> Choice:
    """The runs whose grouping counts most of a period.

    Raises
    ------
    DatasetError
        There are no runs.
    InputError
        None has such figures, they are of several kinds and no endpoint is given, or they
        cannot be cut where the period begins or ends.
    """
    if not runs:
        raise DatasetError("The dataset is empty.", advice="Fetch into it first.")
    kinds = list(dict.fromkeys(run.kind for run in runs))
    if endpoint is None:
        if len(kinds) > 1:
            raise InputError(
                f"The dataset has several kinds of figures: {', '.join(kinds)}.",
                advice="Name the endpoint, and by day or hour for a series.",
            )
        endpoint, by = runs[0].endpoint, by or runs[0].by
    of_zone = by == "day" and not is_utc(zone)
    days: tuple[By, ...] = ("hour",) if of_zone else ("day", "hour")
    units: tuple[By | None, ...] = (None, *days) if by is None else days if by == "day" else (by,)
    by_unit = {u: [r for r in runs if (r.endpoint, r.by) == (endpoint, u)] for u in units}
    usable = [unit for unit in units if by_unit[unit]]
    if not usable:
        what = f"{endpoint} by hour, so no days of {zone}" if of_zone else endpoint
        raise InputError(
            f"The dataset has no {what}{f' by {by}' if by and not of_zone else ''}.",
            advice=f"It has: {', '.join(kinds)}.",
        )
    chosen = by_unit[max(usable, key=lambda unit: _counted(by_unit[unit], dates))]
    if chosen[-1].windows:
        period = period_of(chosen, dates)
        _check_borders(chosen, period)
        return Choice(chosen, by, period, zone or "UTC")
    label = chosen[-1].snapshot if snapshot is None else snapshot
    of_label = [run for run in chosen if label in ("all", run.snapshot)]
    if not of_label:
        have = ", ".join(dict.fromkeys(run.snapshot for run in chosen))
        raise InputError(f"There is no snapshot {label!r}.", advice=f"There are: {have}.")
    return Choice(of_label, by, zone=zone or "UTC", labelled=label == "all")


def period_of(runs: Sequence[RunRecord], dates: Dates = (None, None)) -> Window:
    """The period to read: as given, or that of the newest sums, or of the whole series."""
    of = runs if runs[-1].by else runs[-1:]
    starts, ends = zip(*(window for run in of for window in run.windows), strict=True)
    return Window(dates[0] or min(starts), dates[1] or max(ends))


def _windows(runs: Iterable[RunRecord]) -> list[Span]:
    return [in_ms(*window) for run in runs for window in run.windows]


def _spans(runs: Sequence[RunRecord], period: Span) -> list[Span]:
    """The spans that runs of one kind can count of a period."""
    windows, by = _windows(runs), runs[-1].by
    if by == "hour":
        return clip(windows, period)
    return choose(within((span for window in windows for span in spans_of(window, by)), period))


def _counted(runs: Sequence[RunRecord], dates: Dates) -> int:
    """How much of a period runs of one kind can count, in milliseconds."""
    if not runs[-1].windows:
        return 1
    period = in_ms(*period_of(runs, dates))
    lacking = gaps_between(_spans(runs, period), period)
    return period[1] - period[0] - sum(end - start for start, end in lacking)


def _check_borders(runs: Sequence[RunRecord], period: Window) -> None:
    """Refuse a period that begins or ends inside of what a day or a sum counts."""
    span = in_ms(*period)
    open_ = {moment for gap in gaps_between(_spans(runs, span), span) for moment in gap}
    for moment in sorted(open_.intersection(span)):
        if not any(start < moment < end for start, end in _windows(runs)):
            continue
        if runs[-1].by is None:
            have = dict.fromkeys(str(from_ms(window)) for window in _windows(runs))
            raise InputError(
                "No sums over that period were fetched.", advice=f"There are: {'; '.join(have)}."
            )
        at = from_ms((moment, moment)).start
        raise InputError(
            f"The dataset has days in UTC, which cannot be cut at {at:%Y-%m-%d %H:%M} UTC.",
            advice="Choose whole days in UTC, or fetch the period by hour.",
        )
