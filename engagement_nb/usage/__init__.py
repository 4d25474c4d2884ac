"""Handles queried in each billing month.

A contract can limit the unique handles per billing month: the authenticated users who own the
queried Tweets. The API does not report the count and does not block; an overage is billed. So
this package keeps the count in a `Ledger`, which all runs of a user or a team share.
"""

from engagement_nb.errors import HandlesWarning
from engagement_nb.usage.ledger import ENV_LEDGER, Check, Contract, Ledger, user_of
from engagement_nb.usage.summary import Usage, summarize_usage

__all__ = [
    "ENV_LEDGER",
    "Check",
    "Contract",
    "HandlesWarning",
    "Ledger",
    "Usage",
    "summarize_usage",
    "user_of",
]
