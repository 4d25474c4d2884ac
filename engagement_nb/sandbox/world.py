"""A made-up world: Tweets on a time line, their counters, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from engagement_nb.sandbox.counters import Counters
from engagement_nb.sandbox.picks import pick
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import Timeline
from engagement_nb.sandbox.truth import Truth, tell


class World(Timeline):
    """A time line with counters.

    Parameters
    ----------
    settings
        Seed, size and what varies.
    now
        The present moment; by default the settings' clock.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] | None = None) -> None:
        super().__init__(settings, now)
        self.counters = Counters(self)

    def truth(
        self,
        tweet_ids: Sequence[str | int],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Truth:
        """What really happened to some Tweets; by default from the beginning until now."""
        return tell(self, self.counters, tweet_ids, start, end)

    def pick(self, kind: str = "own", count: int = 100, account: int = 0) -> list[str]:
        """Tweet ids of one kind: see `engagement_nb.sandbox.picks.pick`."""
        return pick(self, kind, count, account)
