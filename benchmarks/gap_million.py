"""The gap of a million Tweets × 17 metrics, against every set tried in numpy on a sample.

Usage: ``python -m benchmarks.gap_million [TWEETS] [SAMPLE]``. The other side only finds the set:
it sums every one of the 2^17 sets over a sample of the Tweets; its time is scaled to all of
them. Ours does the whole analysis (set, verdicts, interval, sums). Both find the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import METRICS, NO_CANDIDATES
from engagement_nb.gap import explore_gap
from engagement_nb.gap.identify import Tweets, score
from engagement_nb.gap.read import read_counts

OUTSIDE = ("video_views", "media_views", "bookmarks", "shares")


def account(tweets: int) -> tuple[pd.DataFrame, list[str]]:
    """Heavy-tailed Tweets: 13 metrics count, four do not, one kind is hidden."""
    rng = np.random.default_rng(0)
    names = [n for n in METRICS if n not in NO_CANDIDATES and n != "quote_tweets"]
    names += ["bookmarks", "shares"]
    reach = np.exp(rng.normal(6, 1.5, tweets))
    frame = pd.DataFrame(index=range(tweets))
    whole = rng.poisson(reach * 0.003) * (rng.random(tweets) < 0.5)
    for name in names:
        rate = reach * np.exp(rng.normal(-5, 1))
        counts = rng.poisson(rate * 60 if name.endswith("views") else rate)
        counts *= rng.random(tweets) < 0.7
        frame[name] = pd.array(counts, dtype="Int64")
        whole += 0 if name in OUTSIDE else counts
    frame["engagements"] = pd.array(whole, dtype="Int64")
    frame.insert(0, "tweet_id", pd.array(np.arange(tweets).astype(str), dtype="string"))
    return frame, names


def every_set(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """The set with the highest score, by trying all of them; the largest of equals."""
    values = frame[names].to_numpy(dtype=np.int64).T.copy()
    left = frame["engagements"].to_numpy(dtype=np.int64).copy()
    best, best_members, bits = score(left), 0, 0
    for step in range(1, 1 << len(names)):
        # Gray code: from one set to the next, one metric comes or goes.
        changed = (step & -step).bit_length() - 1
        bits ^= 1 << changed
        left += -values[changed] if bits >> changed & 1 else values[changed]
        found = score(left)
        if (found, bits.bit_count()) > (best, best_members.bit_count()):
            best, best_members = found, bits
    return [name for j, name in enumerate(names) if best_members >> j & 1]


def main(tweets: int = 1_000_000, sample: int = 2_000) -> None:
    frame, names = account(tweets)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    gap = explore_gap(frame)
    told = gap.to_dict()
    ours = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    part = frame.head(sample)
    began = time.perf_counter()
    members = every_set(part, names)
    theirs = (time.perf_counter() - began) * tweets / sample
    found = sorted(Tweets.of(read_counts(part)).best().members)
    line = {
        "name": f"gap of {tweets:,} Tweets x {len(names)} metrics, s"
        f" (theirs: every set in numpy, scaled from {sample:,} Tweets)",
        "ours": round(ours, 2),
        "theirs": round(theirs, 1),
        "ratio": round(theirs / ours, 1),
        "peak_mb": round(peak),
        "frame_mb": round(before),
        "same_set": members == [names[j] for j in found],
        "not_counted": told["not_counted"],
        "cores": os.cpu_count(),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
