"""Turn responses of the API into typed tables: one row per Tweet, or per Tweet and day or hour.

The API nests counts, as texts, in the order of the grouping. `response_table` turns one response
into one Arrow table with 64-bit integers; missing values are null, and so is the API's "0" that
means not known. `to_frame` turns tables into the frame that people see. Nothing here touches the
network or the disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.contract import By, Rule
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before, tweet_time
from engagement_nb.client.cubes import Cube, starts
from engagement_nb.errors import ServerTroubleError
from engagement_nb.metrics import created_at

TIME = pa.timestamp("ms", tz="UTC")

Groups = Mapping[str, Any]


def response_schema(metrics: Sequence[str], by: By | None) -> pa.Schema:
    """The schema of the table of a response: ``tweet_id``, ``time`` for a series, the metrics."""
    fields = [pa.field("tweet_id", pa.string())]
    if by:
        fields.append(pa.field("time", TIME))
    return pa.schema([*fields, *(pa.field(name, pa.int64()) for name in metrics)])


def response_table(
    groups: Groups | Cube,
    metrics: Sequence[str],
    by: By | None = None,
    *,
    window: tuple[datetime, datetime] | None = None,
    limits: Iterable[Rule] = (),
    unsupported: Mapping[Reason, Collection[str]] | None = None,
) -> pa.Table:
    """Turn the groups of one response into a table.

    Parameters
    ----------
    groups
        ``{tweet id: {metric: count}}``; for a series the count is ``{day: count}`` or
        ``{day: {hour: count}}``. Counts are texts or whole numbers. Or a cube of the same
        figures, which has all the metrics.
    metrics
        Wire names of the columns; null where the response lacks a metric.
    by
        "day", "hour", or None.
    window
        The period of the figures. A series must have each of its days or hours.
    limits
        Metrics that older Tweets lack: see `engagement_nb.apis.availability.limits`. Zeros that
        mean "not known" become null.
    unsupported
        Tweets that the response lists as too old, by the reason of the limit.

    Returns
    -------
    pyarrow.Table
        Columns as in `response_schema`. Times are the starts of days or hours, UTC. A Tweet has
        no row that ends before it was posted.

    Raises
    ------
    ServerTroubleError
        The groups break the API's contract, or times are missing.
    """
    try:
        if isinstance(groups, Cube):
            columns = _cube_columns(groups, metrics)
        elif by is None:
            columns = _sums(groups, metrics)
        else:
            columns = _series(groups, metrics, by)
        table = pa.table(columns, schema=response_schema(metrics, by))
        if window is not None:
            ids = groups.tweet_ids if isinstance(groups, Cube) else tuple(groups)
            table = _from_posting(table, ids, by, window)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ServerTroubleError(
            "The API's response is not shaped as its contract says"
            f" ({type(error).__name__}: {str(error)[:80]}).",
            advice="Run the same command again.",
            tweet_ids=() if isinstance(groups, Cube) else tuple(groups),
        ) from error
    ids = table["tweet_id"].combine_chunks().dictionary_encode()
    for limit in limits:
        listed = {*(unsupported or {}).get(limit.reason, ())}
        table = _blank(table, limit.metrics, _where(ids, listed.__contains__))
        if limit.reads_zero:
            older = _where(ids, limit.applies)
            if limit.known_from is None:
                table = _blank(table, limit.metrics, older, only_zeros=True)
                continue
            if by:
                known_from = pa.scalar(limit.known_from, TIME)
                older = pc.and_(older, pc.less(table["time"], known_from))
            table = _blank(table, limit.metrics, older)
    return table


def _integers(counts: Iterable[Any]) -> pa.Array:
    """Turn counts (texts, numbers or None) into nullable 64-bit integers."""
    return pa.array([None if count is None else int(count) for count in counts], pa.int64())


def _sums(groups: Groups, metrics: Sequence[str]) -> dict[str, Any]:
    columns = {"tweet_id": pa.array(list(groups), pa.string())}
    for name in metrics:
        columns[name] = _integers(values.get(name) for values in groups.values())
    return columns


def _cube_columns(cube: Cube, metrics: Sequence[str]) -> dict[str, Any]:
    ids = pa.array(cube.tweet_ids, pa.string())
    columns: dict[str, Any] = {"tweet_id": ids}
    if cube.times is not None:
        columns["tweet_id"] = ids.take(pa.array(np.repeat(np.arange(len(ids)), len(cube.times))))
        columns["time"] = pa.array(np.tile(cube.times, len(ids)), pa.timestamp("ms")).cast(TIME)
    for name in metrics:
        columns[name] = pa.array(cube.counts[:, cube.metrics.index(name)].reshape(-1))
    return columns


def _series(groups: Groups, metrics: Sequence[str], by: By) -> dict[str, Any]:
    """Columns of a series. Tweets may differ in their times; the metrics of one Tweet may not."""
    ids: list[str] = []
    times: list[np.ndarray] = []
    cells: dict[str, list[Any]] = {name: [] for name in metrics}
    for tweet_id, values in groups.items():
        by_metric = {name: _times_and_counts(values.get(name), by) for name in metrics}
        shapes = {shape for shape, _ in by_metric.values() if shape[0]}
        if not shapes:
            continue
        if len(shapes) > 1:
            raise ValueError("the metrics of a Tweet have different times")
        moments = starts(*shapes.pop())
        ids += [tweet_id] * len(moments)
        times.append(moments)
        for name, (_, counts) in by_metric.items():
            cells[name] += counts or [None] * len(moments)
    stamps = np.concatenate(times) if times else np.array([], "datetime64[ms]")
    return {
        "tweet_id": pa.array(ids, pa.string()),
        "time": pa.array(stamps, pa.timestamp("ms")).cast(TIME),
        **{name: _integers(counts) for name, counts in cells.items()},
    }


def _times_and_counts(days: Mapping[str, Any] | None, by: By) -> tuple[Any, list[Any]]:
    """Days, the hours of each (None by day), and all counts, in the order of time."""
    pairs = sorted((days or {}).items())
    names = tuple(day for day, _ in pairs)
    if by == "day":
        return (names, None), [count for _, count in pairs]
    hours = [sorted(of_day.items()) for _, of_day in pairs]
    shape = (names, tuple(tuple(hour for hour, _ in of_day) for of_day in hours))
    return shape, [count for of_day in hours for _, count in of_day]


def _from_posting(
    table: pa.Table, tweet_ids: Sequence[str], by: By | None, window: tuple[datetime, datetime]
) -> pa.Table:
    """The rows since each Tweet was posted, if a series has each time of its window once.

    Raises
    ------
    ValueError
        A time after posting is missing, repeated or outside the window.
    """
    codes = table["tweet_id"].combine_chunks().dictionary_encode()
    if by is None:
        return table.filter(_where(codes, lambda tweet_id: posted_before(tweet_id, window[1])))
    step = timedelta(days=1) if by == "day" else timedelta(hours=1)
    first = window[0].replace(minute=0, second=0)
    first = first.replace(hour=0) if by == "day" else first
    steps = -((first - window[1]) // step)
    since = table["time"].to_numpy() - np.datetime64(first.replace(tzinfo=None), "ms")
    places = since // np.timedelta64(step)
    if ((places < 0) | (places >= steps)).any():
        raise ValueError("times outside of the period")
    number = {tweet_id: at for at, tweet_id in enumerate(tweet_ids)}
    numbers = np.array([number[tweet_id] for tweet_id in codes.dictionary.to_pylist()], int)
    rows = numbers[codes.indices.to_numpy()]
    present = np.zeros((len(tweet_ids), steps), bool)
    present[rows, places] = True
    if present.sum() != len(table):
        raise ValueError("a time is repeated")
    posted = [tweet_time(tweet_id) or first for tweet_id in tweet_ids]
    begun = np.array([max(0, (moment - first) // step) for moment in posted], int)
    if (~present & (np.arange(steps) >= begun[:, None])).any():
        raise ValueError("times of the period are missing")
    after = places >= begun[rows]
    return table if after.all() else table.filter(pa.array(after))


def _where(ids: pa.DictionaryArray, is_true: Callable[[str], bool]) -> pa.Array:
    """A mask of the rows whose Tweet passes a test."""
    return pa.array(map(is_true, ids.dictionary.to_pylist()), pa.bool_()).take(ids.indices)


def _blank(
    table: pa.Table, names: Iterable[str], where: pa.Array, *, only_zeros: bool = False
) -> pa.Table:
    """The table with nulls in the named columns wherever the mask is true."""
    if not pc.any(where).as_py():
        return table
    for name in {*names}.intersection(table.column_names):
        index = table.column_names.index(name)
        mask = pc.and_kleene(where, pc.equal(table[name], 0)) if only_zeros else where
        column = pc.if_else(mask, pa.scalar(None, pa.int64()), table[name])
        table = table.set_column(index, table.schema.field(index), column)
    return table


def sum_windows(table: pa.Table) -> pa.Table:
    """Add up rows of the same Tweet (and time) from windows that touch.

    A null in any row makes the sum null; ``read_at`` is the latest.
    """
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    names = [field.name for field in table.schema if field.type == pa.int64()]
    others = [name for name in table.column_names if name not in {*keys, *names}]
    no_nulls = pc.ScalarAggregateOptions(skip_nulls=False)
    wanted: list[Any] = [(name, "sum", no_nulls) for name in names]
    wanted += [(name, "max") for name in others]
    summed = table.group_by(keys, use_threads=False).aggregate(wanted)
    summed = summed.rename_columns([re.sub("_(sum|max)$", "", n) for n in summed.column_names])
    return summed.select(table.column_names)


_LONG_RUN = 100
"""Mean run length above which rows are sliced, not copied."""


def to_frame(table: pa.Table, tweet_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """The frame of a table: see `engagement_nb.metrics.Metrics`.

    Rows are in the order of these Tweets, or of posting, and then of time. ``created_at`` stands
    beside ``tweet_id``; metrics are ``Int64``, ids ``string``. A series has no ``read_at``.
    """
    # Combined first: the dictionaries of thousands of chunks take minutes to unify.
    codes = table["tweet_id"].combine_chunks().dictionary_encode()
    here = codes.dictionary.to_pylist()
    place = None if tweet_ids is None else {i: at for at, i in enumerate(tweet_ids)}
    places = [int(i) if place is None else place[i] for i in here]
    keys = {"place": pa.array(places, pa.int64()).take(codes.indices)}
    if "time" in table.column_names:
        keys["time"] = table["time"].combine_chunks()
        table = table.drop([name for name in table.column_names if name == "read_at"])
    sort_keys = [(name, "ascending") for name in keys]
    order = pc.sort_indices(pa.table(keys), sort_keys=sort_keys).to_numpy().astype(np.int64)
    jumps = np.flatnonzero(np.diff(order) != 1) + 1
    if len(jumps) * _LONG_RUN >= len(order):
        table = table.take(order)
    else:
        runs = np.split(order, jumps)
        table = pa.concat_tables([table.slice(int(run[0]), len(run)) for run in runs])
    types = {pa.int64(): pd.Int64Dtype(), pa.string(): pd.StringDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get, split_blocks=True)
    posted = created_at(here).take(codes.indices.to_numpy()[order]).reset_index(drop=True)
    frame.insert(1, "created_at", posted)
    return frame
