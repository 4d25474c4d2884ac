"""The sandbox's accounts and Tweets, each a pure function of the seed and a number.

Nothing is stored: the number of a Tweet gives its id, the id gives the number, and both give
everything else. Random numbers are counter-based: the same keys give the same numbers, in any
order. Tweets lie on a fixed time line: half of them from 2013-07 to 2025-09, half in the year
after, and so on at that pace. So ids are the same at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engagement_nb.apis.times import SNOWFLAKE_EPOCH_MS
from engagement_nb.sandbox.settings import Settings

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
Key = int | I64

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ARCHIVE_START_MS = int(datetime(2013, 7, 1, tzinfo=UTC).timestamp() * 1000)
STREAM_START_MS = int(datetime(2025, 10, 1, tzinfo=UTC).timestamp() * 1000)
STREAM_YEAR_MS = 365 * DAY_MS
VIDEO_BLOCK = 8
_LOW_BITS = 22
CONTENT = ("any", "url", "hashtag", "mention", "image", "video", "poll", "app")
"""Parts of a Tweet; each one has the first."""

# One salt per property, so that no two of them are correlated.
_TIME, _LOW, _ACCOUNT, _OWNER, _STATE = 11, 12, 13, 14, 15
_REACH, _VIRAL, _PROMOTED, _CONTENT, _VIDEO = 16, 17, 18, 19, 20
_SALT_PHASE, _SALT_FAME = 21, 22

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _scramble(state: U64) -> U64:
    # The finaliser of splitmix64 (Steele, Lea and Flood, 2014), in place.
    state += _GOLDEN
    state ^= state >> np.uint64(30)
    state *= _MIX_1
    state ^= state >> np.uint64(27)
    state *= _MIX_2
    state ^= state >> np.uint64(31)
    return state


@lru_cache(maxsize=4096)
def _start(*keys: int) -> np.uint64:
    state = np.zeros(1, dtype=np.uint64)
    for key in keys:
        state = _scramble(state ^ np.uint64(key))
    return np.uint64(state[0])


def hashed(*keys: Key) -> U64:
    """Give 64 random bits for each combination of keys.

    Parameters
    ----------
    *keys
        Integers and arrays of them, which are broadcast.
    """
    state: U64 = np.array([_start(*(key for key in keys if isinstance(key, int)))])
    for key in keys:
        if not isinstance(key, int):
            state = _scramble(state ^ key.astype(np.uint64))
    return state


def uniform(*keys: Key) -> F64:
    """Give a number of [0, 1) for each combination of keys."""
    drawn: F64 = (hashed(*keys) >> np.uint64(11)).astype(np.float64)
    drawn *= 2.0**-53
    return drawn


def normal(*keys: Key) -> F64:
    """Give a standard normal number for each combination of keys (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(1, *keys)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(2, *keys)), dtype=np.float64)


@dataclass(frozen=True)
class Tweets:
    """Properties of some Tweets: one array per property, one place per Tweet.

    ``account`` is the number of the author. Authors below the number of accounts have tokens;
    then comes the protected account, then an outsider who gave the app no tokens. ``content``
    has one column per part of `CONTENT`.
    """

    index: I64
    ids: I64
    posted_ms: I64
    account: I64
    content: F64
    deleted: Flags
    protected: Flags
    outsider: Flags
    repost: Flags
    promoted: Flags
    reach: F64
    boost: F64

    def __len__(self) -> int:
        return len(self.index)

    def has(self, part: str) -> Flags:
        """Whether each Tweet contains this part of `CONTENT`."""
        return self.content[:, CONTENT.index(part)] > 0

    @property
    def available(self) -> Flags:
        """Whether the API returns anything for each Tweet."""
        return ~(self.deleted | self.protected)

    def take(self, where: NDArray[np.generic]) -> Tweets:
        """Select Tweets, by a mask or by places."""
        return Tweets(*(getattr(self, name)[where] for name in self.__dataclass_fields__))

    def at(self, place: int) -> Tweets:
        """Select one Tweet."""
        return self.take(np.array([place]))


class Timeline:
    """All Tweets of a sandbox, by number and by id.

    Parameters
    ----------
    settings
        Seed, size and clock.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seed = settings.seed % 2**63
        self.accounts = settings.accounts
        self.archive_size = max(1, settings.tweets // 2)
        stream = max(1, settings.tweets - self.archive_size)
        self._archive_step = (STREAM_START_MS - ARCHIVE_START_MS) // self.archive_size
        self._stream_step = STREAM_YEAR_MS // stream

    def now_ms(self) -> int:
        """The present moment, in milliseconds since the Unix epoch."""
        return int(self.settings.clock().timestamp() * 1000)

    def size(self, at_ms: int | None = None) -> int:
        """Number of Tweets posted by a moment, including deleted ones."""
        at = self.now_ms() if at_ms is None else at_ms
        if at < STREAM_START_MS:
            count = max(0, (at - ARCHIVE_START_MS) // self._archive_step + 1)
            count = min(count, self.archive_size)
        else:
            count = self.archive_size + (at - STREAM_START_MS) // self._stream_step + 1
        last = int(self.posted_ms(np.array([count - 1], dtype=np.int64))[0]) if count else 0
        return int(count - 1 if last > at else count)

    def posted_ms(self, index: I64) -> I64:
        """Give the times of Tweets, by number, in milliseconds since the Unix epoch."""
        index = np.asarray(index, dtype=np.int64)
        archived = index < self.archive_size
        # 64 bits by name: numpy's default has 32 on some machines, and ids would wrap.
        step = np.where(archived, np.int64(self._archive_step), np.int64(self._stream_step))
        place = np.where(archived, index, index - self.archive_size)
        start = np.where(archived, np.int64(ARCHIVE_START_MS), np.int64(STREAM_START_MS))
        within = (uniform(self.seed, _TIME, index) * step).astype(np.int64)
        moments: I64 = start + place * step + within
        return moments

    def ids(self, index: I64) -> I64:
        """Give the ids of Tweets, by number."""
        low = (hashed(self.seed, _LOW, index) & np.uint64(2**_LOW_BITS - 1)).astype(np.int64)
        return ((self.posted_ms(index) - SNOWFLAKE_EPOCH_MS) << _LOW_BITS) | low

    def find(self, ids: I64, at_ms: int | None = None) -> I64:
        """Give the numbers of Tweets, by id; -1 if no Tweet has the id (yet)."""
        ids = np.asarray(ids, dtype=np.int64)
        moment = (ids >> _LOW_BITS) + SNOWFLAKE_EPOCH_MS
        archived = moment < STREAM_START_MS
        index = np.where(
            archived,
            (moment - ARCHIVE_START_MS) // self._archive_step,
            self.archive_size + (moment - STREAM_START_MS) // self._stream_step,
        )
        possible = (moment >= ARCHIVE_START_MS) & ~(archived & (index >= self.archive_size))
        index = np.where(possible, index, np.int64(0))
        at = self.now_ms() if at_ms is None else at_ms
        known = possible & (self.ids(index) == ids) & (moment <= at)
        return np.where(known, index, np.int64(-1))

    def tweets(self, index: Sequence[int] | I64) -> Tweets:
        """Give all properties of Tweets, by number."""
        at = np.asarray(index, dtype=np.int64)
        account = self._authors(at)
        content = self._content(at)
        state = uniform(self.seed, _STATE, at)
        repost = (state > 0.02) & (state < 0.05)
        promoted = (uniform(self.seed, _PROMOTED, at) < 0.03) & ~repost
        boost = np.where(promoted, 1.5 + 3.0 * uniform(self.seed, _PROMOTED, at, 1), 1.0)
        return Tweets(
            index=at,
            ids=self.ids(at),
            posted_ms=self.posted_ms(at),
            account=account,
            content=content,
            deleted=state < 0.02,
            protected=account == self.accounts,
            outsider=account == self.accounts + 1,
            repost=repost,
            promoted=promoted,
            reach=np.where(repost, 0.0, self._reach(at, account)),
            boost=boost,
        )

    def _authors(self, index: I64) -> I64:
        draw = uniform(self.seed, _ACCOUNT, index)
        owner = (hashed(self.seed, _OWNER, index) % np.uint64(self.accounts)).astype(np.int64)
        owner = np.where(draw < 0.065, np.int64(self.accounts + 1), owner)
        return np.where(draw < 0.015, np.int64(self.accounts), owner)

    def _content(self, index: I64) -> F64:
        draws = uniform(self.seed, _CONTENT, index[:, None], np.arange(5, dtype=np.int64)).T
        media = draws[3]
        columns = (
            np.ones(len(index), dtype=bool),
            draws[0] < 0.30,
            draws[1] < 0.25,
            draws[2] < 0.25,
            media < 0.28,
            (media >= 0.28) & (media < 0.42),
            (media >= 0.42) & (media < 0.47),
            draws[4] < 0.02,
        )
        return np.stack(columns, axis=1).astype(np.float64)

    def _reach(self, index: I64, account: I64) -> F64:
        """Lifetime impressions: log-normal, with a Pareto tail for one Tweet in fifty."""
        fame = 6.0 + 0.7 * normal(self.seed, _SALT_FAME, account)
        reach = np.exp(fame + 1.2 * normal(self.seed, _REACH, index))
        viral = uniform(self.seed, _VIRAL, index)
        tail = (1.0 - uniform(self.seed, _VIRAL, index, 1)) ** -0.9
        reach *= np.where(viral < 0.02, np.minimum(5.0 * tail, 2000.0), 1.0)
        floored: F64 = np.floor(reach)
        return floored

    def phase(self, account: I64) -> F64:
        """Hour of the day (UTC) at which an account's readers are busiest."""
        return 19.0 - np.floor(uniform(self.seed, _SALT_PHASE, account) * 9.0)

    def same_video(self, index: I64, at_ms: float) -> tuple[I64, Flags]:
        """Give the numbers of other Tweets that may have the same video, and whether they do.

        Parameters
        ----------
        index
            Numbers of Tweets with a video.
        at_ms
            Moment by which the other Tweets were posted.

        Returns
        -------
        arrays of shape (Tweets, 8)
        """
        blocks = index // VIDEO_BLOCK
        members = blocks[:, None] * VIDEO_BLOCK + np.arange(VIDEO_BLOCK, dtype=np.int64)
        shared = (uniform(self.seed, _VIDEO, blocks) < 0.5)[:, None] & (members != index[:, None])
        flat = members.ravel()
        has_video = self._content(flat)[:, CONTENT.index("video")].reshape(members.shape) > 0
        posted = self.posted_ms(flat).reshape(members.shape) <= at_ms
        return members, shared & has_video & posted
