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

from collections.abc import Iterable

import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.identify import TOLERANCE, Verdict, judge
from engagement_nb.gap.interval import check_level
from engagement_nb.gap.read import open_figures
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
        The figures cannot be analyzed: see `engagement_nb.gap.read.read_counts`.
    """
    counts, about, facts = open_figures(metrics, about)
    if not 0 <= tolerance < 1:
        raise AnalysisError(f"A tolerance is a share from 0 to under 1, not {tolerance}.")
    check_level(level)
    verdicts, together = judge(counts, tolerance)
    return Gap(counts, verdicts, together, about, facts, tolerance, level)
