"""The arithmetic of pacing: which requests count against the quota, and when one more fits.

Nothing here waits, locks or reads a clock: every method is given the time.

The rule is that of a sliding window, which is safe under a fixed one too: a request may leave
while fewer than the limit of our own still count, and each counts for one window from its
arrival at the API. Two things are unknown and are bounded instead:

- *When a request arrived.* Outbound time lies between the fastest seen and that plus this
  response's extra delay. The latest of these is taken, so a request that follows one window
  later is safe whatever the latency.
- *Who else spends the quota.* If the API says that less remains than our own requests explain,
  other clients spent the difference: see `engagement_nb.client.pacing.quota`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engagement_nb.client.pacing.headers import QuotaHeaders
from engagement_nb.client.pacing.quota import Quota
from engagement_nb.client.pacing.sharing import Anchor, Sharing

GUARD = 0.004
"""Share of a window added to it, for outbound times shorter than any seen before."""
SHORTEST_GUARD = 0.005
LOOK_AGAIN = 0.02
"""Seconds between checks for a response that has to come first."""
LONGEST_TOLD = 900.0
"""Seconds; X's longest window. A longer wait is a misread header and is ignored."""
ALL = "all"
SECOND = 1.0

_REQUEST = np.dtype([("number", "i8"), ("endpoint", "i8"), ("sent", "f8"), ("received", "f8")])


class QuotaTracker:
    """All that is known of one app's quota.

    Parameters
    ----------
    window
        Seconds of the "minute".

    Attributes
    ----------
    requests
        Our requests that may still count, in order of sending: their number, their endpoint's
        index in ``endpoints``, when they were sent, and when their response began to arrive
        (0: not yet).
    quotas
        The minute's and the second's, by endpoint, or under `ALL` while endpoints share them.
    sharing
        Whether they share them.
    blocked_since, blocked_until
        After a 429, no request leaves before.
    refused_in_row, refused
        429s since the last response with data, where one round counts once; and in all.
    changes
        Grows with each change that other processes need to know.
    """

    def __init__(self, window: float = 60.0) -> None:
        self.window = window
        self.requests = np.empty(0, _REQUEST)
        self.endpoints: list[str] = []
        self.next_number = 0
        self.quotas: dict[str, tuple[Quota, Quota]] = {}
        self.sharing = Sharing()
        self.blocked_since = 0.0
        self.blocked_until = 0.0
        self.refused_in_row = 0
        self.refused = 0
        self.changes = 0

    # -- what the pacer asks ---------------------------------------------------------------

    def wait(self, endpoint: str, now: float) -> float:
        """Seconds until a request may leave; 0 if it may leave at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        group, minute, second = self._of(endpoint)
        if minute.limit is None or endpoint not in self.sharing.told:
            # The first request to an endpoint goes alone: its response tells the limit.
            unanswered = self.requests["received"][self._mine(endpoint)] == 0
            return LOOK_AGAIN if unanswered.any() else 0.0
        arrivals = self._arrivals(now)[group]
        due = now
        for quota in (minute, second):
            if quota.limit is None:
                continue
            counting = arrivals[arrivals > now - _length(quota.window)]
            ours = quota.ours(now)
            if len(counting) >= ours:
                nth = len(counting) - ours
                due = max(due, float(np.partition(counting, nth)[nth]) + _length(quota.window))
            if quota.others_active(now) and quota.remaining is not None:
                # Spread over the window: a burst would hide other clients, and get them refused.
                last = float(self.requests["sent"][group].max(initial=0.0))
                due = max(due, last + 0.9 * quota.window / ours)
                # No more may be in flight than the newest response leaves free.
                in_flight = int(np.count_nonzero(group & (self.requests["number"] > quota.newest)))
                if in_flight >= max(1, quota.remaining - quota.margin):
                    pending = (self.requests["received"][group] == 0).any()
                    due = max(due, now + LOOK_AGAIN) if pending else due
        return due - now

    def enter(self, endpoint: str, now: float) -> int:
        """Count a request that leaves now, and return its number for `learn`."""
        if endpoint not in self.endpoints:
            self.endpoints.append(endpoint)
        number = self.next_number
        self.next_number += 1
        self.changes += 1
        row = np.array([(number, self.endpoints.index(endpoint), now, 0.0)], _REQUEST)
        self.requests = np.concatenate([self.requests, row])
        return number

    def learn(
        self,
        endpoint: str,
        number: int,
        told: QuotaHeaders,
        now: float,
        backoff: Callable[[int], float],
    ) -> None:
        """Take in what a response, or the lack of one, says.

        Parameters
        ----------
        endpoint, number
            The request it answers.
        told
            What it says.
        now
            When its headers arrived.
        backoff
            Seconds to wait after so many refusals in a row, if the API tells no wait.
        """
        self.changes += 1
        at = int(np.searchsorted(self.requests["number"], number))
        if at < len(self.requests) and self.requests["number"][at] == number:
            sent = self.requests["sent"]
            self.requests["received"][at] = max(now, float(sent[at]))
            self._judge_sharing(endpoint, at, told, now)
            group, minute, second = self._of(endpoint)
            arrivals = self._arrivals(now)
            for quota, limit, remaining in (
                (minute, told.limit, told.remaining),
                (second, told.second_limit, told.second_remaining),
            ):
                if limit and remaining is not None:
                    before = sent <= arrivals[at]
                    still = arrivals > sent[at] - _length(quota.window)
                    counted = int(np.count_nonzero(group & before & still))
                    quota.learn(number, counted, limit, remaining, now)
            if told.status == 429:
                in_second = told.second_remaining == 0 and bool(told.remaining)
                (second if in_second else minute).note_refusal(now)
                self._block(float(sent[at]), told, now, backoff)
        if 0 < told.status < 400:
            self.refused_in_row = 0
        self.prune(now)

    def limit(self, endpoint: str) -> int | None:
        """Requests a minute, as told."""
        return self._of(endpoint)[1].limit

    def left(self, endpoint: str, now: float) -> int | None:
        """Requests that may leave at once; None while the limit is unknown."""
        group, *quotas = self._of(endpoint)
        arrivals = self._arrivals(now)[group]
        room = [
            quota.ours(now) - int(np.count_nonzero(arrivals > now - _length(quota.window)))
            for quota in quotas
            if quota.limit is not None
        ]
        return max(0, min(room)) if room else None

    def others(self, endpoint: str, now: float) -> int:
        """Requests a minute that are left free for other clients."""
        return self._of(endpoint)[1].theirs(now)

    def prune(self, now: float) -> None:
        """Forget requests that no longer count."""
        if len(self.requests):
            sent, received = self.requests["sent"], self.requests["received"]
            longest = float(np.where(received > 0, received - sent, 0.0).max())
            keep_for = _length(max(self.window, SECOND)) + 1.5 * longest
            if sent[0] + keep_for < now:
                self.requests = self.requests[self._arrivals(now) + keep_for > now]
        if not len(self.requests):
            # A limit that was told long ago may have changed since.
            self.quotas.clear()
            self.sharing = Sharing()

    # -- arithmetic ------------------------------------------------------------------------

    def _of(self, endpoint: str) -> tuple[NDArray[np.bool_], Quota, Quota]:
        """The requests that share an endpoint's quotas, and the quotas."""
        separate = self.sharing.separate_quotas
        key = endpoint if separate else ALL
        group = self._mine(endpoint) if separate else np.ones(len(self.requests), np.bool_)
        if key not in self.quotas:
            self.quotas[key] = (Quota(self.window), Quota(SECOND))
        return group, *self.quotas[key]

    def _mine(self, endpoint: str) -> NDArray[np.bool_]:
        known = endpoint in self.endpoints
        index = self.endpoints.index(endpoint) if known else -1
        mine: NDArray[np.bool_] = self.requests["endpoint"] == index
        return mine

    def _judge_sharing(self, endpoint: str, at: int, told: QuotaHeaders, now: float) -> None:
        if not told.limit or told.remaining is None:
            return
        sharing, before = self.sharing, self.sharing.separate_quotas
        sharing.told[endpoint] = told.limit
        numbers, sent = self.requests["number"], self.requests["sent"]
        received = self.requests["received"]
        number = int(numbers[at])
        anchor = sharing.anchor(endpoint, number, told.remaining, now)
        if anchor is not None:
            mine = self._mine(endpoint)
            between = (numbers > anchor.number) & (numbers <= number)
            # Of the others, only those that surely arrived after the one and before the other.
            surely = (sent >= anchor.at) & (received > 0) & (received <= sent[at])
            same = int(np.count_nonzero(mine & between))
            others = int(np.count_nonzero(~mine & between & surely))
            sharing.judge(endpoint, number, told.remaining, now, same, others)
        if sharing.separate_quotas != before:
            self.quotas.clear()

    def _arrivals(self, now: float) -> NDArray[np.float64]:
        """The latest that each request can have arrived, less the shortest outbound time."""
        sent, received = self.requests["sent"], self.requests["received"]
        answered = received > 0
        took = np.where(answered, received, now) - sent
        floors = np.zeros(len(self.endpoints))
        for index in range(len(self.endpoints)):
            mine = took[answered & (self.requests["endpoint"] == index)]
            if len(mine):
                # The shortest possible, judged from the shortest seen and how they spread.
                half = len(mine) // 2
                shortest, middle = mine.min(), np.partition(mine, half)[half]
                floors[index] = shortest - 2 * (middle - shortest) / len(mine) ** 0.5
        late = np.maximum(0.0, took - floors[self.requests["endpoint"]]) if len(took) else took
        # A process that was killed never gets its responses; its requests arrived long ago.
        late = np.where(answered, late, np.minimum(late, self.window / 4))
        arrivals: NDArray[np.float64] = sent + late
        return arrivals

    def _block(
        self, sent: float, told: QuotaHeaders, now: float, backoff: Callable[[int], float]
    ) -> None:
        self.refused += 1
        if sent < self.blocked_since:
            return  # It left before we knew: the same refusal, told again.
        self.refused_in_row += 1
        self.blocked_since = now
        believed = told.wait is not None and told.wait <= LONGEST_TOLD
        wait = told.wait if believed else backoff(self.refused_in_row)
        self.blocked_until = max(self.blocked_until, now + (wait or 0.0))

    # -- as bytes, for the store -----------------------------------------------------------

    def to_bytes(self) -> bytes:
        """One line of JSON, then the requests as they lie in memory."""
        state = {name: value for name, value in vars(self).items() if name != "requests"}
        return orjson.dumps(state, default=vars) + b"\n" + self.requests.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> QuotaTracker:
        """The tracker that `to_bytes` gave.

        Raises
        ------
        TypeError, KeyError, ValueError, AttributeError
            Content that no tracker gave.
        """
        line, _, requests = content.partition(b"\n")
        state: dict[str, Any] = orjson.loads(line)
        tracker = cls(state["window"])
        tracker.requests = np.frombuffer(requests, _REQUEST).copy()
        for name in vars(tracker).keys() - {"requests", "quotas", "sharing"}:
            setattr(tracker, name, state[name])
        told, anchors, rounds = (state["sharing"][name] for name in ("told", "anchors", "rounds"))
        tracker.sharing = Sharing(told, {n: Anchor(**a) for n, a in anchors.items()}, rounds)
        for name, (minute, second) in state["quotas"].items():
            tracker.quotas[name] = (Quota(**minute), Quota(**second))
        return tracker


def _length(window: float) -> float:
    return window + max(SHORTEST_GUARD, GUARD * window)
