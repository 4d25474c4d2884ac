"""Collecting against a serial client with a fixed sleep of one second, as known clients have.

Totals of 10,000 own Tweets and historical of 250 own Tweets × 60 days by hour, in full and in
real time: a sandbox in its own process, responses after `LATENCY` seconds, and a quota that
allows more than either needs (`PER_MINUTE`). Both sides must come to the same sums.

Usage: ``python -m benchmarks.collect_vs_serial [LATENCY PER_MINUTE]``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import requests
from requests_oauthlib import OAuth1

LATENCY = float(sys.argv[1]) if len(sys.argv) > 2 else 0.2
PER_MINUTE = int(sys.argv[2]) if len(sys.argv) > 2 else 6_000
SLEEP = 1.0
DAY = timedelta(days=1)


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own: the variables that point to it."""
    command = [sys.executable, "-m", "engagement_nb", "sandbox", "serve", "--port", "0",
               "--tweets", "400000", "--set", f"per_minute={PER_MINUTE}",
               "--set", f"latency={LATENCY}", "--until-stdin-closes"]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    env: dict[str, str] = {}
    try:
        for line in process.stdout or ():
            if line.startswith("export "):
                name, _, value = line[len("export ") :].strip().partition("=")
                env[name] = value.strip("'")
            if line.startswith("SANDBOX ready"):
                break
        yield env
    finally:
        process.stdin.close() if process.stdin else None
        process.wait(20)


def serial(env: dict[str, str], endpoint: str, ids: list[str], size: int, metrics: tuple[str, ...],
           windows: list[tuple[datetime, datetime] | None]) -> pd.DataFrame:  # fmt: skip
    """One request after the other, with a sleep before each; rows put together at the end."""
    names = ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
    auth = OAuth1(*(env[f"TWITTER_{name}"] for name in names))
    group_by = ["tweet.id", "engagement.type"]
    if endpoint != "totals":
        group_by += ["engagement.day", "engagement.hour"]
    rows = []
    for window in windows:
        for at in range(0, len(ids), size):
            time.sleep(SLEEP)
            body = {"tweet_ids": ids[at : at + size], "engagement_types": list(metrics),
                    "groupings": {"g": {"group_by": group_by}}}  # fmt: skip
            if window:
                body["start"], body["end"] = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in window)
            url = f"{env['ENGAGEMENT_API_URL']}/insights/engagement/{endpoint}"
            answer = requests.post(url, json=body, auth=auth, timeout=60)
            answer.raise_for_status()
            for tweet_id, values in answer.json()["g"].items():
                if endpoint == "totals":
                    rows.append({"tweet_id": tweet_id, **values})
                    continue
                for metric, days in values.items():
                    for day, hours in days.items():
                        rows += [(tweet_id, metric, day, hour, n) for hour, n in hours.items()]
    if endpoint == "totals":
        return pd.DataFrame(rows).astype(dict.fromkeys(metrics, "int64"))
    frame = pd.DataFrame(rows, columns=["tweet_id", "metric", "day", "hour", "count"])
    frame["count"] = frame["count"].astype("int64")
    return frame.pivot(index=["tweet_id", "day", "hour"], columns="metric", values="count")


def main() -> None:
    from engagement_nb import connect
    from engagement_nb.apis.engagement import ENDPOINTS

    with serving() as env, tempfile.TemporaryDirectory() as state:
        os.environ.update(env | {"ENGAGEMENT_STATE_DIR": state, "ENGAGEMENT_LEDGER": state})
        source = connect("sandbox", progress=False)
        end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        old = source.tweet_ids("over-90-days", 250)
        ids = source.tweet_ids("under-90-days", 10_000)
        windows = [(end - 60 * DAY, end - 56 * DAY), (end - 56 * DAY, end - 28 * DAY),
                   (end - 28 * DAY, end)]  # fmt: skip
        cases = (
            ("totals", ids, 250, [None]),
            ("historical", old, 25, windows),
        )
        for endpoint, tweets, size, spans in cases:
            metrics = ENDPOINTS[endpoint].metrics
            span = " x 60 days by hour" if spans[0] else ""
            began = time.perf_counter()
            if endpoint == "totals":
                ours = source.totals(tweets)
            else:
                ours = source.historical(tweets, end - 60 * DAY, end, by="hour")
            seconds = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            began = time.perf_counter()
            theirs = serial(env, endpoint, tweets, size, metrics, spans)
            other = time.perf_counter() - began
            # Totals go on growing while they are read; a period that is over does not.
            same = len(theirs) == len(ours.frame) and all(
                ours.frame[name].sum() == theirs[name].sum()
                for name in metrics
                if endpoint != "totals"
            )
            line = {
                "name": f"collect: {endpoint} of {len(tweets):,} Tweets{span}, seconds",
                "ours": round(seconds, 2),
                "theirs": round(other, 2),
                "ratio": round(other / seconds, 1),
                "peak_mb": round(peak),
                "against": f"serial, {SLEEP:g} s sleep",
                "latency": LATENCY,
                "per_minute": PER_MINUTE,
                "requests": ours.about.requests,
                "same": bool(same),
            }
            print(json.dumps(line), flush=True)
        source.close()


if __name__ == "__main__":
    main()
