"""Groups of Tweets, and of the hours and days of a series: labels, limits, figures, tests."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engagement_nb.errors import AnalysisError
from engagement_nb.gap import explore_gap
from engagement_nb.gap.groups import (
    DRAWS,
    ENOUGH,
    LEAST_GROUP,
    MANY,
    Units,
    holm,
    permutation_p,
)
from engagement_nb.gap.interval import share_interval
from engagement_nb.gap.share import Share
from tests.gap.accounts import account, as_metrics, in_two_days

NOW = pd.Timestamp("2026-06-01", tz="UTC")


def units(engagements, hidden=0, moment=NOW, level=0.95, **columns) -> Units:
    frame = pd.DataFrame({"engagements": engagements, **columns})
    bounds = dict.fromkeys(("hidden", "hidden_least", "hidden_most"), hidden)
    share = Share("interval", 0.1, 0, 1, 1, 1, 1, 10, level)
    return Units(frame.assign(**bounds, over_count=1), moment, share)


def series(hours: list[int], posted: str = "2026-05-01T07:40Z") -> Units:
    """One Tweet with one engagement in each of some hours after the hour of posting."""
    time = pd.Timestamp(posted).floor("h") + pd.to_timedelta(hours, unit="h")
    created = pd.Timestamp(posted)
    return units([1] * len(hours), tweet_id="1", created_at=created, time=time)


def test_a_group_has_its_sums_its_share_and_the_interval_of_the_share():
    owner = [*"aaab", *"ccc"]
    engagements, hidden = [10, 20, 30, 5, 0, 0, 0], [1, 9, 3, 2, 0, 0, 0]
    table = units(engagements, hidden, level=0.8, owner=owner).by("owner")
    low, high = share_interval(hidden[:3], engagements[:3], 0.8)
    expected = pd.DataFrame(
        [[3, 60, 13, 13, 13, 13 / 60, low, high, "interval", 3],
         [1, 5, 2, 2, 2, 0.4, None, None, "exact", 1],
         [3, 0, 0, 0, 0, None, None, None, "unknown", 3]],
        columns=["tweets", "engagements", "hidden", "hidden_least", "hidden_most", "hidden_share",
                 "low", "high", "kind", "over_count"],
        index=pd.Index(["a", "b", "c"], name="owner"),
    )  # fmt: skip
    expected = expected.astype(dict.fromkeys(["hidden_share", "low", "high"], "Float64"))
    pd.testing.assert_frame_equal(table, expected)


def test_an_excess_in_a_part_of_a_series_does_not_make_the_interval_fail():
    """Where the included metrics exceed engagements, the rows of a series are below 0."""
    time = pd.Timestamp("2026-05-01", tz="UTC")
    table = units([10, 10, 10], [-3, 2, 5], owner="a", tweet_id=["1", "1", "2"], time=time).by(
        "owner"
    )
    assert table.at["a", "hidden"] == table.at["a", "hidden_most"] == 4
    assert table.at["a", "low"] == share_interval([-1, 5], [20, 10]).low
    assert units([10], [-3], owner="a").by("owner").at["a", "hidden"] == 0


def test_ages_are_counted_to_the_reading_and_begin_on_whole_days():
    days = [-1, 0, 0.999, 1, 6.999, 7, 27.999, 28, 89.999, 90, 364.999, 365, 9999]
    created = NOW - pd.to_timedelta(days, unit="D")
    table = units([1] * len(days), created_at=created).by("age")
    assert table["tweets"].to_dict() == {
        "under a day": 3, "1 to 6 days": 2, "7 to 27 days": 2, "28 to 89 days": 2,
        "90 to 364 days": 2, "a year or more": 2,
    }  # fmt: skip


def test_without_a_time_of_reading_ages_are_counted_to_the_last_tweet():
    created = NOW - pd.to_timedelta([0, 1, 3], unit="D")
    table = units([1, 1, 1], moment=None, created_at=created).by("age")
    assert table["tweets"].to_dict() == {"under a day": 1, "1 to 6 days": 2}


def test_sizes_are_powers_of_ten():
    table = units([0, 1, 9, 10, 99, 100, 12_345, 10**12]).by("size")
    assert table["tweets"].to_dict() == {
        "0": 1, "1–9": 2, "10–99": 2, "100–999": 1, "10,000–99,999": 1,
        "1,000,000,000,000–9,999,999,999,999": 1,
    }  # fmt: skip


def test_the_size_of_a_tweet_in_a_series_is_its_sum():
    rows = units([6, 6, 3], tweet_id=["1", "1", "2"], time=NOW)
    assert rows.by("size")["engagements"].to_dict() == {"1–9": 3, "10–99": 12}


def test_hours_since_posting_are_grouped_in_growing_spans():
    """Each span has two of these hours, its first and its last, or one if it is one hour long."""
    hours = [0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 17, 18, 23, 24, 35, 36, 47, 48, 71, 72, 119, 120,
             167, 168, 335, 336, 671, 672, 9000]  # fmt: skip
    table = series(hours).by("hours_since_posting")
    spans = ["0 h", "1 h", "2 h", "3 h", "4–5 h", "6–8 h", "9–11 h", "12–17 h", "18–23 h",
             "24–35 h", "36–47 h", "48–71 h", "72–119 h", "120–167 h", "168–335 h", "336–671 h",
             "672 h and more"]  # fmt: skip
    assert table["engagements"].to_dict() == {
        name: 1 if n < 4 else 2 for n, name in enumerate(spans)
    }


def test_only_hours_from_posting_on_of_tweets_posted_in_the_series_are_grouped():
    rows = series([-2, 0, 5])
    assert rows.by("hours_since_posting")["engagements"].to_dict() == {"0 h": 1, "4–5 h": 1}
    assert series([1, 2]).by("hours_since_posting").empty
    assert series([24, 48]).by("days_since_posting").empty


def test_days_since_posting_begin_with_the_day_of_posting():
    rows = series([0, 24, 47, 72], posted="2026-05-01T00:10Z")
    assert rows.by("days_since_posting")["engagements"].to_dict() == {
        "day 0": 1, "day 1": 2, "day 3": 1
    }  # fmt: skip


def test_times_are_grouped_by_hour_of_the_day_day_and_month():
    rows = series([0, 16, 40])
    assert rows.by("hour").index.tolist() == ["07", "23"]
    assert rows.by("day").index.tolist() == ["2026-05-01", "2026-05-02"]
    assert rows.by("month").index.tolist() == ["2026-05"]


def test_the_hour_is_known_of_midnight_if_other_hours_are_too():
    assert series([-7, 0]).by("hour").index.tolist() == ["00", "07"]


def test_in_a_series_a_group_has_the_tweets_with_engagements_then():
    time = [NOW, NOW, NOW + pd.Timedelta(hours=1)]
    rows = units([3, 0, 2], tweet_id=["1", "2", "1"], time=time)
    assert rows.by("hour")["tweets"].to_dict() == {"00": 1, "01": 1}


def test_facts_about_a_text_are_grouped_by_presence_absence_and_unknown():
    facts = {
        "has_url": pd.array([True, True, False, pd.NA], dtype="boolean"),
        "is_reply": [False, True, True, True],
    }
    table = units([1, 2, 4, 8], **facts).by("content")
    assert table["engagements"].to_dict() == {
        "with URL": 3, "no URL": 4, "URL unknown": 8, "a reply": 14, "no reply": 1
    }  # fmt: skip


def test_a_fact_is_compared_with_its_absence_only():
    half = np.arange(80) % 2 == 0
    quarter = np.arange(80) % 4 < 2
    tests = units([10] * 80, half * 5, has_url=half, is_reply=quarter).differences("content")
    assert tests[["group", "other"]].to_numpy().tolist() == [
        ["with URL", "no URL"], ["a reply", "no reply"]
    ]  # fmt: skip


def test_a_comparison_has_shares_p_values_and_their_adjustment():
    owner = np.repeat(["a", "b", "c"], [20, 20, 30])
    hidden = np.arange(70) % 5
    rows = units(np.arange(1, 71) + 4, hidden, owner=owner)
    tests = rows.differences("owner")
    assert tests.columns.tolist() == [
        "group", "other", "hidden_share", "other_share", "p", "p_adjusted"
    ]  # fmt: skip
    shares = {key: group["hidden"].sum() / group["engagements"].sum()
              for key, group in rows.frame.groupby("owner")}  # fmt: skip
    assert tests["p_adjusted"].tolist() == holm(tests["p"].tolist())
    for row, (one, other) in zip(tests.itertuples(), combinations("abc", 2), strict=True):
        assert (row.group, row.other) == (one, other)
        assert (row.hidden_share, row.other_share) == (shares[one], shares[other])
        pair = [rows.frame[rows.frame["owner"] == key] for key in (one, other)]
        assert row.p == permutation_p(*pair)


def test_groups_of_twenty_tweets_with_engagements_are_compared_and_smaller_ones_are_not():
    owner = np.repeat(["a", "b", "c", "d"], [20, 20, 19, 30])
    engagements = np.where(owner == "d", 0, 10)
    tests = units(engagements, 1, owner=owner).differences("owner")
    assert tests[["group", "other"]].to_numpy().tolist() == [["a", "b"]]
    assert LEAST_GROUP == 20


def test_the_rows_of_a_tweet_in_a_series_are_one_tweet_in_a_comparison():
    ids = [str(k) for k in range(19)] * 2
    rows = units([5] * 76, tweet_id=[*ids, *ids], time=NOW, owner=["a"] * 38 + ["b"] * 38)
    assert rows.differences("owner").empty


def sample(hidden, engagements) -> pd.DataFrame:
    return pd.DataFrame({"hidden": hidden, "engagements": engagements})


def test_a_permutation_p_value_is_close_to_that_of_all_assignments():
    first, second = sample([9, 8, 3], [10, 20, 10]), sample([0, 2, 1, 3], [10, 10, 30, 10])
    both = pd.concat([first, second])
    left = both["hidden"] - both["hidden"].sum() / both["engagements"].sum() * both["engagements"]
    sums = [abs(sum(chosen)) for chosen in combinations(left, 3)]
    seen = abs(left.iloc[:3].sum())
    exact = np.mean([value >= seen - 1e-9 for value in sums])
    assert permutation_p(first, second) == pytest.approx(exact, abs=0.02)
    assert permutation_p(second, first) == permutation_p(first, second)


def test_the_smallest_p_value_is_one_in_two_thousand_and_the_largest_is_one():
    apart = sample([0] * 30, [10] * 30), sample([10] * 30, [10] * 30)
    assert permutation_p(*apart) == 1 / (DRAWS + 1) == 1 / 2000
    assert permutation_p(*[sample([1] * 30, [10] * 30)] * 2) == 1


def test_a_test_ends_early_only_at_p_values_above_five_percent():
    """After 100 assignments as extreme, p is 100 divided by the number of assignments."""
    rng = np.random.default_rng(7)
    hidden = rng.binomial(10, 0.3, 60)
    groups = [sample(hidden[:30] + more, [20] * 30) for more in range(5)]
    found = [permutation_p(group, sample(hidden[30:], [20] * 30)) for group in groups]
    for p in found:
        drawn = ENOUGH / p if p > 0.05 else p * (DRAWS + 1)
        assert drawn == pytest.approx(round(drawn))
        assert drawn <= DRAWS + 1
    assert found[0] > 0.05 > found[-1]
    assert ENOUGH / DRAWS > 0.05, "the smallest p-value of a test that ends early"


def test_two_equal_tweets_in_each_group_tie_with_every_assignment():
    """Ties count as at least as extreme, whatever the rounding of the sums."""
    tied = sample([0.1, 0.7], [1, 1]), sample([0.7, 0.1], [1, 1])
    assert permutation_p(*tied) == 1


def test_above_twenty_thousand_tweets_the_permutation_distribution_is_taken_as_normal():
    rng = np.random.default_rng(1)
    whole = rng.integers(1, 30, MANY + 1)
    both = sample(rng.binomial(whole, 0.3), whole)
    first, second = both.iloc[:5000], both.iloc[5000:]
    left = both["hidden"] - both["hidden"].sum() / both["engagements"].sum() * both["engagements"]
    n, k = len(both), len(first)
    spread = np.sqrt(k * (n - k) / n * left.var(ddof=1))
    normal = 2 * stats.norm.sf(abs(left.iloc[:k].sum()) / spread)
    assert permutation_p(first, second) == pytest.approx(normal, rel=1e-6)
    drawn = ENOUGH / permutation_p(first, second.iloc[:-1])
    assert drawn == pytest.approx(round(drawn))
    equal = sample([1] * n, [2] * n)
    assert permutation_p(equal.iloc[:5000], equal.iloc[5000:]) == 1


def test_hours_and_days_of_a_series_add_up_what_is_known():
    """A Tweet that lacks a figure of an included metric is in no group, as in all sums."""
    frame = in_two_days(account(60))
    frame.loc[0, "favorites"] = pd.NA
    gap = explore_gap(as_metrics(frame))
    known = frame[frame["tweet_id"] != frame["tweet_id"][0]]
    by_day = known.groupby(known["time"].dt.strftime("%Y-%m-%d"))
    inside = ["favorites", "retweets", "replies", "url_clicks", "user_profile_clicks"]
    table = gap.by("day")
    assert table["engagements"].to_dict() == by_day["engagements"].sum().to_dict()
    hidden = by_day["engagements"].sum() - by_day[inside].sum().sum(axis=1)
    assert table["hidden"].to_dict() == hidden.to_dict()
    over = by_day[["bookmarks", "shares"]].sum().sum(axis=1)
    assert table["over_count"].to_dict() == over.to_dict()


NO_TIMES = {"tweet_id": ["1"], "created_at": [pd.NaT]}


@pytest.mark.parametrize(
    ("rows", "key", "words"),
    [
        (units([1]), "age", "It is not known when these Tweets were posted."),
        (units([1], **NO_TIMES), "month", "It is not known when these Tweets were posted."),
        (units([1]), "content", "Nothing is known about what these Tweets contain. Read an export"
         " file, or add columns such as has_url."),
        (units([1]), "day", 'These figures are sums, not a series. Fetch them by="day" or "hour".'),
        (units([1], tweet_id="1", time=NOW), "hour", "These figures are by day, so their hours are"
         ' not known. Fetch them by="hour".'),
        (units([1]), "colour", "There is no 'colour' to group these figures by. Group by size, age,"
         " month, day, hour, hours_since_posting, days_since_posting, content or a column of the"
         " frame."),
    ],
)  # fmt: skip
def test_a_group_that_is_not_known_is_refused_with_the_reason(rows, key, words):
    with pytest.raises(AnalysisError) as caught:
        rows.by(key)
    assert str(caught.value) == words


@pytest.mark.parametrize("key", ["age", "month", "size"])
def test_no_tweets_have_no_groups(key):
    nothing = pd.DataFrame({"tweet_id": [], "engagements": [], "favorites": []})
    assert explore_gap(nothing).by(key).empty
