"""X API v2 as a source: the figures of the Engagement API, the price, and what it cannot give."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.v2 import HISTORICAL, PRIVATE, TOTALS
from engagement_nb.dataset import Dataset
from engagement_nb.errors import InputError, NoAccessError, SpendingError
from engagement_nb.sandbox import FAULTS, Sandbox
from engagement_nb.sources import SandboxSource
from engagement_nb.sources.v2 import V2Source
from engagement_nb.usage import ENV_LEDGER
from tests.fetch.fetching import run_plan

WORLD: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 20_000}


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))


@pytest.fixture(scope="module")
def engagement() -> Iterator[Any]:
    with enb.connect("sandbox", profile="sandbox_amber_1", progress=False, **WORLD) as source:
        yield source


def open_v2(**options: Any) -> Any:
    return enb.connect(
        "sandbox-v2", profile="sandbox_amber_1", progress=False, **{**WORLD, **options}
    )


def figures(metrics: enb.Metrics, names: Any) -> pd.DataFrame:
    return metrics.frame.set_index("tweet_id")[list(names)].astype("Int64")


def test_keys_that_a_sandbox_wrote_are_not_sent_to_x(tmp_path, monkeypatch):
    """A file .env with the keys of ``sandbox serve`` names its address for both APIs."""
    for name in [name for name in os.environ if name.startswith(("TWITTER_", "ENGAGEMENT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    keys = Sandbox(seed=7).keys.env("http://127.0.0.1:8642")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in keys.items()))
    [profile] = V2Source.known_profiles()
    assert profile.hosts.api == "http://127.0.0.1:8642"


def test_totals_without_a_list_are_the_timeline_in_one_reading_of_each_post(engagement):
    """The pages have the figures, so no Post is looked up again."""
    with open_v2() as source:
        metrics = source.totals()
        sandbox = source._sandbox
        assert sandbox is not None
        seen = {name: n for name, n in sandbox.requests_seen.items() if " " not in name}
    ids = list(metrics.frame["tweet_id"])
    assert len(ids) > 100
    assert sum(seen.values()) == metrics.about.requests == metrics.account.requests
    assert not any("lookup" in name for name in seen)
    shared = sorted({*metrics.metric_names} & {*engagement.totals(ids[:1]).metric_names})
    assert {"engagements", "impressions", "favorites", "quote_tweets"} <= {*shared}
    theirs = figures(engagement.totals(ids), shared).loc[ids]
    pd.testing.assert_frame_equal(figures(metrics, shared), theirs)
    assert metrics.about.sandbox
    assert metrics.account.balanced


def test_analytics_sums_to_the_historical_figures_of_the_engagement_api(engagement):
    """The same Posts and period, in total, by day and by hour."""
    with open_v2(tier="enterprise") as source:
        ids = source.tweet_ids()[:30]
        period = {"start": "2026-10-26", "end": "2026-10-29"}
        shared = [n for n in engagement.historical(ids[:1], **period).metric_names
                  if n in HISTORICAL.metrics]  # fmt: skip
        assert len(shared) > 12
        for by in (None, "day", "hour"):
            ours = source.historical(ids, by=by, **period).frame
            theirs = engagement.historical(ids, by=by, **period).frame
            keys = ["tweet_id", "time"] if by else ["tweet_id"]
            pd.testing.assert_frame_equal(
                ours.sort_values(keys, ignore_index=True)[[*keys, *shared]],
                theirs.sort_values(keys, ignore_index=True)[[*keys, *shared]],
            )


def test_an_api_that_speaks_of_posts_gives_the_same():
    """The first request is refused for the old name of its parameter, and sent again."""
    with open_v2() as source, open_v2(words="post") as other:
        ids = source.tweet_ids(count=5)
        assert other.tweet_ids(count=5) == ids
        pd.testing.assert_frame_equal(
            source.totals(ids).frame.drop(columns="read_at"),
            other.totals(ids).frame.drop(columns="read_at"),
        )


def test_a_post_without_a_link_has_no_url_clicks_and_stays_in_the_analysis():
    """The figure is missing with its reason; in the gap there is nothing to add."""
    with open_v2() as source:
        metrics = source.totals()
    rows = metrics.problems[metrics.problems["reason"] == Reason.NO_LINK]
    assert 0 < len(rows) < len(metrics)
    missing = metrics.frame["tweet_id"].isin(rows["tweet_id"])
    assert metrics.frame.loc[missing, "url_clicks"].isna().all()
    assert metrics.frame.loc[~missing, "url_clicks"].notna().all()
    gap = enb.explore_gap(metrics)
    assert gap.posts == len(metrics)


def test_old_foreign_and_deleted_posts_cost_no_other_its_figures():
    """Old Posts are asked for public figures only, foreign ones with the bearer token."""
    with open_v2() as source:
        own = source.tweet_ids(count=3)
        [old], [foreign], [gone] = (
            source.tweet_ids(kind, 1) for kind in ("over-90-days", "others", "deleted")
        )
        metrics = source.totals([*own, old, foreign, gone])
    frame = metrics.frame.set_index("tweet_id")
    assert [*frame.index] == [*own, old, foreign]
    assert frame.loc[own, "engagements"].notna().all()
    assert frame.loc[[old, foreign], "favorites"].notna().all()
    assert frame.loc[[old, foreign], list(PRIVATE)].isna().to_numpy().all()
    reasons = metrics.problems.set_index("tweet_id")["reason"]
    assert reasons[old] == Reason.OLDER_THAN_30_DAYS
    assert reasons[foreign] in (Reason.NEEDS_OWNER, Reason.NOT_YOURS)
    assert reasons[gone] == Reason.UNAVAILABLE


def test_metrics_that_a_lookup_cannot_give_are_not_offered_and_never_zero():
    """Detail expands, follows and others have no member."""
    with open_v2() as source:
        metrics = source.totals(source.tweet_ids(count=2), metrics=["likes", "detail_expands"])
    assert "detail_expands" not in metrics.frame or metrics.frame["detail_expands"].isna().all()
    assert {*metrics.problems["reason"]} == {Reason.METRIC_NOT_OFFERED}
    with open_v2() as source, pytest.raises(InputError, match="totals gives none"):
        source.totals(["2117506315072907263"], metrics=["follows"])


def test_a_plan_tells_the_price_and_what_was_read_today_already():
    """A Post is billed once per UTC day."""
    with open_v2() as source:
        with pytest.raises(InputError, match="a plan spends nothing"):
            source.plan()
        ids = source.tweet_ids()
        source.totals(ids[:10])
        plan = source.plan([*ids[:10], "1453737599930470401"])
        assert any("11 Posts at $0.005 each, at most $0.01 more" in hint for hint in plan.hints)
        assert any("10 Posts were read today already" in hint for hint in plan.hints)
        assert source._cost(source.plan(ids)) == 0


def test_a_fetch_over_the_limit_of_cost_is_refused_before_its_first_request():
    """By ids the cost is known; of a timeline, the most that it can be."""
    with open_v2(max_cost=1.0) as source:
        assert source._sandbox is not None
        with pytest.raises(InputError, match=r"Your timeline could cost \$16.00"):
            source.totals()
        many = [str(1_453_737_599_930_470_401 + n) for n in range(300)]
        for ask in (source.totals, source.plan):
            with pytest.raises(InputError, match=r"would cost \$1.50, over the limit of \$1.00"):
                ask(many)
        assert not source._sandbox.requests_seen


def test_own_reads_of_the_owner_of_the_app_have_the_lower_price():
    """$0.001 for each Post of the own timeline."""
    with open_v2(owns_app=True) as source:
        ids = source.tweet_ids()
        billed = source._billed()
    assert {*billed} == {*ids}
    assert {*billed.values()} == {0.001}


def test_analytics_without_a_contract_is_one_sentence():
    """An app that pays per use gets 403 client-not-enrolled."""
    with open_v2(tier="pay per use") as source:
        ids = source.tweet_ids()[-2:]
        with pytest.raises(NoAccessError, match="The app's plan does not include this endpoint"):
            source.historical(ids, start="2026-10-26", end="2026-10-29")


def test_an_app_without_credits_is_one_sentence_and_is_not_retried():
    """Only the limit of 15 minutes is worth a wait."""
    with open_v2(credits=0) as source, pytest.raises(SpendingError, match="credits are spent"):
        source.totals()


def test_under_faults_each_id_is_once_in_the_data_or_the_problems():
    """Each kind of fault once, then 5 % of all responses."""
    rates = {fault: 0.05 / len(FAULTS) for fault in FAULTS}
    faults = {"rates": rates, "slow_seconds": 0.01, "script": [*FAULTS]}
    with open_v2(faults=faults) as source:
        kinds = ("over-90-days", "others", "deleted", "protected")
        ids = [i for kind in kinds for i in source.tweet_ids(kind, 300)]
        ids += SandboxSource.tweet_ids(source, "own", 300)
        metrics = run_plan(source.plan(ids), source.client, source="sandbox", sleep=lambda _: None)
        assert source._sandbox is not None
        assert {*FAULTS} <= {seen.fault for seen in source._sandbox.log}
        billed = {i for i, price in source._billed().items() if price}
    without = metrics.problems[metrics.problems["scope"] == "tweet"]["tweet_id"]
    assert sorted([*metrics.frame["tweet_id"], *without]) == sorted({*ids})
    assert billed == {*metrics.frame["tweet_id"]}


def test_a_snapshot_is_kept_once_a_day_and_read_back(tmp_path):
    """The second call of a UTC day asks nothing."""
    with open_v2() as source:
        dataset = source.dataset_at(tmp_path / "ds")
        run = source.snapshot(dataset)
        assert run is not None
        assert run.done
        assert source.snapshot(dataset) is None
    read = enb.connect(tmp_path / "ds").totals()
    assert len(read) == run.tweets
    assert {*read.metric_names} <= {*TOTALS.metrics}
    assert Dataset.open(tmp_path / "ds").runs()[-1].snapshot == "2026-11-04"


def test_a_limit_of_handles_is_refused():
    """No contract counts the handles of v2."""
    with pytest.raises(InputError, match="max_cost"):
        enb.connect("sandbox-v2", max_handles=3)


def test_last_28_hours_has_no_counterpart():
    """v2 has no endpoint for them."""
    with open_v2() as source, pytest.raises(InputError, match="no figures of the last hours"):
        source.last_28_hours(["2117506315072907263"])


def test_the_gap_names_the_metrics_that_a_lookup_cannot_give():
    """What was not asked for is part of what looks hidden."""
    with open_v2() as source:
        said = enb.explore_gap(source).sentence
    assert "Totals omits media engagements, hashtag clicks, detail expands" in said
    assert "metrics that it cannot return" in said
