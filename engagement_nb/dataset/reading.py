"""Which runs of a dataset answer a question, and their rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.dataset.coverage import (
    Lacks,
    Span,
    choose,
    clip,
    cover,
    spans_of,
    within,
)
from engagement_nb.dataset.files import Files, explained
from engagement_nb.dataset.frames import TIME, response_schema, sum_windows
from engagement_nb.dataset.records import RunRecord
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics.periods import DAY, day_of, gaps_between, is_utc

Dates = tuple[datetime | None, datetime | None]
"""Start and end of a period as given; None where the runs tell."""
WINDOW = (pa.field("start", TIME), pa.field("end", TIME))
"""Columns of the period that was requested."""


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
        period = self.period
        return [run for run in self.runs if period is None or clip(_windows([run]), period)]


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
    return [window for run in runs for window in run.windows]


def _spans(runs: Sequence[RunRecord], period: Span) -> list[Span]:
    """The spans that runs of one kind can count of a period."""
    windows, by = _windows(runs), runs[-1].by
    if by == "hour":
        return clip(windows, period)
    return choose(within((span for window in windows for span in spans_of(window, by)), period))


def _counted(runs: Sequence[RunRecord], dates: Dates) -> timedelta:
    """How much of a period runs of one kind can count."""
    if not runs[-1].windows:
        return DAY
    period = period_of(runs, dates)
    gaps = gaps_between(_spans(runs, period), period)
    return sum((start - end for start, end in gaps), period.end - period.start)


def _check_borders(runs: Sequence[RunRecord], period: Window) -> None:
    """Refuse a period that begins or ends inside of what a day or a sum counts."""
    open_ = {moment for gap in gaps_between(_spans(runs, period), period) for moment in gap}
    for moment in sorted(open_.intersection(period)):
        if not any(start < moment < end for start, end in _windows(runs)):
            continue
        if runs[-1].by is None:
            have = dict.fromkeys(str(Window(*window)) for window in _windows(runs))
            raise InputError(
                "No sums over that period were fetched.", advice=f"There are: {'; '.join(have)}."
            )
        raise InputError(
            f"The dataset has days in UTC, which cannot be cut at {moment:%Y-%m-%d %H:%M} UTC.",
            advice="Choose whole days in UTC, or fetch the period by hour.",
        )


def _sources(
    files: Files, runs: Iterable[RunRecord], keep: Callable[[Span], bool]
) -> list[tuple[list[str], Span | None, str]]:
    """The files with rows of runs of one kind, whoever wrote them.

    Each entry has the files, the window of all their rows (None if there is none, or if each row
    tells it), and the label of the snapshot. Windows that are not kept are left out.
    """
    folders: dict[str, tuple[Span | None, str]] = {}
    for run in runs:
        for folder, window in zip(run.sets, run.windows or [None], strict=True):
            if window is None or keep(window):
                folders[folder] = window, run.snapshot
    sealed: dict[str, list[str]] = {}
    for name, one in files.sealed().items():
        if not folders.keys().isdisjoint(one.record.sets):
            sealed.setdefault(one.record.snapshot, []).append(name)
    opened = [(files.open_parts(folder), *of) for folder, of in folders.items()]
    return [(names, None, label) for label, names in sealed.items()] + [o for o in opened if o[0]]


def read_rows(
    files: Files,
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    tweet_ids: Collection[str] | None = None,
    period: Span | None = None,
) -> pa.Table:
    """The rows of runs of one kind, as they were stored.

    Parameters
    ----------
    files, runs
        The dataset, and which of its runs.
    metrics
        Columns to read.
    tweet_ids
        Only these Tweets.
    period
        Only the windows that overlap it; by hour, only its hours.

    Returns
    -------
    pyarrow.Table
        The rows, with the window (``start``, ``end``) for runs that have windows, and with
        ``snapshot`` for the others.
    """
    by, spans = runs[-1].by, {*_windows(runs)}
    if period is not None:
        spans = {span for span in spans if clip([span], period)}
    wanted = _of(tweet_ids)
    if by == "hour" and period is not None:
        start, end = (pa.scalar(moment, TIME) for moment in period)
        wanted &= (ds.field("time") >= start) & (ds.field("time") < end)
    schema = response_schema(metrics, by).append(pa.field("read_at", TIME))
    stored = pa.schema([*schema, *WINDOW]) if runs[-1].windows else schema
    snapshot = pa.field("snapshot", pa.string())
    tables = [stored.empty_table() if runs[-1].windows else schema.append(snapshot).empty_table()]
    for names, span, label in _sources(files, runs, spans.__contains__):
        rows, only = files.rows(names, stored), wanted
        if runs[-1].windows and span is None:
            only &= _of_windows(spans)
        table = explained(partial(rows.to_table, filter=only))
        if not runs[-1].windows:
            table = table.append_column(snapshot, pa.repeat(label, len(table)))
        for name, moment in zip(("start", "end"), span or (), strict=False):
            column = pa.repeat(pa.scalar(moment, TIME), len(table))
            table = table.set_column(table.column_names.index(name), name, column)
        tables.append(table)
    return pa.concat_tables(tables)


def tweets_of(
    files: Files,
    runs: Sequence[RunRecord],
    tweet_ids: Collection[str] | None = None,
    beyond: Span | None = None,
) -> dict[str, None]:
    """The Tweets that have rows, at any time or in windows that are not within a period."""
    known: dict[str, None] = {}
    spans = {span for span in _windows(runs) if beyond is None or clip([span], beyond) != [span]}
    schema = pa.schema([pa.field("tweet_id", pa.string()), *WINDOW])
    for names, span, _ in _sources(files, runs, spans.__contains__):
        only = _of(tweet_ids)
        if runs[-1].windows and span is None:
            only &= _of_windows(spans)
        rows = files.rows(names, schema)
        for batch in rows.to_batches(columns=["tweet_id"], filter=only):
            known.update(dict.fromkeys(pc.unique(batch["tweet_id"]).to_pylist()))
    return known


def _of(tweet_ids: Collection[str] | None) -> ds.Expression:
    if tweet_ids is None:
        return ds.scalar(True)
    ids = pa.array(tweet_ids, pa.string())
    if not len(ids):
        return ds.scalar(False)
    # The ends skip row groups, which are in the order of ids.
    ends = pc.min_max(ids)
    field = ds.field("tweet_id")
    return field.isin(ids) & (field >= ends["min"]) & (field <= ends["max"])


def _of_windows(spans: Collection[Span]) -> ds.Expression:
    if not spans:
        return ds.scalar(False)
    # By each end alone: a comparison for each of a thousand windows would take minutes.
    start, end = (pa.array(side, TIME) for side in zip(*spans, strict=True))
    return ds.field("start").isin(start) & ds.field("end").isin(end)


def figures(
    files: Files,
    choice: Choice,
    metrics: Sequence[str],
    tweet_ids: Collection[str] | None = None,
) -> tuple[pa.Table, Lacks]:
    """The rows that count what was chosen once, and the Tweets that lack a part of the period.

    Parameters
    ----------
    files, choice
        The dataset, and what to read.
    metrics
        Columns to read.
    tweet_ids
        Only these Tweets.
    """
    table = read_rows(files, choice.runs, metrics, tweet_ids, choice.period)
    lacks: Lacks = {}
    if choice.period is not None:
        table, lacks = cover(table, choice.unit, choice.period)
    elif not choice.labelled:
        table = table.drop_columns(["snapshot"])
    table = _added_up(_newest(table))
    if choice.by != choice.unit:
        table = _coarser(table, choice.by, choice.zone)
    if lacks and choice.by is None:
        # A sum of a part of the period would look like one of all of it.
        short = pc.is_in(table["tweet_id"], pa.array(lacks, pa.string()))
        table = table.filter(pc.invert(short))
    return table, lacks


def _newest(table: pa.Table) -> pa.Table:
    """Keep each Tweet (and span) once, with the newest known values."""
    names = ("tweet_id", "time", "since", "snapshot")
    keys = [name for name in names if name in table.column_names]
    if table.group_by(keys).aggregate([]).num_rows == len(table):
        return table
    ordered = table.sort_by("read_at")
    frame = ordered.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    merged = frame.groupby(keys, sort=False, as_index=False).last()
    rows = pa.Table.from_pandas(merged, preserve_index=False)
    return rows.select(table.column_names).cast(table.schema)


def _added_up(table: pa.Table) -> pa.Table:
    """Add up the rows of each Tweet (and day) whose spans are parts of one period."""
    if "since" not in table.column_names:
        return table
    table = table.drop_columns(["since"])
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    once = table.group_by(keys).aggregate([]).num_rows == len(table)
    return table if once else sum_windows(table)


def _coarser(table: pa.Table, by: By | None, zone: str) -> pa.Table:
    """Add hours up to days of a time zone, or a series up to sums."""
    index = table.column_names.index("time")
    if by != "day":
        return sum_windows(table.remove_column(index))
    hours = table["time"].combine_chunks().dictionary_encode()
    days = pa.array([day_of(hour, zone) for hour in hours.dictionary.to_pylist()], TIME)
    return sum_windows(table.set_column(index, "time", days.take(hours.indices)))
