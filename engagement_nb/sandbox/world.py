"""A made-up world: Tweets on a time line, their counters, the truth about them, ids to try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engagement_nb.sandbox.counters import NAMES, Counters
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import DAY_MS, HOUR_MS, I64, Flags, Timeline, Tweets
from engagement_nb.vocabulary import FIRST_MOMENT, PUBLIC_COUNTS_KNOWN_FROM

COLUMNS = (*NAMES, "engagements")
"""What is counted, in the order of the columns of `Truth`."""
_CHUNK = 4096


@dataclass(frozen=True)
class Kind:
    """A kind of Tweets to try the sandbox with.

    Parameters
    ----------
    has
        What else must be true of a Tweet.
    youngest, oldest
        Age in days; None for any.
    before
        Only Tweets posted before this moment.
    """

    has: Callable[[Tweets], Flags] | None = None
    youngest: float = 0.0
    oldest: float | None = None
    before: datetime | None = None


KINDS: dict[str, Kind] = {
    "own": Kind(),
    "recent": Kind(oldest=28 / 24),
    "under-90-days": Kind(oldest=90),
    "over-90-days": Kind(youngest=90, oldest=1800),
    "over-1800-days": Kind(youngest=1800),
    "before-2014-09": Kind(before=FIRST_MOMENT),
    "before-2015-09": Kind(before=PUBLIC_COUNTS_KNOWN_FROM),
    "url": Kind(lambda t: t.has(1)),
    "no-url": Kind(lambda t: ~t.has(1)),
    "hashtag": Kind(lambda t: t.has(2)),
    "hashtag-no-url": Kind(lambda t: t.has(2) & ~t.has(1)),
    "mention": Kind(lambda t: t.has(3)),
    "image": Kind(lambda t: t.has(4)),
    "video": Kind(lambda t: t.has(5)),
    "poll": Kind(lambda t: t.has(6)),
    "app": Kind(lambda t: t.has(7)),
    "plain": Kind(lambda t: t.content[:, 1:].sum(axis=1) == 0),
    "promoted": Kind(lambda t: t.promoted),
    "repost": Kind(lambda t: t.repost),
    "others": Kind(),
    "outsider": Kind(),
    "deleted": Kind(),
    "protected": Kind(),
    "never-existed": Kind(),
    "mixed": Kind(),
}
"""Every kind that `World.pick` takes."""
_MIXTURE = (
    "own", "over-90-days", "video", "others", "own", "over-1800-days", "own", "deleted",
    "outsider", "never-existed", "url", "protected",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What really happened to some Tweets in a window.

    Parameters
    ----------
    tweet_ids
        The ids asked for, in order.
    exists
        Whether each was ever posted; the other arrays are of no meaning where not.
    tweets
        What is true of each.
    counts
        Shape (ids, `COLUMNS`). Counted metrics and hidden kinds add up to engagements (before
        2017-10-09 media views do too, and with skew the counters are read apart).
    """

    tweet_ids: tuple[str, ...]
    exists: Flags
    tweets: Tweets
    counts: I64

    def of(self, name: str) -> I64:
        """The counts of a metric or hidden kind: shape (ids,)."""
        return self.counts[:, COLUMNS.index(name)]


class World(Timeline):
    """A time line with counters.

    Parameters
    ----------
    settings
        Seed, size, clock and what varies.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.counters = Counters(self)

    def truth(
        self,
        tweet_ids: Sequence[str | int],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Truth:
        """What really happened to Tweets; by default from the beginning until now."""
        now = self.now_ms() / HOUR_MS
        last = now if end is None else min(now, end.timestamp() / 3600.0)
        first = 0.0 if start is None else min(last, start.timestamp() / 3600.0)
        index = self.find(np.array([int(i) for i in tweet_ids], dtype=np.int64))
        tweets = self.tweets(np.maximum(index, 0))
        totals = self.counters.cumulative(tweets, np.array([first, last]), COLUMNS)
        counts = np.diff(totals, axis=2)[:, :, 0]
        return Truth(tuple(map(str, tweet_ids)), index >= 0, tweets, counts)

    def pick(self, kind: str = "own", count: int = 100, account: int = 0) -> list[str]:
        """Tweet ids of one kind, the newest first.

        Parameters
        ----------
        kind
            A key of `KINDS`. All but "others", "outsider", "protected" and "never-existed" are
            Tweets of the account; "others" are those that are not, "outsider" those of an
            author who gave the app no tokens; "mixed" has some of everything.
        count
            How many at most; fewer if the world has no more.
        account
            Number of the account.

        Raises
        ------
        ValueError
            If there is no such kind or account.
        """
        if kind not in KINDS:
            raise ValueError(f"There is no kind {kind!r}; choose from {', '.join(KINDS)}.")
        if not 0 <= account < self.accounts:
            raise ValueError(f"account must be 0 to {self.accounts - 1}, not {account}.")
        if kind == "mixed":
            return self._mixed(count, account)
        if kind == "never-existed":
            # No Tweet has the id next to another's.
            index = np.arange(self.size() - 1, -1, -1, dtype=np.int64)[:count]
            ids = self.ids(index) ^ 1
            never: list[str] = ids[self.find(ids) < 0].astype(str).tolist()
            return never
        found: list[str] = []
        for tweets in self._backwards(KINDS[kind]):
            chosen = tweets.take(self._matches(tweets, kind, account))
            found += chosen.ids.astype(str).tolist()
            if len(found) >= count:
                break
        return found[:count]

    def _matches(self, tweets: Tweets, kind: str, account: int) -> Flags:
        mine: Flags = tweets.account == account
        wanted: Flags = tweets.available & mine & (tweets.repost == (kind == "repost"))
        if kind == "deleted":
            wanted = tweets.deleted & mine
        elif kind == "protected":
            wanted = tweets.protected & ~tweets.deleted
        elif kind == "others":
            wanted = tweets.available & ~mine
        elif kind == "outsider":
            wanted = tweets.available & (tweets.account == self.outsider)
        has = KINDS[kind].has
        return wanted if has is None else wanted & has(tweets)

    def _backwards(self, kind: Kind) -> Iterator[Tweets]:
        """Tweets of the kind's ages, chunk after chunk, the newest first."""
        # Ages count from the full day, or hour: a second request soon after gets the same ids.
        # The margin keeps an id on its side of the limit while it is used.
        unit = HOUR_MS if kind.oldest is not None and kind.oldest < 2 else DAY_MS
        now = self.now_ms() // unit * unit
        until = now - int(kind.youngest * DAY_MS)
        since = 0 if kind.oldest is None else now - int(kind.oldest * DAY_MS) + unit
        if kind.before is not None:
            until = int(kind.before.timestamp() * 1000)
        last, first = self.size(until), self.size(since)
        for end in range(last, first, -_CHUNK):
            begin = max(first, end - _CHUNK)
            yield self.tweets(np.arange(end - 1, begin - 1, -1, dtype=np.int64))

    def _mixed(self, count: int, account: int) -> list[str]:
        rounds = -(-count // len(_MIXTURE))
        wanted = {kind: rounds * _MIXTURE.count(kind) for kind in _MIXTURE}
        pools = {kind: iter(self.pick(kind, n, account)) for kind, n in wanted.items()}
        mixed = [next(pools[kind], None) for _ in range(rounds) for kind in _MIXTURE]
        return list(dict.fromkeys(i for i in mixed if i is not None))[:count]
