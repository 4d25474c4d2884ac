from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.errors import AnalysisError
from engagement_nb.gap import explore_gap
from engagement_nb.gap.beside import find_oddities
from engagement_nb.gap.groups import holm, permutation_p
from engagement_nb.gap.read import read_counts
from engagement_nb.sandbox.counters import COUNTED, HIDDEN
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import World
from engagement_nb.words import interval, listed, number, percent
from tests.gap.accounts import account, as_metrics, in_two_days

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
START = datetime(2026, 9, 2, 12, tzinfo=UTC)


@pytest.fixture
def gap():
    return explore_gap(as_metrics(account()))


@pytest.mark.parametrize("key", ["size", "month", "age"])
def test_groups_add_up_to_the_whole(gap, key):
    table = gap.by(key)
    assert table["tweets"].sum() == gap.posts
    assert table["engagements"].sum() == gap.engagements
    assert table["hidden"].sum() == gap.hidden
    shares = table[table["hidden_share"].notna()]
    assert np.allclose(shares["hidden"] / shares["engagements"], shares["hidden_share"])
    assert (shares["low"].fillna(0) <= shares["hidden_share"]).all()


def test_content_is_told_with_and_without(gap):
    table = gap.by("content")
    assert table.index.tolist() == ["with URL", "no URL"]
    assert table["hidden"].sum() == gap.hidden


def test_facts_that_hold_for_the_same_tweets_are_one_group():
    frame = account()
    frame["has_media"] = frame["has_url"]
    assert explore_gap(frame).by("content").index.tolist() == ["with URL", "no URL"]


def test_groups_differ_where_the_hidden_share_does_and_small_ones_are_not_compared(gap):
    frame = account()
    half = np.arange(400) % 2
    frame["engagements"] += half * 20
    frame["owner"] = np.where(np.arange(400) < 10, "few", np.where(half, "a", "b"))
    tests = explore_gap(frame).differences("owner")
    assert tests[["group", "other"]].to_numpy().tolist() == [["a", "b"]]
    assert tests["p_adjusted"].item() < 0.01
    assert gap.differences("size").empty


def test_a_permutation_test_is_that_of_scipy():
    rng = np.random.default_rng(3)
    first, second = (
        pd.DataFrame({"hidden": rng.binomial(20, p, 30), "engagements": 20}) for p in (0.3, 0.36)
    )
    scipys = stats.permutation_test(
        (first["hidden"], second["hidden"]),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        n_resamples=5000,
        rng=np.random.default_rng(1),
    )
    assert permutation_p(first, second) == pytest.approx(scipys.pvalue, abs=0.03)
    many = [pd.concat([part] * 400) for part in (first, first)]
    assert permutation_p(*many) == pytest.approx(1)


def test_p_values_are_adjusted_by_holms_method():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_any_column_can_group_and_an_unknown_one_is_refused():
    frame = account()
    frame["owner"] = ["a", "b"] * 200
    gap = explore_gap(frame)
    assert gap.by("owner")["tweets"].tolist() == [200, 200]
    with pytest.raises(AnalysisError, match="no 'colour' to group"):
        gap.by("colour")
    with pytest.raises(AnalysisError, match="not a series"):
        gap.by("day")


def test_time_since_posting_leaves_out_tweets_from_before_the_series():
    frame = account(10)
    frame["created_at"] = pd.Timestamp("2026-05-01 07:30", tz="UTC")
    frame.loc[:3, "created_at"] = pd.Timestamp("2026-03-01", tz="UTC")
    gap = explore_gap(as_metrics(in_two_days(frame), by="day"))
    table = gap.growth()
    assert table.index.tolist() == ["day 0", "day 1"]
    days = in_two_days(frame)[
        lambda rows: (rows["engagements"] > 0) & (rows["created_at"] > "2026-04")
    ]
    assert table["tweets"].tolist() == days.groupby("time").size().tolist()
    assert table["engagements"].sum() == frame["engagements"][4:].sum()


def test_the_gap_of_totals_splits_into_asked_for_and_hidden_as_the_world_knows():
    world = World(Settings(tweets=20_000, clock=lambda: NOW))
    ids = world.pick("own", 700)
    life, window = world.truth(ids), world.truth(ids, START, NOW)

    def frame_of(truth, endpoint):
        names = [n for n in ENDPOINTS[endpoint].metrics if n != "impressions"]
        frame = pd.DataFrame({n: truth.of(n) for n in names}).astype("Int64")
        frame.insert(0, "tweet_id", pd.array(ids, dtype="string"))
        tweets = world.tweets(world.find(np.array(ids, dtype=np.int64)))
        posted = pd.to_datetime(tweets.posted_ms, unit="ms", utc=True)
        frame.insert(1, "created_at", posted.astype("datetime64[ms, UTC]"))
        return frame

    historical = as_metrics(
        frame_of(window, "historical"),
        source="sandbox",
        endpoint="historical",
        start=START,
        end=NOW,
    )
    totals = as_metrics(frame_of(life, "totals"), source="sandbox", read_at=NOW)
    gap = explore_gap(historical)
    split = gap.against_totals(totals)

    whole = (historical.frame["created_at"] >= pd.Timestamp(START)).to_numpy()
    assert (split.tweets, split.not_compared) == (whole.sum(), (~whole).sum())
    assert 0 < split.tweets < 700
    hidden = sum(int(life.of(kind)[whole].sum()) for kind in HIDDEN)
    asked = set(ENDPOINTS["totals"].metrics)
    clicks = {n: int(life.of(n)[whole].sum()) for n in COUNTED if n not in {*asked, *HIDDEN}}
    assert split.hidden == hidden
    assert split.not_in_totals == sum(clicks.values())
    assert split.drift == 0
    assert split.gap_in_totals == split.not_in_totals + split.hidden + split.drift
    assert f"{split.not_in_totals:,} of them" in split.sentence
    assert split.plot().svg()


def test_a_window_is_not_a_lifetime():
    frame = account(5)
    old = as_metrics(frame, endpoint="historical", start=datetime(2027, 1, 1, tzinfo=UTC))
    split = explore_gap(old).against_totals(as_metrics(frame))
    assert (split.tweets, split.not_compared) == (0, 5)
    assert "No Tweet's whole life lies in the window" in split.sentence
    grown = frame.copy()
    grown.loc[:1, "engagements"] += 1
    young = as_metrics(frame, start=datetime(2025, 1, 1, tzinfo=UTC))
    split = explore_gap(young).against_totals(as_metrics(grown))
    assert (split.tweets, split.not_compared) == (3, 2)
    with pytest.raises(AnalysisError, match="not known when the window"):
        explore_gap(frame).against_totals(frame)


def test_oddities_are_found_counted_and_said():
    frame = account(50)
    frame["has_url"] = False
    first, second = frame["engagements"].nlargest(2).index
    frame.loc[first, "impressions"] = 0
    frame.loc[second, "impressions"] = 1
    odd = explore_gap(frame).oddities().set_index("oddity")
    clicked = (frame["url_clicks"] > 0).sum()
    assert odd.at["URL clicks without a URL", "tweets"] == clicked
    assert odd.at["engagements without impressions", "tweets"] == 1
    assert odd.at["more engagements than impressions", "tweets"] == 1
    assert frame["tweet_id"][second] in odd.at["more engagements than impressions", "examples"]
    assert "impossible rows" not in odd.index


def test_oddities_count_the_tweets_that_can_tell_and_name_five_of_them():
    """Unknown engagements, impressions or links are no oddity, and zeros are none."""
    count = 12
    frame = pd.DataFrame(
        {
            "tweet_id": [f"t{k}" for k in range(count)],
            "engagements": pd.array([9] * 10 + [0, pd.NA], dtype="Int64"),
            "url_clicks": [2] * 7 + [0] * 3 + [0, 1],
            "favorites": [0] * 8 + [9, 10, 0, 0],
            "impressions": pd.array([8, 9, 10, 0, 0, 1, pd.NA, 99, 99, 99, 0, 1], dtype="Int64"),
            "has_url": pd.array([False] * 6 + [True, pd.NA] + [False] * 4, dtype="boolean"),
            "media_views": [1] * 3 + [0] * 9,
            "created_at": pd.to_datetime(
                ["2017-10-08T23:59Z", "2017-10-09T00:00Z"] + ["2017-01-01T00:00Z"] * 10
            ),
        }
    )
    counts = read_counts(frame)
    found = find_oddities(counts, ["favorites"], counts.complete(["favorites"]))
    assert found.drop(columns="reading").to_numpy().tolist() == [
        ["URL clicks without a URL", 7, 10, "t0, t1, t2, t3, t4"],
        ["more engagements than impressions", 2, 10, "t0, t5"],
        ["engagements without impressions", 2, 10, "t3, t4"],
        ["impossible rows", 1, 11, "t9"],
        ["media views from before 2017-10-09", 2, 11, "t0, t2"],
    ]
    readings = dict(zip(found["oddity"], found["reading"], strict=True))
    assert "7 Tweets without a URL in the text have 13 URL" in readings["URL clicks without a URL"]
    assert "2 Tweets were posted before" in readings["media views from before 2017-10-09"]


def test_two_snapshots_without_ids_cannot_be_compared():
    frame = account(5)
    with pytest.raises(AnalysisError, match="need the column tweet_id"):
        explore_gap(frame).oddities(frame.drop(columns="tweet_id"))


def test_counters_that_fell_between_snapshots_are_told():
    now = account(50)
    earlier = now.copy()
    earlier.loc[:2, "favorites"] += 4
    earlier.loc[3, "favorites"] = pd.NA
    odd = explore_gap(now).oddities(earlier)
    row = odd[odd["oddity"] == "likes fell"].iloc[0]
    assert (row["tweets"], row["of"]) == (3, 50)
    assert row["examples"] == ", ".join(now["tweet_id"][:3])
    assert len(odd[odd["oddity"].str.endswith("fell")]) == 1
    assert "fell by 12 in all on 3 Tweets" in row["reading"]


def test_words_are_those_that_people_read():
    assert number(-94817) == "−94,817"
    assert percent(0.2726) == "27.3 %"
    assert percent(0.0001) == "under 0.1 %"
    assert percent(0.99999) == "over 99.9 %"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert interval(0.243, 0.301) == "24.3–30.1 %"
    assert interval(0.0, 0.0) == "0.0–0.0 %"
    assert interval(0.0, 0.00003) == "0.000–0.003 %"
    assert interval(None, 0.3) == "not known"


def test_hidden_has_an_upper_end_where_metrics_are_undetermined():
    frame = pd.DataFrame({"favorites": [1, 0], "replies": [0, 2], "engagements": [4, 9]})
    gap = explore_gap(frame)
    assert (gap.hidden, gap.share.most) == (10, 13)
    assert (gap.share.least, gap.share.most) == (10, 13)


def figures_of(**columns):
    base = {"tweet_id": ["1", "2"], "favorites": [3, 4], "engagements": [5, 9]}
    return pd.DataFrame({**base, **columns})


def test_ids_as_numbers_times_as_text_and_counts_as_text_are_read_exactly():
    """Counts beyond 2^53 keep their last unit, ids match those of other frames."""
    large = 2**53 + 1
    times = ["2026-01-31T12:00:00Z", "2026-02-01"]
    frame = figures_of(
        tweet_id=[1, 2], favorites=[str(large), "4"], engagements=[str(large), "9"],
        created_at=times,
    )  # fmt: skip
    gap = explore_gap(frame)
    assert gap.hidden == 5
    assert gap.tweets["tweet_id"].tolist() == ["1", "2"]
    known = as_metrics(gap.counts.frame, start=datetime(2026, 1, 1, tzinfo=UTC))
    split = explore_gap(known).against_totals(figures_of())
    assert split.tweets == 1
    assert len(gap.oddities(figures_of(tweet_id=[1, 2], favorites=[3, 7])))
