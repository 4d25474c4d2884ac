"""When the next request may be sent: learned from headers, shared by threads and processes."""

from engagement_nb.client.pacing.headers import QuotaHeaders, read_headers, server_time
from engagement_nb.client.pacing.pacer import (
    Pacer,
    Pacers,
    PacerState,
    WaitStoppedError,
    backoff,
)
from engagement_nb.client.pacing.store import QuotaStore
from engagement_nb.client.pacing.tracker import QuotaTracker

__all__ = [
    "Pacer",
    "PacerState",
    "Pacers",
    "QuotaHeaders",
    "QuotaStore",
    "QuotaTracker",
    "WaitStoppedError",
    "backoff",
    "read_headers",
    "server_time",
]
