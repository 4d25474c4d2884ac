"""Comparisons of two sets of figures: differences, intervals, verdicts, words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

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
    share = change(found, "hidden share")
    # One side is a range: no point is printed for it, and what the bounds allow is said.
    assert [side.kind for side in share.shares] == ["interval", "bounds"]
    assert share.texts == tuple(side.point for side in share.shares)
    assert share.difference is None
    assert "Undetermined metrics leave the hidden share at" in found.sentence
    assert f"they allow a difference of {share.interval} percentage points" in found.sentence
    assert pd.isna(found.to_frame().at["hidden share", "after"])
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
    different = outcomes("lognormal 1", 150, shared, AFTER, 40, seed=1)
    equal = outcomes("lognormal 1", 150, shared, BEFORE, 40, seed=1)
    assert different[["hidden share", "engagement rate"]].mean().min() >= 0.93
    assert different["all"].mean() >= 0.9
    assert equal["said changed"].mean() <= 0.05
    assert different["said changed"].mean() >= 0.7


def cells(page: str) -> list[list[str]]:
    """The cells of the only table of a page, row by row."""
    rows = BeautifulSoup(page, "html.parser").find("table").find_all("tr")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in rows]


def test_the_frame_has_the_totals_and_then_the_changes():
    found = enb.compare(account(), account(tweets=300, seed=9))
    expected = pd.DataFrame(
        [[a, b, b - a, None, None, None] for a, b in found.totals.values()]
        + [[c.before, c.after, c.difference, c.low, c.high, c.verdict] for c in found.changes],
        columns=["before", "after", "difference", "low", "high", "verdict"],
        index=pd.Index([*found.totals, *(c.name for c in found.changes)], name="name"),
    )
    kinds = dict.fromkeys(expected.columns[:-1], "Float64")
    pd.testing.assert_frame_equal(found.to_frame(), expected.astype({**kinds, "verdict": "string"}))


def test_the_table_shows_counts_percentages_signs_and_the_level():
    before = account()
    after = account(tweets=300).assign(engagements=before["engagements"] * 2 + 3)
    found = enb.compare(before, after, names=("May", "June"), level=0.9)
    share, rate, mean = found.changes

    def signed(value: float, digits: int) -> str:
        return f"{value:+,.{digits}f}".replace("-", "−")

    engaged, seen = found.totals["engagements"], found.totals["impressions"]
    assert cells(found._repr_html_()) == [
        ["", "May", "June", "difference", "90 % interval", "verdict"],
        ["Tweets", "400", "300", "−100", "", ""],
        ["engagements", f"{engaged[0]:,}", f"{engaged[1]:,}", signed(engaged[1] - engaged[0], 0),
         "", ""],
        ["impressions", f"{seen[0]:,}", f"{seen[1]:,}", signed(seen[1] - seen[0], 0), "", ""],
        ["hidden share", f"{share.before:.1%}".replace("%", " %"),
         f"{share.after:.1%}".replace("%", " %"), signed(100 * share.difference, 1),
         f"{signed(100 * share.low, 1)} to {signed(100 * share.high, 1)}", "changed"],
        ["engagement rate", f"{rate.before:.2%}".replace("%", " %"),
         f"{rate.after:.2%}".replace("%", " %"), signed(100 * rate.difference, 2),
         f"{signed(100 * rate.low, 2)} to {signed(100 * rate.high, 2)}", "changed"],
        ["engagements per Tweet", f"{mean.before:,.1f}", f"{mean.after:,.1f}",
         signed(mean.difference, 1), f"{signed(mean.low, 1)} to {signed(mean.high, 1)}",
         mean.verdict],
    ]  # fmt: skip
    assert found.to_frame().to_string(na_rep="") not in repr(found)
    assert repr(found).startswith(found.sentence + "\n")
    same = enb.compare(before, before)
    assert cells(same._repr_html_())[1] == ["Tweets", "400", "400", "0", "", ""]


def test_intervals_hold_together_and_come_from_those_of_the_sides():
    """Without Tweets on both sides they are independent; the level is shared by all quantities."""
    before = account()
    after = account(tweets=300, seed=9).assign(tweet_id=lambda f: "x" + f["tweet_id"])
    sides = []
    for frame in (before, after):
        hidden = frame["engagements"] - frame[COUNTED].sum(axis=1)
        limits = share_interval(hidden, frame["engagements"], 1 - 0.05 / 3)
        sides.append((hidden.sum() / frame["engagements"].sum(), limits))
    share = change(enb.compare(before, after), "hidden share")
    assert (share.low, share.high) == pytest.approx(difference_interval(*sides))


def test_a_rate_is_over_tweets_with_engagements_and_impressions():
    frame = account()
    holes = frame.copy()
    holes.loc[0, "impressions"], holes.loc[1, "impressions"] = 0, pd.NA
    holes.loc[2, "engagements"] = pd.NA
    holes.loc[3, ["impressions", "engagements"]] = [1, 1]
    holes.loc[3, COUNTED] = 0
    rate = change(enb.compare(frame, holes), "engagement rate")
    told = holes.drop(index=[0, 1, 2])
    assert rate.after == told["engagements"].sum() / told["impressions"].sum()


def test_a_tweet_without_an_included_metric_is_not_in_the_hidden_share():
    frame = account()
    holes = frame.copy()
    holes.loc[:49, "favorites"] = pd.NA
    share = change(enb.compare(frame, holes), "hidden share")
    told = holes.drop(index=range(50))
    hidden = told["engagements"].sum() - told[COUNTED].sum().sum()
    assert share.after == hidden / told["engagements"].sum()


def test_a_tweet_that_is_the_same_on_both_sides_is_evidence_once():
    """Two exact fits are too few for a verdict, also if both sides have them."""
    likes = np.arange(1, 41)
    opens = np.where(likes > 38, 12, 0)
    frame = pd.DataFrame({"tweet_id": likes, "favorites": likes, "app_opens": opens})
    frame["engagements"] = likes + opens
    assert enb.explore_gap(frame).undetermined == ["app_opens"]
    assert enb.compare(frame, frame).undetermined == ("app_opens",)


def test_tweets_without_ids_are_on_one_side_each():
    frame = account().drop(columns="tweet_id")
    found = enb.compare(frame, frame)
    assert found.shared == 0
    assert found.totals["Tweets"] == (400, 400)
    assert change(found, "hidden share").low < 0


def test_a_quantity_that_a_side_does_not_have_is_not_compared():
    frame = account()
    found = enb.compare(frame, frame.assign(impressions=0))
    assert [c.name for c in found.changes] == ["hidden share", "engagements per Tweet"]


def test_twenty_tweets_are_enough_and_nineteen_are_not():
    frame = account()
    assert change(enb.compare(frame, frame.head(20)), "engagements per Tweet").low is not None
    few = change(enb.compare(frame.head(19), frame), "engagements per Tweet")
    assert (few.low, few.high, few.verdict) == (None, None, "too few Tweets")
    assert few.difference == few.after - few.before


def likes_only(tweets: int = 40, hidden: int = 0, **columns) -> pd.DataFrame:
    likes = np.arange(1, tweets + 1)
    frame = pd.DataFrame({"tweet_id": likes.astype(str), "favorites": likes, **columns})
    return frame.assign(engagements=likes + hidden * (likes % 2))


UNKNOWN = pd.DataFrame({"favorites": [1, 2, 3], "engagements": [70, 80, 190]})
OPEN = likes_only(hidden=9, app_opens=np.where(np.arange(40) == 39, 5, 0))


@pytest.mark.parametrize(
    ("words", "true_of", "not_of"),
    [
        ("Hidden share rose from 0.0 % to 18.0 % (+18.0 percentage points, interval +",
         (likes_only(), likes_only(hidden=9)), (likes_only(hidden=9), likes_only())),
        ("Hidden share fell from 18.0 % to 0.0 % (−18.0 percentage points, interval −",
         (likes_only(hidden=9), likes_only()), (likes_only(), likes_only(hidden=9))),
        ("Engagements per Tweet fell from 20.5 to 15.5 (−5.0, interval −",
         (likes_only(), likes_only(30)), (likes_only(), likes_only())),
        ("Hidden share and engagements per Tweet did not change by more than chance explains.",
         (likes_only(), likes_only()), (likes_only(), likes_only(hidden=9))),
        ("Hidden share and engagements per Tweet cannot be compared: a side has fewer than 20"
         " Tweets to tell it.", (likes_only(), likes_only(9)), (likes_only(), likes_only())),
        ("No metric is known to be counted, so hidden shares are not compared.",
         (UNKNOWN, UNKNOWN), (likes_only(), likes_only())),
        ("The interval of the hidden share covers both readings of app opens.",
         (OPEN, OPEN), (likes_only(), likes_only())),
        ("both readings", (OPEN, OPEN), (OPEN, OPEN.head(9))),
        ("before (40 Tweets) against after (40 Tweets; 40 on both sides).",
         (likes_only(), likes_only()), (likes_only(), likes_only(30))),
        ("SANDBOX DATA (made up): before", (as_metrics(account(), source="sandbox"), account()),
         (account(), account())),
    ],
)  # fmt: skip
def test_a_sentence_of_a_comparison_is_said_only_if_it_is_true(words, true_of, not_of):
    assert words in enb.compare(*true_of).sentence
    assert words not in enb.compare(*not_of).sentence


def test_what_cannot_be_compared_is_refused_with_advice():
    days = account().drop(columns="tweet_id").assign(
        time=pd.date_range("2025-01-01", periods=400, tz="UTC")
    )  # fmt: skip
    with pytest.raises(enb.AnalysisError, match=r"Compare two files of one kind\.$"):
        enb.compare(account(), as_metrics(days, unit="day", kind="daily"))
    with pytest.raises(enb.AnalysisError, match=r"or give an export file\.$"):
        enb.compare(account(), account().assign(engagements=pd.NA))
    with pytest.raises(enb.AnalysisError, match="A side has no Tweets"):
        enb.compare(account(), as_metrics(account().iloc[:0]))


def test_a_comparison_is_written_as_csv(tmp_path):
    found = enb.compare(account(), account(seed=9))
    found.to_csv(tmp_path / "compared.csv")
    table = pd.read_csv(tmp_path / "compared.csv")
    assert table["name"].tolist() == found.to_frame().index.tolist()
    assert [*table] == ["name", *found.to_frame()]
