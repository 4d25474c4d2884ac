"""Lessons on how the API behaves, for the notebook ``03_api_behaviour``.

The notebook holds the words and the requests. Here are the room it takes place in, the way a
request is shown as it goes over the wire, and the exercises, which the notebook hides.
"""

from engagement_nb.errors import require_extra

# Before the modules that import it.
require_extra("notebooks", "IPython")

from engagement_nb.lessons.exercises import LESSONS, Lesson  # noqa: E402
from engagement_nb.lessons.room import Room, open_room  # noqa: E402
from engagement_nb.lessons.shown import Claim, Exchange, Verdict  # noqa: E402

__all__ = ["LESSONS", "Claim", "Exchange", "Lesson", "Room", "Verdict", "open_room"]
