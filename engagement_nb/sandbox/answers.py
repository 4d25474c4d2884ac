"""Counts, nested as the groupings ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

HOURS = [f"{hour:02d}" for hour in range(24)]
_SMALL = np.array([str(number) for number in range(4096)], dtype=object)
_ID, _TYPE, _DAY, _HOUR = "tweet.id", "engagement.type", "engagement.day", "engagement.hour"


def texts(counts: NDArray[np.int64]) -> NDArray[np.object_]:
    """Counts as strings, in an array of the same shape."""
    large = counts >= len(_SMALL)
    shown = _SMALL[np.where(large, 0, counts)]
    if large.any():
        shown[large] = counts[large].astype(str).astype(object)
    return shown


def group(
    counts: NDArray[np.int64],
    ids: Sequence[int],
    types: Sequence[str],
    start: datetime | None,
    group_by: Sequence[str],
    hour_without_day: Literal["by day", "hour of day"] = "by day",
    bare: float = 0.0,
) -> dict[str, Any]:
    """Counts nested in the order of ``group_by``; leaves are strings.

    Parameters
    ----------
    counts
        Shape (ids, types, hours); one hour stands for all time where there is no window.
    start
        The first hour, or None.
    hour_without_day
        What `Settings` says.
    bare
        Share of leaves that stay numbers.
    """
    items = list(group_by)
    if _HOUR in items and _DAY not in items and hour_without_day == "by day":
        items.insert(items.index(_HOUR), _DAY)
    axes: dict[str, list[str]] = {_ID: [str(i) for i in ids], _TYPE: list(types)}
    values = counts[..., None]
    inside: Any = np.ones((counts.shape[2], 1), dtype=bool)
    if start is not None:
        values, inside, days = _by_day_and_hour(counts, start)
        axes |= {_DAY: days, _HOUR: HOURS}
    order = [_ID, _TYPE, _DAY, _HOUR]
    summed = tuple(axis for axis, item in enumerate(order) if item not in items)
    left = [item for item in order if item in items]
    shape = [left.index(item) for item in items]
    nested = values.sum(axis=summed).transpose(shape)
    if items[-2:] == [_DAY, _HOUR] and not bare:
        return _hourly(nested, items, axes, inside)
    leaves = _leaves(nested, bare)
    times = [item for item in items if item in (_DAY, _HOUR)]
    if times == [_DAY]:
        inside = inside.any(axis=1)
    elif times == [_HOUR]:
        inside = inside.any(axis=0)
    elif times == [_HOUR, _DAY]:
        inside = inside.T
    return _nester(items, axes, inside)(leaves.tolist())


def _leaves(counts: NDArray[np.int64], bare: float) -> NDArray[np.object_]:
    leaves = texts(counts)
    if bare:
        # Spread evenly and reproducibly over the answer.
        mixed = (np.arange(1, leaves.size + 1).reshape(leaves.shape) * 0.618034) % 1.0 < bare
        leaves[mixed] = counts[mixed]
    return leaves


def _by_day_and_hour(
    counts: NDArray[np.int64], start: datetime
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[str]]:
    before = start.hour
    hours = counts.shape[2]
    after = -(before + hours) % 24
    padded = np.pad(counts, ((0, 0), (0, 0), (before, after)))
    inside = np.zeros(before + hours + after, dtype=bool)
    inside[before : before + hours] = True
    first = int(start.timestamp()) // 86400
    days = [
        datetime.fromtimestamp(86400 * (first + day), UTC).strftime("%Y-%m-%d")
        for day in range(len(inside) // 24)
    ]
    shape = (*counts.shape[:2], len(days), 24)
    return padded.reshape(shape), inside.reshape(-1, 24), days


def _nester(
    items: list[str], axes: dict[str, list[str]], inside: NDArray[np.bool_]
) -> Callable[[list[Any]], dict[str, Any]]:
    """A function that turns nested lists into nested dicts, without hours outside the window.

    Parameters
    ----------
    items
        Axes from outer to inner.
    axes
        Keys of each.
    inside
        Which places of the time axes that are still to come are in the window.
    """
    keys, rest = axes[items[0]], items[1:]
    is_time = items[0] in (_DAY, _HOUR)
    places = inside.any(axis=tuple(range(1, inside.ndim))) if is_time else np.array([True])
    if not rest:
        if places.all():
            return _pairs(keys)
        chosen = [(place, keys[place]) for place in np.flatnonzero(places)]
        return lambda rows: {key: rows[place] for place, key in chosen}
    if is_time:
        parts = inside if inside.ndim > 1 else [np.array([True])] * len(keys)
        plan = [
            (place, keys[place], _nester(rest, axes, parts[place]))
            for place in np.flatnonzero(places)
        ]
        return lambda rows: {key: inner(rows[place]) for place, key, inner in plan}
    inner = _nester(rest, axes, inside)
    return lambda rows: {key: inner(row) for key, row in zip(keys, rows, strict=True)}


def _hourly(
    counts: NDArray[np.int64],
    items: list[str],
    axes: dict[str, list[str]],
    inside: NDArray[np.bool_],
) -> dict[str, Any]:
    """As `_nester` where day and hour come last; days without a count share one dict a day.

    Most days of most counters are such: a request of 28 days is built twice as fast so.
    """
    builders = [_nester([_HOUR], axes, hours) for hours in inside]
    quiet = [build(["0"] * 24) for build in builders]
    plan = list(zip(axes[_DAY], builders, quiet, strict=True))
    active = counts.any(axis=-1)
    rows = iter(texts(counts[active]).tolist())

    def nest(flags: Any, outer: list[str]) -> dict[str, Any]:
        if outer:
            keys = zip(axes[outer[0]], flags, strict=True)
            return {key: nest(inner, outer[1:]) for key, inner in keys}
        days = zip(plan, flags, strict=True)
        return {day: build(next(rows)) if on else none for (day, build, none), on in days}

    return nest(active.tolist(), items[:-2])


def _pairs(keys: list[str]) -> Callable[[list[Any]], dict[str, Any]]:
    """As ``dict(zip(keys, row))``; most rows are all "0", which share one dict."""
    nothing = ["0"] * len(keys)
    empty = dict(zip(keys, nothing, strict=True))
    return lambda row: empty if row == nothing else dict(zip(keys, row, strict=True))


def totals_group(
    counts: NDArray[np.int64],
    given: NDArray[np.bool_],
    ids: Sequence[int],
    types: Sequence[str],
    group_by: Sequence[str],
    bare: float = 0.0,
) -> dict[str, Any]:
    """Counts of ``totals``, without those that are not given.

    Parameters
    ----------
    counts, given
        Shape (ids, types).
    """
    known = np.where(given, counts, 0)
    names: dict[str, list[str]] = {_ID: [str(i) for i in ids], _TYPE: list(types)}
    keys = [names[item] for item in group_by]
    if len(group_by) == 2:
        if group_by[0] == _TYPE:
            known, given = known.T, given.T
    else:
        axis = 1 if group_by[0] == _ID else 0
        known, given = known.sum(axis=axis), np.atleast_1d(given.any(axis=axis))
    rows, shown = _leaves(known, bare).tolist(), given.tolist()
    if len(keys) == 1:
        return {k: leaf for k, leaf, ok in zip(keys[0], rows, shown, strict=True) if ok}
    return {
        key: {k: leaf for k, leaf, ok in zip(keys[1], row, oks, strict=True) if ok}
        for key, row, oks in zip(keys[0], rows, shown, strict=True)
    }
