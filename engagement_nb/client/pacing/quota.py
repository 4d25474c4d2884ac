"""The rule of pacing: when one more request fits into a quota.

Nothing here waits, locks or reads a clock. Every method is given the rows and the time.

The rule is that of a sliding window, which is also safe for a fixed one. Each request counts for
one window from its arrival at the API, and a request may be sent while fewer than the limit
count. Two things are unknown and are bounded:

- *The arrival of a request.* Outbound time lies between that of the fastest response and the same
  plus this response's extra delay. The latest of these is assumed, so a request one window later
  is safe at any latency. A request in flight counts at any time.
- *Requests of other clients.* If less of the limit remains than this user's requests explain,
  other clients spent the difference. The most of it in `REMEMBERED_WINDOWS` is left free.

Whether endpoints share a quota is not published for every API. Then endpoints with the same limit
are assumed to share one, which is always safe, and those with different limits do not.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engagement_nb.apis.contract import Bucket
from engagement_nb.client.pacing import rows as sql
from engagement_nb.client.pacing.headers import Told
from engagement_nb.client.pacing.rows import Rows

GUARD = 0.004
"""Share of a window added to it, for outbound times shorter than any seen before."""
SHORTEST_GUARD = 0.02
"""Seconds; a busy machine delays a request by as much."""
FIRST_PATIENCE = 5.0
"""Seconds; the first request goes alone, because its response has the limit. If its process was
killed, there is no response, so the next one goes after this time."""
REMEMBERED_WINDOWS = 3
"""Windows for which the largest use of other clients is left free for them."""
MARGIN = 0.03
"""Share of the limit that is also left free while other clients are active, because their next
requests arrive before a response shows them."""
LOST_AFTER = 15.0
"""Seconds, at most a quarter of a window: an older request without a response has arrived. That
of a killed process never gets its response."""


@dataclass(frozen=True)
class Quota:
    """One bucket as one of its endpoints sees it.

    Parameters
    ----------
    bucket
        Window and sharing.
    holder
        Whose bucket it is: a name for the app or the user.
    endpoint
        Name of the endpoint.
    """

    bucket: Bucket
    holder: str
    endpoint: str

    @property
    def window(self) -> float:
        """Seconds."""
        return self.bucket.window.total_seconds()

    @property
    def length(self) -> float:
        """Seconds that a request counts for, with a guard."""
        return self.window + max(SHORTEST_GUARD, GUARD * self.window)

    def limit(self, rows: Rows) -> int:
        """Requests per window, from the last response of this endpoint; 0 before the first."""
        return int(dict(rows.do(sql.LIMITS, **self._key).fetchall()).get(self.endpoint, 0))

    def others(self, rows: Rows, now: float) -> int:
        """Requests to leave free for other clients in any window."""
        peers = self._peers(rows)
        most = int(rows.value(sql.OTHERS, **peers, now=now) or 0)
        return most + math.ceil(MARGIN * peers["limit"]) if most else 0

    def left(self, rows: Rows, now: float) -> int | None:
        """Requests that may be sent now; None while the limit is unknown."""
        if not self._peers(rows)["limit"]:
            return None
        return max(0, self._allowed(rows, now) - self._count(rows, now - self.length))

    def refused(self, rows: Rows) -> int:
        """Responses with status 429 so far."""
        return int(self._last_block(rows)["refused"])

    def wait(self, rows: Rows, now: float) -> float:
        """Seconds until a request may be sent; 0 if it may be sent now."""
        until = self._last_block(rows)["until"]
        peers = self._peers(rows)
        if until > now or not peers["limit"]:
            return max(0.0, until - now)
        due, allowed = now, self._allowed(rows, now)
        # The first question is only quick: the second looks at as many rows as are allowed.
        if (rows.value(sql.NUMBERS) or 0) >= allowed:
            nth = rows.value(sql.NEWEST, **peers, after=now - self.length, nth=allowed)
            due = due if nth is None else max(due, min(nth, now) + self.length)
        if self.others(rows, now):
            # Spread over the window: a burst would hide other clients and block them.
            due = max(due, rows.value(sql.LAST, **peers) + 0.9 * self.window / allowed)
        return due - now

    def first(self, rows: Rows, now: float) -> tuple[float, int] | None:
        """The request whose response will tell the limit, while that is worth waiting for.

        Returns
        -------
        tuple or None
            When it was sent, and by which process.
        """
        key = {**self._key, "endpoint": self.endpoint}
        first = None if self.limit(rows) else rows.do(sql.FIRST, **key).fetchone()
        return first if first and now - first[0] < FIRST_PATIENCE else None

    def tidy(self, rows: Rows, now: float) -> None:
        """Forget what no longer counts."""
        late = min(LOST_AFTER, self.window / 4)
        rows.do(sql.LOST, **self._key, now=now, late=late)
        rows.do(sql.FORGET, **self._key, before=now - 2 * self.length)
        rows.do(sql.FORGET_LIMITS, **self._key)

    def enter(self, rows: Rows, now: float) -> int:
        """Count a request that is sent now, and return its number for `learn`."""
        key = {**self._key, "endpoint": self.endpoint}
        rows.do(sql.KNOW, **key)
        return rows.do(sql.SEND, **key, process=os.getpid(), now=now).lastrowid or 0

    def learn(self, rows: Rows, number: int, sent: float, told: Told | None, now: float) -> None:
        """Learn from a response, or from the lack of one.

        Parameters
        ----------
        rows
            Where it is kept.
        number, sent
            The number of its request, and when it was sent.
        told
            What its headers say about this bucket; None without a response.
        now
            When its headers arrived.
        """
        if rows.value(sql.FIND, number=number, sent=sent) is None:
            return  # Already forgotten.
        key = {**self._key, "endpoint": self.endpoint}
        counts, took = now, None
        if told is not None:
            took = max(0.0, now - sent)
            fastest = rows.value(sql.FASTEST, **key)
            if fastest is None or took < fastest:
                fastest = took
                rows.do(sql.MOVE, **key, fastest=fastest)
            counts = sent + took - fastest
        rows.do(sql.ANSWER, number=number, counts=counts, took=took)
        if told is None or not told.limit:
            return
        first = not self.limit(rows)
        rows.do(sql.SET_LIMIT, **key, limit=told.limit)
        if told.remaining is not None:
            own = self._count(rows, sent - self.length, until=counts)
            # Requests from before the first response count until the reset, but they do not show
            # what others spend in each window.
            seconds = min(told.reset or self.window, self.window)
            seconds = seconds if first else REMEMBERED_WINDOWS * self.window
            self._note(rows, told.limit - told.remaining - own, now, seconds)
        if first and told.remaining == 0 and told.reset:
            # Others spent it all, and only the reset ends that.
            self._block(rows, until=now + told.reset)

    def accept(self, rows: Rows) -> None:
        """Learn that a request was not refused."""
        rows.do(sql.ACCEPT, **self._key)

    def refuse(
        self,
        rows: Rows,
        sent: float,
        wait: float | None,
        now: float,
        backoff: Callable[[int], float],
    ) -> None:
        """Learn that a request was refused (429), and send no other before the reset.

        Parameters
        ----------
        rows, sent, now
            As for `learn`.
        wait
            Seconds until the reset; None if the API names none.
        backoff
            Gives the seconds to wait after a number of refusals in a row.
        """
        # It seemed to fit, so other clients sent one more than is known.
        known = int(rows.value(sql.OTHERS, **self._peers(rows), now=now) or 0)
        self._note(rows, known + 1, now, self.window)
        last = self._last_block(rows)
        new = {"refused": last["refused"] + 1}
        if sent >= last["since"]:  # Else it belongs to the round of the last refusal.
            new["since"], new["in_row"] = now, last["in_row"] + 1
            until = now + (backoff(int(new["in_row"])) if wait is None else wait)
            new["until"] = max(last["until"], until)
        self._block(rows, **new)

    @property
    def _key(self) -> dict[str, Any]:
        parts = [self.bucket.api, self.bucket.name, self.bucket.scope, self.holder]
        return {"bucket": "\t".join(parts + [self.endpoint] * bool(self.bucket.by_endpoint))}

    def _peers(self, rows: Rows) -> dict[str, Any]:
        """The limit that counts. Endpoints that have it, or may have it, share the quota."""
        limits = dict(rows.do(sql.LIMITS, **self._key).fetchall())
        known = [limit for limit in limits.values() if limit]
        return {**self._key, "limit": limits.get(self.endpoint) or min(known, default=0)}

    def _allowed(self, rows: Rows, now: float) -> int:
        """Number of this user's requests that may count at once; never none."""
        limit = self._peers(rows)["limit"]
        return int(max(1, limit // 20, limit - self.others(rows, now)))

    def _count(self, rows: Rows, after: float, until: float = sql.IN_FLIGHT) -> int:
        return int(rows.value(sql.COUNT, **self._peers(rows), after=after, until=until))

    def _last_block(self, rows: Rows) -> dict[str, float]:
        row = rows.do(sql.BLOCK, **self._key).fetchone() or (0.0, 0.0, 0, 0)
        return dict(zip(("since", "until", "in_row", "refused"), row, strict=True))

    def _block(self, rows: Rows, **new: float) -> None:
        rows.do(sql.SET_BLOCK, **self._key, **{**self._last_block(rows), **new})

    def _note(self, rows: Rows, count: int, now: float, seconds: float) -> None:
        if count > 0:
            values = {"now": now, "until": now + seconds, "count": count}
            key = {**self._key, "endpoint": self.endpoint}
            rows.do(sql.LESS, **key, **values)
            rows.do(sql.NOTE, **key, **values)
