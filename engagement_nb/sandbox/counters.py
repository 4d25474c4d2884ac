"""Hourly counters of a world's Tweets, without storing any.

A counter's total at a moment is ``floor(N * F(moment) + u)``: ``N`` what the Tweet gets in its
life, ``F`` a curve from 0 to 1 (decay with age, the day's rhythm, uneven hours), ``u`` a
number of [0, 1) of the counter's own. An hour is the difference of two such totals, so hours
add up to days and totals exactly, and no total is more work than another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engagement_nb.sandbox.hashing import normal, uniform
from engagement_nb.sandbox.kinds import CONTENT, HIDDEN, KINDS, NAMES, RATES, SPREADS
from engagement_nb.sandbox.timeline import HOUR_MS, I64, Timeline, Tweets
from engagement_nb.vocabulary import MEDIA_VIEWS_LEFT_ENGAGEMENTS

F64 = NDArray[np.float64]

_LIFETIME, _ROUNDING, _UNEVEN, _SPEED, _LAG = 31, 32, 33, 34, 35
_RHYTHM = 0.7
_DAY = 2.0 * np.pi / 24.0
_MEDIA_VIEWS_END = MEDIA_VIEWS_LEFT_ENGAGEMENTS.timestamp() / 3600.0


class Counters:
    """What a world's counters show.

    Parameters
    ----------
    world
        The world whose Tweets are counted.
    """

    def __init__(self, world: Timeline) -> None:
        self.world = world
        settings = world.settings
        unknown = set(settings.rates) - set(NAMES)
        if unknown:
            raise ValueError(
                f"rates has unknown names: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}."
            )
        factors = np.array([settings.rates.get(name, 1.0) for name in NAMES])
        if not settings.hidden:
            factors[[NAMES.index(name) for name in HIDDEN]] = 0.0
        self._rates = RATES * factors
        span = settings.skew_minutes / 60.0
        draws = uniform(world.seed, _LAG, np.arange(len(NAMES) + 1, dtype=np.int64))
        self._lags = np.round(span * draws, 4)

    def lifetimes(self, tweets: Tweets) -> F64:
        """What each counter will ever show: shape (Tweets, `kinds.NAMES`)."""
        columns = np.arange(len(KINDS), dtype=np.int64)
        rows = tweets.index[:, None]
        luck = np.exp(SPREADS * normal(self.world.seed, _LIFETIME, rows, columns))
        boost = np.where(columns == 0, 1.0, tweets.boost[:, None])
        expected = tweets.reach[:, None] * (tweets.content @ self._rates) * luck * boost
        return np.floor(expected + uniform(self.world.seed, _LIFETIME, rows, columns, 3))

    def cumulative(self, tweets: Tweets, hours: F64, names: Sequence[str]) -> I64:
        """Counters' totals at some moments.

        Parameters
        ----------
        tweets
            The Tweets.
        hours
            Moments, in hours since the Unix epoch.
        names
            Names of `kinds.NAMES`, or "engagements".

        Returns
        -------
        array of int64
            Shape (Tweets, names, moments).
        """
        lifetimes = self.lifetimes(tweets)
        columns = np.arange(len(KINDS), dtype=np.int64)
        offsets = uniform(self.world.seed, _ROUNDING, tweets.index[:, None], columns)
        moments: dict[tuple[float, float], F64] = {}
        curves: dict[tuple[float, float, float], F64] = {}

        def total(place: int, lag: float, until: float = np.inf) -> I64:
            pace = KINDS[place].pace
            if (lag, until) not in moments:
                moments[lag, until] = self._unevenly(tweets, np.minimum(hours - lag, until))
            if (pace, lag, until) not in curves:
                curves[pace, lag, until] = self._curve(tweets, moments[lag, until], pace)
            shown = lifetimes[:, place, None] * curves[pace, lag, until]
            shown += offsets[:, place, None]
            return shown.astype(np.int64)

        totals = np.zeros((len(tweets), len(names), len(hours)), dtype=np.int64)
        for column, name in enumerate(names):
            if name != "engagements":
                place = NAMES.index(name)
                totals[:, column] = total(place, self._lags[place])
                continue
            lag = self._lags[-1]
            for place, kind in enumerate(KINDS):
                if kind.counted and lifetimes[:, place].any():
                    totals[:, column] += total(place, lag)
            if len(tweets) and tweets.posted_ms.min() / HOUR_MS < _MEDIA_VIEWS_END:
                totals[:, column] += total(NAMES.index("media_views"), lag, _MEDIA_VIEWS_END)
        return totals

    def _curve(self, tweets: Tweets, moments: F64, pace: float) -> F64:
        """Share of a lifetime's count that has come by each moment: (Tweets, moments)."""
        posted = (tweets.posted_ms / HOUR_MS)[:, None]
        phase = self.world.phase(tweets.account)[:, None]

        # Hours of the day weigh 1 + 0.7 cos(...): time runs faster while readers are awake.
        def felt(at: F64) -> F64:
            return at + _RHYTHM / _DAY * np.sin(_DAY * (at - phase))

        age = np.maximum(felt(moments) - felt(posted), 0.0)
        speed = 4.0 + 12.0 * uniform(self.world.seed, _SPEED, tweets.index)[:, None]
        decay = 1.0 - (1.0 + age / (speed * pace)) ** -1.25
        return 0.94 * decay - 0.06 * np.expm1(-age / 3000.0)

    def _unevenly(self, tweets: Tweets, hours: F64) -> F64:
        """Moments moved within their hour, in order, so that hours differ by chance too."""
        posted = (tweets.posted_ms / HOUR_MS)[:, None]
        begun = np.floor(hours)
        rows = tweets.index[:, None]

        def edge(hour: F64) -> F64:
            moved = hour + uniform(self.world.seed, _UNEVEN, rows, hour.astype(np.int64))
            return np.where(hour <= posted, posted, moved)

        low, high = edge(begun), edge(begun + 1.0)
        # The hour of posting begins with the Tweet, not with the hour.
        first = np.maximum(begun, posted)
        share = (hours - first) / (begun + 1.0 - first + (begun + 1.0 <= posted))
        moved = low + np.clip(share, 0.0, 1.0) * (high - low)
        return np.where(hours <= posted, posted, moved)

    def others_video_views(self, tweets: Tweets, hour: float) -> I64:
        """Video views of the other Tweets that carry a Tweet's video, by a moment."""
        views = np.zeros(len(tweets), dtype=np.int64)
        rows = np.flatnonzero(tweets.has(CONTENT.index("video")))
        members, same = self.world.same_video(tweets.index[rows], hour * HOUR_MS)
        if same.any():
            carriers = self.world.tweets(members[same])
            shown = self.cumulative(carriers, np.array([hour]), ["video_views"])[:, 0, 0]
            np.add.at(views, rows[np.nonzero(same)[0]], shown)
        return views
