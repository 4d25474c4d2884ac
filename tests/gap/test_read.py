"""Frames become arrays with one row per Tweet: repeats, series, pieces, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.errors import AnalysisError, EngagementError, InputError
from engagement_nb.gap.read import gathered, read_counts
from engagement_nb.tables.cells import LARGEST
from tests.gap.accounts import account, as_metrics, in_two_days


def figures(**columns) -> pd.DataFrame:
    base = {"tweet_id": ["7", "8"], "favorites": [3, 4], "engagements": [5, 9]}
    return pd.DataFrame({**base, **columns})


def refused(given) -> EngagementError:
    with pytest.raises((AnalysisError, InputError)) as caught:
        enb.explore_gap(given)
    return caught.value


REPEATED = (
    "Keep one row per Tweet; or add the column read_at so that the last one is used, or start and"
    " end if they are figures of different periods."
)


def test_one_tweet_that_occurs_twice_is_named():
    error = refused(pd.concat([figures(), figures(favorites=[3, 5])]))
    assert str(error) == (
        f"Tweet 8 occurs more than once, with different figures. {REPEATED}"
    )  # fmt: skip
    assert error.tweet_ids == ("8",)


def test_several_tweets_that_occur_twice_are_counted_and_the_first_is_named():
    error = refused(pd.concat([figures(), figures(favorites=[1, 5])]))
    assert str(error).startswith(
        "2 Tweets occur more than once, with different figures; the first is 7. Keep"
    )
    assert error.tweet_ids == ("7", "8")


def test_an_hour_that_occurs_twice_counts_once_or_is_refused():
    rows = figures(time=pd.Timestamp("2026-01-01", tz="UTC"))
    assert enb.explore_gap(pd.concat([rows, rows.head(1)])).engagements == 14
    assert str(refused(pd.concat([rows, rows.head(1).assign(favorites=9)]))) == (
        "Tweet 7 occurs more than once, with different figures for the same hour or day."
        " Keep one of the rows."
    )


FIX = "Correct it, or leave the cell empty if the figure is not known."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (figures(favorites=[1, -2]), 'the table, row 2, column "favorites": "-2" is negative.'),
        (figures(likes=[LARGEST, LARGEST + 1]).drop(columns="favorites"), 'the table, row 2, column'
         ' "likes": "100000000000000001" is above 100,000,000,000,000,000.'),
        (figures(favorites=[1.0, 2.5]).drop(columns="tweet_id"), 'the table, row 2, column'
         ' "favorites": "2.5" is not a whole number.'),
        (figures(favorites=["3", "four"]), 'the table, row 2, column "favorites": "four" is not a'
         ' whole number.'),
        (figures(favorites=[1.0, np.inf]), 'the table, row 2, column "favorites": "inf" is not a'
         ' whole number.'),
        (figures(favorites=pd.to_timedelta([1, 2], unit="D")), 'the table, row 1, column'
         ' "favorites": "24:00:00" is not a whole number.'),
        (figures(favorites=[True, False]), 'the table: the column "favorites" contains bool, not'
         " counts. Leave it out, or rename it."),
        (figures(created_at=["yesterday", "today?"]), "the table: the column created_at contains"
         " values that are not timestamps. Give times as 2026-01-31T12:00:00Z, or leave the column"
         " out."),
        (figures(Likes=[3, 5]), "the table has favorites in several columns: favorites, Likes."
         " Keep one of them."),
        (pd.concat([figures(), figures(favorites=[1, 2])[["favorites"]]], axis=1), "the table has"
         " favorites in several columns: favorites, favorites. Keep one of them."),
        ("export.csv", "Figures are needed, not a str. Read them first:"
         " enb.connect(path).totals(), or a DataFrame of your own."),
        (None, "Figures are needed, not a NoneType. Read them first: enb.connect(path).totals(), or"
         " a DataFrame of your own."),
        ([{"favorites": 1}], "Figures cannot be read from a dict. Give a path, an open file or a"
         " DataFrame."),
        (as_metrics(figures(favorites=[1, 2.5])), 'the table, row 2, column "favorites": "2.5" is'
         ' not a whole number.'),
        (as_metrics(figures(favorites=[1, -2])), 'the table, row 2, column "favorites": "-2" is'
         ' negative.'),
        (as_metrics(figures(), kind="overview"), "An overview lacks clicks and expands, so it"
         " cannot tell what is hidden. Explore it by explore_days, or export the content of the"
         " same period (account_analytics_content_...) too."),
        (as_metrics(figures(), kind="video"), "A video file has no engagements. Explore it by"
         " explore_days, or export the content of the same period (account_analytics_content_...)"
         " too."),
    ],
)  # fmt: skip
def test_what_is_not_figures_by_tweet_is_refused_with_the_reason_and_advice(given, words):
    said = str(refused(given)).replace("[us]", "[ns]")
    assert said in (words, f"{words} {FIX}")


@pytest.mark.parametrize(
    ("given", "posts"),
    [
        (figures(Impressions=[1, 2]), 2),
        (pd.DataFrame({"Post id": [1], " Likes": [2], "Engagements": [3]}), 1),
        (figures(tweet_id=[6.49e17, 6.5e17]), 2),
        (figures(tweet_id=["ann", "bob"]), 2),
    ],
)
def test_a_frame_is_read_like_a_file(given, posts):
    assert enb.explore_gap(given).posts == posts


def test_the_largest_count_and_texts_and_gaps_of_a_frame_are_read_exactly():
    given = figures(favorites=[str(LARGEST), None], engagements=pd.array([LARGEST, pd.NA], "Int64"))
    counts = enb.explore_gap(given).counts
    assert counts.values.tolist() == [[LARGEST, 0]]
    assert counts.known.tolist() == [[True, False]]


def test_figures_of_two_periods_add_up_and_are_no_snapshots():
    """The sum of two periods is that of the whole; without periods the rows are refused."""
    read_at = pd.Timestamp("2026-03-01", tz="UTC")
    halves = [
        figures(favorites=[n, 4], start=f"2026-0{n}-01", end=f"2026-0{n + 1}-01", read_at=read_at)
        for n in (1, 2)
    ]
    counts = enb.explore_gap(pd.concat(halves)).counts
    assert counts.values.tolist() == [[3, 8]]
    assert counts.engagements.tolist() == [10, 18]
    late = halves[1].assign(start="2026-01-15")
    assert "periods that overlap" in str(refused(pd.concat([halves[0], late])))
    bare = [half.drop(columns=["start", "end", "read_at"]) for half in halves]
    assert "with different figures" in str(refused(pd.concat(bare)))


def test_pieces_of_a_frame_by_day_of_an_account_are_one():
    days = pd.date_range("2026-01-01", periods=4, tz="UTC")
    rows = pd.DataFrame({"time": days, "posts": 1, "favorites": [1, 2, 3, 4], "url_clicks": 1,
                         "engagements": 9})  # fmt: skip
    assert enb.explore_gap([rows[:2], rows[2:]]).engagements == 36
    assert "Some days are in several pieces" in str(refused([rows[:2], rows[1:]]))


def test_repeats_are_dropped_and_counted_and_the_last_snapshot_is_used():
    counts = read_counts(pd.concat([figures(), figures()], ignore_index=True))
    assert (len(counts), counts.dropped) == (2, 2)
    moments = pd.to_datetime(["2026-01-02", "2026-01-02", "2026-01-01", "2026-01-01"], utc=True)
    snapshots = pd.concat([figures(), figures(favorites=[1, 1])]).assign(read_at=moments)
    counts = read_counts(snapshots)
    assert (counts.values.tolist(), counts.dropped) == ([[3, 4]], 0)
    assert counts.frame["tweet_id"].tolist() == ["7", "8"]


def test_a_series_is_summed_in_the_order_of_its_tweets_and_a_gap_makes_a_gap():
    frame = account(5).iloc[::-1].reset_index(drop=True)
    rows = in_two_days(frame)
    rows.loc[0, "favorites"] = pd.NA
    counts = read_counts(rows)
    assert counts.frame["tweet_id"].tolist() == frame["tweet_id"].tolist()
    row = counts.names.index("favorites")
    assert counts.known[row].tolist() == [False, True, True, True, True]
    assert counts.values[row].tolist()[1:] == frame["favorites"].tolist()[1:]
    assert counts.frame["created_at"].tolist() == frame["created_at"].tolist()


def test_counts_as_floats_in_a_series_are_summed_as_integers():
    large = 2.0**52
    rows = pd.concat([figures(favorites=[large, 1.0], time="a"),
                      figures(favorites=[large, 2.0], time="b")])  # fmt: skip
    assert read_counts(rows).values.tolist() == [[2**53, 3]]


def test_a_row_without_an_id_is_a_tweet_and_time_is_its_day():
    counts = read_counts(figures(time=["a", "b"]).drop(columns="tweet_id"))
    assert counts.frame.columns.tolist() == ["favorites", "engagements", "day"]
    assert counts.series is None


def test_pieces_are_kept_without_texts():
    pieces = [figures(text="secret"), figures(text="x").assign(tweet_id=["9", "10"])]
    whole, _ = gathered(iter(pieces))
    assert "text" not in whole
    assert whole["favorites"].tolist() == [3, 4, 3, 4]
    assert whole.index.tolist() == [0, 1, 2, 3]


def test_a_tweet_in_two_pieces_of_a_series_is_one_tweet():
    rows = in_two_days(account(4))
    pieces = [rows.iloc[:4], rows.iloc[4:], account(2).assign(tweet_id=["x", "y"])]
    whole = read_counts(gathered(pieces)[0]).frame
    assert whole["tweet_id"].tolist() == [*rows["tweet_id"][:4], "x", "y"]
    assert whole["favorites"].tolist()[:4] == account(4)["favorites"].tolist()


def test_a_tweet_in_two_pieces_without_times_is_refused_or_dropped_as_in_one_frame():
    assert str(refused([figures(), figures(favorites=[3, 5])])).startswith("Tweet 8 occurs more")
    assert enb.explore_gap([figures(), figures()]).posts == 2


def test_no_piece_is_an_empty_frame_with_ids():
    nothing, _ = gathered([])
    assert nothing["tweet_id"].dtype == "string"
    assert len(nothing) == 0
