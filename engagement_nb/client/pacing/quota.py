"""One limit, and how much of it other clients spend."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field

REMEMBERED_WINDOWS = 2
"""The most that other clients took is left free for them for this many windows."""
MARGIN = 0.03
"""Share of the limit that is left free on top while others are active: their next requests
arrive before a response tells of them."""
LONG_AGO = -1e12
"""Seconds; JSON has no infinity."""


@dataclass
class Quota:
    """One limit that requests to a group of endpoints count against.

    Parameters
    ----------
    window
        Seconds.
    limit
        Requests a window, as last told; None before.
    remaining
        As the newest response tells; None before.
    newest
        Number of the request that the newest response answers; -1 before the first.
    times
        When each of the other clients' requests was noticed, for as long as it counts.
    peaks
        The most of theirs that counted at once, by number of the window.
    noticed
        When a response last showed more spent than our own requests.
    """

    window: float
    limit: int | None = None
    remaining: int | None = None
    newest: int = -1
    times: list[float] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    noticed: float = LONG_AGO

    def ours(self, now: float) -> int:
        """How many of our requests may count at once."""
        assert self.limit is not None  # noqa: S101
        return max(1, self.limit // 20, self.limit - self.theirs(now))

    def theirs(self, now: float) -> int:
        """Requests to leave free for other clients in any one window."""
        self._forget(now)
        if self.limit is None or not (self.peaks or self.times):
            return 0
        return self._peak() + (self.margin if self.others_active(now) else 0)

    def others_active(self, now: float) -> bool:
        """Whether a response showed other clients lately; a refusal of ours alone is no sign."""
        return now - self.noticed < (REMEMBERED_WINDOWS + 1) * self.window

    @property
    def margin(self) -> int:
        """Requests that are left free on top while others are active."""
        return math.ceil(MARGIN * (self.limit or 0))

    def learn(self, number: int, counted: int, limit: int, remaining: int, now: float) -> None:
        """Take in one response.

        Parameters
        ----------
        number
            Of the request that it answers.
        counted
            The most of our requests that can have counted when this one did.
        limit, remaining
            As told.
        now
            When the response arrived.
        """
        first = self.newest < 0
        self.limit = limit
        self._forget(now)
        more = limit - remaining - counted - len(self.times)
        if more > 0:
            self.times += [now] * more
            self.noticed = now
            # Spending from before we came counts for its window, but it does not show what
            # others spend in each window.
            if not first:
                self._note_peak(now)
        if number > self.newest:
            self.newest, self.remaining = number, remaining

    def note_refusal(self, now: float) -> None:
        """Count one more request of others: ours was refused although it seemed to fit."""
        if not self.times or self.times[-1] < now:
            self.times.append(now)
            self._note_peak(now)

    def _peak(self) -> int:
        return max(len(self.times), *self.peaks.values(), 0)

    def _note_peak(self, now: float) -> None:
        number = str(int(now // self.window))
        self.peaks[number] = max(len(self.times), self.peaks.get(number, 0))

    def _forget(self, now: float) -> None:
        del self.times[: bisect_left(self.times, now - self.window)]
        oldest = int(now // self.window) - REMEMBERED_WINDOWS
        self.peaks = {n: count for n, count in self.peaks.items() if int(n) >= oldest}
