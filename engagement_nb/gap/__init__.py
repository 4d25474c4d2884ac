"""The gap between engagements and the sum of the metrics: pure functions on frames.

For a Tweet with engagements ``E``, the *counted set* ``S`` is the metrics that are part of them.
*Hidden* is ``E`` less the sum of ``S``: interactions without a metric. *Over-count* is the sum of
all other metrics, which look like engagement and are not part of it. The *naive gap* is ``E`` less
the sum of all metrics, which is hidden less over-count.

The modules, in the order in which figures pass through them:

- `read`: frames become arrays with one row per Tweet; wrong input is refused with a reason;
- `identify`: the best set of metrics, and a verdict on each with its evidence;
- `interval`: confidence intervals; `share`: the hidden share as every text prints it;
- `groups`, `beside`, `totals`: further tables;
- `result`: figures and tables of one analysis; `sentences`: what reports say; `shown`: charts;
- `compare`: two analyses; `days`: a whole account by day.

`docs/method.md` describes the method and reports how it was tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.identify import TOLERANCE, UNDETERMINED, Verdict, judge, settled_on
from engagement_nb.gap.interval import check_level
from engagement_nb.gap.read import chosen, open_figures
from engagement_nb.gap.shown import Gap
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.periods import zone_of

__all__ = ["Gap", "Verdict", "explore_gap"]


def explore_gap(
    metrics: Metrics | Any | Iterable[Any],
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    history: Metrics | Any | None = None,
    tolerance: float = TOLERANCE,
    level: float = 0.95,
    zone: str | None = None,
) -> Gap:
    """Find which metrics are part of engagements, and how much has no metric at all.

    Parameters
    ----------
    metrics
        A source (``engagement_nb.connect()``), which is asked for what it tells best: a period of
        an API, everything of a file. Or `Metrics` of any source, or a frame: one row per Tweet, or
        per Tweet and hour or day, with ``engagements`` and other metrics under any of their names.
        If they do not fit in memory, give pieces one after the other (an iterator): the result is
        the same, but only sums per Tweet are kept of a series.
    include, exclude
        Metrics to look at, and metrics to ignore, by any of their names ("likes",
        "like_count", "favorites"). By default all that the figures have.
    history
        More figures of the same account, as for ``metrics``. They settle verdicts that the
        figures leave undetermined; nothing else changes.
    tolerance
        Share of the Tweets with a metric above zero that may contradict it because their rows
        are wrong.
    level
        Confidence level of the intervals.
    zone
        IANA name of the time zone of dates and days in what it says and draws; by default the
        one in which the figures were asked for.

    Raises
    ------
    AnalysisError
        The figures cannot be analyzed (see `engagement_nb.gap.read.read_counts`), or a name is
        not that of one of their metrics.
    """
    counts, about, facts = open_figures(metrics)
    counts, ignored = chosen(counts, include, exclude)
    if not 0 <= tolerance < 1:
        raise AnalysisError(f"A tolerance is a share from 0 to under 1, not {tolerance}.")
    check_level(level)
    verdicts, together = judge(counts, tolerance)
    if history is not None and any(
        v.verdict == UNDETERMINED and v.posts_above_zero for v in verdicts
    ):
        settled = settled_on(open_figures(history)[0], tolerance)
        verdicts, together = judge(counts, tolerance, settled)
    asked = (facts or {}).get("account", {}).get("options", {}).get("zone")
    zone = zone_of(zone or asked or "UTC").key
    return Gap(counts, verdicts, together, about, facts, tolerance, level, ignored, zone)
