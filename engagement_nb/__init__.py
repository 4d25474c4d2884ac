"""Engagement metrics of X (Twitter) Posts: fetch them, and explore what engagements hide.

In three lines::

    import engagement_nb as enb

    source = enb.connect("sandbox")  # or "api", or the path of an export file or folder
    gap = enb.explore_gap(source.totals())

Names load on first use, so that the command line answers without importing pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engagement_nb.dataset import Dataset
    from engagement_nb.errors import EngagementError
    from engagement_nb.exports import read_export
    from engagement_nb.gap import Gap, explore_gap
    from engagement_nb.ids import read_ids
    from engagement_nb.metrics import Metrics
    from engagement_nb.report import make_report
    from engagement_nb.sources import connect

_HOME = {
    "Dataset": "dataset",
    "EngagementError": "errors",
    "Gap": "gap",
    "Metrics": "metrics",
    "explore_gap": "gap",
    "make_report": "report",
    "connect": "sources",
    "read_export": "exports",
    "read_ids": "ids",
}

__all__ = [
    "Dataset",
    "EngagementError",
    "Gap",
    "Metrics",
    "connect",
    "explore_gap",
    "make_report",
    "read_export",
    "read_ids",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
