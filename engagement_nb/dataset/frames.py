"""Answers of the API -> typed tables: one row a Tweet, or a Tweet and day or hour.

The API nests counts, as texts, in the order of the grouping; `answer_table` turns one answer
into one Arrow table whose integers are 64 bits wide and whose missing values are null, with
the API's "0 that means not known" already null. `to_frame` turns tables into the frame that
people see. Nothing here touches the network or the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.availability import age_limit, posted_before, zero_limit
from engagement_nb.client.cubes import Cube, starts
from engagement_nb.errors import ServerTroubleError
from engagement_nb.metrics import created_at
from engagement_nb.vocabulary import (
    METRIC_ALIASES,
    PUBLIC_COUNTS_KNOWN_FROM,
    ZERO_BEFORE_KNOWN,
    By,
)

TIME = pa.timestamp("ms", tz="UTC")

Groups = Mapping[str, Any]


class _Numbers(dict[Any, int]):
    """Counts by their text: small ones repeat so often that a look-up beats parsing."""

    def __missing__(self, text: Any) -> int:
        if isinstance(text, float) and not text.is_integer():
            raise ValueError(text)
        value = int(text)
        if len(self) < _MOST_REMEMBERED:
            self[text] = value
        return value


_MOST_REMEMBERED = 100_000
_NUMBERS = _Numbers()


def answer_schema(metrics: Sequence[str], by: By | None) -> pa.Schema:
    """The schema of the table of an answer: ``tweet_id``, ``time`` for a series, the metrics."""
    fields = [pa.field("tweet_id", pa.string())]
    if by:
        fields.append(pa.field("time", TIME))
    return pa.schema([*fields, *(pa.field(name, pa.int64()) for name in metrics)])


def answer_table(
    groups: Groups | Cube,
    metrics: Sequence[str],
    by: By | None = None,
    *,
    endpoint: str = "totals",
    window: tuple[datetime, datetime] | None = None,
    read_at: datetime | None = None,
    unsupported_impressions: Iterable[str] = (),
    unsupported_video: Iterable[str] = (),
) -> pa.Table:
    """Turn the groups of one answer into a table.

    Parameters
    ----------
    groups
        ``{tweet id: {metric: count}}``, with ``{day: count}`` or ``{day: {hour: count}}`` in
        the place of the count for a series. Counts are texts or bare numbers. Or the same as
        a cube, which has all the metrics.
    metrics
        The columns wanted, by wire name; what the answer has none of is null.
    by
        "day", "hour", or None.
    endpoint, window, read_at
        Of the answer: see `engagement_nb.availability`. Zeros that mean "not known" become null.
    unsupported_impressions, unsupported_video
        Ids that the answer lists so.

    Returns
    -------
    pyarrow.Table
        Columns as in `answer_schema`. Times are the starts of days or hours, UTC.

    Raises
    ------
    ServerTroubleError
        If the groups are not shaped as the API's contract says.
    """
    try:
        if isinstance(groups, Cube):
            columns = _cube_columns(groups, metrics)
        elif by is None:
            columns = _sums(groups, metrics)
        else:
            columns = _regular_series(groups, metrics, by) or _any_series(groups, metrics, by)
        table = pa.table(columns, schema=answer_schema(metrics, by))
        if window is not None:
            ids = groups.tweet_ids if isinstance(groups, Cube) else groups
            _check_times(table, by, window, ids)
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise ServerTroubleError(
            "The API's answer is not shaped as its contract says"
            f" ({type(error).__name__}: {str(error)[:80]}).",
            advice="Run the same command again.",
            tweet_ids=list(groups) if isinstance(groups, Mapping) else (),
        ) from error
    table = _blank(table, ("impressions", "engagements"), _listed(table, unsupported_impressions))
    table = _blank(table, ("video_views",), _listed(table, unsupported_video))
    return _blank_unknown_zeros(table, endpoint, window, read_at)


def _counts(values: Mapping[str, Any], name: str) -> Any:
    """The counts of one metric, whichever of its names the answer uses; None if absent."""
    if name in values:
        return values[name]
    return next((values[old] for old, new in METRIC_ALIASES.items()
                 if new == name and old in values), None)  # fmt: skip


def _integers(values: list[Any]) -> pa.Array:
    """Counts as texts, numbers or None -> nullable 64-bit integers."""
    if None not in values:
        return pa.array(_numbers(values))
    return pa.array([None if value is None else _NUMBERS[value] for value in values], pa.int64())


def _numbers(values: list[Any]) -> np.ndarray:
    return np.fromiter(map(_NUMBERS.__getitem__, values), np.int64, len(values))


def _sums(groups: Groups, metrics: Sequence[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {"tweet_id": pa.array(list(groups), pa.string())}
    names = set(map(tuple, groups.values()))
    order = names.pop() if len(names) == 1 else ()
    flat = list(chain.from_iterable(map(dict.values, groups.values())))
    if None not in flat and set(metrics) <= set(order):
        # All Tweets list the same metrics, as the API does.
        table = _numbers(flat).reshape(len(groups), len(order))
        for name in metrics:
            columns[name] = pa.array(table[:, order.index(name)].copy())
        return columns
    for name in metrics:
        columns[name] = _integers([_counts(values, name) for values in groups.values()])
    return columns


def _regular_series(groups: Groups, metrics: Sequence[str], by: By) -> dict[str, Any] | None:
    """Columns of a series whose Tweets and metrics all list the same days and hours.

    That is what the API sends. None when it is not so: `_any_series` takes everything.
    """
    shape: tuple[Any, ...] | None = None
    flat: list[Any] = []
    for values in groups.values():
        for name in metrics:
            days = values.get(name)
            if not days:
                return None
            if by == "day":
                this: tuple[Any, ...] = (tuple(days), None)
                flat.extend(days.values())
            else:
                hours = days.values()
                this = (tuple(days), tuple(map(tuple, hours)))
                flat.extend(chain.from_iterable(map(dict.values, hours)))
            if shape is None:
                shape = this
            elif shape != this:
                return None
    if shape is None or None in flat:
        return None
    times = starts(*shape)
    counts = _numbers(flat).reshape(len(groups), len(metrics), len(times))
    return _cube_columns(Cube(tuple(groups), tuple(metrics), times, counts), metrics)


def _cube_columns(cube: Cube, metrics: Sequence[str]) -> dict[str, Any]:
    ids = pa.array(cube.tweet_ids, pa.string())
    columns: dict[str, Any] = {"tweet_id": ids}
    if cube.times is not None:
        columns["tweet_id"] = ids.take(pa.array(np.repeat(np.arange(len(ids)), len(cube.times))))
        columns["time"] = pa.array(np.tile(cube.times, len(ids)), pa.timestamp("ms")).cast(TIME)
    for name in metrics:
        columns[name] = pa.array(cube.counts[:, cube.metrics.index(name)].reshape(-1))
    return columns


def _any_series(groups: Groups, metrics: Sequence[str], by: By) -> dict[str, Any]:
    """Columns of any series: days and hours may differ, values may be missing."""
    ids: list[str] = []
    times: list[np.ndarray] = []
    cells: dict[str, list[Any]] = {name: [] for name in metrics}
    for tweet_id, values in groups.items():
        by_metric = {name: _flatten(_counts(values, name) or {}, by) for name in metrics}
        moments = sorted(set().union(*by_metric.values()))
        if not {len(found) for found in by_metric.values()} <= {0, len(moments)}:
            raise ValueError("the metrics of a Tweet have different times")
        ids += [tweet_id] * len(moments)
        if moments:
            times.append(
                starts(moments, None)
                if by == "day"
                else starts([day for day, _ in moments], [[hour] for _, hour in moments])
            )
        for name, found in by_metric.items():
            cells[name] += [found.get(moment) for moment in moments]
    stamps = np.concatenate(times) if times else np.array([], "datetime64[ms]")
    columns: dict[str, Any] = {
        "tweet_id": pa.array(ids, pa.string()),
        "time": pa.array(stamps, pa.timestamp("ms")).cast(TIME),
    }
    for name, counts in cells.items():
        columns[name] = _integers(counts)
    return columns


def _flatten(days: Mapping[str, Any], by: By) -> dict[Any, Any]:
    if by == "day":
        return dict(days)
    return {
        (day, hour): count for day, hours in days.items() for hour, count in (hours or {}).items()
    }


def _check_times(
    table: pa.Table, by: By | None, window: tuple[datetime, datetime], tweet_ids: Iterable[str]
) -> None:
    """Raise unless a series has each day or hour of its window once, and no other.

    Those before a Tweet was posted may be missing.
    """
    if by is None:
        return
    step = np.timedelta64(1, "D" if by == "day" else "h")
    first, last = (np.datetime64(moment.replace(tzinfo=None), "ms") for moment in window)
    first = first.astype(f"datetime64[{'D' if by == 'day' else 'h'}]").astype("datetime64[ms]")
    steps = -(-(last - first) // step)
    codes = table["tweet_id"].combine_chunks().dictionary_encode()
    ids = codes.dictionary.to_pylist()
    if len(ids) != len(list(tweet_ids)):
        raise ValueError("a Tweet has no times")
    times = table["time"].combine_chunks().cast(pa.timestamp("ms")).to_numpy()
    places = (times - first) // step
    if ((places < 0) | (places >= steps)).any():
        raise ValueError("times outside of the period")
    cells = np.zeros((len(ids), steps), bool)
    cells[codes.indices.to_numpy(), places] = True
    if cells.sum() != len(table):
        raise ValueError("a time stands there twice")
    posted = created_at(ids).dt.tz_localize(None).to_numpy("datetime64[ms]")
    since = np.where(np.isnat(posted), 0, (posted - first) // step)
    if (~cells & (np.arange(steps) >= since[:, None])).any():
        raise ValueError("times of the period are missing")


def _listed(table: pa.Table, ids: Iterable[str]) -> pa.Array | None:
    wanted = pa.array(list(ids), pa.string())
    return pc.is_in(table["tweet_id"], wanted) if len(wanted) else None


def _blank(table: pa.Table, names: Iterable[str], where: Any) -> pa.Table:
    """The table with nulls in the named columns wherever the mask is true."""
    if where is None:
        return table
    for name in names:
        if name in table.column_names:
            index = table.column_names.index(name)
            column = pc.if_else(where, pa.scalar(None, pa.int64()), table[name])
            table = table.set_column(index, table.schema.field(index), column)
    return table


def _ids_before(table: pa.Table, border: int) -> pa.Array:
    """Which rows' Tweets have an id below a border."""
    codes = table["tweet_id"].combine_chunks().dictionary_encode()
    old = pa.array(
        [int(tweet_id) < border for tweet_id in codes.dictionary.to_pylist()], pa.bool_()
    )
    return old.take(codes.indices)


def _blank_unknown_zeros(
    table: pa.Table,
    endpoint: str,
    window: tuple[datetime, datetime] | None,
    read_at: datetime | None,
) -> pa.Table:
    """Nulls for what reads 0 and means "not known": see `engagement_nb.availability`."""
    if not len(table):
        return table
    limit = age_limit(endpoint, "video_views", read_at) if read_at else None
    if limit and "video_views" in table.column_names:
        zero = pc.equal(table["video_views"], 0)
        old = _ids_before(table, limit.first_id)
        table = _blank(table, ("video_views",), pc.and_kleene(old, zero))
    limits = {name: zero_limit(endpoint, name, window) for name in ZERO_BEFORE_KNOWN}
    for name, limit in limits.items():
        if limit:
            where = _ids_before(table, limit.first_id)
            if "time" in table.column_names:
                border = pa.scalar(PUBLIC_COUNTS_KNOWN_FROM, TIME)
                where = pc.and_(where, pc.less(table["time"], border))
            table = _blank(table, (name,), where)
    return table


def sum_windows(table: pa.Table, ends: Sequence[datetime] = ()) -> pa.Table:
    """Add up rows of the same Tweet (and time) from windows that touch.

    What is null in any of them is null in the sum; ``read_at`` is the latest.

    Parameters
    ----------
    table
        Rows of all windows.
    ends
        The windows' ends: a Tweet is left out that lacks rows of a window in which it was
        posted already, for its sum is not known.
    """
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    names = [field.name for field in table.schema if field.type == pa.int64()]
    others = [name for name in table.column_names if name not in {*keys, *names}]
    no_nulls = pc.ScalarAggregateOptions(skip_nulls=False)
    wanted: list[Any] = [(name, "sum", no_nulls) for name in names]
    wanted += [(name, "max") for name in others]
    summed = table.group_by(keys, use_threads=False).aggregate([*wanted, ([], "count_all")])
    if ends:
        counts = zip(summed["tweet_id"].to_pylist(), summed["count_all"].to_pylist(), strict=True)
        enough = [n >= sum(posted_before(t, end) for end in ends) for t, n in counts]
        summed = summed.filter(pa.array(enough, pa.bool_()))
    summed = summed.drop_columns(["count_all"])
    summed = summed.rename_columns([re.sub("_(sum|max)$", "", n) for n in summed.column_names])
    return summed.select(table.column_names)


_LONG_RUN = 100
"""Rows that stay together, on average, from which on they are not copied to be put in order."""


def in_order(table: pa.Table, tweet_ids: Sequence[str] | None = None) -> pa.Table:
    """The rows in the order of these Tweets, or of posting, and then of time."""
    codes = pa.chunked_array([table["tweet_id"].combine_chunks().dictionary_encode()])
    codes = codes.combine_chunks() if codes.num_chunks != 1 else codes.chunk(0)
    here = codes.dictionary.to_pylist()
    if tweet_ids is None:
        places = [int(tweet_id) for tweet_id in here]
    else:
        place = {tweet_id: at for at, tweet_id in enumerate(tweet_ids)}
        places = [place[tweet_id] for tweet_id in here]
    keys = {"place": pa.array(places, pa.int64()).take(codes.indices)}
    if "time" in table.column_names:
        keys["time"] = table["time"].combine_chunks()
    sort_keys = [(name, "ascending") for name in keys]
    order = pc.sort_indices(pa.table(keys), sort_keys=sort_keys).to_numpy().astype(np.int64)
    jumps = np.flatnonzero(np.diff(order) != 1) + 1
    if len(jumps) * _LONG_RUN >= len(order):
        return table.take(order)
    runs = np.split(order, jumps)
    return pa.concat_tables([table.slice(int(run[0]), len(run)) for run in runs])


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The frame of a table: see `engagement_nb.metrics.Metrics`.

    ``created_at`` is put beside ``tweet_id``; metrics are ``Int64``, ids ``string``.
    """
    types = {pa.int64(): pd.Int64Dtype(), pa.string(): pd.StringDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get, split_blocks=True)
    encoded = pa.concat_tables([table.select(["tweet_id"])])["tweet_id"].dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    posted = created_at(encoded.dictionary.to_pylist())
    frame.insert(1, "created_at", posted.take(encoded.indices.to_numpy()).reset_index(drop=True))
    return frame
