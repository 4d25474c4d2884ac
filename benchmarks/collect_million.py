"""A million Tweets' totals into a dataset and back: Tweets per second, and peak memory.

``engagement-nb fetch totals`` in a process of its own, against a sandbox in another; ``peak_mb`` is
the fetch's peak resident memory, to be under 1,000. ``theirs`` keeps each parsed response in a list
until the end and makes one frame of them, from the same number of responses held in this machine's
memory only: its peak is what the ratio compares.

Usage: ``python -m benchmarks.collect_million [TWEETS]``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TWEETS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000

NAIVE = """
import json, resource, sys
import pandas as pd
names = ["impressions", "engagements", "favorites", "retweets", "replies", "video_views",
         "quote_tweets"]
responses = []
for at in range(0, int(sys.argv[1]), 250):
    groups = {str(2 * 10**18 + at + n): {name: str(n) for name in names} for n in range(250)}
    responses.append(json.loads(json.dumps({"g": groups})))
rows = [{"tweet_id": i, **values} for response in responses for i, values in response["g"].items()]
frame = pd.DataFrame(rows).astype({name: "int64" for name in names})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

_TIMED = """
import json, resource, sys, time
began = time.perf_counter()
frame = {}
seconds = time.perf_counter() - began
print(json.dumps([round(seconds, 2), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
OURS_READ = "from engagement_nb import Dataset" + _TIMED.format(
    "Dataset.open(sys.argv[1]).read('totals').frame"
)
THEIRS_READ = "import pandas as pd" + _TIMED.format("pd.read_parquet(sys.argv[1] + '/parts')")


def _read(code: str, where: str) -> tuple[float, float]:
    """Seconds that reading a dataset takes, and the peak memory of its process in MB."""
    done = subprocess.run(
        [sys.executable, "-c", code, where], capture_output=True, text=True, check=True
    )
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def main() -> None:
    options = ["--tweets", str(4 * TWEETS)]
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "ids.txt")
        with listed.open("w") as file:
            subprocess.run(
                [sys.executable, "-m", "engagement_nb", "sandbox", "ids", "--kind", "own",
                 "--count", str(TWEETS), *options],
                stdout=file, check=True,
            )  # fmt: skip
        count = sum(1 for _ in listed.open())
        serve = [sys.executable, "-m", "engagement_nb", "sandbox", "serve", "--port", "0",
                 "--set", "per_minute=none", "--until-stdin-closes", *options]  # fmt: skip
        sandbox = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        env = dict(os.environ) | {"ENGAGEMENT_STATE_DIR": folder, "ENGAGEMENT_LEDGER": folder}
        for line in sandbox.stdout or ():
            if line.startswith("export "):
                name, _, value = line[len("export ") :].strip().partition("=")
                env[name] = value.strip("'")
            if line.startswith("SANDBOX ready"):
                break
        fetch = [sys.executable, "-m", "engagement_nb", "fetch", "totals", "--source", "api",
                 "--ids", str(listed), "-o", f"{folder}/dataset",
                 "--json", "--no-progress"]  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(fetch, env=env, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        sandbox.stdin.close() if sandbox.stdin else None
        sandbox.wait(20)
        peak = usage.ru_maxrss / 1024
        naive = subprocess.run(
            [sys.executable, "-c", NAIVE, str(count)], capture_output=True, text=True, check=True
        )
        reading = [_read(code, f"{folder}/dataset") for code in (OURS_READ, THEIRS_READ)]
        print(
            json.dumps(
                {
                    "name": f"dataset: read {count:,} Tweets, seconds",
                    "ours": reading[0][0],
                    "theirs": reading[1][0],
                    "ratio": round(reading[1][0] / reading[0][0], 2),
                    "peak_mb": round(reading[0][1]),
                    "against": "pandas.read_parquet of the same files",
                }
            )
        )
        print(
            json.dumps(
                {
                    "name": f"collect: totals of {count:,} Tweets, peak MB",
                    "ours": round(peak),
                    "theirs": round(float(naive.stdout)),
                    "ratio": round(float(naive.stdout) / peak, 1),
                    "peak_mb": round(peak),
                    "against": "every response kept until one frame is made of them",
                    "seconds": round(seconds),
                    "tweets_a_second": round(count / seconds),
                    "requests": found["requests"],
                    "tweets": found["tweets"],
                    "exit": os.waitstatus_to_exitcode(status),
                }
            )
        )


if __name__ == "__main__":
    main()
