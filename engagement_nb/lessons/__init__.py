"""Lessons on how the API behaves, for the notebook ``03_api_behaviour``.

The notebook holds the words and the requests; here are the room it takes place in, the way a
request is shown as it goes over the wire, and the checks of the exercises, which the notebook
hides.
"""

from engagement_nb.errors import require_extra

# Before the modules that import it.
require_extra("notebooks", "IPython")

from engagement_nb.lessons.check import Claim, Exercise, Verdict  # noqa: E402
from engagement_nb.lessons.room import EXERCISES, LESSONS, LIVE_LESSONS, Room, open_room  # noqa: E402
from engagement_nb.lessons.wire import Exchange  # noqa: E402

__all__ = [
    "EXERCISES",
    "LESSONS",
    "LIVE_LESSONS",
    "Claim",
    "Exchange",
    "Exercise",
    "Room",
    "Verdict",
    "open_room",
]
