"""What a report says claims no more than the figures show."""

from __future__ import annotations

import pandas as pd

import engagement_nb as enb
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
