"""The quota of requests a minute (and a second), and the headers that tell of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class _Spent:
    window: int = -1
    count: int = 0
    moments: deque[float] = field(default_factory=deque)


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
        self._spent: dict[str, _Spent] = {}

    def _current(self, key: str) -> _Spent:
        spent = self._spent.setdefault(key, _Spent())
        now = self._monotonic() - self._origin
        if self.kind == "fixed":
            window = math.floor(now / self.seconds)
            if window != spent.window:
                spent.window, spent.count = window, 0
        else:
            while spent.moments and spent.moments[0] <= now - self.seconds:
                spent.moments.popleft()
            spent.count = len(spent.moments)
        return spent

    def remaining(self, key: str) -> int:
        """Requests left now."""
        return max(0, self.quota - self._current(key).count)

    def spend(self, key: str) -> None:
        """Count one request."""
        spent = self._current(key)
        spent.count += 1
        if self.kind == "sliding":
            spent.moments.append(self._monotonic() - self._origin)

    def resets_in(self, key: str) -> float:
        """Seconds until requests are given back."""
        spent, now = self._current(key), self._monotonic() - self._origin
        if self.kind == "fixed":
            return (spent.window + 1) * self.seconds - now
        return spent.moments[0] + self.seconds - now if spent.moments else 0.0


def take(limits: list[Limit], key: str) -> bool:
    """Spend one request of every limit, or of none if one of them has none left."""
    if any(limit.remaining(key) == 0 for limit in limits):
        return False
    for limit in limits:
        limit.spend(key)
    return True
