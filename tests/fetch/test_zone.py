"""Days of a time zone: they come from hours, and nothing of a day is lost or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from engagement_nb.dataset import Dataset
from engagement_nb.gap import explore_gap
from engagement_nb.metrics.periods import day_of
from engagement_nb.sources import SandboxSource, connect

pytestmark = pytest.mark.xdist_group("zone")

NOW = "2026-11-04T15:00"
WEEKS = [
    ("America/Los_Angeles", NOW),  # its clocks change on Sunday
    ("Australia/Lord_Howe", "2026-10-06T15:00"),  # by half an hour, on Sunday
    ("America/Los_Angeles", "2027-01-05T15:00"),  # a new year
    ("Asia/Tokyo", "2027-01-05T15:00"),
    ("Asia/Kathmandu", "2027-01-05T15:00"),
]


@cache
def at(now: str) -> SandboxSource:
    """A world that stands still; it ends with the process."""
    return connect("sandbox", seed=7, now=now, tweets=2_000)


@pytest.fixture(scope="module")
def source() -> Iterator[SandboxSource]:
    yield at(NOW)
    for now in {now for _, now in WEEKS}:
        at(now).close()
    # Tests in another order begin again with open worlds.
    at.cache_clear()


@pytest.mark.parametrize(("zone", "now"), WEEKS)
def test_days_hours_and_sums_of_a_week_of_a_zone_are_equal(
    zone: str, now: str, source: SandboxSource, tmp_path: Path
) -> None:
    """The first UTC day used to be dropped, because it begins before the week."""
    source = at(now)
    ids = source.tweet_ids(count=60)
    days = source.historical(ids, period="last week", zone=zone, by="day")
    hours = source.historical(ids, period="last week", zone=zone, by="hour")
    sums = source.historical(ids, period="last week", zone=zone)
    names = days.metric_names
    truth = sums.frame.set_index("tweet_id")[names]
    for series in (days, hours):
        totals = series.frame.groupby("tweet_id", sort=False)[names].sum()
        assert totals.equals(truth.loc[totals.index])
        assert truth.loc[~truth.index.isin(totals.index)].sum().sum() == 0
    begun = days.frame["time"].drop_duplicates()
    assert len(begun) == 7
    assert all(day_of(moment, zone) == moment for moment in begun)
    assert (days.about.by, days.about.start, days.about.end) == (
        "day", sums.about.start, sums.about.end,
    )  # fmt: skip
    source.fetch_into(
        dataset := Dataset.create(tmp_path / "kept", "sandbox"),
        "historical", ids, period="last week", zone=zone, by="day",
    )  # fmt: skip
    again = dataset.read("historical", by="day", zone=zone)
    assert again.frame[names].sum().equals(days.frame[names].sum())
    assert len(again.frame) == len(days.frame)
    # A report has the same days, with their local dates.
    by_day = days.frame.groupby("time")["engagements"].sum().tolist()
    monday = pd.Timestamp(now[:10]).to_period("W-SUN").start_time - pd.Timedelta(days=7)
    for figures in (days, hours, again):
        gap = explore_gap(figures, zone=zone)
        table = gap.trend("day")
        assert [*table.index] == [*pd.date_range(monday, periods=7)]
        assert table["engagements"].tolist() == by_day
        assert not table["partial"].any()
        assert gap.period == f"{monday:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d} ({zone})"


def test_an_hour_that_midnight_cuts_is_named_in_the_notes(source: SandboxSource) -> None:
    ids = source.tweet_ids(count=5)
    cut = source.historical(ids, period="last week", zone="Asia/Kathmandu", by="day")
    assert any("days of Asia/Kathmandu begin within one" in note for note in cut.about.notes)
    whole = source.historical(ids, period="last week", zone="Asia/Tokyo", by="day")
    assert not any("Tokyo" in note for note in whole.about.notes)


def test_a_zone_without_dates_has_whole_days_that_are_over(source: SandboxSource) -> None:
    ids = source.tweet_ids(count=5)
    days = source.historical(ids, zone="America/Los_Angeles", by="day")
    assert f"{days.about.end:%Y-%m-%dT%H:%M}" == "2026-11-04T08:00"
    # One day of these four weeks has 25 hours, so 27 whole days fit into one request.
    assert f"{days.about.start:%Y-%m-%dT%H:%M}" == "2026-10-08T07:00"


@pytest.mark.parametrize("by", [None, "day", "hour"])
def test_the_requests_spent_are_those_that_the_sandbox_saw(
    source: SandboxSource, by: str | None
) -> None:
    assert source._sandbox is not None
    seen = source._sandbox.requests_seen
    given = [*source.tweet_ids(count=40), "12x", *source.tweet_ids("deleted", 2)]
    before = seen["historical"]
    figures = source.historical(given, period="last 2 months", by=by)
    spent = seen["historical"] - before
    assert figures.about.requests == figures.account.requests == spent
    assert figures.account.balanced
    assert figures.account.rows_in == len(given)


def test_a_dataset_tells_the_requests_that_were_spent_on_it(
    source: SandboxSource, tmp_path: Path
) -> None:
    assert source._sandbox is not None
    seen = source._sandbox.requests_seen
    given = [*source.tweet_ids(count=40), *source.tweet_ids("others", 3)]
    dataset = Dataset.create(tmp_path / "kept", "sandbox")
    before = dict(seen)
    runs = [
        source.fetch_into(dataset, "historical", given, period="last week"),
        source.fetch_into(dataset, "totals", given),
    ]
    read = [dataset.read("historical"), dataset.read("totals")]
    spent = [seen[name] - before.get(name, 0) for name in ("historical", "totals")]
    assert [run.requests for run in runs] == spent
    assert [m.about.requests for m in read] == spent
    assert [m.account.requests for m in read] == spent
