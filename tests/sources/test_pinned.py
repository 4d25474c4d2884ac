"""A sandbox whose world stands still: the same figures on every machine and every day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from engagement_nb import connect
from engagement_nb.metrics import Metrics
from engagement_nb.sandbox import Sandbox

PINNED = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORLD = {"seed": 7, "now": PINNED, "tweets": 3_000}


def read(**options: object) -> tuple[Metrics, Metrics]:
    with connect("sandbox", progress=False, **options) as source:
        ids = source.tweet_ids(count=20)
        return source.totals(ids), source.historical(ids, by="day")


@pytest.mark.parametrize("now", [PINNED, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00"])
def test_figures_of_a_pinned_world_are_the_same_and_say_which_world(now: object) -> None:
    """Two reads at different real times give the same figures."""
    expected, found = read(**WORLD), read(**{**WORLD, "now": now})
    for before, after in zip(expected, found, strict=True):
        assert before.frame.equals(after.frame)
        assert len(before.frame)
        assert before.about.read_at == after.about.read_at == PINNED
        told = "Sandbox world: seed 7, 3,000 Tweets, standing still at 2026-03-01 12:00 UTC."
        assert told in after.about.notes


def test_a_pinned_world_plans_with_its_own_present() -> None:
    with connect("sandbox", **WORLD) as source:
        plan = source.plan(None, "historical")
        assert max(end for _, end in plan.windows) == PINNED
        metrics = source.historical(count_ids := source.tweet_ids(count=5))
        assert metrics.about.end == PINNED
        assert len(metrics.frame) == len(count_ids)


def test_a_running_sandbox_says_that_its_world_stands_still(
    make_sandbox: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = make_sandbox(**WORLD)
    monkeypatch.setenv("ENGAGEMENT_API_URL", running.url)
    monkeypatch.setenv("ENGAGEMENT_AUTH_URL", running.url)
    with connect("sandbox", seed=None, now="", tweets=None) as source:
        assert (source.url, source.now) == (running.url, PINNED)
