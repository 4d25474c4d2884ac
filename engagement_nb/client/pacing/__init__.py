"""When the next request may be sent: told by headers, shared by threads and processes.

`Quota` decides, `Rows` remembers, and `Pacer` waits, each apart from the others.
"""

from engagement_nb.client.pacing.headers import Told, read_headers, retry_after, server_time
from engagement_nb.client.pacing.pacer import (
    Clock,
    Pacer,
    Pacers,
    PacerState,
    Ticket,
    WaitStoppedError,
    backoff,
)
from engagement_nb.client.pacing.quota import Quota
from engagement_nb.client.pacing.rows import Rows

__all__ = [
    "Clock",
    "Pacer",
    "PacerState",
    "Pacers",
    "Quota",
    "Rows",
    "Ticket",
    "Told",
    "WaitStoppedError",
    "backoff",
    "read_headers",
    "retry_after",
    "server_time",
]
