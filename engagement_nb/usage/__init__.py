"""Handles queried this billing month: the count that a contract limits.

A contract can limit the unique handles per billing month: the authenticated users who own the
Tweets queried. The API has no endpoint for the count and never blocks; an overage is billed. So
the count is kept here, in a `Ledger` shared by all runs of a user, or of a team on shared storage.
"""

from engagement_nb.errors import HandlesWarning
from engagement_nb.usage.ledger import ENV_LEDGER, Check, Contract, Ledger, user_of
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
