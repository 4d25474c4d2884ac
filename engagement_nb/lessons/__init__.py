"""Lessons on how the API behaves, for the notebook ``03_api_behaviour``.

The notebook has the texts and the requests. Here are the room that the lessons take place in, the
display of requests and responses, and the exercises with their answers.
"""

from engagement_nb.errors import require_extra

# Before the modules that import it.
require_extra("notebooks", "IPython")

from engagement_nb.lessons.exercises import LESSONS  # noqa: E402
from engagement_nb.lessons.room import open_room  # noqa: E402

__all__ = ["LESSONS", "open_room"]
