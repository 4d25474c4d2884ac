"""When the next request may leave: learned from headers, shared by threads and processes."""

from engagement_nb.client.pacing.headers import read_headers, server_time
from engagement_nb.client.pacing.ledger import Ledger, Reading
from engagement_nb.client.pacing.pacer import Pacer, PacerState, Ticket, WaitStoppedError, backoff
from engagement_nb.client.pacing.shared import Pacers
from engagement_nb.client.pacing.store import FileStore, MemoryStore, Store

__all__ = [
    "FileStore",
    "Ledger",
    "MemoryStore",
    "Pacer",
    "PacerState",
    "Pacers",
    "Reading",
    "Store",
    "Ticket",
    "WaitStoppedError",
    "backoff",
    "read_headers",
    "server_time",
]
