"""A dataset of a million Tweets: sealing it, and reading all or a thousand of them.

4,000 parts of 250 Tweets are stored as a fetch stores them, and sealed. ``theirs`` reads the
4,000 parts with pandas. Each measurement is a process of its own, so ``peak_mb`` is its own.

Usage: ``python -m benchmarks.dataset_million [TWEETS]``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

TWEETS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000

_TIMED = """
import json, resource, sys, time
where, count = sys.argv[1], int(sys.argv[2])
{before}
began = time.perf_counter()
{timed}
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([round(seconds, 3), round(peak)]))
"""
_PARTS = """
import random
from datetime import UTC, datetime
import pyarrow as pa
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.dataset import Dataset, Part, RunRecord
from engagement_nb.dataset.frames import TIME
from engagement_nb.metrics.problems import ProblemLog
names = ("impressions", "engagements", "favorites", "retweets", "replies", "video_views",
         "quote_tweets")
now = datetime(2026, 11, 4, tzinfo=UTC)
luck = random.Random(1)
ids = [str(2 * 10**18 + n * 10**9) for n in range(count)]
luck.shuffle(ids)
dataset = Dataset.create(where, "sandbox")
record = RunRecord("ask", "totals", None, names, (), None, None, now, "one")
writer = dataset.begin(record)
for at in range(0, count, 250):
    some = ids[at : at + 250]
    columns = {"tweet_id": pa.array(some, pa.string())}
    columns |= {name: pa.array([luck.randrange(3000) for _ in some], pa.int64()) for name in names}
    columns["read_at"] = pa.array([now] * len(some), TIME)
    request = Request("totals", tuple(some), names, Profile("owner", user_id="1"))
    writer.put(Part.of(request, now, table=pa.table(columns)))
"""
_OURS = "from engagement_nb.dataset import Dataset"
_FEW = _OURS + (
    "\nids = [str(2 * 10**18 + n * 10**9) for n in range(0, count, max(1, count // 1000))][:1000]"
    "\nassert len(ids) == min(count, 1000)"
)


def measured(before: str, timed: str, where: str) -> tuple[float, float]:
    """Seconds of a piece of code, and the peak memory of its process in MB."""
    code = _TIMED.format(before=before, timed=timed)
    done = subprocess.run(
        [sys.executable, "-c", code, where, str(TWEETS)], capture_output=True, text=True, check=True
    )
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = f"{folder}/dataset"
        parts = measured("", _PARTS, where)
        theirs = measured("import pandas as pd", "pd.read_parquet(where + '/parts')", where)
        open_ = measured(_OURS, "Dataset.open(where).read('totals')", where)
        resumed = (
            _OURS
            + "\nfrom engagement_nb.metrics.problems import ProblemLog"
            + (
                "\nfrom dataclasses import replace"
                "\ndataset = Dataset.open(where)"
                "\nrecord = replace(dataset.runs()[0], started_at=dataset.runs()[0].started_at)"
                "\nwriter = dataset.begin(record)"
            )
        )
        sealing = measured(resumed, "writer.close(ProblemLog(), done=True)", where)
        whole = measured(_OURS, "Dataset.open(where).read('totals')", where)
        few = measured(_FEW, "Dataset.open(where).read('totals', tweet_ids=ids)", where)
    for name, ours, against in (
        (f"read {TWEETS:,} Tweets of an unfinished run", open_, theirs),
        (f"read {TWEETS:,} Tweets", whole, theirs),
        ("read 1,000 of them", few, theirs),
        ("store the parts", parts, None),
        ("seal the run", sealing, None),
    ):
        told: dict[str, object] = {"name": f"dataset: {name}, seconds", "ours": ours[0]}
        if against is not None:
            told |= {
                "theirs": against[0],
                "ratio": round(against[0] / ours[0], 2),
                "against": "pandas.read_parquet of all parts",
            }
        print(json.dumps(told | {"peak_mb": ours[1]}))


if __name__ == "__main__":
    main()
