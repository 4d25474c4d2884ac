"""Handles queried this billing month: the count that a contract limits and nobody else keeps.

A contract can limit the unique handles a billing month: the authenticated users who own the
Tweets queried. There is no usage endpoint and no blocking, an overage is billed; so the count
is kept here, in a `Ledger` shared by all runs of a user, or of a team on shared storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engagement_nb.usage.contract import Contract
from engagement_nb.usage.ledger import ENV_LEDGER, Check, Ledger, record_use, user_of

if TYPE_CHECKING:
    from engagement_nb.usage.summary import Usage, summarize
    from engagement_nb.usage.tables import export_csv, import_csv

__all__ = [
    "ENV_LEDGER",
    "Check",
    "Contract",
    "Ledger",
    "Usage",
    "export_csv",
    "import_csv",
    "record_use",
    "summarize",
    "user_of",
]

_HOME = {
    "Usage": "summary",
    "summarize": "summary",
    "export_csv": "tables",
    "import_csv": "tables",
}


def __getattr__(name: str) -> Any:
    # A fetch enters whom it asks for, and need not load what counts and shows.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
