"""The gap between engagements and the sum of the metrics: pure functions on frames.

Per Tweet, with ``E`` its engagements and ``S`` the *counted set*, the metrics that are part of
them: *hidden* is ``E`` less the sum of ``S``, interactions that have no metric; *over-count* is
the sum of all other metrics, which look like engagement and are not; the *naive gap*, ``E``
less every column, is hidden less over-count, and says nothing about either.

The modules, in the order in which figures pass through them:

- `read`: frames become arrays, one row a Tweet; wrong input is refused in a sentence;
- `identify`: the best set of metrics, a verdict on each, and the evidence for it;
- `interval`: the confidence interval of a share;
- `result`, `groups`, `definitions`, `oddities`, `asked`: figures and tables that follow;
- `sentences`, `shown`: the same in words and as a notebook displays it.

`docs/method.md` describes the method and reports how it was tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.identify import TOLERANCE, Verdict, judge, speaking, take_as_part
from engagement_nb.gap.read import gathered, read_counts
from engagement_nb.gap.shown import Gap
from engagement_nb.metrics import About, Metrics

__all__ = ["Gap", "Verdict", "explore_gap"]


def explore_gap(
    metrics: Metrics | pd.DataFrame | Iterable[pd.DataFrame],
    *,
    about: About | None = None,
    tolerance: float = TOLERANCE,
    level: float = 0.95,
) -> Gap:
    """Find which metrics are part of engagements, and how much has no metric at all.

    Parameters
    ----------
    metrics
        `Metrics` of any source, or a frame like theirs: one row a Tweet, or a Tweet and hour
        or day, with ``engagements`` and other metrics under their wire names. Pieces of what
        is larger than memory, such as ``Dataset.batches()``, are taken one after the other,
        to the same answer; of a series only the sums a Tweet are kept then.
    about
        Where the figures come from, for a frame or pieces that do not tell.
    tolerance
        Share of the Tweets with a metric above zero that may contradict it all the same,
        because a row is wrong.
    level
        Confidence level of the intervals.

    Raises
    ------
    AnalysisError
        The figures cannot be compared: see `engagement_nb.gap.read.read_counts`.
    """
    told = None
    if hasattr(metrics, "totals") and not isinstance(metrics, Metrics | pd.DataFrame):
        raise AnalysisError(
            "explore_gap takes figures, not the source that has them.",
            advice="Read them first: explore_gap(source.totals()).",
        )
    if metrics is None or isinstance(metrics, str | bytes | Path | Mapping):
        raise AnalysisError(
            f"explore_gap takes figures, not a {type(metrics).__name__}.",
            advice="Read them first: enb.connect(path).totals(), or a DataFrame of your own.",
        )
    if isinstance(metrics, Metrics):
        frame, told = metrics.frame, metrics.facts()
        about = about or metrics.about
    else:
        frame = metrics if isinstance(metrics, pd.DataFrame) else gathered(metrics)
        about = about or About("frame", "frame")
    if not 0 <= tolerance < 1:
        raise AnalysisError(f"A tolerance is a share from 0 to under 1, not {tolerance}.")
    if not 0 < level < 1:
        raise AnalysisError(f"The level of an interval is a share between 0 and 1, not {level}.")
    if about.kind in ("overview", "video"):
        raise AnalysisError(
            f"An {about.kind} file has no clicks and expands, so nothing can be said from it about"
            " hidden engagements; its totals by day are in metrics.frame."
            if about.kind == "overview"
            else "A video file has no engagements; its views by day are in metrics.frame.",
            advice="Export the content of the same period (account_analytics_content_...) too.",
        )
    if "time" in frame.columns and "tweet_id" not in frame.columns and not about.kind:
        raise AnalysisError(
            "These figures are a series (column time) without the column tweet_id, so it cannot"
            " be told which rows belong to one Tweet.",
            advice="Add tweet_id, or sum the series up to one row per Tweet and drop time.",
        )
    counts = read_counts(frame)
    verdicts, together = judge(counts, tolerance)
    taken = take_as_part(counts, verdicts)
    evidence = {v.name: speaking(counts, taken, v.name) for v in verdicts}
    return Gap(
        counts=counts,
        verdicts=[
            replace(
                v,
                in_sums=v.name in taken,
                contradictions=evidence[v.name][0],
                tight=evidence[v.name][1],
            )
            for v in verdicts
        ],
        together=together,
        about=about,
        facts=told,
        tolerance=tolerance,
        level=level,
    )
