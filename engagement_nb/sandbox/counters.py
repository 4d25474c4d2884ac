"""Hourly counters of a world's Tweets, without storing any.

A counter's total at a moment is ``floor(N * F(moment) + u)``. ``N`` is the lifetime total of the
Tweet, ``F`` a curve from 0 to 1 (decay with age, daily rhythm, uneven hours), and ``u`` a number
of [0, 1) for this counter. An hour is the difference of two totals. So hours add up to days and
totals exactly, and every total takes the same work.

How the sandbox defines ``engagements``, which the real API does not publish: every interaction
that has a metric counts, including quotes. ``media_views`` and ``video_views`` do not count
(media views did until 2017-10-09). Hidden interactions count and have no metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engagement_nb.apis.engagement import MEDIA_VIEWS_LEFT_ENGAGEMENTS
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import (
    CONTENT,
    F64,
    HOUR_MS,
    I64,
    Timeline,
    Tweets,
    normal,
    uniform,
)


@dataclass(frozen=True)
class Counter:
    """One counter of every Tweet.

    Parameters
    ----------
    name
        Wire name of the metric, or name of the hidden interaction.
    rate
        Expected count per impression, by part of the Tweet; the parts add up.
    counted
        Whether it is part of ``engagements``.
    hidden
        Whether it has no metric.
    pace
        Time scale relative to impressions; above 1 is slower.
    spread
        Sigma of the log-normal factor between Tweets.
    """

    name: str
    rate: dict[str, float]
    counted: bool = True
    hidden: bool = False
    pace: float = 1.0
    spread: float = 0.6


COUNTERS = (
    Counter("impressions", {"any": 1.0}, counted=False, spread=0.0),
    Counter("favorites", {"any": 0.012, "image": 0.006}, pace=0.6),
    Counter("retweets", {"any": 0.003, "image": 0.001}, pace=0.6),
    Counter("replies", {"any": 0.0016, "mention": 0.001, "poll": 0.002}, pace=0.6),
    Counter("video_views", {"video": 0.28}, counted=False, spread=0.3),
    Counter("quote_tweets", {"any": 0.0004}, pace=0.6),
    Counter("media_views", {"image": 0.7, "video": 0.55}, counted=False, spread=0.2),
    Counter("media_engagements", {"image": 0.02, "video": 0.012}),
    Counter("url_clicks", {"url": 0.014, "hashtag": 0.0012}, pace=2.5),
    Counter("hashtag_clicks", {"hashtag": 0.002}),
    Counter("detail_expands", {"any": 0.015, "image": 0.006}),
    Counter("permalink_clicks", {"any": 0.0007}, pace=2.5),
    Counter("app_install_attempts", {"app": 0.004}, pace=2.5),
    Counter("app_opens", {"app": 0.003}, pace=2.5),
    Counter("email_tweet", {"any": 0.0001}),
    Counter("user_follows", {"any": 0.0004}),
    Counter("user_profile_clicks", {"any": 0.006}),
    Counter("bookmarks", {"any": 0.0015, "url": 0.001}, hidden=True, pace=2.5),
    Counter("copied_links", {"any": 0.0006}, hidden=True, pace=2.5),
    Counter("mention_clicks", {"mention": 0.004}, hidden=True),
    Counter("card_clicks", {"url": 0.004}, hidden=True, pace=2.5),
    Counter("video_expands", {"video": 0.02}, hidden=True),
    Counter("poll_votes", {"poll": 0.03}, hidden=True, pace=0.6),
)

NAMES = tuple(one.name for one in COUNTERS)
COUNTED = tuple(one.name for one in COUNTERS if one.counted)
HIDDEN = tuple(one.name for one in COUNTERS if one.hidden)
RATES = np.array([[one.rate.get(part, 0.0) for one in COUNTERS] for part in CONTENT])
SPREADS = np.array([one.spread for one in COUNTERS])

_LIFETIME, _ROUNDING, _UNEVEN, _SPEED, _LAG = 31, 32, 33, 34, 35
_RHYTHM = 0.7
_DAY = 2.0 * np.pi / 24.0
_MEDIA_VIEWS_END = MEDIA_VIEWS_LEFT_ENGAGEMENTS.timestamp() / 3600.0


class Counters(Timeline):
    """A time line with counters.

    Parameters
    ----------
    settings
        Seed, size, clock and rates.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
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
        draws = uniform(self.seed, _LAG, np.arange(len(NAMES) + 1, dtype=np.int64))
        self._lags = np.round(span * draws, 4)

    def lifetimes(self, tweets: Tweets) -> F64:
        """Give the lifetime total of each counter: shape (Tweets, `NAMES`)."""
        columns = np.arange(len(COUNTERS), dtype=np.int64)
        rows = tweets.index[:, None]
        luck = np.exp(SPREADS * normal(self.seed, _LIFETIME, rows, columns))
        boost = np.where(columns == 0, 1.0, tweets.boost[:, None])
        expected = tweets.reach[:, None] * (tweets.content @ self._rates) * luck * boost
        expected += uniform(self.seed, _LIFETIME, rows, columns, 3)
        floored: F64 = np.floor(expected)
        return floored

    def cumulative(self, tweets: Tweets, hours: F64, names: Sequence[str]) -> I64:
        """Give the counters' totals at some moments.

        Parameters
        ----------
        tweets
            The Tweets.
        hours
            Moments, in hours since the Unix epoch.
        names
            Names of `NAMES`, or "engagements".

        Returns
        -------
        array of int64
            Shape (Tweets, names, moments).
        """
        lifetimes = self.lifetimes(tweets)
        columns = np.arange(len(COUNTERS), dtype=np.int64)
        offsets = uniform(self.seed, _ROUNDING, tweets.index[:, None], columns)
        moments: dict[tuple[float, float], F64] = {}
        curves: dict[tuple[float, float, float], F64] = {}

        def total(place: int, lag: float, until: float = np.inf) -> I64:
            pace = COUNTERS[place].pace
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
            for place, counter in enumerate(COUNTERS):
                if counter.counted and lifetimes[:, place].any():
                    totals[:, column] += total(place, lag)
            if len(tweets) and tweets.posted_ms.min() / HOUR_MS < _MEDIA_VIEWS_END:
                totals[:, column] += total(NAMES.index("media_views"), lag, _MEDIA_VIEWS_END)
        return totals

    def _curve(self, tweets: Tweets, moments: F64, pace: float) -> F64:
        """Give the share of the lifetime total reached by each moment: (Tweets, moments)."""
        posted = (tweets.posted_ms / HOUR_MS)[:, None]
        phase = self.phase(tweets.account)[:, None]

        # Hours of the day weigh 1 + 0.7 cos(...): time runs faster while readers are awake.
        def felt(at: F64) -> F64:
            return at + _RHYTHM / _DAY * np.sin(_DAY * (at - phase))

        age = np.maximum(felt(moments) - felt(posted), 0.0)
        speed = 4.0 + 12.0 * uniform(self.seed, _SPEED, tweets.index)[:, None]
        decay = 1.0 - (1.0 + age / (speed * pace)) ** -1.25
        return 0.94 * decay - 0.06 * np.expm1(-age / 3000.0)

    def _unevenly(self, tweets: Tweets, hours: F64) -> F64:
        """Move moments within their hour, in order, so that hours differ by chance too."""
        posted = (tweets.posted_ms / HOUR_MS)[:, None]
        begun = np.floor(hours)
        rows = tweets.index[:, None]

        def edge(hour: F64) -> F64:
            moved = hour + uniform(self.seed, _UNEVEN, rows, hour.astype(np.int64))
            return np.where(hour <= posted, posted, moved)

        low, high = edge(begun), edge(begun + 1.0)
        # The hour of posting begins with the Tweet, not with the hour.
        first = np.maximum(begun, posted)
        share = (hours - first) / (begun + 1.0 - first + (begun + 1.0 <= posted))
        moved = low + np.clip(share, 0.0, 1.0) * (high - low)
        return np.where(hours <= posted, posted, moved)

    def others_video_views(self, tweets: Tweets, hour: float) -> I64:
        """Give the video views, by a moment, of all other Tweets with the same video."""
        views = np.zeros(len(tweets), dtype=np.int64)
        rows = np.flatnonzero(tweets.has("video"))
        members, same = self.same_video(tweets.index[rows], hour * HOUR_MS)
        if same.any():
            carriers = self.tweets(members[same])
            shown = self.cumulative(carriers, np.array([hour]), ["video_views"])[:, 0, 0]
            np.add.at(views, rows[np.nonzero(same)[0]], shown)
        return views
