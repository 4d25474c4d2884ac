"""Rows and problems of the runs of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement_nb.apis.contract import By
from engagement_nb.dataset.frames import TIME, in_order, response_schema, sum_windows, to_frame
from engagement_nb.dataset.parts import RunRecord, part_names, parts_with
from engagement_nb.errors import DatasetError
from engagement_nb.metrics import problems_frame
from engagement_nb.store import Store


def read_rows(
    store: Store,
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    tweet_ids: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    coarser: str | None = None,
    labelled: bool = False,
    files: Sequence[str] | None = None,
) -> pa.Table:
    """Read runs of one kind, oldest first: one row per Tweet (and time), with the newest figures.

    ``coarser`` turns them into days or a sum. ``labelled`` keeps the rows of every run, told
    apart by a column ``snapshot``. ``files`` limits what is read.
    """
    by = runs[-1].by
    schema = part_schema(metrics, by)
    wanted = ds.scalar(True)
    if tweet_ids is not None:
        wanted &= ds.field("tweet_id").isin(pa.array(tweet_ids, pa.string()))
    if by and start is not None:
        wanted &= ds.field("time") >= pa.scalar(start, TIME)
    if by and end is not None:
        wanted &= ds.field("time") < pa.scalar(end, TIME)
    found: list[pa.Table] = []
    read: set[str] = set()
    for run in reversed(runs):
        if set(run.sets) <= read:
            continue
        read.update(run.sets)
        windows = []
        for folder in run.sets:
            if files is not None:
                names = [name for name in files if name.startswith(f"{folder}/")]
            elif tweet_ids is not None:
                names = parts_with(store, folder, tweet_ids)
            else:
                names = part_names(store, [folder])
            windows.append(_deduplicate(_read_files(store, names, schema, wanted)))
        table = pa.concat_tables(windows)
        if len(windows) > 1 and by != "hour":
            table = sum_windows(table, () if by else [end for _, end in run.windows])
        if labelled:
            label = pa.array([run.snapshot] * len(table), pa.string())
            table = table.append_column("snapshot", label)
        found.append(table)
    table = pa.concat_tables(found)
    if len(found) > 1 and not labelled:
        table = _deduplicate(table)
    return _coarser(table, coarser) if coarser else table


def part_schema(metrics: Sequence[str], by: By | None) -> pa.Schema:
    """Columns of a part's rows."""
    return response_schema(metrics, by).append(pa.field("read_at", TIME))


def ordered_frame(table: pa.Table, tweet_ids: Sequence[str] | None) -> pd.DataFrame:
    """The frame of rows, in the order of these Tweets; a series has no ``read_at``."""
    table = in_order(table, tweet_ids)
    return to_frame(table.drop_columns(["read_at"]) if "time" in table.column_names else table)


def _read_files(
    store: Store, names: Sequence[str], schema: pa.Schema, wanted: ds.Expression
) -> pa.Table:
    filesystem = None if store.local else pa.fs.PyFileSystem(pa.fs.FSSpecHandler(store.fs))
    paths = [store.path(name) for name in names]
    parts = ds.dataset(paths, schema=schema, format="parquet", filesystem=filesystem)
    return _explained(partial(parts.to_table, filter=wanted))


def _explained(read: Callable[[], pa.Table]) -> pa.Table:
    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"A part of the dataset is damaged: {error}.",
            advice="Remove that file and fetch again: only its Tweets are requested.",
        ) from error


def _deduplicate(table: pa.Table) -> pa.Table:
    """Keep each Tweet (and time) once, with the newest known values."""
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    if table.group_by(keys).aggregate([]).num_rows == len(table):
        return table
    ordered = table.sort_by("read_at")
    frame = ordered.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    merged = frame.groupby(keys, sort=False, as_index=False).last()
    return pa.Table.from_pandas(merged, preserve_index=False).cast(table.schema)


def _coarser(table: pa.Table, by: str) -> pa.Table:
    """Add hours up to days, or a series up to sums."""
    index = table.column_names.index("time")
    if by == "day":
        days = pc.floor_temporal(table["time"], unit="day").cast(TIME)
        return sum_windows(table.set_column(index, "time", days))
    return sum_windows(table.remove_column(index))


def read_problems(
    store: Store,
    runs: Sequence[RunRecord],
    with_rows: Iterable[str],
    tweet_ids: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Problems of runs, each once, except for Tweets that have rows from another run."""
    found = []
    for run in reversed(runs):
        name = f"runs/{run.id}.problems.parquet"
        if store.exists(name):
            buffer = pa.BufferReader(store.read(name))
            found.append(_explained(partial(pq.read_table, buffer)).to_pandas())
    if not found:
        return problems_frame()
    problems = pd.concat(found, ignore_index=True).astype("string")
    if tweet_ids is not None:
        problems = problems[problems["tweet_id"].isin(tweet_ids)]
    whole = problems["scope"] == "tweet"
    problems = problems[whole != problems["tweet_id"].isin(list(with_rows))]
    # A Tweet without rows has one reason. The detail tells parts of a period apart.
    keys = problems[["tweet_id", "scope", "reason", "metrics", "detail"]].copy()
    keys.loc[keys["scope"] == "tweet", ["reason", "metrics"]] = ""
    keys.loc[keys["scope"] != "period", "detail"] = ""
    once: pd.DataFrame = problems[~keys.duplicated()]
    return once.reset_index(drop=True)
