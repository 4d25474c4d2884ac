"""A made-up world: Tweets on a time line, their counters, the truth about them, ids to try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engagement_nb.apis.engagement import FIRST_MOMENT, PUBLIC_COUNTS_KNOWN_FROM
from engagement_nb.sandbox.counters import NAMES, Counters
from engagement_nb.sandbox.timeline import DAY_MS, HOUR_MS, I64, Flags, Tweets

COLUMNS = (*NAMES, "engagements")
"""Names of the columns of `Truth.counts`."""
_CHUNK = 4096


def _own(tweets: Tweets, mine: Flags) -> Flags:
    return tweets.available & mine & ~tweets.repost


@dataclass(frozen=True)
class Kind:
    """A kind of Tweets to try the sandbox with.

    Parameters
    ----------
    matches
        Which Tweets are of this kind, given which of them are the account's.
    youngest, oldest
        Age in days; None for any.
    before
        Only Tweets posted before this moment.
    """

    matches: Callable[[Tweets, Flags], Flags] = _own
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
    "url": Kind(lambda t, mine: _own(t, mine) & t.has("url")),
    "no-url": Kind(lambda t, mine: _own(t, mine) & ~t.has("url")),
    "hashtag": Kind(lambda t, mine: _own(t, mine) & t.has("hashtag")),
    "hashtag-no-url": Kind(lambda t, mine: _own(t, mine) & t.has("hashtag") & ~t.has("url")),
    "mention": Kind(lambda t, mine: _own(t, mine) & t.has("mention")),
    "image": Kind(lambda t, mine: _own(t, mine) & t.has("image")),
    "video": Kind(lambda t, mine: _own(t, mine) & t.has("video")),
    "poll": Kind(lambda t, mine: _own(t, mine) & t.has("poll")),
    "app": Kind(lambda t, mine: _own(t, mine) & t.has("app")),
    "plain": Kind(lambda t, mine: _own(t, mine) & (t.content.sum(axis=1) == 1)),
    "promoted": Kind(lambda t, mine: _own(t, mine) & t.promoted),
    "repost": Kind(lambda t, mine: t.available & mine & t.repost),
    "others": Kind(lambda t, mine: t.available & ~mine),
    "outsider": Kind(lambda t, mine: t.available & t.outsider),
    "deleted": Kind(lambda t, mine: t.deleted & mine),
    "protected": Kind(lambda t, mine: t.protected & ~t.deleted),
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
    """The real counts of some Tweets in a window.

    Parameters
    ----------
    exists
        Whether each was ever posted; if not, the other arrays have no meaning for it.
    tweets
        Properties of each, in the order of the ids.
    counts
        Shape (ids, `COLUMNS`). Counted metrics and hidden interactions add up to engagements
        (before 2017-10-09 with media views; with skew the counters are read at different times).
    """

    exists: Flags
    tweets: Tweets
    counts: I64

    def of(self, name: str) -> I64:
        """Give the counts of a metric or hidden interaction: shape (ids,)."""
        return self.counts[:, COLUMNS.index(name)]


class World(Counters):
    """Tweets and their counters, with the truth about them and ids to try: see `Counters`."""

    def truth(
        self,
        tweet_ids: Sequence[str | int],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Truth:
        """Give the real counts of Tweets; by default from the beginning until now."""
        now = self.now_ms() / HOUR_MS
        last = now if end is None else min(now, end.timestamp() / 3600.0)
        first = 0.0 if start is None else min(last, start.timestamp() / 3600.0)
        index = self.find(np.array([int(i) for i in tweet_ids], dtype=np.int64))
        tweets = self.tweets(np.maximum(index, 0))
        totals = self.cumulative(tweets, np.array([first, last]), COLUMNS)
        counts = np.diff(totals, axis=2)[:, :, 0]
        return Truth(index >= 0, tweets, counts)

    def pick(self, kind: str = "own", count: int = 100, account: int = 0) -> list[str]:
        """List Tweet ids of one kind, the newest first.

        Parameters
        ----------
        kind
            A key of `KINDS`. "others" are Tweets of other accounts, "outsider" those of an
            author who gave the app no tokens, "mixed" some of every kind. All kinds but these,
            "protected" and "never-existed" are Tweets of the account.
        count
            How many at most; fewer if the world has no more.
        account
            Number of the account.

        Raises
        ------
        ValueError
            There is no such kind or account.
        """
        if kind not in KINDS:
            raise ValueError(f"There is no kind {kind!r}; choose from {', '.join(KINDS)}.")
        if not 0 <= account < self.accounts:
            raise ValueError(f"account must be 0 to {self.accounts - 1}, not {account}.")
        if kind == "mixed":
            return self._mixed(count, account)
        if kind == "never-existed":
            # No Tweet has the id next to the id of another.
            index = np.arange(self.size() - 1, -1, -1, dtype=np.int64)[:count]
            ids = self.ids(index) ^ 1
            never: list[str] = ids[self.find(ids) < 0].astype(str).tolist()
            return never
        found: list[str] = []
        for tweets in self._backwards(KINDS[kind]):
            matching = KINDS[kind].matches(tweets, tweets.account == account)
            found += tweets.ids[matching].astype(str).tolist()
            if len(found) >= count:
                break
        return found[:count]

    def _backwards(self, kind: Kind) -> Iterator[Tweets]:
        """Give the Tweets of the kind's ages in chunks, the newest first."""
        # Ages count from the full day or hour, so a second request soon after gets the same ids.
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
