"""The quota of requests a minute (and a second)."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Literal


class Limit:
    """One quota: so many requests a window, counted by key.

    Parameters
    ----------
    quota
        Requests a window.
    seconds
        Length of the window.
    kind
        "fixed": windows follow each other; "sliding": the last so many seconds.
    monotonic
        Clock in seconds.
    """

    def __init__(
        self,
        quota: int,
        seconds: float,
        kind: Literal["fixed", "sliding"],
        monotonic: Callable[[], float],
    ) -> None:
        self.quota = quota
        self.seconds = seconds
        self.kind = kind
        self._monotonic = monotonic
        self._origin = monotonic()
        self._spent: defaultdict[str, deque[float]] = defaultdict(deque)

    def _now(self) -> float:
        return self._monotonic() - self._origin

    def _window(self, key: str) -> deque[float]:
        """Moments of the requests that count now."""
        spent, now = self._spent[key], self._now()
        while spent and now >= self._until(spent[0]):
            spent.popleft()
        return spent

    def _until(self, moment: float) -> float:
        """When a request made at a moment no longer counts."""
        if self.kind == "sliding":
            return moment + self.seconds
        return (math.floor(moment / self.seconds) + 1) * self.seconds

    def remaining(self, key: str) -> int:
        """Requests left now."""
        return max(0, self.quota - len(self._window(key)))

    def spend(self, key: str) -> None:
        """Count one request."""
        self._window(key).append(self._now())

    def resets_in(self, key: str) -> float:
        """Seconds until requests are given back."""
        spent, now = self._window(key), self._now()
        if self.kind == "fixed":
            return self._until(now) - now
        return self._until(spent[0]) - now if spent else 0.0


def take(limits: list[Limit], key: str) -> bool:
    """Spend one request of every limit, or of none if one of them has none left."""
    if any(limit.remaining(key) == 0 for limit in limits):
        return False
    for limit in limits:
        limit.spend(key)
    return True
