"""Lessons on how the API behaves, for the notebook ``03_api_behaviour``.

The notebook has the texts and the requests. Here are the room that the lessons take place in, the
display of requests and responses, and the exercises with their answers.
"""

from engagement_nb.errors import require_extra

# Before the modules that import it.
require_extra("notebooks", "IPython")

from engagement_nb.lessons.exercises import LESSONS, Lesson  # noqa: E402
from engagement_nb.lessons.room import Room, open_room  # noqa: E402
from engagement_nb.lessons.score import Score, collect_scores  # noqa: E402
from engagement_nb.lessons.shown import Claim, Exchange, Verdict  # noqa: E402

__all__ = [
    "LESSONS",
    "Claim",
    "Exchange",
    "Lesson",
    "Room",
    "Score",
    "Verdict",
    "collect_scores",
    "open_room",
]
