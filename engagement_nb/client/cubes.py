"""Regular responses, read from their bytes into one array.

Nearly all responses list the same metrics, days and hours for every Tweet. Such a response by
hour has 286,000 counts, and parsing it into dicts takes many times longer than this: all counts
are cut out of the text at once. The rest of the text must then be the same for every Tweet,
except for the id. Any other response is left to `engagement_nb.dataset.frames`, which reads all
forms.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from engagement_nb.apis.contract import By
from engagement_nb.client.bounds import load_json

DEPTH: dict[By | None, int] = {None: 1, "day": 2, "hour": 3}
"""Levels of a response below the Tweet."""
MOST_DIGITS = 18
"""More digits may not fit into 64 bits."""
_PIECE = 150_000
"""Bytes at a time; pieces that fit into the processor's cache take half the time."""


@dataclass(frozen=True)
class Cube:
    """The counts of a response whose Tweets all have the same metrics and times.

    Parameters
    ----------
    tweet_ids
        Each once.
    metrics
        Wire names, in the order of the response.
    times
        Starts of days or hours, in milliseconds; None if there is one count per metric.
    counts
        Shape (Tweets, metrics, times).
    """

    tweet_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    times: np.ndarray | None
    counts: np.ndarray

    def only(self, tweet_ids: Collection[str]) -> Cube:
        """Select Tweets."""
        places = [at for at, tweet_id in enumerate(self.tweet_ids) if tweet_id in tweet_ids]
        if len(places) == len(self.tweet_ids):
            return self
        kept = tuple(self.tweet_ids[at] for at in places)
        return Cube(kept, self.metrics, self.times, self.counts[places])


def read_cube(
    raw: bytes, grouping: str, metrics: Collection[str], by: By | None
) -> tuple[dict[str, Any], Cube] | None:
    """Read a response into a cube and the rest of its document.

    Parameters
    ----------
    raw
        The body.
    grouping
        Name of the grouping with the counts.
    metrics
        Wire names that it must have.
    by
        "day", "hour", or None.

    Returns
    -------
    tuple or None
        The document with an empty grouping, and the cube; None if the response is not regular.
    """
    raw = raw.rstrip()
    begin = raw.find(b'"%s":{' % grouping.encode()) + len(grouping) + 3
    closing = b"}" * (DEPTH[by] + 1)
    end = raw.rfind(closing, 0, -1) + len(closing)
    if begin < len(grouping) + 3 or end <= begin or b"\\" in raw:
        # Without backslashes, every second quote ends a text.
        return None
    rest = raw[:begin] + b"{}" + raw[end:]
    try:
        beside = load_json(rest)
    except ValueError:
        return None
    if not isinstance(beside, dict) or beside.get(grouping) != {}:
        return None
    if rest.count(b'"%s"' % grouping.encode()) > 1:
        return None
    cube = _cube(raw, begin, end, by)
    if cube is None or not set(metrics) <= set(cube.metrics):
        return None
    return beside, cube


def _cube(raw: bytes, begin: int, end: int, by: By | None) -> Cube | None:
    texts, numbers = [], []
    while begin < end:
        until = raw.find(b"}", begin + _PIECE, end) + 1 or end
        piece = _take_out_counts(np.frombuffer(raw, np.uint8, until - begin, begin))
        if piece is None:
            return None
        numbers.append(piece[0])
        texts.append(piece[1])
        begin = until
    left = b"".join(texts)
    closing = b"}" * DEPTH[by]
    first, after = left.find(b'":{'), left.find(closing) + len(closing)
    if not 0 < first < after:
        return None
    of_each = left[first:after]
    shape, ids = _shape(of_each, by), _ids(left, of_each)
    if shape is None or not ids or len(set(ids)) != len(ids) or not all(map(bytes.isdigit, ids)):
        return None
    names, times = shape
    shape_of_all = (len(ids), len(names), 1 if times is None else len(times))
    counts = np.concatenate(numbers).reshape(shape_of_all)
    return Cube(tuple(b",".join(ids).decode().split(",")), names, times, counts)


def _take_out_counts(text: np.ndarray) -> tuple[np.ndarray, bytes] | None:
    """Cut out all texts of digits after a colon; give the integers and the rest of the text."""
    places = np.flatnonzero((text[:-1] == ord(":")) & (text[1:] == ord('"'))) + 2
    counts = np.zeros(len(places), np.int64)
    kept = np.ones(len(text), bool)
    going = np.arange(len(places))
    for _ in range(MOST_DIGITS + 1):
        if not len(going):
            return counts, text[kept].tobytes()
        # Bytes below "0" wrap around and are above 9 as well.
        digits = text[places] - np.uint8(ord("0"))
        if digits.max() > 9:
            return None
        counts[going] = counts[going] * 10 + digits
        kept[places] = False
        places = places + 1
        more = text[places] != ord('"')
        going, places = going[more], places[more]
    return None


def _ids(left: bytes, of_each: bytes) -> list[bytes]:
    """Give the Tweet ids; none unless ``left`` consists of ids, each followed by ``of_each``."""
    ids = []
    place = 2
    while left.startswith(of_each, end := left.find(b'"', place)):
        ids.append(left[place:end])
        place = end + len(of_each) + 2
        if left[place - 2 : place] != b',"':
            return ids if left[:2] == b'{"' and left[place - 2 :] == b"}" else []
    return []


@lru_cache(maxsize=8)
def _shape(of_each: bytes, by: By | None) -> tuple[tuple[str, ...], np.ndarray | None] | None:
    """Give metrics and times of the repeated text: ``":{"favorites":{"2026-10-01":...``."""
    try:
        (tree,) = orjson.loads(b'{"' + of_each + b"}").values()
        leaves, times = _leaves(tree, by)
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return None
    if not leaves or any(leaf != "" for leaf in leaves) or len(leaves) != of_each.count(b'""'):
        return None
    return tuple(tree), times


def _leaves(tree: dict[str, Any], by: By | None) -> tuple[list[Any], np.ndarray | None]:
    if by is None:
        return list(tree.values()), None
    if by == "day":
        (days,) = {tuple(of_metric) for of_metric in tree.values()}
        return [n for of_metric in tree.values() for n in of_metric.values()], starts(days, None)
    (shape,) = {
        (tuple(of_metric), tuple(map(tuple, of_metric.values()))) for of_metric in tree.values()
    }
    leaves = [n for days in tree.values() for hours in days.values() for n in hours.values()]
    return leaves, starts(*shape)


def starts(days: Sequence[str], hours: Sequence[Sequence[str]] | None) -> np.ndarray:
    """Convert days, or the hours of each day, to starts in milliseconds."""
    if hours is None:
        return np.array(days, "datetime64[D]").astype("datetime64[ms]")
    moments = [
        np.datetime64(day, "h") + np.array([int(hour) for hour in of_day], "timedelta64[h]")
        for day, of_day in zip(days, hours, strict=True)
    ]
    return np.concatenate(moments).astype("datetime64[ms]")
