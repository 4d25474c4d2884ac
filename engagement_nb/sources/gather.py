"""The figures that the analysis wants from a source, whatever that source can give."""

from __future__ import annotations

from typing import Any

from engagement_nb.errors import EngagementError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.vocabulary import ENDPOINTS


def gather(
    source: Any,
    tweet_ids: Any = None,
    *,
    endpoint: str = "",
    start: str | None = None,
    end: str | None = None,
    by: str | None = None,
) -> tuple[Metrics, Metrics | None]:
    """Figures to analyse, and totals of the same Tweets where they can be had beside them.

    Parameters
    ----------
    source
        What `engagement_nb.connect` opened.
    tweet_ids
        Ids, or the path of a file with them; all that the source knows of unless given.
    endpoint
        "totals", "28hr" or "historical". Unless given: for the sandbox and the API
        "historical", which has the clicks; for a dataset what was fetched last, a period
        before totals; for an export file all that it has.
    start, end, by
        For "historical" (and ``by`` for "28hr"): see `engagement_nb.sources.Source`.

    Returns
    -------
    tuple
        The figures; and totals, or None.
    """
    if endpoint and endpoint not in ENDPOINTS:
        raise InputError(
            f"There is no endpoint {endpoint!r}.", advice=f"Use {', '.join(ENDPOINTS)}."
        )
    kept = [(run.endpoint, run.by) for run in source.dataset.runs()] if _is_kept(source) else []
    if not endpoint:
        windowed = [name for name, _ in kept if name != "totals"]
        if source.name in ("sandbox", "api"):
            endpoint = "historical"
        else:
            endpoint = windowed[-1] if windowed else "totals"
    if kept and not by:
        by = next((unit for name, unit in reversed(kept) if name == endpoint), None)
    if endpoint == "totals":
        return source.totals(tweet_ids), None
    if endpoint == "28hr":
        figures = source.last_28_hours(tweet_ids, by=by or None)
    else:
        figures = source.historical(tweet_ids, start=start or None, end=end or None, by=by or None)
    if kept and "totals" not in {name for name, _ in kept}:
        return figures, None
    try:
        return figures, source.totals(tweet_ids)
    except EngagementError:
        # Totals only add a comparison: the figures stand without them.
        return figures, None


def earlier_snapshot(source: Any, endpoint: str) -> Metrics | None:
    """The snapshot before the last that a dataset has of an endpoint; None where there is none."""
    if not _is_kept(source):
        return None
    runs = [run for run in source.dataset.runs() if run.endpoint == endpoint and run.snapshot]
    labels = list(dict.fromkeys(run.snapshot for run in runs))
    if len(labels) < 2:
        return None
    found: Metrics = source.dataset.read(endpoint, by=runs[-1].by, snapshot=labels[-2])
    return found


def _is_kept(source: Any) -> bool:
    return source.name == "dataset"
