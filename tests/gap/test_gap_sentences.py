"""What a report says claims no more than the figures show."""

from __future__ import annotations

import pandas as pd

import engagement_nb as enb
from engagement_nb.charts import alt_text
from engagement_nb.gap.sentences import where


def gap_of(frame: pd.DataFrame) -> enb.Gap:
    return enb.explore_gap(frame, resamples=50)


def tweets() -> pd.DataFrame:
    """Likes fit exactly on 39 of 40 Tweets; one Tweet has app opens, and ten hidden beside."""
    likes = pd.Series(range(1, 41))
    opens = pd.Series([50] + [0] * 39)
    return pd.DataFrame(
        {
            "tweet_id": [str(10**18 + n) for n in range(40)],
            "engagements": likes + opens + 10 * (opens > 0),
            "favorites": likes,
            "app_opens": opens,
        }
    )


def test_the_answer_owns_up_to_what_undetermined_metrics_explain():
    """Metrics that the Tweets cannot tell of are not counted, and are named as helping."""
    gap = gap_of(tweets())
    assert gap.undetermined == ["app_opens"]
    assert "One metric is part of it; with one that these Tweets leave undetermined" in gap.sentence
    assert "whether app opens are part of engagements" in gap.reading("meaning")


def test_the_answer_does_not_mention_undetermined_metrics_that_change_nothing():
    """A metric that no Tweet has explains nothing."""
    frame = tweets()
    frame["engagements"] -= frame.pop("app_opens").where(lambda opens: opens == 0, 60)
    gap = gap_of(frame.assign(app_opens=0))
    assert "undetermined" not in gap.sentence


def test_groups_by_content_are_compared_with_their_own_opposite():
    """Tweets with a URL and Tweets without media overlap: that is no comparison."""
    rows = {"with URL": (0.5, 0.4, 0.6), "no URL": (0.2, 0.1, 0.3), "no media": (0.1, 0.0, 0.15)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["hidden_share", "low", "high"])
    table.index.name = "content"
    assert "20.0 % (no URL) against 50.0 % (with URL)" in where(table, "by content")


def test_many_tweets_that_lack_a_metric_are_named_in_the_answer():
    """Files of two kinds together: those without the column are not in the figures."""
    whole = tweets()
    lacking = whole.assign(tweet_id=[str(2 * 10**18 + n) for n in range(40)], favorites=pd.NA)
    gap = gap_of(pd.concat([whole, lacking], ignore_index=True))
    assert gap.posts == 40
    assert "Another 40 Tweets are left out: likes are not known of them." in gap.sentence


def test_what_is_only_not_taken_as_part_is_not_said_to_be_no_part():
    """Three bookmarks on one Tweet tell nothing; they stand outside, and are said to be open."""
    frame = tweets().drop(columns="app_opens").query("engagements < 50")
    gap = gap_of(frame.assign(bookmarks=[3] + [0] * (len(frame) - 1)))
    assert (gap.undetermined, gap.doubtful_outside) == (["bookmarks"], 3)
    assert "3 that are not taken as part of them" in gap.reading("columns")
    assert "not taken as part of engagements" in alt_text(gap.plot_bridge())
    assert "hidden would be up to 3 less" in gap.reading("evidence")


def test_the_rule_that_is_told_is_the_one_that_was_used():
    """Strict where counters were read together, tolerant where a Tweet shows that they were not."""
    frame = tweets().drop(columns="app_opens").query("engagements < 50")
    assert "a metric is left out when one Tweet contradicts it" in gap_of(frame).reading(
        "confidence"
    )
    frame.loc[frame.index[5], "engagements"] -= 1
    assert "by more than 2 % on more than 0.2 %" in gap_of(frame).reading("confidence")


def test_no_interval_is_given_of_a_set_that_is_not_known():
    gap = gap_of(pd.DataFrame({"favorites": [1, 2, 3], "engagements": [70, 80, 190]}))
    assert "interval" not in gap.sentence
    assert "no interval of the share is of use" in gap.reading("confidence")
