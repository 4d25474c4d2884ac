"""Where rooms meet, something is broken on purpose, and a relation notices it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engagement_nb import metrics
from engagement_nb.dataset.records import encode
from engagement_nb.dataset.writing import RunWriter
from engagement_nb.errors import EngagementError
from engagement_nb.metrics import Metrics
from engagement_nb.sources import options
from engagement_nb.sources.api import ApiSource
from engagement_nb.sources.base import Source
from engagement_nb.sources.datasets import DatasetSource
from engagement_nb.tables import folder
from engagement_nb.tables.ids import read_ids
from engagement_nb.tables.once import OLDER, REPEATED
from engagement_nb.tables.table import OneTable
from tests.law import relations
from tests.law.relations import TableCase, WorldCase, check

TABLE = TableCase(5, 40, ("favorites", "retweets", "replies", "url_clicks"), True, False, False)
WORLD = WorldCase(seed=1, tweets=400, days=8, back=0, count=40, zone="Asia/Tokyo")
_stored, _fetched, _gathered = DatasetSource._fetch, ApiSource._fetch, Source.gather
_columns, _compare = OneTable.columns, relations.compare


def _without(found: Metrics) -> Metrics:
    """The figures without their last row that has any."""
    frame = found.frame
    live = frame[frame[found.metric_names].sum(axis=1) > 0]
    return replace(found, frame=frame.drop(index=live.index[-1:]).reset_index(drop=True))


def drop_a_day(self: DatasetSource, *args: Any, **asked: Any) -> Metrics:
    return _without(_stored(self, *args, **asked))


def drop_an_hour(self: ApiSource, *args: Any, **asked: Any) -> Metrics:
    found = _fetched(self, *args, **asked)
    return _without(found) if asked.get("by") == "hour" else found


def ignore_zone(self: ApiSource, *args: Any, **asked: Any) -> Metrics:
    zone = None if asked.get("by") else asked.get("zone")
    return _fetched(self, *args, **{**asked, "zone": zone})


def ignore_period(self: Source, tweet_ids: Any = None, **asked: Any) -> Any:
    return _gathered(self, tweet_ids, **{**asked, "period": None, "endpoint": "historical"})


def lose_sign(*sides: Any, **options: Any) -> Any:
    found = _compare(*sides, **options)
    changes = [replace(change, difference=abs(change.difference or 0)) for change in found.changes]
    return replace(found, changes=tuple(changes))


def spend_nothing(self: RunWriter, requests: int) -> None:
    self._files.store.publish(f"runs/{self.record.id}.json", encode(self.record))


Seam = tuple[str, Any, str, Callable[..., Any], Any]
SEAMS: list[Seam] = [
    ("a_dataset_gives_what_was_fetched", DatasetSource, "_fetch", drop_a_day, WORLD),
    ("a_period_by_none_day_and_hour_is_one_period", ApiSource, "_fetch", drop_an_hour, WORLD),
    ("days_of_a_zone_add_up_to_its_period", ApiSource, "_fetch", ignore_zone, WORLD),
    ("a_command_prints_what_python_gives", Source, "gather", ignore_period, WORLD),
    (
        "posts_of_all_months_of_a_world_are_all_posts", ApiSource, "_chosen",
        lambda self, ids, *asked: (read_ids(ids), {}), WORLD,
    ),
    ("a_saved_series_is_read_back", metrics, "marked", lambda frame, about: frame, WORLD),
    (
        "posts_of_all_months_are_all_posts", options.Posted, "rows",
        lambda self, found: found, TABLE,
    ),
    (
        "posts_of_all_months_are_all_posts", options, "narrowed",
        lambda found, keep, why: replace(found, frame=found.frame[keep]), TABLE,
    ),
    (
        "added_columns_change_nothing_and_are_named", OneTable, "columns",
        lambda self: (_columns(self)[0], {}, {}), TABLE,
    ),
    (
        "every_road_tells_the_same_holes", folder, "with_coverage",
        lambda found, start, end: found, WORLD,
    ),
    (
        "a_fetch_that_was_stopped_is_finished_by_the_next", RunWriter, "spend", spend_nothing,
        replace(WORLD, seed=3),
    ),
    (
        "a_row_given_twice_counts_once", folder, "repeated_rows",
        lambda rows: dict.fromkeys((REPEATED, OLDER), np.zeros(len(rows), bool)), TABLE,
    ),
    (
        "a_comparison_with_itself_is_no_change_and_mirrors", relations, "compare", lose_sign,
        TABLE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "where", "attribute", "broken", "case"), SEAMS)
def test_a_broken_seam_is_noticed(
    name: str, where: Any, attribute: str, broken: Callable[..., Any], case: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The relation holds, and is false once the seam is broken."""
    check(name, case)
    monkeypatch.setattr(where, attribute, broken)
    with pytest.raises((AssertionError, EngagementError)):
        check(name, case)
