"""What can happen to a Tweet of the sandbox, and how often: one row a metric or hidden kind.

The sandbox's truth about ``engagements``, which the real API does not tell: every interaction
with a metric of its own counts, quotes too; ``media_views`` and ``video_views`` do not (media
views did until 2017-10-09); and the hidden kinds below count without having a metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONTENT = ("any", "url", "hashtag", "mention", "image", "video", "poll", "app")


@dataclass(frozen=True)
class Kind:
    """One counter of a Tweet.

    Parameters
    ----------
    name
        Wire name of the metric, or name of the hidden kind.
    rate
        Expected count per impression, by what the Tweet contains; the parts add up.
    counted
        Whether it is part of ``engagements``.
    hidden
        Whether it has no metric.
    pace
        How much slower than the reach it comes (1: as fast).
    spread
        Sigma of the log-normal factor that tells Tweets apart.
    """

    name: str
    rate: dict[str, float]
    counted: bool = True
    hidden: bool = False
    pace: float = 1.0
    spread: float = 0.6


KINDS = (
    Kind("impressions", {"any": 1.0}, counted=False, spread=0.0),
    Kind("favorites", {"any": 0.012, "image": 0.006}, pace=0.6),
    Kind("retweets", {"any": 0.003, "image": 0.001}, pace=0.6),
    Kind("replies", {"any": 0.0016, "mention": 0.001, "poll": 0.002}, pace=0.6),
    Kind("video_views", {"video": 0.28}, counted=False, spread=0.3),
    Kind("quote_tweets", {"any": 0.0004}, pace=0.6),
    Kind("media_views", {"image": 0.7, "video": 0.55}, counted=False, spread=0.2),
    Kind("media_engagements", {"image": 0.02, "video": 0.012}),
    Kind("url_clicks", {"url": 0.014, "hashtag": 0.0012}, pace=2.5),
    Kind("hashtag_clicks", {"hashtag": 0.002}),
    Kind("detail_expands", {"any": 0.015, "image": 0.006}),
    Kind("permalink_clicks", {"any": 0.0007}, pace=2.5),
    Kind("app_install_attempts", {"app": 0.004}, pace=2.5),
    Kind("app_opens", {"app": 0.003}, pace=2.5),
    Kind("email_tweet", {"any": 0.0001}),
    Kind("user_follows", {"any": 0.0004}),
    Kind("user_profile_clicks", {"any": 0.006}),
    Kind("bookmarks", {"any": 0.0015, "url": 0.001}, hidden=True, pace=2.5),
    Kind("copied_links", {"any": 0.0006}, hidden=True, pace=2.5),
    Kind("mention_clicks", {"mention": 0.004}, hidden=True),
    Kind("card_clicks", {"url": 0.004}, hidden=True, pace=2.5),
    Kind("video_expands", {"video": 0.02}, hidden=True),
    Kind("poll_votes", {"poll": 0.03}, hidden=True, pace=0.6),
)

NAMES = tuple(kind.name for kind in KINDS)
COUNTED = tuple(kind.name for kind in KINDS if kind.counted)
HIDDEN = tuple(kind.name for kind in KINDS if kind.hidden)
RATES = np.array([[kind.rate.get(part, 0.0) for kind in KINDS] for part in CONTENT])
SPREADS = np.array([kind.spread for kind in KINDS])
