"""Handles queried this billing month: the count that a contract limits and nobody else keeps.

A contract can limit the unique handles a billing month: the authenticated users who own the
Tweets queried. There is no usage endpoint and no blocking, an overage is billed; so the count
is kept here, in a `Ledger` shared by all runs of a user, or of a team on shared storage.
"""

from engagement_nb.errors import HandlesWarning
from engagement_nb.usage.contract import Contract
from engagement_nb.usage.ledger import ENV_LEDGER, Check, Ledger, user_of
from engagement_nb.usage.summary import Usage, example_ledger, summarize_usage
from engagement_nb.usage.tables import export_csv, import_csv

__all__ = [
    "ENV_LEDGER",
    "Check",
    "Contract",
    "HandlesWarning",
    "Ledger",
    "Usage",
    "example_ledger",
    "export_csv",
    "import_csv",
    "summarize_usage",
    "user_of",
]
