"""Engagement metrics of X (Twitter) Posts: fetch them, and explore what engagements hide.

In three lines::

    import engagement_nb as enb

    source = enb.connect("sandbox")  # or "api", or the path of an export file or folder
    gap = enb.explore_gap(source)  # of what the source tells best

Names load on first use, so that the command line answers without importing pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engagement_nb.errors import (
    AnalysisError,
    ApiError,
    BadRequestError,
    ConnectionTroubleError,
    CredentialsError,
    DatasetError,
    EngagementError,
    ForbiddenMetricsError,
    ForbiddenTweetsError,
    HandlesWarning,
    InputError,
    NoAccessError,
    RateLimitedError,
    ReportError,
    ServerTroubleError,
    SpendingError,
    UnauthenticatedError,
    UnavailableTweetsError,
)
from engagement_nb.words import number

if TYPE_CHECKING:
    from engagement_nb.apis.engagement import ENDPOINTS, METRICS
    from engagement_nb.apis.names import label
    from engagement_nb.apis.times import tweet_time
    from engagement_nb.charts.tables import Notes, table_html
    from engagement_nb.client import Client, Request
    from engagement_nb.client.credentials.login import login
    from engagement_nb.client.pacing import Pacer
    from engagement_nb.dataset import Dataset
    from engagement_nb.fetch import Plan, make_plan
    from engagement_nb.gap import Gap, explore_gap
    from engagement_nb.gap.compare import Agreement, Comparison, agree, compare
    from engagement_nb.gap.days import Days, explore_days
    from engagement_nb.lessons import open_room
    from engagement_nb.metrics import About, Metrics
    from engagement_nb.report.batch import Batch, make_batch
    from engagement_nb.report.make import Report, make_report
    from engagement_nb.sandbox import Sandbox
    from engagement_nb.sources import (
        ApiSource,
        DatasetSource,
        SandboxSource,
        Source,
        TableSource,
        V2Source,
        connect,
    )
    from engagement_nb.tables import read_table
    from engagement_nb.tables.ids import IdList, read_ids
    from engagement_nb.usage import Contract, Ledger, Usage, summarize_usage

_HOME = {
    "apis.engagement": "ENDPOINTS METRICS",
    "apis.names": "label",
    "apis.times": "tweet_time",
    "client": "Client Request",
    "client.credentials.login": "login",
    "client.pacing": "Pacer",
    "dataset": "Dataset",
    "fetch": "Plan make_plan",
    "tables": "read_table",
    "gap": "Gap explore_gap",
    "gap.compare": "Agreement Comparison agree compare",
    "gap.days": "Days explore_days",
    "charts.tables": "Notes table_html",
    "tables.ids": "IdList read_ids",
    "lessons": "open_room",
    "metrics": "About Metrics",
    "report.batch": "Batch make_batch",
    "report.make": "Report make_report",
    "sandbox": "Sandbox",
    "sources": "ApiSource DatasetSource TableSource SandboxSource Source connect V2Source",
    "usage": "Contract Ledger Usage summarize_usage",
}
_MODULES = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "ENDPOINTS",
    "METRICS",
    "About",
    "Agreement",
    "AnalysisError",
    "ApiError",
    "ApiSource",
    "BadRequestError",
    "Batch",
    "Client",
    "Comparison",
    "ConnectionTroubleError",
    "Contract",
    "CredentialsError",
    "Dataset",
    "DatasetError",
    "DatasetSource",
    "Days",
    "EngagementError",
    "ForbiddenMetricsError",
    "ForbiddenTweetsError",
    "Gap",
    "HandlesWarning",
    "IdList",
    "InputError",
    "Ledger",
    "Metrics",
    "NoAccessError",
    "Notes",
    "Pacer",
    "Plan",
    "RateLimitedError",
    "Report",
    "ReportError",
    "Request",
    "Sandbox",
    "SandboxSource",
    "ServerTroubleError",
    "Source",
    "SpendingError",
    "TableSource",
    "UnauthenticatedError",
    "UnavailableTweetsError",
    "Usage",
    "V2Source",
    "agree",
    "compare",
    "connect",
    "explore_days",
    "explore_gap",
    "label",
    "login",
    "make_batch",
    "make_plan",
    "make_report",
    "number",
    "open_room",
    "read_ids",
    "read_table",
    "summarize_usage",
    "table_html",
    "tweet_time",
]

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
