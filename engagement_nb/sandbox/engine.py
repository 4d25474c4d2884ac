"""What the API returns for a valid request: availability, ownership, ages, counts, groupings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Any

import numpy as np

from engagement_nb.apis.engagement import (
    IMPRESSIONS_MAX_AGE,
    PUBLIC_COUNTS_KNOWN_FROM,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
    VIDEO_VIEWS_MAX_AGE,
    ZERO_BEFORE_KNOWN,
)
from engagement_nb.apis.times import wire_time
from engagement_nb.sandbox.body import Body, forbidden_metrics
from engagement_nb.sandbox.keys import Caller, Keys
from engagement_nb.sandbox.messages import RefusedError
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import I64, Flags, Tweets
from engagement_nb.sandbox.world import World

_AGED = ("impressions", "engagements")
_ID, _TYPE, _DAY, _HOUR = ITEMS = "tweet.id", "engagement.type", "engagement.day", "engagement.hour"
_HOURS = [f"{hour:02d}" for hour in range(24)]
_SMALL = np.array([str(number) for number in range(4096)], dtype=object)


class Engine:
    """Finds the data for requests in a world.

    Parameters
    ----------
    world, keys
        The Tweets and their counters, and the accounts.
    """

    def __init__(self, world: World, keys: Keys) -> None:
        self.world = world
        self.keys = keys
        self.settings = world.settings

    def respond(self, body: Body, caller: Caller, now: datetime) -> dict[str, Any]:
        """Give the body of a response with data.

        Raises
        ------
        RefusedError
            With the status and texts of the refusal.
        """
        names = list(body.metrics.values())
        private = [n for n, metric in body.metrics.items() if body.endpoint.needs_owner(metric)]
        if private and caller.account is None:
            raise forbidden_metrics(private, self.settings)
        now_ms = int(now.timestamp() * 1000)
        index = self.world.find(np.array(body.ids, dtype=np.int64), now_ms)
        tweets = self.world.tweets(np.maximum(index, 0))
        there = (index >= 0) & tweets.available
        unavailable = [str(i) for i, ok in zip(body.ids, there, strict=True) if not ok]
        if not there.any():
            raise RefusedError(400, "Tweet ID(s) are unavailable")
        tweets = tweets.take(there)
        self._check_owner(tweets, caller, private)

        response: dict[str, Any] = {}
        errors: list[str] = []
        if unavailable:
            if self.settings.say_unavailable:
                errors.append(f"{len(unavailable)} Tweet ID(s) are unavailable")
            response[UNAVAILABLE] = unavailable
        given = np.ones((len(tweets), len(names)), dtype=bool)
        aged = [place for place, name in enumerate(names) if name in _AGED]
        if aged and (body.start is None or self.settings.aged_on_windows):
            since = now - IMPRESSIONS_MAX_AGE
            old = tweets.posted_ms < since.timestamp() * 1000
            given[:, aged] &= ~old[:, None]
            if old.any():
                errors.append(
                    "Impressions & engagements for tweets older than 90 days "
                    f"({wire_time(since)} - {wire_time(now)}) are not supported"
                )
                response[UNSUPPORTED_IMPRESSIONS] = tweets.ids[old].astype(str).tolist()
        counts = self._counts(body, names, tweets, now)
        if "video_views" in names:
            old = tweets.posted_ms < (now - VIDEO_VIEWS_MAX_AGE).timestamp() * 1000
            counts[old, names.index("video_views")] = 0
            if old.any():
                response[UNSUPPORTED_VIDEO] = tweets.ids[old].astype(str).tolist()
        if errors:
            response["errors"] = errors
        if body.start is not None and body.echoed_end is not None:
            response |= {"start": wire_time(body.start), "end": wire_time(body.echoed_end)}
        elif self.settings.totals_echo:
            oldest = datetime.fromtimestamp(int(tweets.posted_ms.min()) // 3_600_000 * 3600, UTC)
            response |= {"start": wire_time(oldest), "end": wire_time(now)}
        counts[~given] = 0
        ids = tweets.ids.astype(str).tolist()
        # A grouping with the name of one of the keys above replaces it.
        return response | {
            name: _group(counts, given, ids, list(body.metrics), body.start, items, self.settings)
            for name, items in body.groupings.items()
        }

    def _check_owner(self, tweets: Tweets, caller: Caller, private: list[str]) -> None:
        if caller.account is None:
            return
        others = tweets.take(tweets.account != caller.account)
        if not len(others):
            return
        if not private and not self.settings.totals_refuses_others:
            return
        ids = others.ids.astype(str)
        texts = [f"Forbidden to access tweets: {', '.join(ids)}"]
        if self.settings.others_texts == "by author":
            texts = [
                f"Forbidden to access tweets for author id {self.keys.user_id(int(author))}: "
                + ", ".join(ids[others.account == author])
                for author in np.unique(others.account)
            ]
        raise RefusedError(self.settings.others, *texts)

    def _counts(self, body: Body, names: list[str], tweets: Tweets, now: datetime) -> I64:
        """Give the counts: shape (Tweets, names, hours); on totals, one hour stands for all."""
        present = now.timestamp() / 3600.0
        if body.start is None or body.end is None:
            counts = self.world.cumulative(tweets, np.array([present]), names)
            if "video_views" in names:
                place = names.index("video_views")
                counts[:, place, 0] += self.world.others_video_views(tweets, present)
            return counts
        first = body.start.timestamp() / 3600.0
        hours = round((body.end - body.start) / timedelta(hours=1))
        edges = np.minimum(first + np.arange(hours + 1.0), present)
        counts = np.diff(self.world.cumulative(tweets, edges, names), axis=2)
        unknown = int(PUBLIC_COUNTS_KNOWN_FROM.timestamp() / 3600.0 - first)
        if body.endpoint.takes_period and unknown > 0:
            public = [place for place, name in enumerate(names) if name in ZERO_BEFORE_KNOWN]
            counts[:, public, :unknown] = 0
        return counts


def _group(
    counts: I64,
    given: Flags,
    ids: Sequence[str],
    types: Sequence[str],
    start: datetime | None,
    group_by: Sequence[str],
    settings: Settings,
) -> dict[str, Any]:
    """Nest counts in the order of ``group_by``; the leaves are strings.

    Parameters
    ----------
    counts
        Shape (ids, types, hours), 0 where not given; on totals, one hour stands for all.
    given
        Shape (ids, types): which of them the response contains.
    start
        The first hour; None on totals.
    settings
        ``hour_without_day`` and ``bare_numbers`` change the response.
    """
    items = list(group_by)
    if _HOUR in items and _DAY not in items and settings.hour_without_day == "by day":
        items.insert(items.index(_HOUR), _DAY)
    keys = {_ID: ids, _TYPE: types}
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


def _rows(counts: I64, shown: Flags, names: Sequence[str], bare: float) -> list[dict[str, Any]]:
    """Give the innermost dicts: shape (rows, names)."""
    # Most rows of most metrics are zeros. They share one dict, which halves the time.
    zeros = dict.fromkeys(names, "0")
    active = np.ravel(counts.any(axis=1)) | (bare > 0)
    leaves = _leaves(counts[active], bare).tolist()
    counted = (dict(zip(names, row, strict=True)) for row in leaves)
    rows = [next(counted) if on else zeros for on in active.tolist()]
    for place in np.flatnonzero(~shown.all(axis=1)):
        rows[place] = dict(compress(rows[place].items(), shown[place].tolist()))
    return rows


def _leaves(counts: I64, bare: float) -> Any:
    """Convert counts to strings; a share of them stays numbers."""
    large = counts >= len(_SMALL)
    leaves = _SMALL[np.where(large, 0, counts)]
    leaves[large] = counts[large].astype(str).astype(object)
    if bare:
        # Spread evenly and reproducibly over the response.
        mixed = (np.arange(1, leaves.size + 1).reshape(leaves.shape) * 0.618034) % 1.0 < bare
        leaves[mixed] = counts[mixed]
    return leaves


def _by_day_and_hour(counts: I64, start: datetime) -> tuple[I64, Flags, list[str]]:
    """Give counts by (ids, types, days, 24), which hours are in the window, and the days."""
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
