"""What does not add up in the figures themselves, whatever the counted set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.read import Counts, checked, one_row_a_tweet
from engagement_nb.metrics import metric_columns
from engagement_nb.vocabulary import MEDIA_VIEWS_LEFT_ENGAGEMENTS, label
from engagement_nb.words import counted, number, sentence

COLUMNS = ["oddity", "tweets", "of", "reading", "examples"]
EXAMPLES = 5


def find_oddities(
    counts: Counts, summed: list[str], earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row an oddity that there is; see `engagement_nb.gap.shown.Gap.oddities`."""
    rows = [
        found
        for look in (_without_url, _more_than_seen, _unseen, _too_large, _before_2017)
        if (found := look(counts, summed))
    ]
    if earlier is not None:
        rows += fallen(counts, earlier)
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    counts: Counts, oddity: str, which: np.ndarray, of: int, reading: Callable[[int], str]
) -> dict[str, object]:
    places = np.flatnonzero(which)
    if not len(places):
        return {}
    ids = counts.frame["tweet_id"] if "tweet_id" in counts.frame.columns else None
    examples = [] if ids is None else [str(ids.iloc[place]) for place in places[:EXAMPLES]]
    return {
        "oddity": oddity,
        "tweets": len(places),
        "of": of,
        "reading": reading(len(places)),
        "examples": ", ".join(examples),
    }


def _without_url(counts: Counts, _: list[str]) -> dict[str, object]:
    if "url_clicks" not in counts.names or "has_url" not in counts.frame.columns:
        return {}
    told = counts.frame["has_url"].astype("boolean")
    no_url = (~told).fillna(False).to_numpy(dtype=bool)
    clicks = counts.values[counts.names.index("url_clicks")]
    which = no_url & (clicks > 0)
    total = number(int(clicks[which].sum()))
    return _row(counts, "URL clicks without a URL", which, int(no_url.sum()), lambda n: (
        f"{counted(n, 'Tweet')} without a URL in the text {'has' if n == 1 else 'have'} {total}"
        " URL clicks. Clicks on hashtags count as URL clicks; clicks on media or cards may too."
    ))  # fmt: skip


def _more_than_seen(counts: Counts, _: list[str]) -> dict[str, object]:
    seen, known = counts.impressions
    both = known & counts.judged
    which = both & (counts.engagements > seen) & (seen > 0)
    return _row(counts, "more engagements than impressions", which, int(both.sum()), lambda n: (
        f"{counted(n, 'Tweet')} {'has' if n == 1 else 'have'} more engagements than impressions:"
        " one person can engage several times, and engagements include promoted ones while"
        " impressions do not."
    ))  # fmt: skip


def _unseen(counts: Counts, _: list[str]) -> dict[str, object]:
    seen, known = counts.impressions
    both = known & counts.judged
    which = both & (seen == 0) & (counts.engagements > 0)
    return _row(counts, "engagements without impressions", which, int(both.sum()), lambda n: (
        f"{counted(n, 'Tweet')} {'has' if n == 1 else 'have'} engagements but no impressions."
    ))  # fmt: skip


def _too_large(counts: Counts, summed: list[str]) -> dict[str, object]:
    which = counts.judged & (counts.sums(summed) > counts.engagements)
    return _row(counts, "impossible rows", which, int(counts.judged.sum()), lambda n: (
        f"On {counted(n, 'Tweet')} the metrics that are part of engagements sum to more than"
        " engagements: the counters were read at different moments, or the row is incorrect."
    ))  # fmt: skip


def _before_2017(counts: Counts, summed: list[str]) -> dict[str, object]:
    if "media_views" not in counts.names or "created_at" not in counts.frame.columns:
        return {}
    old = counts.frame["created_at"] < pd.Timestamp(MEDIA_VIEWS_LEFT_ENGAGEMENTS)
    views = counts.values[counts.names.index("media_views")]
    which = old.fillna(False).to_numpy(dtype=bool) & (views > 0) & counts.judged
    # The documents' date is repeated only where these Tweets leave room for their views.
    others = [name for name in summed if name != "media_views"]
    if ((counts.engagements - counts.sums(others))[which] < views[which]).any():
        return {}
    return _row(counts, "media views from before 2017-10-09", which, int(old.sum()), lambda n: (
        f"{counted(n, 'Tweet')} {'was' if n == 1 else 'were'} posted before 2017-10-09, when the"
        " API still counted media views as engagements: analyze earlier and later Tweets"
        " separately."
    ))  # fmt: skip


def fallen(counts: Counts, earlier: pd.DataFrame) -> list[dict[str, object]]:
    """Counters that are lower than in an earlier snapshot of the same Tweets, one row a metric."""
    before, _ = one_row_a_tweet(checked(earlier))
    now = counts.frame
    if "tweet_id" not in before.columns or "tweet_id" not in now.columns:
        raise AnalysisError("Two snapshots need the column tweet_id to be compared.")
    shared = [name for name in metric_columns(before) if name in now.columns]
    pairs = now[["tweet_id", *shared]].merge(
        before[["tweet_id", *shared]], on="tweet_id", suffixes=("", " before")
    )
    rows = []
    for name in shared:
        lost = (pairs[f"{name} before"] - pairs[name]).fillna(0)
        fell = lost > 0
        if not fell.any():
            continue
        rows.append(
            {
                "oddity": f"{label(name)} fell",
                "tweets": int(fell.sum()),
                "of": len(pairs),
                "reading": f"{sentence(label(name))} fell by {number(int(lost[fell].sum()))} in"
                f" all on {counted(int(fell.sum()), 'Tweet')} since the earlier snapshot: people"
                " undo likes and follows, and accounts are removed.",
                "examples": ", ".join(pairs.loc[fell, "tweet_id"].head(EXAMPLES).astype(str)),
            }
        )
    return rows
