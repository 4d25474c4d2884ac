"""Which set is taken where the largest allowed one would be wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engagement_nb.gap import explore_gap

RATES = {"favorites": 0.02, "retweets": 0.004, "replies": 0.003, "url_clicks": 0.01,
         "detail_expands": 0.03, "user_follows": 0.001, "user_profile_clicks": 0.01,
         "media_views": 0.2, "bookmarks": 0.01}  # fmt: skip
DOCUMENTED = set(RATES) - {"media_views", "bookmarks"}


def account(seed, tweets, *, hidden=0.1, counted=DOCUMENTED, late=0.0, wrong=0):
    """A frame, and its hidden share: some Tweets hide nothing, reach is heavy-tailed."""
    rng = np.random.default_rng(seed)
    reach = 400 * np.exp(rng.normal(0, 1.6, tweets))
    luck = np.exp(rng.normal(-0.3, 0.8, (len(RATES), tweets)))
    values = rng.poisson(reach * np.array([*RATES.values()])[:, None] * luck)
    frame = pd.DataFrame(values.T, columns=[*RATES])
    inside = frame[sorted(counted)].sum(axis=1).to_numpy()
    engagements = inside + rng.poisson(inside * hidden) * (rng.random(tweets) < 0.6)
    behind = rng.poisson(0.01 * engagements + 0.3) * (rng.random(tweets) < late)
    engagements = np.maximum(engagements - behind, 0)
    engagements[rng.choice(tweets, wrong, replace=False)] //= 3
    frame["engagements"] = engagements
    frame.insert(0, "tweet_id", [str(k) for k in range(tweets)])
    return frame, (engagements.sum() - inside.sum()) / engagements.sum()


def explored(frame):
    return explore_gap(frame, resamples=50, redraws=20)


@pytest.mark.parametrize("wrong", [2, 3, 6])
@pytest.mark.parametrize("counted", [DOCUMENTED, DOCUMENTED - {"detail_expands"} | {"bookmarks"}])
def test_a_few_wrong_rows_do_not_outweigh_hundreds_of_exact_fits(wrong, counted):
    """Whether the documents are right or not."""
    for seed in range(5):
        frame, share = account(seed, 800, wrong=wrong, counted=counted)
        gap = explored(frame)
        assert set(gap.counted) == set(counted)
        assert gap.hidden_share == pytest.approx(share)
        assert gap.contradictions >= wrong - 1
        assert all(gap.stability[name] > 0.95 for name in counted)


@pytest.mark.parametrize("late", [0.1, 0.3])
def test_counters_often_read_apart_cost_no_metric(late):
    for seed in range(5):
        frame, share = account(seed, 800, late=late)
        gap = explored(frame)
        assert set(gap.counted) >= DOCUMENTED - {"user_follows"}
        assert gap.hidden_share == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize("tweets", [1, 2, 3, 5, 20])
def test_few_tweets_are_explained_as_documented(tweets, hidden):
    """Many sets fit a few Tweets; what the vendor says is then the better guess."""
    for seed in range(10):
        frame, share = account(seed, tweets, hidden=hidden)
        gap = explored(frame)
        assert gap.hidden_share == pytest.approx(share)
        assert not set(gap.not_counted) & DOCUMENTED


def test_few_tweets_that_the_documents_do_not_fit_are_explained_by_the_largest_set():
    frame = pd.DataFrame({"favorites": [5], "url_clicks": [9], "engagements": [10]})
    gap = explored(frame)
    assert gap.hidden == 1
    assert gap.undetermined == ["favorites", "url_clicks"]


def test_documents_are_no_evidence():
    """What is taken from them stays undetermined while no Tweet needs it."""
    frame = pd.DataFrame({"favorites": [3, 4], "replies": [1, 2], "engagements": [90, 90]})
    gap = explored(frame)
    assert gap.counted == []
    assert gap.summed == ["favorites", "replies"]
