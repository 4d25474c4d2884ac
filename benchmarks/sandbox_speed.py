"""Requests per second of one sandbox, for worlds of a thousand and ten million Tweets.

The load tool is wrk. The alternative is the same server sending the same
bytes from memory: what is left to gain.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oauthlib.oauth1 import Client
from requests import post

from engagement_nb.sandbox import Sandbox
from engagement_nb.sandbox.messages import Reply

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
CONNECTIONS = 4
CASES = (
    # Name, endpoint, ids, requests signed beforehand, requests a second to reach.
    ("totals 250 ids x 7 metrics", "totals", 250, 5000, 200),
    ("historical 25 ids x 17 metrics x 28 days by hour", "historical", 25, 800, 20),
)


@contextmanager
def serving(tweets: int) -> Iterator[tuple[str, dict[str, str], int]]:
    """A sandbox in a process of its own: its address, its environment and its process id."""
    command = [sys.executable, "-m", "engagement_nb", "sandbox", "serve", "--port", "0",
               "--tweets", str(tweets), "--set", "per_minute=none", "--set", "gzip=optional",
               "--until-stdin-closes"]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    env: dict[str, str] = {}
    try:
        for line in process.stdout or ():
            if line.startswith("export "):
                name, _, value = line[len("export ") :].strip().partition("=")
                env[name] = value.strip("'")
            if line.startswith("SANDBOX ready"):
                break
        yield env["ENGAGEMENT_API_URL"], env, process.pid
    finally:
        process.stdin.close() if process.stdin else None
        process.wait(20)


def body_of(endpoint: str, ids: list[str]) -> bytes:
    from engagement_nb.apis.engagement import ENDPOINTS

    types = list(ENDPOINTS[endpoint].metrics)
    group_by = ["tweet.id", "engagement.type"]
    window = {}
    if endpoint != "totals":
        group_by += ["engagement.day", "engagement.hour"]
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        start = end - timedelta(days=28)
        window = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    groupings = {"g": {"group_by": group_by}}
    body = {"tweet_ids": ids, "engagement_types": types, "groupings": groupings, **window}
    return json.dumps(body).encode()


def signatures(url: str, env: dict[str, str], count: int) -> list[str]:
    names = ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
    client = Client(*(env[f"TWITTER_{name}"] for name in names))
    return [client.sign(url, "POST")[1]["Authorization"] for _ in range(count)]


def wrk(url: str, body: bytes, headers: list[str], seconds: float) -> tuple[float, float]:
    """Requests a second, and the median latency in milliseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join([body.decode(), *headers]) + "\n")
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "20s",
                   "-s", str(HERE / "sandbox_wrk.lua"), url, "--", file.name]  # fmt: skip
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("RESULT"))
    requests, microseconds, bad, median = line.split()[1:]
    if int(bad):
        raise SystemExit(f"wrk: {bad} of {requests} responses had no data:\n{out}")
    return int(requests) / (int(microseconds) / 1e6), float(median)


@contextmanager
def canned(content: bytes) -> Iterator[str]:
    """The same server, sending the same bytes from memory."""
    with Sandbox() as sandbox:
        reply = Reply(200, {"content-type": "application/json"}, content)
        sandbox.respond = lambda *_: reply  # type: ignore[method-assign]
        yield sandbox.url + "/"


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    from engagement_nb.sandbox import Settings
    from engagement_nb.sandbox.world import World

    if not shutil.which("wrk"):
        print("sandbox_speed: wrk is not installed; skipped.", file=sys.stderr)
        return
    for tweets in (1_000, 10_000_000):
        for name, endpoint, count, signed, aim in CASES:
            with serving(tweets) as (base, env, pid):
                url = f"{base}/insights/engagement/{endpoint}"
                ids = World(Settings(tweets=tweets)).pick("own", count)
                body = body_of(endpoint, ids)
                headers = signatures(url, env, signed)
                one = {"Authorization": headers.pop(), "Accept-Encoding": "identity"}
                answer = post(url, data=body, headers=one, timeout=60)
                answer.raise_for_status()
                before = cpu_seconds(pid)
                rate, median = wrk(url, body, headers, SECONDS)
                busy = cpu_seconds(pid) - before
                peak = peak_mb(pid)
            with canned(answer.content) as plain:
                theirs, _ = wrk(plain, body, ["-"], min(2.0, SECONDS))
            result = {
                "name": f"sandbox {name}, world of {tweets:,} (requests/s; theirs: same bytes "
                "from memory)",
                "ours": round(rate, 1),
                "theirs": round(theirs, 1),
                "ratio": round(rate / theirs, 3),
                "peak_mb": round(peak, 1),
                "aim": aim,
                # What one core of its own would give, whoever else is on the machine.
                "per_cpu_second": round(rate * SECONDS / busy, 1),
                "median_ms": median,
                "answer_bytes": len(answer.content),
                "ids": len(ids),
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
