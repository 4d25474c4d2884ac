"""When the next request may leave: learned from headers, shared by threads and processes."""

from engagement_nb.pacing.headers import read_headers, server_time
from engagement_nb.pacing.ledger import Ledger, Reading
from engagement_nb.pacing.pacer import Pacer, PacerState, Ticket, WaitStoppedError, backoff
from engagement_nb.pacing.store import MemoryStore, Store

__all__ = [
    "Ledger",
    "MemoryStore",
    "Pacer",
    "PacerState",
    "Reading",
    "Store",
    "Ticket",
    "WaitStoppedError",
    "backoff",
    "read_headers",
    "server_time",
]
