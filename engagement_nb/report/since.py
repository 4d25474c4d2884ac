"""What changed since the last run: compared once, after a report's notebooks have run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from engagement_nb.apis.names import LABELS, label
from engagement_nb.errors import AnalysisError, EngagementError
from engagement_nb.gap.compare import Comparison, compare
from engagement_nb.gap.share import Share
from engagement_nb.store import Store
from engagement_nb.words import listed

LAST, BEFORE = "last.parquet", "before.parquet"
"""Figures by Tweet of earlier reports: of the last one, kept until the next one is finished; and
of the last one with different figures, which the report is compared with."""
TWEETS = "tweets.parquet"
COUNTS = ("posts", "engagements", "sum_of_metrics", "naive_gap", "hidden", "over_count")


@dataclass(frozen=True)
class Since:
    """A report compared with an earlier one.

    Parameters
    ----------
    figures
        Figures of the earlier report: see `engagement_nb.report.publish`.
    table
        Its figures by Tweet, as a file; empty if they are missing.
    comparison
        The two compared; None if they cannot be.
    why_not
        Why they cannot be compared, or what a reader of the comparison must know.
    """

    figures: Mapping[str, Any]
    table: bytes
    comparison: Comparison | None
    note: str = ""

    @property
    def made_at(self) -> datetime | None:
        """When the earlier report was made."""
        text = self.figures.get("made_at")
        return datetime.fromisoformat(text) if text else None


def earlier_figures(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of the last finished report, then of the last one before it that differed."""
    found = []
    if record.get("status") == "done":
        found.append({"made_at": record["made_at"], **record["figures"]})
    last = record.get("previous")
    while last:
        found.append({name: value for name, value in last.items() if name != "previous"})
        last = last.get("previous")
    return found


def same_figures(earlier: Mapping[str, Any], figures: Mapping[str, Any]) -> bool:
    """Whether the figures of an earlier report are those of this one."""
    return all(earlier.get(name) == figures.get(name) for name in COUNTS)


def since_last_run(
    store: Store, record: Mapping[str, Any], gap: Mapping[str, Any], tables: Mapping[str, bytes]
) -> Since | None:
    """Compare a report with the last one in its folder that has different figures.

    Parameters
    ----------
    store
        The report's folder, in which the earlier files are.
    record
        The record of the earlier report.
    gap
        The answer of this one: `engagement_nb.Gap.to_dict`.
    tables
        Its tables, by file name.

    Returns
    -------
    Since or None
        None if there is no earlier report with different figures.
    """
    earlier = earlier_figures(record)
    if not earlier or "hidden" not in gap:
        return None
    last = TWEETS if record.get("status") == "done" else LAST
    kept = store.read_many([last, BEFORE])
    # A report with the same figures as before is compared with an older one.
    for figures, table in zip(earlier, kept, strict=False):
        if not same_figures(figures, gap):
            return _compared(figures, table, tables.get(TWEETS, b""), gap)
    return None


def _compared(
    figures: Mapping[str, Any], table: bytes, now: bytes, gap: Mapping[str, Any]
) -> Since:
    try:
        sides = [pd.read_parquet(io.BytesIO(data)) for data in (table, now)]
    except (OSError, ValueError):
        return Since(figures, table, None, "The figures of the last run are missing or damaged.")
    level = float(gap.get("level", 0.95))
    try:
        comparison = compare(*sides, names=("last run", "this run"), level=level)
    except (AnalysisError, EngagementError) as error:
        return Since(figures, table, None, f"They cannot be compared. {error}")
    only = [label(name) for name in LABELS if (name in sides[0]) != (name in sides[1])]
    note, shown = "", Share.from_dict(gap["share"]).point
    if only:
        note = (
            f"Only one of the two runs has {listed(only)}. Both are compared without, so the hidden"
            " shares here differ from those of the reports."
        )
    elif any(c.shares and c.texts[1] != shown for c in comparison.changes):
        note = (
            "Which metrics are counted is judged from both runs together here, so the hidden shares"
            " differ from those of the reports."
        )
    return Since(figures, table, comparison, note)
