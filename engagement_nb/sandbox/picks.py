"""Ids to try the sandbox with, by what is special about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engagement_nb.sandbox.timeline import DAY_MS, HOUR_MS, Flags, Timeline, Tweets
from engagement_nb.vocabulary import FIRST_MOMENT, PUBLIC_COUNTS_KNOWN_FROM

_CHUNK = 4096
_MS = 1000

# What a Tweet must be, and at which age in days it is looked for (None: any).
_Test = Callable[[Tweets], Flags]
KINDS: dict[str, tuple[_Test | None, tuple[float, float | None]]] = {
    "own": (None, (0, None)),
    "recent": (None, (0, 28 / 24)),
    "under-90-days": (None, (0, 90)),
    "over-90-days": (None, (90, 1800)),
    "over-1800-days": (None, (1800, None)),
    "before-2014-09": (None, (0, None)),
    "before-2015-09": (None, (0, None)),
    "url": (lambda t: t.has(1), (0, None)),
    "no-url": (lambda t: ~t.has(1), (0, None)),
    "hashtag": (lambda t: t.has(2), (0, None)),
    "hashtag-no-url": (lambda t: t.has(2) & ~t.has(1), (0, None)),
    "mention": (lambda t: t.has(3), (0, None)),
    "image": (lambda t: t.has(4), (0, None)),
    "video": (lambda t: t.has(5), (0, None)),
    "poll": (lambda t: t.has(6), (0, None)),
    "app": (lambda t: t.has(7), (0, None)),
    "plain": (lambda t: t.content[:, 1:].sum(axis=1) == 0, (0, None)),
    "promoted": (lambda t: t.promoted, (0, None)),
    "repost": (lambda t: t.repost, (0, None)),
    "others": (None, (0, None)),
    "outsider": (None, (0, None)),
    "deleted": (None, (0, None)),
    "protected": (None, (0, None)),
    "never-existed": (None, (0, None)),
    "mixed": (None, (0, None)),
}
"""Every kind that `pick` takes."""
_MIXTURE = (
    "own", "over-90-days", "video", "others", "own", "over-1800-days", "own", "deleted",
    "outsider", "never-existed", "url", "protected",
)  # fmt: skip


def pick(world: Timeline, kind: str, count: int, account: int = 0) -> list[str]:
    """Tweet ids of one kind, the newest first.

    Parameters
    ----------
    world
        Whose Tweets.
    kind
        A key of `KINDS`. All but "others", "outsider", "protected" and "never-existed" are
        Tweets of the account; "others" are those that are not, "outsider" those of somebody
        who gave the app no tokens; "mixed" has some of everything.
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
    if not 0 <= account < world.accounts:
        raise ValueError(f"account must be 0 to {world.accounts - 1}, not {account}.")
    if kind == "mixed":
        return _mixed(world, count, account)
    if kind == "never-existed":
        # Between two Tweets nothing else was posted.
        index = np.arange(world.size() - 1, -1, -1, dtype=np.int64)[:count]
        ids = world.ids(index) ^ 1
        return ids[world.find(ids) < 0].astype(str).tolist()
    found: list[str] = []
    for tweets in _backwards(world, kind):
        chosen = tweets.take(_matches(world, tweets, kind, account))
        found += chosen.ids.astype(str).tolist()
        if len(found) >= count:
            break
    return found[:count]


def _matches(world: Timeline, tweets: Tweets, kind: str, account: int) -> Flags:
    if kind == "deleted":
        return tweets.deleted & (tweets.account == account)
    if kind == "protected":
        return tweets.protected & ~tweets.deleted
    if kind == "others":
        return tweets.available & (tweets.account != account)
    if kind == "outsider":
        return tweets.available & (tweets.account == world.outsider)
    own = tweets.available & (tweets.account == account)
    if kind != "repost":
        own &= ~tweets.repost
    test = KINDS[kind][0]
    return own if test is None else own & test(tweets)


def _backwards(world: Timeline, kind: str) -> Iterator[Tweets]:
    """Tweets of the kind's ages, chunk after chunk, the newest first."""
    youngest, oldest = KINDS[kind][1]
    now = world.now_ms()
    if kind == "recent":
        # Anchored on the hour, others on the day: asking again soon gives the same ids.
        now -= now % HOUR_MS
    else:
        now -= now % DAY_MS
    until = now - int(youngest * DAY_MS)
    # A margin, so that an id does not change sides of a limit while it is used.
    since = (
        0 if oldest is None else now - int(oldest * DAY_MS) + (HOUR_MS if oldest < 2 else DAY_MS)
    )
    if kind == "before-2014-09":
        until = int(FIRST_MOMENT.timestamp() * _MS)
    if kind == "before-2015-09":
        until = int(PUBLIC_COUNTS_KNOWN_FROM.timestamp() * _MS)
    last, first = world.size(until), world.size(since)
    for end in range(last, first, -_CHUNK):
        yield world.tweets(np.arange(end - 1, max(first, end - _CHUNK) - 1, -1, dtype=np.int64))


def _mixed(world: Timeline, count: int, account: int) -> list[str]:
    rounds = -(-count // len(_MIXTURE))
    wanted = {kind: rounds * _MIXTURE.count(kind) for kind in _MIXTURE}
    pools = {kind: iter(pick(world, kind, n, account)) for kind, n in wanted.items()}
    mixed = [next(pools[kind], None) for _ in range(rounds) for kind in _MIXTURE]
    return list(dict.fromkeys(i for i in mixed if i is not None))[:count]
