"""Which metrics are part of engagements: verdicts on worlds whose truth is known."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from engagement_nb.gap import Gap, explore_gap, identify
from engagement_nb.gap.identify import Tweets, convincing, score
from engagement_nb.gap.read import exact_sum, read_counts
from studies.gap_worlds import KINDS, World, covered, mistakes, shuffled, world
from tests.gap.accounts import COUNTED, account

NAMES = ["favorites", "retweets", "replies", "url_clicks", "media_views", "bookmarks", "shares"]


def frame_of(engagements, **columns) -> pd.DataFrame:
    return pd.DataFrame({"engagements": engagements, **columns}).astype("Int64")


known_worlds = pytest.mark.xdist_group("known worlds")


@cache
def explored(kind: str, seed: int) -> tuple[World, Gap]:
    """A world and its gap, which several tests look at."""
    made = world(kind, seed)
    return made, explore_gap(made.frame)


@known_worlds
@pytest.mark.parametrize("kind", KINDS)
def test_hardly_any_verdict_on_a_known_world_is_wrong(kind):
    """The full study has more of them: `docs/method.md`."""
    worlds = [explored(kind, seed) for seed in range(25)]
    wrong = [mistakes(gap, made.truth) for made, gap in worlds]
    assert sum(map(bool, wrong)) <= (1 if kind in ("de-duplicated", "partial") else 0)


@known_worlds
def test_most_verdicts_on_plain_worlds_are_given():
    worlds = [explored("plain", seed) for seed in range(40)]
    told = sum(len(gap.counted) + len(gap.not_counted) for _, gap in worlds)
    assert told >= 0.7 * sum(len(made.truth) for made, _ in worlds)


@known_worlds
def test_bounds_hold_the_hidden_engagement_of_the_very_tweets():
    for kind in ("plain", "tiny", "collinear", "wrong rows"):
        for seed in range(15):
            made, gap = explored(kind, seed)
            assert gap.share.least <= made.hidden <= gap.share.most, (kind, seed)


@known_worlds
def test_hidden_is_exact_where_every_metric_is_told():
    told = 0
    for seed in range(40):
        made, gap = explored("plain", seed)
        if not gap.table.loc[gap.undetermined, "sum"].any():
            told += 1
            assert gap.hidden == made.hidden, seed
    assert told >= 5


def test_groups_dealt_at_random_hardly_ever_differ():
    assert shuffled(20, 100) <= 0.1


def test_the_interval_of_the_study_covers():
    assert covered("lognormal 1.5", 0.03, "beta", 100, 100, 1) >= 0.93


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(7)), st.permutations(NAMES))
def test_neither_names_nor_order_change_a_verdict(seed, order, names):
    """Columns are few, small and often equal, so that ties are common."""
    rng = np.random.default_rng(seed)
    values = rng.poisson(rng.choice([0.1, 1, 5], 7)[:, None], (7, 40))
    values[rng.integers(7)] = values[rng.integers(7)]
    engagements = values[: rng.integers(1, 7)].sum(axis=0) + rng.poisson(1, 40) * rng.integers(2)
    first = explore_gap(frame_of(engagements, **dict(zip(NAMES, values, strict=True))))
    mixed = {names[j]: values[j] for j in order}
    rows = rng.permutation(40)
    second = explore_gap(frame_of(engagements, **mixed).iloc[rows])
    for old, new in zip(NAMES, names, strict=True):
        assert first.table.at[old, "verdict"] == second.table.at[new, "verdict"]
    assert (first.share.least, first.share.most) == (second.share.least, second.share.most)


def best_of_all(tweets: Tweets) -> float:
    sets = (c for size in range(len(tweets.used) + 1) for c in combinations(tweets.used, size))
    return max(score(tweets.set_of(members).left) for members in sets)


@settings(max_examples=30, deadline=None)
@given(arrays(np.int64, (6, 25), elements=st.integers(0, 9)), st.integers(0, 63), st.integers(0, 3))
def test_the_search_finds_the_best_of_all_sets_where_one_fits(values, bits, hiding):
    members = [j for j in range(6) if bits >> j & 1]
    engagements = values[members].sum(axis=0)
    engagements[: hiding * 3] += 7
    named = dict(zip(NAMES, values, strict=False))
    tweets = Tweets.of(read_counts(frame_of(engagements, **named)))
    assert score(tweets.best().left) >= 0.9 * best_of_all(tweets)


def test_a_verdict_needs_a_sign_test_a_majority_and_three_tweets():
    assert stats.binomtest(9, 9, 0.5, "greater").pvalue < identify.CHANCE
    assert convincing(9, 0, 0.5)
    assert not convincing(8, 0, 0.5)
    assert convincing(30, 10, 0.3)
    assert not convincing(29, 10, 0.3)
    assert convincing(3, 0, 0.01)
    assert not convincing(2, 0, 0.01)


def test_equal_columns_stand_in_for_each_other_and_documents_break_the_tie():
    rng = np.random.default_rng(1)
    likes, media = rng.poisson(5, 200), rng.poisson(3, 200)
    gap = explore_gap(
        frame_of(likes + media, favorites=likes, media_views=media, media_engagements=media)
    )
    assert gap.counted == ["favorites"]
    assert gap.undetermined == ["media_views", "media_engagements"]
    assert "media_engagements" in gap.summed
    assert gap.hidden == 0
    assert (gap.share.least, gap.share.most) == (0, media.sum())


def test_a_metric_that_is_zero_throughout_is_no_evidence():
    """Zeros can mean that a column is not filled."""
    likes = np.arange(40)
    gap = explore_gap(frame_of(likes, favorites=likes, hashtag_clicks=likes * 0))
    assert gap.undetermined == ["hashtag_clicks"]
    assert gap.table.at["hashtag_clicks", "why"] == "zero on every Tweet, so it may not be measured"


def test_one_wrong_row_decides_nothing():
    made = next(w for w in (world("plain", seed) for seed in range(99)) if len(w.frame) > 500)
    before = explore_gap(made.frame)
    frame = made.frame.copy()
    frame.loc[frame["engagements"].idxmax(), "engagements"] = 0
    after = explore_gap(frame)
    assert set(after.counted) == set(before.counted)
    assert after.contradictions == 1
    assert after.excess > 0
    assert (after.tweets["hidden"] >= 0).all()


def partly(share: float, hides: bool) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    likes, opens = rng.poisson(20, 400), rng.poisson(40, 400)
    hidden = rng.poisson(60, 400) if hides else 0
    return frame_of(likes + np.floor(share * opens) + hidden, favorites=likes, app_opens=opens)


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_metric_that_is_counted_in_part_is_never_counted_and_its_weight_is_read(share):
    frame = partly(share, hides=False)
    frame.loc[:60, "engagements"] = frame.loc[:60, "favorites"]
    frame.loc[:60, "app_opens"] = 0
    gap = explore_gap(frame)
    assert "app_opens" not in gap.counted
    if gap.table.at["app_opens", "verdict"] == "not counted in full":
        assert gap.table.at["app_opens", "weight"] == pytest.approx(share, abs=0.05)


def views(tweets: int, starved: int) -> pd.DataFrame:
    """Likes fit exactly where there are no views; with views, so many Tweets leave none."""
    likes = np.arange(1, tweets + 1)
    shown = np.zeros(tweets, dtype=int)
    shown[:starved] = 8
    return frame_of(likes, favorites=likes, media_views=shown)


def test_three_contradictions_are_enough_where_counters_were_read_together_and_two_are_not():
    assert explore_gap(views(60, 3)).not_counted == ["media_views"]
    assert explore_gap(views(60, 2)).undetermined == ["media_views"]


def test_counters_are_read_together_from_twenty_exact_fits_on():
    assert explore_gap(views(20, 3)).not_counted == ["media_views"]
    assert explore_gap(views(19, 3)).undetermined == ["media_views"]


def borderline(against: int, supporting: int) -> Gap:
    """Media views that some Tweets leave no room for, and that others would fit exactly with."""
    likes = np.arange(1, 401)
    shown = np.where(likes <= against + supporting, 8, 0)
    engagements = likes + np.where(likes <= supporting, 8, 0)
    return explore_gap(frame_of(engagements, favorites=likes, media_views=shown))


def test_a_borderline_metric_is_not_counted_in_full_if_twice_as_many_tweets_are_against_it():
    """Of 103 Tweets 77 contradict it and 26 would fit: counters read together prove it."""
    gap = borderline(77, 26)
    assert gap.together
    assert gap.not_counted == ["media_views"]
    assert "Media views (824) look like" in gap.sentence
    assert borderline(45, 26).undetermined == ["media_views"], "less than twice as many"
    assert borderline(9, 4).undetermined == ["media_views"], "more than twice, but by chance"


def starved(tweets: int) -> list[str]:
    """2,600 Tweets have media views; so many leave no room for them, the others leave much."""
    frame = views(3000, 2600)
    frame.loc[tweets:2599, "engagements"] += 20
    return explore_gap(frame).not_counted


def test_contradictions_beyond_the_tolerance_of_one_in_five_hundred_count():
    """0.002 x 2,600 is 5.2: five Tweets may have wrong rows, six may not."""
    assert starved(6) == ["media_views"]
    assert starved(5) == []


def exceeded(tweets: int) -> list[str]:
    """1,000 Tweets, of which so many have wrong engagements, and three contradict media views."""
    frame = views(1000, 3)
    frame.loc[1000 - tweets :, "engagements"] -= 1
    return explore_gap(frame).not_counted


def test_counters_were_read_together_if_at_most_one_in_five_hundred_tweets_is_exceeded():
    assert exceeded(2) == ["media_views"]
    assert exceeded(3) == []


def test_tweets_without_any_count_are_no_evidence_that_counters_were_read_together():
    empty = pd.DataFrame(0, index=range(600), columns=["engagements", "favorites", "media_views"])
    frame = views(1000, 3)
    frame.loc[997:, "engagements"] -= 1
    assert explore_gap(pd.concat([frame, empty], ignore_index=True)).not_counted == []


def test_the_search_looks_at_tweets_of_all_sizes_and_verdicts_at_all_tweets():
    """50,000 Tweets are thinned to every third by size; the three with media views decide."""
    likes = np.random.default_rng(4).permutation(np.arange(1, 50_001))
    shown = np.where(likes > 49_997, 9, 0)
    frame = frame_of(likes, favorites=likes, media_views=shown)
    few = Tweets.of(read_counts(frame)).thinned()
    assert sorted(few.engagements) == [*range(1, 50_001, 3)]
    gap = explore_gap(frame)
    assert gap.counted == ["favorites"]
    assert gap.not_counted == ["media_views"]


def weighed(opens: np.ndarray, hidden: np.ndarray) -> float | None:
    """The weight of app opens, of which two fifths are counted; forty Tweets have likes only."""
    likes = np.arange(1, len(opens) + 41)
    opens = np.append(np.zeros(40, dtype=int), opens)
    hidden = np.append(np.zeros(40, dtype=int), hidden)
    gap = explore_gap(frame_of(likes + opens * 2 // 5 + hidden, favorites=likes, app_opens=opens))
    assert "app_opens" in gap.not_counted
    weight = gap.table.at["app_opens", "weight"]
    return None if pd.isna(weight) else weight


def test_a_weight_is_read_from_twenty_tweets_with_five_or_more_where_few_hide():
    starving = np.full(20, 1)  # two fifths of one are none: these decide that it is not counted
    opens = np.append(starving, np.full(20, 5))
    none = np.zeros(40, dtype=int)
    assert weighed(opens, none) == 0.4
    assert weighed(opens[:-1], none[:-1]) is None
    assert weighed(opens, np.append(starving * 0, np.arange(20))) is None


def test_counters_that_were_not_read_together_need_evidence_beyond_chance():
    """0.5^9 is below 0.003, 0.5^8 is not."""
    assert explore_gap(views(19, 9)).not_counted == ["media_views"]
    assert explore_gap(views(19, 8)).not_counted == []


def test_three_tweets_outweigh_one_that_supports_a_metric():
    def outweighed(supporting: int) -> list[str]:
        frame = views(60, 9 + supporting)
        frame.loc[9 : 8 + supporting, "engagements"] += 8
        return explore_gap(frame).not_counted

    assert outweighed(3) == ["media_views"]
    assert outweighed(4) == []


def test_the_score_is_fits_less_three_for_each_tweet_that_is_exceeded():
    assert score(np.array([0, 0, 0, 0, 9, -1])) == 1


def test_wrong_rows_within_the_tolerance_are_forgiven():
    frame = views(3000, 2600)
    assert explore_gap(frame).not_counted == ["media_views"]
    frame = views(3000, 3)
    frame.loc[3:, "media_views"] = frame.loc[3:, "engagements"]
    frame.loc[3:, "engagements"] *= 2
    assert explore_gap(frame).not_counted == []


def test_a_quarter_left_is_hardly_any_and_more_is_not():
    def left(share: int) -> list[str]:
        frame = views(60, 9)
        frame.loc[:8, "media_views"] = 100
        frame.loc[:8, "engagements"] += share
        return explore_gap(frame).not_counted

    assert left(24) == ["media_views"]
    assert left(25) == []


def test_huge_sums_are_exact():
    assert exact_sum(np.full(200, 10**17, dtype=np.int64)) == 200 * 10**17
    assert exact_sum(np.full(200, -(10**17) + 1, dtype=np.int64)) == 200 * (-(10**17) + 1)
    assert exact_sum(np.array([], dtype=np.int64)) == 0


def test_figures_that_contradict_nearly_every_set_give_no_verdict_that_a_metric_counts():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 100, (300, 7)), columns=NAMES)
    frame["engagements"] = rng.integers(200, 700, 300)
    assert not explore_gap(frame).counted


def test_a_longer_history_settles_what_a_few_tweets_leave_undetermined():
    """Verdicts of the Tweets themselves stay, and so do all sums."""
    whole = account(400)
    few = whole.head(12)
    alone, settled = explore_gap(few), explore_gap(few, history=whole)
    assert alone.undetermined == ["hashtag_clicks", "user_profile_clicks", "bookmarks", "shares"]
    assert settled.counted == COUNTED
    assert settled.not_counted == ["bookmarks", "shares"]
    assert settled.table.loc["favorites"].equals(alone.table.loc["favorites"])
    assert (settled.posts, settled.engagements) == (alone.posts, alone.engagements)
    assert (settled.hidden, settled.share.most) == (
        int((few["engagements"] - few[COUNTED].sum(axis=1)).sum()), settled.hidden,
    )  # fmt: skip
    said = "Profile visits, bookmarks and shares were settled on 400 Tweets of a longer history."
    assert said in settled.sentence
    assert said in settled.to_dict()["page"]["finding"][2]
    assert "history" not in alone.sentence


def test_a_history_that_these_tweets_contradict_settles_nothing():
    whole = account(400)
    few = whole.head(12).assign(user_profile_clicks=10_000)
    assert "user_profile_clicks" not in explore_gap(few, history=whole).counted
    other = whole[["tweet_id", "engagements", "favorites"]]
    alone = explore_gap(whole.head(12))
    assert explore_gap(whole.head(12), history=other).to_dict() == alone.to_dict()
