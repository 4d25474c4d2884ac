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
        origin = monotonic()
        self._now = lambda: monotonic() - origin
        # When each request that counts now will no longer count.
        self._spent: defaultdict[str, deque[float]] = defaultdict(deque)

    def _window(self, key: str) -> deque[float]:
        spent, now = self._spent[key], self._now()
        while spent and spent[0] <= now:
            spent.popleft()
        return spent

    def _end(self) -> float:
        """When the window of a request made now ends."""
        if self.kind == "sliding":
            return self._now() + self.seconds
        return (math.floor(self._now() / self.seconds) + 1) * self.seconds

    def remaining(self, key: str) -> int:
        """Requests left now."""
        return max(0, self.quota - len(self._window(key)))

    def spend(self, key: str) -> None:
        """Count one request."""
        self._window(key).append(self._end())

    def resets_in(self, key: str) -> float:
        """Seconds until requests are given back."""
        spent = self._window(key)
        if self.kind == "fixed":
            return self._end() - self._now()
        return spent[0] - self._now() if spent else 0.0
