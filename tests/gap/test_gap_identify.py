from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engagement_nb.gap import explore_gap, identify
from engagement_nb.gap.identify import (
    Evidence,
    borne,
    cheapest_hitting_set,
    exact_sum,
    largest_allowed,
    slack,
)
from engagement_nb.gap.judge import at_least
from tests.gap.gap_worlds import CANDIDATES, known_world


def brute_force(values, engagements, gains, tolerance, *, strict=False):
    """The best allowed set by looking at every set, as the rule is written."""
    users = (values > 0).sum(axis=1)
    bearable = users * 0 if strict else borne(users, tolerance)
    limit = engagements if strict else engagements + slack(engagements)
    used = [j for j in range(len(values)) if users[j]]
    best = (0, ())
    for size in range(1, len(used) + 1):
        for members in combinations(used, size):
            over = values[list(members)].sum(axis=0) > limit
            against = ((values[list(members)] > 0) & over).sum(axis=1)
            if (against <= bearable[list(members)]).all():
                best = max(best, (sum(gains[j] for j in members), members))
    return best[0]


@pytest.mark.parametrize("many", [0, 1, 100])
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.data(),
    metrics=st.integers(1, 7),
    tweets=st.integers(1, 30),
    strict=st.booleans(),
    tolerance=st.sampled_from([0.0, 0.002, 0.1]),
)
def test_the_set_found_is_the_best_of_all_sets(
    many, data, metrics, tweets, strict, tolerance, monkeypatch
):
    monkeypatch.setattr(identify, "MANY_CONFLICTS", many)
    values = data.draw(arrays(np.int64, (metrics, tweets), elements=st.integers(0, 6)))
    engagements = data.draw(arrays(np.int64, tweets, elements=st.integers(0, 20)))
    gains = [int(row.sum()) * 1000 + 10 for row in values]
    found = largest_allowed(Evidence(values, engagements, tolerance, strict=strict), gains)
    assert sum(gains[j] for j in found) == brute_force(
        values, engagements, gains, tolerance, strict=strict
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.frozensets(st.integers(0, 6), min_size=1), max_size=8))
def test_the_cheapest_hitting_set_is_the_cheapest_of_all(conflicts):
    costs = [3, 1, 4, 1, 5, 9, 2]
    all_sets = [frozenset(c) for size in range(8) for c in combinations(range(7), size)]
    hitting = [s for s in all_sets if all(s & c for c in conflicts)]
    found = cheapest_hitting_set(conflicts, costs)
    assert sum(costs[j] for j in found) == min(sum(costs[j] for j in s) for s in hitting)
    assert found in hitting


def test_figures_that_contradict_nearly_every_set_take_no_longer():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 100, (300, 15)), columns=CANDIDATES[:15])
    frame["engagements"] = rng.integers(500, 1500, 300)
    gap = explore_gap(frame, resamples=10, redraws=3)
    assert not gap.counted


def test_weights_count_a_tweet_as_often_as_drawn():
    values = np.array([[3, 1, 4], [2, 9, 0]])
    engagements = np.array([4, 3, 4])
    weights = np.array([0, 2, 1])
    drawn = np.repeat(np.arange(3), weights)
    weighted = Evidence(values, engagements, 0.1, weights)
    plain = Evidence(values[:, drawn], engagements[drawn], 0.1)
    assert weighted.viable == plain.viable
    assert weighted.allowed.tolist() == plain.allowed.tolist()
    assert weighted.violations([0]).tolist() == plain.violations([0]).tolist()


def test_sums_beyond_64_bits_are_exact():
    assert exact_sum(np.full(200, 10**17, dtype=np.int64)) == 200 * 10**17
    assert exact_sum(np.full(200, -(10**17) + 1, dtype=np.int64)) == 200 * (-(10**17) + 1)
    assert exact_sum(np.array([], dtype=np.int64)) == 0


def test_a_binomial_tail_is_that_of_the_textbook():
    assert at_least(0, 5, 0.3) == 1
    assert at_least(5, 5, 0.5) == pytest.approx(1 / 32)
    assert at_least(2, 3, 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("skew", [False, True])
def test_no_verdict_on_a_known_world_is_wrong_while_certain(skew):
    for seed in range(40):
        world = known_world(seed, skew=skew)
        gap = explore_gap(world.frame, resamples=10, redraws=0)
        wrong = set(gap.counted) - world.counted | set(gap.not_counted) & world.counted
        assert not wrong, f"seed {seed}: {wrong}"


def test_hidden_is_exact_where_all_metrics_are_told():
    told = 0
    for seed in range(60):
        world = known_world(seed, tweets=2000, skew=False)
        gap = explore_gap(world.frame, resamples=10, redraws=0)
        if not any(gap.table.loc[gap.undetermined, "sum"]):
            told += 1
            assert gap.hidden == world.hidden, f"seed {seed}"
    assert told >= 10


def test_one_wrong_row_decides_nothing():
    world = known_world(2, tweets=500, skew=False)
    before = explore_gap(world.frame, resamples=10, redraws=0)
    frame = world.frame.copy()
    frame.loc[frame["engagements"].idxmax(), "engagements"] = 0
    after = explore_gap(frame, resamples=10, redraws=0)
    assert set(after.counted) == set(before.counted)
    assert not set(after.not_counted) & world.counted
    assert after.contradictions == 1


def test_a_metric_that_is_almost_unused_is_undetermined():
    rng = np.random.default_rng(0)
    likes = rng.poisson(5, 200)
    frame = pd.DataFrame({"favorites": likes, "hashtag_clicks": 0, "engagements": likes})
    frame.loc[7, "hashtag_clicks"] = 1
    frame.loc[7, "engagements"] += 3
    gap = explore_gap(frame)
    assert gap.counted == ["favorites"]
    assert gap.undetermined == ["hashtag_clicks"]
    assert gap.hidden == 2, "what is undetermined and documented as counted is taken as part"


def test_the_documents_decide_what_enters_the_sums_where_tweets_are_silent():
    frame = pd.DataFrame({"favorites": [1, 0], "media_views": [0, 2], "engagements": [4, 9]})
    gap = explore_gap(frame)
    assert gap.undetermined == ["favorites", "media_views"]
    assert (gap.summed, gap.hidden, gap.over_count) == (["favorites"], 12, 2)
