"""The gap of totals: which part totals cannot return, which part is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap.totals import TotalsGap
from tests.gap.accounts import as_metrics

LIKES = np.arange(1, 41)
START = pd.Timestamp("2026-01-01", tz="UTC")


def window(**columns) -> pd.DataFrame:
    """Likes and URL clicks are counted, a quarter of the Tweets hide nine."""
    clicks = LIKES % 5
    hidden = np.where(LIKES % 4 == 0, 9, 0)
    frame = pd.DataFrame({"tweet_id": LIKES.astype(str), "created_at": START, "favorites": LIKES})
    frame["url_clicks"], frame["user_profile_clicks"] = clicks, 0
    return frame.assign(engagements=LIKES + clicks + hidden, **columns)


def totals(**columns) -> pd.DataFrame:
    frame = window()[["tweet_id", "favorites", "engagements"]]
    return frame.assign(**columns)


def split(windowed: pd.DataFrame, lifetime: pd.DataFrame, start: object = START) -> TotalsGap:
    known = as_metrics(windowed, start=start)
    return enb.explore_gap(known).against_totals(lifetime)


def test_a_gap_is_split_into_what_totals_cannot_return_and_what_is_hidden():
    found = split(window(), totals())
    clicks, hidden = int((LIKES % 5).sum()), 90
    whole = int(LIKES.sum()) + clicks + hidden
    assert found == TotalsGap(
        tweets=40, not_compared=0, not_known=0, engagements=whole, gap_in_totals=clicks + hidden,
        not_in_totals=clicks, hidden=hidden, drift=0, clicks={"url_clicks": clicks}, sandbox=False,
    )  # fmt: skip


def test_likes_that_changed_between_the_readings_are_drift():
    later = totals()
    later.loc[3, "favorites"] -= 3
    found = split(window(), later)
    assert (found.drift, found.hidden) == (3, 90)
    assert found.gap_in_totals == found.not_in_totals + found.hidden + found.drift


def test_quotes_that_only_totals_has_are_not_hidden_and_views_are_no_interaction():
    plain = split(window(), totals())
    found = split(window(), totals(quote_tweets=np.where(LIKES == 4, 5, 0), video_views=7,
                                   my_column=1))  # fmt: skip
    assert found.hidden == plain.hidden - 5
    assert found.gap_in_totals == plain.gap_in_totals - 5
    assert found.not_in_totals == plain.not_in_totals


def test_only_tweets_posted_since_the_window_began_with_equal_engagements_are_compared():
    posted = START + pd.to_timedelta(np.where(LIKES == 1, -1, 0), unit="s")
    grown = totals()
    grown.loc[39, "engagements"] += 1
    found = split(window(created_at=posted), grown)
    assert (found.tweets, found.not_compared) == (38, 2)
    assert found.engagements == window()["engagements"][1:39].sum()
    unknown = split(window(created_at=[pd.NaT] + [START] * 39), totals())
    assert (unknown.tweets, unknown.not_compared) == (39, 1)


def test_tweets_for_which_totals_lacks_a_figure_are_counted():
    lifetime = totals(favorites=pd.array([pd.NA, *LIKES[1:]], dtype="Int64"), video_views=pd.NA)
    found = split(window(), lifetime)
    assert (found.tweets, found.not_compared, found.not_known) == (39, 0, 1)
    others = split(window(), lifetime.assign(tweet_id="x" + lifetime["tweet_id"]))
    assert (others.tweets, others.not_compared, others.not_known) == (0, 0, 0)


def test_a_windowed_tweet_that_cannot_be_compared_is_left_out():
    holes = window(favorites=pd.array([pd.NA, *LIKES[1:]], dtype="Int64"))
    assert split(holes, totals()).tweets == 39


@pytest.mark.parametrize(
    ("windowed", "lifetime", "start", "words"),
    [
        (window(), totals(), None, "It is not known when the window of these figures began. Explore"
         " figures of a period that was fetched."),
        (window().drop(columns="tweet_id"), totals(), START, "Both sources need the column tweet_id"
         " to be compared."),
        (window(), totals().drop(columns="tweet_id"), START, "Both sources need the column tweet_id"
         " to be compared."),
        (window().drop(columns="created_at"), totals(), START, "It is not known when these Tweets"
         " were posted."),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_refused_with_the_reason(windowed, lifetime, start, words):
    with pytest.raises(enb.AnalysisError) as caught:
        split(windowed, lifetime, start)
    assert str(caught.value) == words


SPLIT = TotalsGap(
    tweets=9,
    not_compared=0,
    not_known=0,
    engagements=100,
    gap_in_totals=40,
    not_in_totals=30,
    hidden=10,
    drift=0,
    clicks={"url_clicks": 30},
    sandbox=False,
)
NO_GAP = replace(SPLIT, gap_in_totals=0, not_in_totals=0, hidden=0, clicks={})
MANY = {"url_clicks": 9, "user_profile_clicks": 11, "app_opens": 2, "detail_expands": 8}


@pytest.mark.parametrize(
    ("words", "true_of", "not_of"),
    [
        ("totals leave 40 of 100 engagements unexplained.", SPLIT, NO_GAP),
        ("30 of them (75.0 %) are metrics that totals cannot return (most: URL clicks)", SPLIT,
         NO_GAP),
        ("(most: profile visits, URL clicks and detail expands)", replace(SPLIT, clicks=MANY),
         SPLIT),
        ("(most:", SPLIT, replace(SPLIT, not_in_totals=0, hidden=40, clicks={})),
        ("10 match no metric of either endpoint.", SPLIT, NO_GAP),
        ("totals show no gap: its metrics explain all engagements.", NO_GAP, SPLIT),
        ("; 3 are changes between the two readings.", replace(SPLIT, drift=3), SPLIT),
        ("1 Tweet with engagements outside the window is excluded.",
         replace(SPLIT, not_compared=1), SPLIT),
        ("2 Tweets with engagements outside the window are excluded.",
         replace(SPLIT, not_compared=2), SPLIT),
        ("Totals lacks some figures for 2 Tweets.", replace(SPLIT, not_known=2), SPLIT),
        ("No Tweet's whole life lies in the window", replace(NO_GAP, tweets=0), NO_GAP),
    ],
)  # fmt: skip
def test_a_sentence_on_totals_is_said_only_if_it_is_true(words, true_of, not_of):
    assert words in true_of.sentence
    assert words not in not_of.sentence


def test_all_sentences_together_are_one_paragraph():
    told = replace(SPLIT, drift=-3, not_compared=1, not_known=1)
    assert repr(told) == told.sentence == (
        "On 9 Tweets with their whole life in the window, totals leave 40 of 100 engagements"
        " unexplained. 30 of them (75.0 %) are metrics that totals cannot return (most: URL"
        " clicks); 10 match no metric of either endpoint; −3 are changes between the two readings."
        " 1 Tweet with engagements outside the window is excluded. Totals lacks some figures for 1"
        " Tweet."
    )  # fmt: skip


@pytest.mark.parametrize("drift", [0, 5])
def test_the_chart_of_the_split_has_its_parts_and_its_sentence(drift):
    chart = replace(SPLIT, drift=drift).plot()
    assert chart.alt == replace(SPLIT, drift=drift).sentence
    for words in ("metrics that", "totals lack", ">60<", ">+30<", ">+10<", ">100<"):
        assert words in chart.svg()
    assert (">+5<" in chart.svg()) == ("between the" in chart.svg()) == (drift > 0)
    assert replace(SPLIT, sandbox=True).plot().alt.startswith("SANDBOX DATA. On 9")
