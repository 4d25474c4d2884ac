"""Comparisons of two sets of figures: differences, intervals, verdicts, words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap.interval import (
    Interval,
    difference_interval,
    ratio_interval,
    share_interval,
)
from studies.compare import AFTER, BEFORE, outcomes, pairs
from tests.gap.accounts import COUNTED, account, as_metrics


def change(found: enb.Comparison, name: str):
    return next(change for change in found.changes if change.name == name)


def test_differences_are_those_of_the_sums_on_each_side():
    """Hidden share, engagement rate and engagements per Tweet, computed by hand."""
    before, after = account(seed=1), account(tweets=300, seed=2)
    found = enb.compare(before, after)
    for name, part, whole in (
        ("hidden share", lambda f: f["engagements"] - f[COUNTED].sum(axis=1), "engagements"),
        ("engagement rate", lambda f: f["engagements"], "impressions"),
        ("engagements per Tweet", lambda f: f["engagements"], None),
    ):
        ratios = [part(f).sum() / (f[whole].sum() if whole else len(f)) for f in (before, after)]
        row = change(found, name)
        assert [row.before, row.after] == pytest.approx(ratios)
        assert row.difference == pytest.approx(ratios[1] - ratios[0])
        assert row.low < row.difference < row.high
    assert found.totals["Tweets"] == (400, 300)
    assert found.totals["impressions"] == tuple(f["impressions"].sum() for f in (before, after))
    assert found.shared == 300


def test_what_changed_much_is_called_changed_and_the_same_figures_are_not():
    frame = account()
    more = frame.assign(engagements=frame["engagements"] + frame["favorites"] * 2)
    found = enb.compare(frame, more)
    assert {c.verdict for c in found.changes} == {"changed"}
    assert "Hidden share rose from" in found.sentence
    same = enb.compare(enb.explore_gap(frame), frame)
    assert [(c.difference, c.low, c.high) for c in same.changes] == [(0, 0, 0)] * 3
    assert "did not change by more than chance explains" in same.sentence


def test_tweets_on_both_sides_make_intervals_narrower():
    """Sizes are the same on both sides; with other ids they are two independent samples."""
    (before, after) = next(pairs("lognormal 1", 600, 1.0, AFTER, 0))
    paired = enb.compare(before, after)
    apart = enb.compare(before, after.assign(tweet_id="x" + after["tweet_id"]))
    assert (paired.shared, apart.shared) == (600, 0)
    one, other = (change(found, "engagements per Tweet") for found in (paired, apart))
    assert one.difference == other.difference
    assert other.high - other.low > 1.3 * (one.high - one.low)


def test_a_side_with_few_tweets_has_no_interval_and_says_so():
    found = enb.compare(account(), account().head(15))
    assert {c.verdict for c in found.changes} == {"too few Tweets"}
    assert found.to_frame()["low"].isna().all()
    assert "fewer than 20 Tweets" in found.sentence


def test_the_interval_of_the_hidden_share_covers_both_readings_of_undetermined_metrics():
    """Media views that no Tweet can judge may be counted or not."""
    before, after = (account(seed=seed, tweets=200) for seed in (1, 2))
    for frame, opens in ((before, 0), (after, 900)):
        frame["app_opens"] = np.where(np.arange(200) == 0, opens, 0)
        frame.loc[0, "engagements"] = frame.loc[0, COUNTED].sum() + 1000
    found = enb.compare(before, after)
    assert "app_opens" in found.undetermined
    assert "covers both readings of" in found.sentence
    share = change(found, "hidden share")
    sides = [(f["engagements"] - f[COUNTED].sum(axis=1)).sum() for f in (before, after)]
    without = sides[1] / after["engagements"].sum() - sides[0] / before["engagements"].sum()
    within = without - 900 / after["engagements"].sum()
    assert share.low < within < without < share.high


def test_metrics_that_one_side_lacks_are_left_out_on_both():
    found = enb.compare(account(), account(seed=9).drop(columns=["replies", "impressions"]))
    assert "replies" not in found.summed
    assert [c.name for c in found.changes] == ["hidden share", "engagements per Tweet"]
    assert "impressions" not in found.totals


def test_days_of_an_account_are_compared_as_days_and_not_with_tweets():
    days = account().drop(columns=["tweet_id", "created_at", "has_url"])
    days["time"] = pd.date_range("2025-01-01", periods=400, tz="UTC")
    by_day = as_metrics(days, unit="day", kind="daily")
    found = enb.compare(by_day, by_day)
    assert found.totals["days"] == (400, 400)
    assert found.shared == 400
    assert found.changes[-1].name == "engagements per day"
    with pytest.raises(enb.AnalysisError, match="by Tweet and the other by day"):
        enb.compare(by_day, account())


def test_a_side_without_engagements_and_a_wrong_level_are_refused():
    with pytest.raises(enb.AnalysisError, match="nothing to compare"):
        enb.compare(account(), account().drop(columns="engagements"))
    with pytest.raises(enb.AnalysisError, match="between 0 and 1"):
        enb.compare(account(), account(), level=95)
    with pytest.raises(enb.AnalysisError, match="not a str"):
        enb.compare("a.csv", account())


def test_it_is_shown_as_text_html_frame_and_json():
    found = enb.compare(account(), account(seed=9), names=("<May>", "June"))
    assert "<May> (400 Tweets) against June (400 Tweets; 400 on both sides)." in repr(found)
    page = found._repr_html_()
    assert "&lt;May&gt;" in page
    assert "<May>" not in page
    assert "SANDBOX" not in repr(found) + page
    frame = found.to_frame()
    assert frame.loc["engagement rate", "difference"] == change(found, "engagement rate").difference
    assert frame.loc["engagements", "low"] is pd.NA
    assert json.loads(json.dumps(found.to_dict()))["totals"]["Tweets"] == [400, 400]


def test_sandbox_data_on_either_side_is_labelled():
    found = enb.compare(account(), as_metrics(account(), source="sandbox"))
    assert found.to_dict()["sandbox"]
    for shown in (repr(found), found._repr_html_(), found.to_dict()["sentence"]):
        assert "SANDBOX DATA" in shown


def test_the_difference_of_symmetric_intervals_is_zou_and_donners():
    for correlation in (-0.7, 0, 0.4, 1):
        low, high = difference_interval((5, Interval(3, 7)), (11, Interval(8, 14)), correlation)
        half = np.sqrt(4 + 9 - 2 * correlation * 6)
        assert (low, high) == pytest.approx((6 - half, 6 + half))


def test_independent_skewed_intervals_are_joined_by_zou_and_donners_formula():
    low, high = difference_interval((1, Interval(0.5, 3)), (4, Interval(3, 9)))
    assert (low, high) == pytest.approx((3 - np.hypot(1, 2), 3 + np.hypot(5, 0.5)))


def test_the_interval_of_a_ratio_is_that_of_a_mean_where_all_units_weigh_the_same():
    """Compared with the t interval of the mean, on the scale of logarithms."""
    from scipy import stats

    counts = np.array([3, 5, 9, 4, 12, 0])
    low, high = ratio_interval(counts, np.ones(6))
    times = np.exp(stats.t.ppf(0.975, 5) * stats.sem(counts) / counts.mean())
    assert (low, high) == pytest.approx((counts.mean() / times, counts.mean() * times))
    low, high = ratio_interval(np.zeros(50), np.ones(50))
    assert (low, high) == (0, pytest.approx(stats.chi2.ppf(0.975, 2) / 2 / 50))
    assert ratio_interval([3], [1]) == (0, np.inf)


def test_an_engagement_rate_above_one_has_an_interval():
    """Promoted engagements are counted, and promoted impressions are not."""
    frame = account()
    promoted = frame.assign(impressions=frame["engagements"] // 2)
    rate = change(enb.compare(frame, promoted), "engagement rate")
    assert rate.after > 1
    assert rate.verdict == "changed"
    shares = share_interval(frame["engagements"], frame["impressions"])
    assert shares.low < rate.before < shares.high


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_intervals_cover_known_differences_and_equal_populations_are_rarely_called_different(
    shared,
):
    """A small version of `studies.compare`."""
    different = outcomes("lognormal 1", 150, shared, AFTER, 60, seed=1)
    equal = outcomes("lognormal 1", 150, shared, BEFORE, 60, seed=1)
    assert different[["hidden share", "engagement rate"]].mean().min() >= 0.93
    assert different["all"].mean() >= 0.9
    assert equal["said changed"].mean() <= 0.05
    assert different["said changed"].mean() >= 0.7
