"""Somebody else who spends the same quota: how much, and how much to leave free for them."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field

REMEMBERED_WINDOWS = 2
"""For so many windows the most that others took is left free for them."""
MARGIN = 0.03
"""Share of the limit that is left over when others are about: they may come before we hear."""

LONG_AGO = -1e12
"""Seconds; JSON has no infinity."""


@dataclass
class Others:
    """What is known of somebody else's spending.

    Parameters
    ----------
    times
        When each of their requests was noticed, as long as it counts.
    peaks
        The most that counted at once, by number of the window, for the last windows.
    noticed
        When an answer last showed more spent than ours.
    reserve
        What is left free for them beyond what they were seen to take: it grows while the quota
        runs out all the same, up to half of it, since who is refused is not seen.
    grown
        When the reserve last grew.
    """

    times: list[float] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    noticed: float = LONG_AGO
    reserve: float = 0.0
    grown: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether anybody was noticed in the last windows."""
        return bool(self.peaks or self.times)

    def about(self, now: float, window: float) -> bool:
        """Whether answers showed them lately; a stray refusal of ours is no such sign."""
        return now - self.noticed < (REMEMBERED_WINDOWS + 1) * window

    @staticmethod
    def margin(limit: int) -> int:
        """Requests left over on top."""
        return math.ceil(MARGIN * limit)

    def notice(
        self,
        unexplained: int,
        remaining: int,
        limit: int,
        now: float,
        window: float,
        *,
        first: bool = False,
    ) -> None:
        """Take in one answer.

        Parameters
        ----------
        unexplained
            Spent requests that ours don't explain.
        remaining, limit
            As told.
        now, window
            When, and the length of the window.
        first
            Whether this is the first answer of all.
        """
        self._prune(now, window)
        more = unexplained - len(self.times)
        if more > 0:
            self.times += [now] * more
            self.noticed = now
            # What was spent before we came may be somebody's last: it counts for its window
            # and isn't taken for what they spend in each.
            if not first:
                self._note_peak(now, window)
        if not self.about(now, window):
            self.reserve = 0.0
        elif remaining < self.margin(limit) and now - self.grown > window / 10:
            self.reserve = min(limit / 2, max(self.reserve, self._peak()) + limit / 20)
            self.grown = now
        elif now - self.grown > window:
            self.reserve *= 0.8
            self.grown = now

    def refused(self, now: float, window: float) -> None:
        """A request of ours was refused: there is more of theirs than was thought."""
        if not self.times or self.times[-1] < now:
            self.times.append(now)
            self._note_peak(now, window)

    def expected(self, now: float, window: float, limit: int) -> int:
        """How many of theirs to leave free in any one window."""
        self._prune(now, window)
        if not self.seen:
            return 0
        margin = self.margin(limit) if self.about(now, window) else 0
        return math.ceil(max(self._peak() + margin, self.reserve))

    def _peak(self) -> int:
        return max(len(self.times), *self.peaks.values(), 0)

    def _note_peak(self, now: float, window: float) -> None:
        number = str(int(now // window))
        self.peaks[number] = max(len(self.times), self.peaks.get(number, 0))

    def _prune(self, now: float, window: float) -> None:
        del self.times[: bisect_left(self.times, now - window)]
        oldest = int(now // window) - REMEMBERED_WINDOWS
        self.peaks = {n: count for n, count in self.peaks.items() if int(n) >= oldest}
