"""The hidden truth of a world: for tests and teaching, never for the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engagement_nb.sandbox.counters import Counters
from engagement_nb.sandbox.kinds import COUNTED, HIDDEN, NAMES
from engagement_nb.sandbox.timeline import Flags, Timeline


@dataclass(frozen=True)
class Truth:
    """What really happened to some Tweets in a window.

    Parameters
    ----------
    tweet_ids
        The ids asked for, in order.
    exists
        Whether each was ever posted; the other arrays are of no meaning where not.
    metrics
        Names of the columns of ``counts``: every metric but engagements.
    counts
        Shape (ids, metrics).
    hidden_kinds
        Names of the columns of ``hidden``: interactions without a metric.
    hidden
        Shape (ids, hidden_kinds).
    engagements
        Shape (ids,). Counted metrics and hidden kinds add up to it (before 2017-10-09
        media views do too, and with skew the counters are read apart).
    counted
        Metrics that are part of engagements.
    account
        Author's number. ``deleted``, ``protected``, ``promoted``, ``repost``: flags.
    """

    tweet_ids: tuple[str, ...]
    exists: Flags
    metrics: tuple[str, ...]
    counts: NDArray[np.int64]
    hidden_kinds: tuple[str, ...]
    hidden: NDArray[np.int64]
    engagements: NDArray[np.int64]
    counted: tuple[str, ...]
    account: NDArray[np.int64]
    deleted: Flags
    protected: Flags
    promoted: Flags
    repost: Flags

    def of(self, metric: str) -> NDArray[np.int64]:
        """One metric's or hidden kind's counts: shape (ids,)."""
        if metric == "engagements":
            return self.engagements
        if metric in self.hidden_kinds:
            return self.hidden[:, self.hidden_kinds.index(metric)]
        return self.counts[:, self.metrics.index(metric)]


def tell(
    world: Timeline,
    counters: Counters,
    tweet_ids: Sequence[str | int],
    start: datetime | None = None,
    end: datetime | None = None,
) -> Truth:
    """The truth about Tweets.

    Parameters
    ----------
    world, counters
        Of a sandbox.
    tweet_ids
        Any ids.
    start, end
        Moments; by default from the beginning until now.
    """
    now = world.now_ms() / 3_600_000
    last = now if end is None else min(now, end.timestamp() / 3600.0)
    first = 0.0 if start is None else min(last, start.timestamp() / 3600.0)
    numbers = np.array([int(i) for i in tweet_ids], dtype=np.int64)
    index = world.find(numbers)
    tweets = world.tweets(np.maximum(index, 0))
    names = [*NAMES, "engagements"]
    shown = np.diff(counters.cumulative(tweets, np.array([first, last]), names), axis=2)[:, :, 0]
    metrics = tuple(name for name in NAMES if name not in HIDDEN)
    return Truth(
        tweet_ids=tuple(str(i) for i in tweet_ids),
        exists=index >= 0,
        metrics=metrics,
        counts=shown[:, [names.index(name) for name in metrics]],
        hidden_kinds=HIDDEN,
        hidden=shown[:, [names.index(name) for name in HIDDEN]],
        engagements=shown[:, -1],
        counted=tuple(name for name in COUNTED if name not in HIDDEN),
        account=tweets.account,
        deleted=tweets.deleted,
        protected=tweets.protected,
        promoted=tweets.promoted,
        repost=tweets.repost,
    )
