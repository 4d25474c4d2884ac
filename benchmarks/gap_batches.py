"""A series by hour in pieces, against the same analysis with all of it in memory.

Usage: ``python -m benchmarks.gap_batches [TWEETS]``. 672 hours and 15 metrics a Tweet. Each side
is a process of its own; both give the same answer. The figures are peak memory in MB; each
process makes its pieces by itself, and ours drops each when the next comes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import METRICS, NO_CANDIDATES
from engagement_nb.gap import explore_gap

HOURS, PIECE = 672, 100
NAMES = [n for n in METRICS if n not in NO_CANDIDATES and n != "quote_tweets"]


def pieces(tweets: int) -> Iterator[pd.DataFrame]:
    """A hundred Tweets at a time, all hours of each."""
    hours = pd.date_range("2026-01-01", periods=HOURS, freq="h", tz="UTC")
    for first in range(0, tweets, PIECE):
        rng = np.random.default_rng(first)
        rows = PIECE * HOURS
        reach = np.repeat(np.exp(rng.normal(0, 1.5, PIECE)), HOURS)
        frame = pd.DataFrame({name: rng.poisson(reach * 0.05) for name in NAMES})
        inside = [name for name in NAMES if not name.endswith("views")]
        frame["engagements"] = frame[inside].sum(axis=1) + rng.poisson(reach * 0.02)
        frame["media_views"] = rng.poisson(reach)
        frame = frame.astype("Int64")
        ids = np.repeat(np.arange(first, first + PIECE).astype(str), HOURS)
        frame.insert(0, "tweet_id", pd.array(ids, dtype="string"))
        frame.insert(1, "time", np.tile(hours, rows // HOURS))
        yield frame


def side(which: str, tweets: int) -> None:
    began = time.perf_counter()
    given = pieces(tweets)
    gap = explore_gap(given if which == "ours" else pd.concat(given, ignore_index=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer = {"hidden": gap.hidden, "counted": gap.counted, "share": gap.share}
    seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"peak": round(peak), "seconds": seconds, "answer": answer}))


def main(tweets: int = 3000) -> None:
    told = {}
    for which in ("ours", "theirs"):
        command = [sys.executable, "-m", "benchmarks.gap_batches", which, str(tweets)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told[which] = json.loads(done.stdout)
    ours, theirs = told["ours"], told["theirs"]
    line = {
        "name": f"gap of {tweets * HOURS:,} rows by hour in pieces, peak MB (theirs: in memory)",
        "ours": ours["peak"],
        "theirs": theirs["peak"],
        "ratio": round(theirs["peak"] / ours["peak"], 1),
        "peak_mb": ours["peak"],
        "same_answer": ours["answer"] == theirs["answer"],
        "seconds": [ours["seconds"], theirs["seconds"]],
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("ours", "theirs"):
        side(sys.argv[1], int(sys.argv[2]))
    else:
        main(*(int(word) for word in sys.argv[1:]))
