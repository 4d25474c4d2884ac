"""A second API needs facts and an adapter: plan, fetch, dataset, gap and report do the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engagement_nb.apis.times import snowflake
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.dataset import Dataset
from engagement_nb.errors import InputError
from engagement_nb.gap import explore_gap
from engagement_nb.report.make import make_report
from engagement_nb.sources import ApiSource, connect
from tests.fetch.imaginary import ImaginaryAdapter, Server, serving, truth

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
PERIOD = {"start": MIDNIGHT - timedelta(days=16), "end": MIDNIGHT - timedelta(days=2)}
IDS = [str(snowflake(MIDNIGHT - timedelta(days=20, hours=n), n)) for n in range(25)]
OLD = str(snowflake(MIDNIGHT - timedelta(days=50)))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def source_of(server: Server, dataset: Path | None = None) -> ApiSource:
    owner = Profile("maker", hosts_at(server.url), "key", "secret", "7-token", "token secret")
    return ApiSource([owner], adapter=ImaginaryAdapter(), dataset=dataset, progress=False)


def test_a_plan_has_its_facts_and_its_errors_name_its_endpoints(server: Server) -> None:
    with source_of(server) as source:
        plan = source.plan([*IDS, OLD], "daily", by="day", **PERIOD)
        # Two windows of at most seven days, ten Tweets in a request.
        assert len(plan.requests) == 2 * 3
        assert {request.endpoint for request in plan.requests} == {"daily"}
        with pytest.raises(InputError, match="Choose one of: ever, daily"):
            source.plan(IDS, "totals")
        with pytest.raises(InputError, match="daily gives no series by hour"):
            source.plan(IDS, "daily", by="hour")
        with pytest.raises(InputError, match="Imaginary API has no figures of the last hours"):
            source.last_28_hours(IDS)
    assert not server.asked


def test_its_figures_are_true_on_every_road(server: Server, tmp_path: Path) -> None:
    """In memory, through a dataset, read again, and in sums over windows."""
    server.lost = {IDS[3]}
    with source_of(server) as source:
        series = source.historical([*IDS, OLD], by="day", **PERIOD)
    frame = series.frame
    assert frame["tweet_id"].nunique() == 25
    for name in ("engagements", "favorites", "url_clicks"):
        pairs = zip(frame["tweet_id"], frame["time"], strict=True)
        assert frame[name].tolist() == [truth(i, name, day.date()) for i, day in pairs]
    young = frame["tweet_id"] != OLD
    assert frame.loc[young, "impressions"].notna().all()
    assert frame.loc[~young, "impressions"].isna().all()
    problems = {(row.tweet_id, row.reason) for row in series.problems.itertuples()}
    assert problems == {(IDS[3], "unavailable"), (OLD, "older than 30 days")}
    assert series.account.balanced
    assert series.about.requests == series.account.requests == len(server.asked)
    with source_of(server, tmp_path / "kept") as source:
        again = source.historical([*IDS, OLD], by="day", **PERIOD)
        sums = source.historical([*IDS, OLD], **PERIOD)
        totals = source.totals(IDS)
    assert again.frame.equals(frame)
    names = sums.metric_names
    assert sums.frame[names].sum().equals(frame[names].sum())
    assert "url_clicks" not in totals.metric_names
    dataset = Dataset.open(tmp_path / "kept")
    assert {(run.api, run.endpoint, run.span) for run in dataset.runs()} == {
        ("imaginary", "daily", "period"), ("imaginary", "ever", "life"),
    }  # fmt: skip
    with connect(tmp_path / "kept") as kept:
        assert kept.historical(by="day").frame[names].sum().equals(frame[names].sum())
        assert kept.totals().frame["favorites"].sum() == totals.frame["favorites"].sum()
        figures, beside = kept.gather()
        assert figures.about.endpoint == "daily"
        assert beside is not None
        assert beside.about.endpoint == "ever"


def test_its_refusals_and_its_quota_are_those_of_its_facts(server: Server) -> None:
    server.strangers = {IDS[0]}
    server.sorry = [(503, "come back")]
    with source_of(server) as source:
        found = source.historical(IDS, **PERIOD)
        state = source.client.quota(source.profiles[0], "daily")
        plan = source.plan(IDS, "daily", **PERIOD)
    assert set(found.frame["tweet_id"]) == {*IDS[1:]}
    assert set(found.problems["reason"]) == {"not yours"}
    assert (state.limit, state.window) == (500, 900.0)
    assert plan.limit == 500 / 15
    assert plan.minutes == len(plan.requests) * 15 / 500


def test_a_gap_and_a_report_are_made_of_its_dataset(server: Server, tmp_path: Path) -> None:
    with source_of(server, tmp_path / "kept") as source:
        gap = explore_gap(source.historical(IDS, **PERIOD))
        source.totals(IDS)
    days = [PERIOD["start"].date() + timedelta(days=n) for n in range(14)]
    assert gap.engagements == sum(truth(i, "engagements", day) for i in IDS for day in days)
    report = make_report(str(tmp_path / "kept"), out=str(tmp_path / "out"))
    assert report.folder
    page = next(Path(tmp_path / "out").glob("*.html")).read_text()
    assert f"{gap.engagements:,}" in page
