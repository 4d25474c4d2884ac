"""Tables beside the answer: the usual definitions of engagement, and oddities of the figures.

The definitions of other tools are data (``tools.csv``): each with the vendor's page that gives it,
the date of the page if it has one, and the day on which it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import MEDIA_VIEWS_LEFT_ENGAGEMENTS
from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.read import Counts, exact_sum, one_row_a_tweet
from engagement_nb.metrics import metric_columns
from engagement_nb.tables.once import has_ids, has_row_name
from engagement_nb.words import counted, having, listed, number, sentence

LIKES_REPOSTS_REPLIES = ("favorites", "retweets", "replies")
PUBLIC = (*LIKES_REPOSTS_REPLIES, "quote_tweets", "bookmarks")
"""Interactions that are public on a Tweet (``public_metrics`` of X's API v2)."""
TOP = 0.1
"""Share of the Tweets that are called the top."""
EXAMPLES = 5
"""Ids that a row names."""
_Found = tuple[str, np.ndarray | pd.Series, int, str]
"""An oddity, the Tweets that have it as a mask, how many were examined, and a sentence on them."""


def tools() -> pd.DataFrame:
    """Definitions of other tools, from their vendors' pages: wire names, separated by spaces."""
    with files(__package__).joinpath("tools.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def compare_definitions(counts: Counts, summed: list[str]) -> pd.DataFrame:
    """Compare the usual definitions of engagement with X's engagements.

    Parameters
    ----------
    counts
        The figures.
    summed
        The metrics that the analysis takes as part of engagements.

    Returns
    -------
    DataFrame
        One row per definition (index: its name). ``metrics`` (wire names), ``used_by`` and
        ``pages`` (tools that publish it, and where), ``read_on``; ``computable``; ``missing``
        (metrics that the figures lack, without which the next columns are missing); ``tweets``
        (that have all its metrics), ``sum``, ``difference`` (from engagements),
        ``share_of_engagements``, ``top_agreement`` (see `top_agreement`), and with impressions
        ``rate`` and ``engagement_rate``.
    """
    have = {*counts.names, *(["engagements"] if counts.judged.any() else [])}
    ids = counts.frame.get("tweet_id", pd.Series(np.arange(len(counts))))
    # Of equal Tweets the first by id, in whatever order a source has them.
    order = np.argsort(ids.astype(str).to_numpy(dtype=str), kind="stable")
    rows = {}
    for name, (members, used_by) in _definitions(counts, summed).items():
        if not members:
            continue
        missing = [metric for metric in members if metric not in have]
        rows[name] = {
            "metrics": ", ".join(members),
            "used_by": ", ".join(used_by["tool"]),
            "pages": " ".join(used_by["page"]),
            "read_on": max(used_by["read_on"], default=""),
            "computable": not missing,
            "missing": listed([label(metric) for metric in missing]),
            **({"tweets": 0} if missing else _row(counts, members, order)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "definition"
    sums = [name for name in ("sum", "difference") if name in table]
    return table.astype(dict.fromkeys(sums, "Int64"))


def _definitions(
    counts: Counts, summed: list[str]
) -> dict[str, tuple[Sequence[str], pd.DataFrame]]:
    """Metrics of each definition and the tools that use it; tools that agree share a row."""
    every = tools()
    same = every["metrics"].map(lambda names: frozenset(names.split()))
    published = {
        members: every[[each == members for each in same]] for members in dict.fromkeys(same)
    }
    nobody = every.iloc[:0]
    return {
        "likes + reposts + replies": (
            LIKES_REPOSTS_REPLIES, published.pop(frozenset(LIKES_REPOSTS_REPLIES))
        ),
        "all public metrics": (PUBLIC, nobody),
        "every column": (counts.names, nobody),
        "the included metrics": (summed, nobody),
    } | {
        " and ".join(agreed["tool"]): (agreed["metrics"].iloc[0].split(), agreed)
        for agreed in published.values()
    }  # fmt: skip


def _row(counts: Counts, members: Sequence[str], order: np.ndarray) -> dict[str, object]:
    metrics = [name for name in members if name != "engagements"]
    chosen = order[counts.complete(metrics)[order]]
    engagements = counts.engagements[chosen]
    sums = counts.sums(metrics)[chosen] if metrics else engagements
    total, whole = exact_sum(sums), exact_sum(engagements)
    row: dict[str, object] = {
        "tweets": len(sums),
        "sum": total,
        "difference": total - whole,
        "share_of_engagements": total / whole if whole else None,
        "top_agreement": top_agreement(sums, engagements),
    }
    if "impressions" in counts.frame:
        shown = counts.impressions[0][chosen]
        usable = shown > 0
        for name, part in (("rate", sums), ("engagement_rate", engagements)):
            row[name] = exact_sum(part[usable]) / exact_sum(shown) if usable.any() else None
    return row


def top_agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Share of the top Tweets by the second figure that are also at the top by the first.

    Equal figures at the border are taken in the order of the frame.
    """
    size = int(np.ceil(TOP * len(first)))
    if len(first) < 10:
        return None
    one, other = (np.argsort(-figures, kind="stable")[:size] for figures in (first, second))
    return len(np.intersect1d(one, other)) / size


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
        found += _fallen(counts.frame, earlier)
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
            f"{counted(int(which.sum()), 'Tweet')} without a URL in the text"
            f" {'has' if which.sum() == 1 else 'have'}"
            f" {number(clicks[which].sum())} URL clicks. Clicks on hashtags count as URL clicks;"
            " clicks on media or cards may too."
        )  # fmt: skip
    seen, known = counts.impressions
    both = known & judged
    which = both & (engagements > seen) & (seen > 0)
    yield "more engagements than impressions", which, int(both.sum()), (
        f"{having(int(which.sum()))} more engagements than impressions: one person can engage"
        " several times"
        f"{', and engagements include promoted ones while impressions do not' * mixes_promoted}."
    )  # fmt: skip
    which = both & (seen == 0) & (engagements > 0)
    yield "engagements without impressions", which, int(both.sum()), (
        f"{having(int(which.sum()))} engagements but no impressions."
    )  # fmt: skip
    which = compared & (counts.sums(summed) > engagements)
    yield "impossible rows", which, int(compared.sum()), (
        f"On {counted(int(which.sum()), 'Tweet')} the metrics that are part of engagements sum to"
        " more than engagements: the counters were read at different moments, or the row is"
        " incorrect."
    )  # fmt: skip
    if "media_views" in counts.names and "created_at" in frame:
        old = frame["created_at"].lt(MEDIA_VIEWS_LEFT_ENGAGEMENTS).fillna(False).to_numpy(bool)
        views = counts.sums(["media_views"])
        which = old & (views > 0) & judged
        left = engagements - counts.sums([name for name in summed if name != "media_views"])
        # The date from the documents is repeated only if these Tweets leave room for their views.
        if (left >= views)[which].all():
            yield "media views from before 2017-10-09", which, int(old.sum()), (
                f"{having(int(which.sum()), verbs=('was', 'were'))} posted before 2017-10-09, when"
                " the API still counted media views as engagements: analyze earlier and later"
                " Tweets separately."
            )  # fmt: skip


def _fallen(now: pd.DataFrame, earlier: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, *_Found]]:
    """Counters that fell on Tweets of both snapshots, each with these Tweets."""
    before, _ = one_row_a_tweet(earlier)
    if not (has_ids(before) and has_ids(now)):
        raise AnalysisError("Two snapshots need the column tweet_id to be compared.")
    before = before[~has_row_name(before["tweet_id"])]
    names = [name for name in metric_columns(before) if name in now.columns]
    pairs = now[["tweet_id", *names]].merge(before[["tweet_id", *names]], on="tweet_id")
    for name in names:
        lost = (pairs[f"{name}_y"] - pairs[f"{name}_x"]).fillna(0)
        which = lost > 0
        yield pairs, f"{label(name)} fell", which, len(pairs), (
            f"{sentence(label(name))} fell by {number(lost[which].sum())} in all on"
            f" {counted(int(which.sum()), 'Tweet')} since the earlier snapshot: people undo likes"
            " and follows, and accounts are removed."
        )  # fmt: skip
