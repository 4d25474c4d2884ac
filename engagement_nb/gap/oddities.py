"""Oddities of the figures themselves, whichever metrics are counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import MEDIA_VIEWS_LEFT_ENGAGEMENTS
from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.read import Counts, one_row_a_tweet
from engagement_nb.metrics import metric_columns
from engagement_nb.tables.once import has_ids, has_row_name
from engagement_nb.words import counted, number, sentence

EXAMPLES = 5
"""Ids that a row names."""
_Found = tuple[str, np.ndarray | pd.Series, int, str]
"""An oddity, the Tweets that have it as a mask, how many were examined, and a sentence on them."""


def find_oddities(
    counts: Counts,
    summed: list[str],
    compared: np.ndarray,
    earlier: pd.DataFrame | None = None,
    *,
    mixes_promoted: bool = False,
) -> pd.DataFrame:
    """One row per oddity that occurs; see `engagement_nb.Gap.oddities`."""
    oddities = _in_one_snapshot(counts, summed, compared, mixes_promoted)
    found = [(counts.frame, *oddity) for oddity in oddities]
    if earlier is not None:
        pairs = _paired(counts.frame, earlier)
        found += [(pairs, *oddity) for oddity in _fallen(pairs)]
    rows = [
        [oddity, int(which.sum()), of, reading, ", ".join(_ids(frame)[which].head(EXAMPLES))]
        for frame, oddity, which, of, reading in found
        if which.any()
    ]
    return pd.DataFrame(rows, columns=["oddity", "tweets", "of", "reading", "examples"])


def _ids(frame: pd.DataFrame) -> pd.Series:
    return frame.get("tweet_id", pd.Series("", index=frame.index)).astype("string")


def _in_one_snapshot(
    counts: Counts, summed: list[str], compared: np.ndarray, mixes_promoted: bool
) -> Iterator[_Found]:
    frame, judged, engagements = counts.frame, counts.judged, counts.engagements
    if "url_clicks" in counts.names and "has_url" in frame:
        no_url = frame["has_url"].astype("boolean").eq(False).fillna(False).to_numpy(dtype=bool)
        clicks = counts.sums(["url_clicks"])
        which = no_url & (clicks > 0)
        yield "URL clicks without a URL", which, int(no_url.sum()), (
            f"{_tweets(which)} without a URL in the text {_verb(which)}"
            f" {number(clicks[which].sum())} URL clicks. Clicks on hashtags count as URL clicks;"
            " clicks on media or cards may too."
        )  # fmt: skip
    seen, known = counts.impressions
    both = known & judged
    which = both & (engagements > seen) & (seen > 0)
    yield "more engagements than impressions", which, int(both.sum()), (
        f"{_tweets(which)} {_verb(which)} more engagements than impressions: one person can engage"
        " several times"
        f"{', and engagements include promoted ones while impressions do not' * mixes_promoted}."
    )  # fmt: skip
    which = both & (seen == 0) & (engagements > 0)
    yield "engagements without impressions", which, int(both.sum()), (
        f"{_tweets(which)} {_verb(which)} engagements but no impressions."
    )  # fmt: skip
    which = compared & (counts.sums(summed) > engagements)
    yield "impossible rows", which, int(compared.sum()), (
        f"On {_tweets(which)} the metrics that are part of engagements sum to more than"
        " engagements: the counters were read at different moments, or the row is incorrect."
    )  # fmt: skip
    if "media_views" in counts.names and "created_at" in frame:
        old = frame["created_at"].lt(MEDIA_VIEWS_LEFT_ENGAGEMENTS).fillna(False).to_numpy(bool)
        views = counts.sums(["media_views"])
        which = old & (views > 0) & judged
        left = engagements - counts.sums([name for name in summed if name != "media_views"])
        # The date from the documents is repeated only if these Tweets leave room for their views.
        if (left >= views)[which].all():
            yield "media views from before 2017-10-09", which, int(old.sum()), (
                f"{_tweets(which)} {_verb(which, 'was', 'were')} posted before 2017-10-09, when"
                " the API still counted media views as engagements: analyze earlier and later"
                " Tweets separately."
            )  # fmt: skip


def _paired(now: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Tweets of both snapshots, with their later counts and by how much each fell."""
    before, _ = one_row_a_tweet(earlier)
    if not (has_ids(before) and has_ids(now)):
        raise AnalysisError("Two snapshots need the column tweet_id to be compared.")
    before = before[~has_row_name(before["tweet_id"])]
    names = [name for name in metric_columns(before) if name in now.columns]
    pairs = now[["tweet_id", *names]].merge(before[["tweet_id", *names]], on="tweet_id")
    lost = {name: (pairs[f"{name}_y"] - pairs[f"{name}_x"]).fillna(0) for name in names}
    return pairs[["tweet_id"]].assign(**lost)


def _fallen(pairs: pd.DataFrame) -> Iterator[_Found]:
    for name in pairs.columns.drop("tweet_id"):
        which = pairs[name] > 0
        yield f"{label(name)} fell", which, len(pairs), (
            f"{sentence(label(name))} fell by {number(pairs.loc[which, name].sum())} in all on"
            f" {_tweets(which)} since the earlier snapshot: people undo likes and follows, and"
            " accounts are removed."
        )  # fmt: skip


def _tweets(which: np.ndarray | pd.Series) -> str:
    return counted(int(which.sum()), "Tweet")


def _verb(which: np.ndarray | pd.Series, one: str = "has", many: str = "have") -> str:
    return one if which.sum() == 1 else many
