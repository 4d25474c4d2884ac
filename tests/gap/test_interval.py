"""The confidence interval of a share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.interval import (
    ANY_SHARE,
    Interval,
    check_level,
    clopper_pearson,
    difference_interval,
    ratio_interval,
    share_interval,
)


def test_limits_are_those_of_scipys_exact_binomial_test():
    for successes, trials in [(0, 10), (3, 10), (10, 10), (1, 2000)]:
        exact = stats.binomtest(successes, trials).proportion_ci(0.9, method="exact")
        assert clopper_pearson(successes, trials, 0.9) == pytest.approx((exact.low, exact.high))


def test_the_interval_is_korn_and_graubards_where_many_units_vary():
    """The same formula written out on scipy.stats; pooling over sizes changes nothing here."""
    rng = np.random.default_rng(5)
    whole = rng.integers(50, 100, 200)
    part = rng.binomial(whole, rng.beta(1, 3, 200))
    part = np.where(whole > 75, part, part // 2)
    p, w = part.sum() / whole.sum(), whole / whole.sum()
    variance = np.sum((part - p * whole) ** 2 / (1 - w)) / whole.sum() ** 2
    df = 1 / np.sum(w**2) / 2
    trials = p * (1 - p) / variance * (stats.t.ppf(0.975, 199) / stats.t.ppf(0.975, df)) ** 2
    low = stats.beta.ppf(0.025, p * trials, trials * (1 - p) + 1)
    high = stats.beta.ppf(0.975, p * trials + 1, trials * (1 - p))
    assert share_interval(part, whole) == pytest.approx((low, high), abs=5e-4)


def written_out(part: list[int], whole: list[int], level: float) -> tuple[float, float]:
    """The documented formula, with both variances, on scipy.stats."""
    h, e = np.array(part, dtype=float), np.array(whole, dtype=float)
    units, p, w = len(h), h.sum() / e.sum(), e / e.sum()
    kish, tail = 1 / np.sum(w**2), (1 + level) / 2
    of_ratio = np.sum((h - p * e) ** 2 / (1 - w)) / e.sum() ** 2
    of_ratio *= (stats.t.ppf(tail, max(kish / 2, 1)) / stats.t.ppf(tail, units - 1)) ** 2
    between = np.sum((h / e - p) ** 2) / (units - 1) - p * (1 - p) * np.mean(1 / e)
    pooled = max(between, 0) / kish + p * (1 - p) / e.sum()
    trials = p * (1 - p) / max(of_ratio, pooled)
    low = stats.beta.ppf(1 - tail, p * trials, trials * (1 - p) + 1)
    return low, stats.beta.ppf(tail, p * trials + 1, trials * (1 - p))


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ([1, 30, 2, 9, 50], [10, 60, 20, 30, 90]),  # the variance of the ratio is larger
        ([8, 0, 9, 4, 20], [10, 60, 12, 5, 90]),  # the pooled variance is larger
        ([5, 6, 5, 5, 50], [10, 12, 11, 10, 100]),  # units vary less than chance
        ([0, 0, 0, 40], [10, 12, 11, 100]),  # fewer than two effective units
    ],
)
def test_the_interval_of_a_few_unequal_units_is_that_of_the_documented_formula(part, whole, level):
    assert share_interval(part, whole, level) == pytest.approx(
        written_out(part, whole, level), rel=1e-9
    )


def test_equal_units_are_as_good_as_their_engagements():
    """Nothing varies between units: the interval is the binomial one over all engagements."""
    assert share_interval(np.full(50, 2), np.full(50, 10)) == pytest.approx(
        clopper_pearson(100, 500, 0.95)
    )


@pytest.mark.parametrize(("part", "low", "high"), [(0, 0, 1 - 0.025**0.01), (9, 0.025**0.01, 1)])
def test_a_share_of_nothing_or_all_has_a_limit_away_from_it(part, low, high):
    """A hundred Tweets of equal size count as a hundred trials."""
    assert share_interval([part] * 100, [9] * 100) == pytest.approx((low, high))


def test_one_unit_says_nothing_about_others():
    assert share_interval([], []) == ANY_SHARE
    assert share_interval([3], [10]) == ANY_SHARE
    assert share_interval([3, 0], [10, 0]) == ANY_SHARE


def test_a_giant_among_small_units_makes_the_interval_wide():
    part, whole = np.tile([0, 2], 50), np.full(100, 10)
    even = share_interval(part, whole)
    uneven = share_interval(np.append(part, 20_000), np.append(whole, 100_000))
    assert uneven.high - uneven.low > 3 * (even.high - even.low)


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        ([1], [1, 2], "same shape"),
        ([1, 1], [-1, 3], "negative"),
        ([9, 9], [1, 3], "not a share"),
        ([-9, 1], [1, 3], "not a share"),
    ],
)
def test_what_is_no_share_is_refused(part, whole, words):
    with pytest.raises(ValueError, match=words):
        share_interval(part, whole)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.floats(0, 1)).map(lambda t: (int(t[0] * t[1]), t[0])),
        min_size=1,
        max_size=30,
    ),
    st.floats(0.5, 0.999),
)
def test_the_interval_holds_the_share_lies_in_0_to_1_and_grows_with_the_level(units, level):
    part, whole = np.array(units, dtype=float).T
    low, high = share_interval(part, whole, level)
    assert 0 <= low <= high <= 1
    wider = share_interval(part, whole, (1 + level) / 2)
    assert wider.low <= low + 1e-9
    assert wider.high >= high - 1e-9
    if whole.sum():
        assert low - 1e-6 <= part.sum() / whole.sum() <= high + 1e-6


@pytest.mark.parametrize("hiding", [0.03, 0.1])
@pytest.mark.parametrize("tweets", [100, 300])
def test_the_interval_covers_where_few_tweets_hide_and_sizes_are_heavy_tailed(tweets, hiding):
    """Korn and Graubard's interval alone covers in 74 to 90 % of these worlds."""
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        whole = np.ceil(np.exp(rng.normal(4, 1.5, tweets))).astype(int)
        part = rng.binomial(whole, rng.beta(1, 3, tweets)) * (rng.random(tweets) < hiding)
        low, high = share_interval(part, whole)
        covered += low <= 0.25 * hiding <= high
    assert covered >= 0.95 * 200


def test_correlated_skewed_estimates_share_their_limits_on_the_same_side():
    """The first has limits 0.5 below and 2 above its value, the second 0.8 below and 5 above."""
    narrow, wide = (1, Interval(0.5, 3)), (4, Interval(3.2, 9))
    low, high = difference_interval(narrow, wide, 0.5)
    assert low == pytest.approx(3 - np.sqrt(0.5 * (0.8**2 + 2**2) + 0.5 * 0.3**2))
    assert high == pytest.approx(3 + np.sqrt(0.5 * (5**2 + 0.5**2) + 0.5 * 3**2))
    low, high = difference_interval(wide, narrow, 0.5)
    assert low == pytest.approx(-3 - np.sqrt(0.5 * (0.5**2 + 5**2) + 0.5 * 3**2))
    assert high == pytest.approx(-3 + np.sqrt(0.5 * (2**2 + 0.8**2) + 0.5 * 0.3**2))


def test_estimates_with_a_negative_correlation_add_their_limits():
    narrow, wide = (1, Interval(0.5, 3)), (4, Interval(3.2, 9))
    low, high = difference_interval(narrow, wide, -0.5)
    assert low == pytest.approx(3 - np.sqrt(0.5 * (0.8**2 + 2**2) + 0.5 * 2.8**2))
    assert high == pytest.approx(3 + np.sqrt(0.5 * (5**2 + 0.5**2) + 0.5 * 5.5**2))


def test_limits_of_a_same_side_that_do_not_differ_share_nothing():
    same = (2, Interval(1, 5))
    assert difference_interval(same, same, 1.0) == (0, 0)
    shifted = (3, Interval(2, 6))
    assert difference_interval(same, shifted, 1.0) == (1, 1)


def test_the_interval_of_a_ratio_is_by_the_delta_method_on_logarithms():
    """Written out on scipy.stats for unequal units; a unit without a whole has no part in it."""
    part, whole = np.array([3, 5, 9, 4, 7]), np.array([1, 2, 5, 1, 0])
    h, e = part[:4], whole[:4]
    ratio = h.sum() / e.sum()
    spread = np.sqrt(np.sum((h - ratio * e) ** 2) * 4 / 3) / e.sum() / ratio
    times = np.exp(stats.t.ppf(0.95, 3) * spread)
    assert ratio_interval(part, whole, 0.9) == pytest.approx((ratio / times, ratio * times))


def test_two_units_give_the_interval_of_a_ratio_and_one_does_not():
    assert ratio_interval([3, 5], [1, 1])[1] < np.inf
    assert ratio_interval([3, 5], [1, 0]) == (0, np.inf)
    assert ratio_interval([0, 0, 0], [1, 3, 0], 0.9) == (0, pytest.approx(-np.log(0.05) / 4))


def test_a_level_is_between_0_and_1():
    for level in (0, 1, 95, -0.5):
        with pytest.raises(AnalysisError, match=f"between 0 and 1, not {level}"):
            check_level(level)
    check_level(0.5)
