"""Rows and problems of the runs of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from engagement_nb.apis.contract import By
from engagement_nb.dataset.choosing import Choice
from engagement_nb.dataset.coverage import Lack, Span, clip, cover, in_ms
from engagement_nb.dataset.files import Files, explained
from engagement_nb.dataset.frames import TIME, in_order, response_schema, sum_windows, to_frame
from engagement_nb.dataset.records import RunRecord
from engagement_nb.metrics.periods import day_of


@dataclass(frozen=True)
class FileSet:
    """Files that have rows of the same windows, or of one snapshot.

    Parameters
    ----------
    names
        The files.
    windows
        The windows; none for a snapshot.
    snapshot
        The label of the snapshot.
    several
        Whether the files have several windows, and tell that of each row.
    """

    names: tuple[str, ...]
    windows: tuple[Span, ...]
    snapshot: str
    several: bool


def file_sets(files: Files, runs: Iterable[RunRecord]) -> list[FileSet]:
    """The files with rows of runs of one kind, whoever wrote them."""
    sets: dict[str, tuple[tuple[Span, ...], str]] = {}
    for run in runs:
        for window in run.windows or [None]:
            span = (in_ms(*window),) if window else ()
            sets[run.folder(*(window or (None, None)))] = span, run.snapshot
    of_windows: dict[tuple[tuple[Span, ...], str, bool], list[str]] = {}
    for name, sealed in files.sealed().items():
        if mine := [folder for folder in sealed.record.sets if folder in sets]:
            windows = tuple(span for folder in mine for span in sets[folder][0])
            key = windows, sealed.record.snapshot, len(sealed.record.windows) > 1
            of_windows.setdefault(key, []).append(name)
    of_runs = [FileSet(tuple(names), *key) for key, names in of_windows.items()]
    for folder, (spans, snapshot) in sets.items():
        if names := files.open_parts(folder):
            of_runs.append(FileSet(tuple(names), spans, snapshot, False))
    return of_runs


def read_rows(
    files: Files,
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    tweet_ids: Collection[str] | None = None,
    period: Span | None = None,
) -> tuple[pa.Table, list[Span]]:
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
    tuple
        The rows, with ``window`` (a number) for runs that have windows and ``snapshot`` for the
        others; and the windows by number.
    """
    by, with_windows = runs[-1].by, bool(runs[-1].windows)
    schema = response_schema(metrics, by).append(pa.field("read_at", TIME))
    mark = pa.field("window", pa.int32()) if with_windows else pa.field("snapshot", pa.string())
    wanted = _of(tweet_ids)
    if by == "hour" and period is not None:
        start, end = (pa.scalar(moment, pa.int64()).cast(TIME) for moment in period)
        wanted &= (ds.field("time") >= start) & (ds.field("time") < end)
    tables, windows = [schema.append(mark).empty_table()], dict[Span, int]()
    for one in file_sets(files, runs):
        spans = [s for s in one.windows if period is None or clip([s], period)]
        if with_windows and not spans:
            continue
        for span in spans:
            windows.setdefault(span, len(windows))
        only, columns = wanted, list(schema.names)
        if one.several:
            only &= _of_windows(spans)
            columns += ["start"] if len(spans) > 1 else []
        rows = files.rows(one.names, schema.append(pa.field("start", TIME)))
        table = explained(partial(rows.to_table, columns=columns, filter=only))
        if not spans:
            marks = pa.repeat(one.snapshot, len(table))
        elif len(spans) == 1:
            marks = pa.repeat(pa.scalar(windows[spans[0]], pa.int32()), len(table))
        else:
            starts = {span[0]: windows[span] for span in spans}
            index = table.column_names.index("start")
            coded = table["start"].cast(pa.int64()).combine_chunks().dictionary_encode()
            numbers = [starts[moment] for moment in coded.dictionary.to_pylist()]
            marks = pa.array(numbers, pa.int32()).take(coded.indices)
            table = table.remove_column(index)
        tables.append(table.append_column(mark, marks))
    return pa.concat_tables(tables), list(windows)


def tweets_of(
    files: Files,
    runs: Sequence[RunRecord],
    tweet_ids: Collection[str] | None = None,
    beyond: Span | None = None,
) -> dict[str, None]:
    """The Tweets that have rows, at any time or in windows that are not within a period."""
    known: dict[str, None] = {}
    schema = pa.schema([pa.field("tweet_id", pa.string()), pa.field("start", TIME)])
    for source in file_sets(files, runs):
        spans = [s for s in source.windows if beyond is None or clip([s], beyond) != [s]]
        if source.windows and not spans:
            continue
        wanted = _of(tweet_ids)
        if source.several:
            wanted &= _of_windows(spans)
        rows = files.rows(source.names, schema)
        for batch in rows.to_batches(columns=["tweet_id"], filter=wanted):
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


def _of_windows(spans: Iterable[Span]) -> ds.Expression:
    starts = pa.array([start for start, _ in spans], pa.int64()).cast(TIME)
    return ds.field("start").isin(starts)


def figures(
    files: Files,
    choice: Choice,
    metrics: Sequence[str],
    tweet_ids: Collection[str] | None = None,
) -> tuple[pa.Table, list[Lack]]:
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
    span = choice.period and in_ms(*choice.period)
    table, windows = read_rows(files, choice.runs, metrics, tweet_ids, span)
    lacks: list[Lack] = []
    if span is not None:
        table, lacks = cover(table, windows, choice.unit, span)
    elif not choice.labelled:
        table = table.drop_columns(["snapshot"])
    table = _added_up(_newest(table))
    if choice.by != choice.unit:
        table = _coarser(table, choice.by, choice.zone)
    if lacks and choice.by is None:
        # A sum of a part of the period would look like one of all of it.
        short = pa.array([t for lack in lacks for t in lack.tweet_ids], pa.string())
        table = table.filter(pc.invert(pc.is_in(table["tweet_id"], short)))
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


def ordered_frame(table: pa.Table, tweet_ids: Iterable[str] | None) -> pd.DataFrame:
    """The frame of rows, in the order of these Tweets; a series has no ``read_at``."""
    order = None if tweet_ids is None else list(tweet_ids)
    table = explained(partial(in_order, table, order))
    return to_frame(table.drop_columns(["read_at"]) if "time" in table.column_names else table)
