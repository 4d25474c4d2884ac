"""Rows and problems of the runs of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement_nb.apis.availability import Window
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.dataset.coverage import Lack, Span, clip
from engagement_nb.dataset.frames import TIME, in_order, response_schema, sum_windows, to_frame
from engagement_nb.dataset.parts import RunRecord, part_names, parts_with
from engagement_nb.errors import DatasetError
from engagement_nb.problems import ProblemLog
from engagement_nb.store import Store

_Result = TypeVar("_Result")


def read_rows(
    store: Store,
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    tweet_ids: Collection[str] | None = None,
    period: Span | None = None,
) -> tuple[pa.Table, list[Span]]:
    """The rows of runs of one kind, as they were stored.

    Parameters
    ----------
    store, runs
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
    by = runs[-1].by
    wanted = ds.scalar(True)
    if tweet_ids is not None:
        wanted &= ds.field("tweet_id").isin(pa.array(tweet_ids, pa.string()))
    if by == "hour" and period is not None:
        start, end = (pa.scalar(moment, pa.int64()).cast(TIME) for moment in period)
        wanted &= (ds.field("time") >= start) & (ds.field("time") < end)
    schema = response_schema(metrics, by).append(pa.field("read_at", TIME))
    tables: list[pa.Table] = []
    windows: list[Span] = []
    for folder, window, snapshot in folders_of(runs):
        if window is not None and period is not None and not clip([window], period):
            continue
        table = _read_files(store, _files(store, folder, tweet_ids), schema, wanted)
        if window is None:
            mark = pa.array([snapshot] * len(table), pa.string())
            tables.append(table.append_column("snapshot", mark))
        else:
            number = pa.repeat(pa.scalar(len(windows), pa.int32()), len(table))
            tables.append(table.append_column("window", number))
            windows.append(window)
    if not tables:
        schema = schema.append(pa.field("window", pa.int32()))
        return schema.empty_table(), windows
    return pa.concat_tables(tables), windows


def tweets_of(
    store: Store, runs: Sequence[RunRecord], tweet_ids: Collection[str] | None = None
) -> dict[str, None]:
    """The Tweets that have rows, at any time."""
    known: dict[str, None] = {}
    schema = pa.schema([pa.field("tweet_id", pa.string())])
    for folder, _, _ in folders_of(runs):
        for batch in _parts(store, _files(store, folder, tweet_ids), schema).to_batches():
            known.update(dict.fromkeys(pc.unique(batch["tweet_id"]).to_pylist()))
    if tweet_ids is None:
        return known
    return {tweet_id: None for tweet_id in tweet_ids if tweet_id in known}


def folders_of(runs: Iterable[RunRecord]) -> list[tuple[str, Span | None, str]]:
    """Each folder of the parts of runs, with its window or its snapshot."""
    found: dict[str, tuple[str, Span | None, str]] = {}
    for run in runs:
        for window in run.windows or [None]:
            folder = run.folder(*(window or (None, None)))
            found[folder] = (folder, window and in_ms(*window), run.snapshot)
    return list(found.values())


def in_ms(start: datetime, end: datetime) -> Span:
    """A period in milliseconds since the Unix epoch."""
    return round(start.timestamp() * 1000), round(end.timestamp() * 1000)


def from_ms(span: Span) -> Window:
    """The period of milliseconds."""
    start, end = (datetime.fromtimestamp(moment / 1000, UTC) for moment in span)
    return Window(start, end)


def _files(store: Store, folder: str, tweet_ids: Collection[str] | None) -> list[str]:
    if tweet_ids is None:
        return part_names(store, [folder])
    return parts_with(store, folder, list(tweet_ids))


def _parts(store: Store, names: Sequence[str], schema: pa.Schema) -> ds.Dataset:
    filesystem = None if store.local else pa.fs.PyFileSystem(pa.fs.FSSpecHandler(store.fs))
    paths = [store.path(name) for name in names]
    return ds.dataset(paths, schema=schema, format="parquet", filesystem=filesystem)


def _read_files(
    store: Store, names: Sequence[str], schema: pa.Schema, wanted: ds.Expression
) -> pa.Table:
    return _explained(partial(_parts(store, names, schema).to_table, filter=wanted))


def _explained(read: Callable[[], _Result]) -> _Result:
    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"A part of the dataset is damaged: {error}.",
            advice="Remove that file and fetch again: only its Tweets are requested.",
        ) from error


def newest(table: pa.Table) -> pa.Table:
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


def added_up(table: pa.Table) -> pa.Table:
    """Add up the rows of each Tweet (and day) whose spans are parts of one period."""
    if "since" not in table.column_names:
        return table
    table = table.drop_columns(["since"])
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    once = table.group_by(keys).aggregate([]).num_rows == len(table)
    return table if once else sum_windows(table)


def coarser(table: pa.Table, by: str, zone: str = "UTC") -> pa.Table:
    """Add hours up to days of a time zone, or a series up to sums."""
    index = table.column_names.index("time")
    if by != "day":
        return sum_windows(table.remove_column(index))
    # A day that begins within an hour of UTC has the whole of that hour.
    local = pc.add(table["time"], pa.scalar(timedelta(minutes=59))).cast(pa.timestamp("ms", zone))
    days = pc.floor_temporal(pc.floor_temporal(local, unit="day").cast(TIME), unit="hour")
    return sum_windows(table.set_column(index, "time", days))


def ordered_frame(table: pa.Table, tweet_ids: Iterable[str] | None) -> pd.DataFrame:
    """The frame of rows, in the order of these Tweets; a series has no ``read_at``."""
    table = in_order(table, None if tweet_ids is None else list(tweet_ids))
    return to_frame(table.drop_columns(["read_at"]) if "time" in table.column_names else table)


def stored_problems(store: Store, run: RunRecord) -> ProblemLog:
    """The problems of a run."""
    log = ProblemLog()
    name = f"runs/{run.id}.problems.parquet"
    if store.exists(name):
        buffer = pa.BufferReader(store.read(name))
        rows = _explained(partial(pq.read_table, buffer)).to_pandas().astype("string")
        kinds = ["reason", "scope", "metrics", "detail"]
        for (reason, *kind), same in rows.groupby(kinds, sort=False):
            log.add(same["tweet_id"].tolist(), Reason(reason), *kind)
    return log


def missing(
    stored: Sequence[tuple[Window | None, ProblemLog]],
    frame: pd.DataFrame,
    lacks: Iterable[Lack],
    known: Collection[str],
    wanted: Collection[str] | None,
    period: Window | None,
) -> ProblemLog:
    """What is missing in a frame, and why.

    Parameters
    ----------
    stored
        Period and problems of each run, the newest first.
    frame
        The frame.
    lacks
        Which Tweets have figures of a part of the period only. A sum leaves them out.
    known
        The Tweets that have figures of any period.
    wanted
        The requested Tweets; None for all that are known.
    period
        The period to read; None for snapshots.

    Returns
    -------
    ProblemLog
        Each requested Tweet without rows, once; each part of the period that a Tweet lacks; and
        the metrics that are unknown.
    """
    log = ProblemLog()
    here = {*frame["tweet_id"].unique()}
    gone: set[str] = set()
    gaps = {tweet_id: lack.gaps for lack in lacks for tweet_id in lack.tweet_ids}
    explained: dict[str, list[Span]] = {}

    def lose(tweet_ids: Iterable[str], reason: Reason, detail: str) -> None:
        lost = [t for t in tweet_ids if t not in here and t not in gone]
        gone.update(lost)
        log.add(lost, reason, detail=detail)

    def lack(tweet_ids: Collection[str], reason: Reason, detail: str) -> None:
        log.add([t for t in tweet_ids if t in here], reason, "period", detail=detail)
        lose(tweet_ids, reason, detail)

    for of_run, problems in stored:
        for kind, ids in problems.items():
            mine = ids if wanted is None else [t for t in ids if t in wanted]
            if kind.scope == "tweet":
                lose(mine, kind.reason, kind.detail)
            elif kind.scope == "period":
                mine = [t for t in mine if t in gaps]
                lack(mine, kind.reason, kind.detail)
                for tweet_id in mine if of_run else ():
                    explained.setdefault(tweet_id, []).append(in_ms(*of_run))
            else:
                unknown = here
                if len(stored) > 1 and (names := {*kind.metrics.split(", ")} & {*frame.columns}):
                    # Another run may know what this one did not.
                    unknown = {*frame.loc[frame[[*names]].isna().any(axis=1), "tweet_id"]}
                log.add([t for t in mine if t in unknown], *kind)
    for tweet_id, open_ in gaps.items():
        spans = explained.get(tweet_id, [])
        if rest := [gap for gap in open_ if not any(clip([gap], span) == [gap] for span in spans)]:
            detail = "; ".join(str(from_ms(gap)) for gap in rest)
            lack([tweet_id], Reason.NOT_FETCHED, detail)
    if period is not None:
        late = [t for t in known if not posted_before(t, period.end)]
        lose(late, Reason.POSTED_LATER, str(period))
        lose(known, Reason.NOT_FETCHED, str(period))
    lose(wanted or (), Reason.NOT_IN_SOURCE, "")
    return log
