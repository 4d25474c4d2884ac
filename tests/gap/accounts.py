"""Made-up accounts whose gap is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engagement_nb.metrics import About, Metrics, problems_frame

COUNTED = ["favorites", "retweets", "replies", "url_clicks", "user_profile_clicks"]


def account(tweets: int = 400, seed: int = 3) -> pd.DataFrame:
    """Like a current export: five metrics count, bookmarks and shares do not, a part is hidden."""
    rng = np.random.default_rng(seed)
    reach = np.exp(rng.normal(5, 1.5, tweets))
    frame = pd.DataFrame({name: rng.poisson(reach * 0.01) for name in COUNTED})
    frame["hashtag_clicks"] = 0
    frame["engagements"] = frame[COUNTED].sum(axis=1)
    frame["engagements"] += rng.poisson(reach * 0.02) * (rng.random(tweets) < 0.5)
    frame["bookmarks"] = rng.poisson(reach * 0.03)
    frame["shares"] = rng.poisson(reach * 0.02)
    frame["impressions"] = np.ceil(reach).astype(int) + frame["engagements"]
    frame = frame.astype("Int64")
    frame.insert(0, "tweet_id", pd.array([str(10**18 + k) for k in range(tweets)], dtype="string"))
    moments = pd.date_range("2026-01-01", periods=tweets, freq="5h", tz="UTC")
    frame.insert(1, "created_at", moments.astype("datetime64[ms, UTC]"))
    frame["has_url"] = pd.array(rng.random(tweets) < 0.7, dtype="boolean")
    return frame


def as_metrics(frame: pd.DataFrame, **about: object) -> Metrics:
    told = {"source": "export", "endpoint": "export", **about}
    return Metrics(frame, problems_frame(), About(**told))  # type: ignore[arg-type]


def in_two_days(frame: pd.DataFrame) -> pd.DataFrame:
    """A series whose sums are a frame's: half of each count on each of two days."""
    names = [c for c in frame.columns if str(frame[c].dtype) == "Int64"]
    first = frame.assign(time=pd.Timestamp("2026-05-01", tz="UTC"))
    second = frame.assign(time=pd.Timestamp("2026-05-02", tz="UTC"))
    first[names] = frame[names] // 2
    second[names] = frame[names] - first[names]
    return pd.concat([first, second], ignore_index=True)
