"""Counts, nested as the groupings ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement_nb.sandbox.settings import Settings

_ID, _TYPE, _DAY, _HOUR = ITEMS = "tweet.id", "engagement.type", "engagement.day", "engagement.hour"
_HOURS = [f"{hour:02d}" for hour in range(24)]
_SMALL = np.array([str(number) for number in range(4096)], dtype=object)


def group(
    counts: NDArray[np.int64],
    given: NDArray[np.bool_],
    ids: Sequence[int],
    types: Sequence[str],
    start: datetime | None,
    group_by: Sequence[str],
    settings: Settings,
) -> dict[str, Any]:
    """Counts nested in the order of ``group_by``; leaves are strings.

    Parameters
    ----------
    counts
        Shape (ids, types, hours), 0 where not given; one hour stands for all time on totals.
    given
        Shape (ids, types): which of them the response holds.
    start
        The first hour; None on totals.
    settings
        ``hour_without_day`` and ``bare_numbers`` change the response.
    """
    items = list(group_by)
    if _HOUR in items and _DAY not in items and settings.hour_without_day == "by day":
        items.insert(items.index(_HOUR), _DAY)
    keys = {_ID: [str(i) for i in ids], _TYPE: list(types)}
    values, shown = counts[..., None], given[..., None, None]
    if start is not None:
        values, inside, keys[_DAY] = _by_day_and_hour(counts, start)
        shown = shown & inside
        keys[_HOUR] = _HOURS
    summed = tuple(axis for axis, item in enumerate(ITEMS) if item not in items)
    left = [item for item in ITEMS if item in items]
    order = [left.index(item) for item in items]
    values = values.sum(axis=summed).transpose(order)
    shown = np.transpose(shown.any(axis=summed), order)
    flat = (-1, values.shape[-1])
    level = _rows(values.reshape(flat), shown.reshape(flat), keys[items[-1]], settings.bare_numbers)
    for item in reversed(items[:-1]):
        names = keys[item]
        parts = (level[at : at + len(names)] for at in range(0, len(level), len(names)))
        # A day or hour outside the window is left out; on totals a Tweet without counts is not.
        level = [
            {name: inner for name, inner in zip(names, part, strict=True) if inner or start is None}
            for part in parts
        ]
    return level[0]


def _rows(
    counts: NDArray[np.int64], shown: NDArray[np.bool_], names: list[str], bare: float
) -> list[dict[str, Any]]:
    """The innermost dicts: shape (rows, names)."""
    # Most rows of most metrics are zeros: they share one dict, which halves the time.
    zeros = dict.fromkeys(names, "0")
    active = np.ravel(counts.any(axis=1)) | (bare > 0)
    leaves = _leaves(counts[active], bare).tolist()
    counted = (dict(zip(names, row, strict=True)) for row in leaves)
    rows = [next(counted) if on else zeros for on in active.tolist()]
    for place in np.flatnonzero(~shown.all(axis=1)):
        rows[place] = dict(compress(rows[place].items(), shown[place].tolist()))
    return rows


def _leaves(counts: NDArray[np.int64], bare: float) -> NDArray[np.object_]:
    """Counts as strings; a share of them stays numbers."""
    large = counts >= len(_SMALL)
    leaves = _SMALL[np.where(large, 0, counts)]
    leaves[large] = counts[large].astype(str).astype(object)
    if bare:
        # Spread evenly and reproducibly over the response.
        mixed = (np.arange(1, leaves.size + 1).reshape(leaves.shape) * 0.618034) % 1.0 < bare
        leaves[mixed] = counts[mixed]
    return leaves


def _by_day_and_hour(
    counts: NDArray[np.int64], start: datetime
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[str]]:
    """Counts by (ids, types, days, 24), which hours are in the window, and the days."""
    hours = counts.shape[2]
    before, after = start.hour, -(start.hour + hours) % 24
    padded = np.pad(counts, ((0, 0), (0, 0), (before, after)))
    inside = np.pad(np.ones(hours, dtype=bool), (before, after)).reshape(-1, 24)
    first = int(start.timestamp()) // 86400
    days = [
        datetime.fromtimestamp(86400 * (first + day), UTC).strftime("%Y-%m-%d")
        for day in range(len(inside))
    ]
    return padded.reshape(*counts.shape[:2], *inside.shape), inside, days
