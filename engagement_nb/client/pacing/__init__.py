"""When the next request may be sent: told by headers, shared by threads and processes.

`Quota` decides, `Shared` remembers, and `Pacer` waits, each apart from the others.
"""

from engagement_nb.client.pacing.headers import server_time
from engagement_nb.client.pacing.pacer import (
    Pacer,
    WaitStoppedError,
    state_file,
)
from engagement_nb.client.pacing.quota import Quota, backoff

__all__ = [
    "Pacer",
    "Quota",
    "WaitStoppedError",
    "backoff",
    "server_time",
    "state_file",
]
