"""The limit of requests per minute (and per second)."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Literal

from engagement_nb.apis.contract import QuotaHeaders


class Limit:
    """One limit of requests per window, counted by key.

    Parameters
    ----------
    quota
        Requests per window; None for no limit.
    seconds
        Length of the window.
    kind
        "fixed": windows follow each other; "sliding": the window ends now.
    monotonic
        Clock in seconds.
    """

    def __init__(
        self,
        quota: int | None,
        seconds: float,
        kind: Literal["fixed", "sliding"],
        monotonic: Callable[[], float],
    ) -> None:
        self.quota = quota
        self.seconds = seconds
        self.kind = kind
        self._monotonic = monotonic
        self._origin = monotonic()
        # The moments when each counted request stops counting.
        self._spent: defaultdict[str, deque[float]] = defaultdict(deque)

    def _now(self) -> float:
        return self._monotonic() - self._origin

    def _window(self, key: str) -> deque[float]:
        spent, now = self._spent[key], self._now()
        while spent and spent[0] <= now:
            spent.popleft()
        return spent

    def _end(self) -> float:
        """Give the end of the window of a request made now."""
        if self.kind == "sliding":
            return self._now() + self.seconds
        return (math.floor(self._now() / self.seconds) + 1) * self.seconds

    def remaining(self, key: str) -> int:
        """Number of requests left now; at least 1 without a limit."""
        return 1 if self.quota is None else max(0, self.quota - len(self._window(key)))

    def spend(self, key: str) -> None:
        """Count one request."""
        if self.quota is not None:
            self._window(key).append(self._end())

    def headers(self, key: str, names: QuotaHeaders, now: float) -> dict[str, str]:
        """Give the headers about the limit; the reset is counted from ``now``."""
        spent = self._window(key)
        if self.kind == "fixed":
            reset = self._end() - self._now()
        else:
            reset = spent[0] - self._now() if spent else 0.0
        return {
            names.limit: str(self.quota),
            names.remaining: str(self.remaining(key)),
            names.reset: str(int(now + reset) + 1),
        }
