"""How much of the quota the pacer uses in steady state, and how often it is refused.

A minute is shortened to `WINDOW` seconds, and the latency is not. So more requests are under way
at once, and chance matters more, than in reality. ``ours`` is the share of the quota that is
used; 1 is all of it. ``theirs`` is a serial client that sleeps one second after each request, as
known clients do. Its second and its latency are shortened like the minute, so its share is that
of a real minute. ``refused`` and ``theirs_refused`` count responses with status 429. At a latency
of 2 s, the first window of 3 s ends before the second response, so one request may be refused
then. A real minute is longer than any latency.

Run as ``python -m benchmarks.pacing_quota [NAME...]``; each NAME keeps the lines that contain it.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.client import Client, Request
from engagement_nb.client.adapters.engagement import body_of
from engagement_nb.client.credentials import auth_for
from engagement_nb.client.pacing import Pacer
from engagement_nb.errors import EngagementError, RateLimitedError
from engagement_nb.sources import sandbox_profiles

MINUTE = 60.0
WINDOW = {10: 3.0, 60: 3.0, 600: 6.0}
WINDOWS = {10: 6, 60: 6, 600: 4}
LATENCIES = (0.05, 0.5, 2.0)
KINDS = ("fixed", "sliding")
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Run:
    """What one client saw: when each answer with data came, and how many were refused."""

    accepted: list[float]
    refused: int

    @property
    def sent(self) -> int:
        return len(self.accepted) + self.refused


# -- the other side, in processes of their own ---------------------------------------------------


def _serve(pipe: Connection, options: dict[str, Any]) -> None:
    from engagement_nb.sandbox import Sandbox

    with Sandbox(tweets=300, **options) as sandbox:
        pipe.send((sandbox.env, sandbox.ids("own", 1)))
        pipe.recv()


@contextmanager
def serving(**options: Any) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A sandbox in a process of its own: its variables and the id of a Tweet."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(theirs, options), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(10)


def _work(pipe: Connection, *arguments: Any) -> None:
    pipe.send(paced(*arguments))


def in_process(*arguments: Any) -> Callable[[], Run]:
    """Start `paced` in a process of its own; the result waits for it."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs, *arguments), daemon=True)
    process.start()

    def result() -> Run:
        run: Run = ours.recv()
        process.join(10)
        return run

    return result


# -- clients -------------------------------------------------------------------------------------


def paced(
    env: dict[str, str],
    ids: list[str],
    limit: int,
    latency: float,
    directory: str,
    windows: float,
    start: float = 0.0,
) -> Run:
    """Send with our client from as many threads as fill the quota, for so many windows."""
    window = WINDOW[limit]
    profile = sandbox_profiles(env["ENGAGEMENT_API_URL"])[0]
    request = Request("totals", tuple(ids), ("favorites",), profile)
    accepted: list[float] = []
    refused: list[float] = []

    threads = min(limit, max(4, int(1.5 * limit / window * (latency + 0.05)) + 2))
    pacer = Pacer(Path(directory) / "quota.sqlite3", window=window)
    time.sleep(max(0.0, start - time.time()))
    end = time.time() + windows * window

    with Client(pacer=pacer) as client:

        def keep_sending() -> None:
            while time.time() < end:
                with suppress(EngagementError):
                    try:
                        client.send(request)
                        accepted.append(time.time())
                    except RateLimitedError:
                        refused.append(time.time())

        with ThreadPoolExecutor(threads) as pool:
            for _ in range(threads):
                pool.submit(keep_sending)
            time.sleep(max(0.0, end - time.time()))
            client.stop()
    return Run(sorted(accepted), len(refused))


def serial(env: dict[str, str], ids: list[str], sleep: float, seconds: float) -> Run:
    """Send one after another, sleeping after each; what is refused is lost."""
    profile = sandbox_profiles(env["ENGAGEMENT_API_URL"])[0]
    body = body_of(Request("totals", tuple(ids), ("favorites",), profile))
    url = profile.hosts.api + ENDPOINTS["totals"].path
    accepted, refused = [], 0
    end = time.time() + seconds
    with httpx.Client(auth=auth_for(profile, "user")) as http:
        while time.time() < end:
            status = http.post(url, json=body).status_code
            if status == 200:
                accepted.append(time.time())
            else:
                refused += 1
            time.sleep(sleep)
    return Run(accepted, refused)


def strange(env: dict[str, str], ids: list[str], every: float, seconds: float) -> Run:
    """Somebody else: a request at each beat, whatever becomes of the one before."""
    profile = sandbox_profiles(env["ENGAGEMENT_API_URL"])[0]
    body = body_of(Request("totals", tuple(ids), ("favorites",), profile))
    url = profile.hosts.api + ENDPOINTS["totals"].path
    statuses: list[tuple[float, int]] = []
    with httpx.Client(auth=auth_for(profile, "user")) as http, ThreadPoolExecutor(32) as pool:

        def one() -> None:
            statuses.append((time.time(), http.post(url, json=body).status_code))

        began = time.time()
        for beat in range(int(seconds / every)):
            time.sleep(max(0.0, began + beat * every - time.time()))
            pool.submit(one)
    accepted = sorted(moment for moment, status in statuses if status == 200)
    return Run(accepted, len(statuses) - len(accepted))


# -- measures ------------------------------------------------------------------------------------


def share(accepted: list[float], limit: int) -> float:
    """Share of the quota used from the second window's worth to the last whole one."""
    last = (len(accepted) - 1) // limit * limit
    if last < 2 * limit:
        return float("nan")
    return (last - limit) / (accepted[last] - accepted[limit]) * WINDOW[limit] / limit


def theirs(
    kind: str, limit: int, latency: float, *, clients: int = 1, stranger: bool = False
) -> Run:
    """What serial clients get of such a quota, in the same minute at their own pace."""
    window = WINDOW[limit]
    pace, seconds = window / MINUTE, 3 * window
    options = {"per_minute": limit, "window": kind, "window_seconds": window}
    with (
        serving(**options, latency=latency * pace) as (env, ids),
        ThreadPoolExecutor(clients + 1) as pool,
    ):
        if stranger:
            pool.submit(strange, env, ids, 2 * window / limit, seconds)
        runs = [pool.submit(serial, env, ids, pace, seconds) for _ in range(clients)]
        done = [run.result() for run in runs]
    return Run(
        [moment for run in done for moment in run.accepted], sum(run.refused for run in done)
    )


def alone(kind: str, limit: int, latency: float) -> dict[str, Any]:
    window = WINDOW[limit]
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(per_minute=limit, window=kind, window_seconds=window, latency=latency) as (
            env,
            ids,
        ),
        ThreadPoolExecutor(1) as pool,
    ):
        serial_run = pool.submit(theirs, kind, limit, latency)
        run = paced(env, ids, limit, latency, directory, WINDOWS[limit] + 0.5)
        return line(
            f"pacing alone, {kind}, {limit} per minute, latency {latency:g} s",
            share(run.accepted, limit),
            serial_run.result(),
            limit,
            refused=run.refused,
        )


def two_processes(kind: str, limit: int, latency: float) -> dict[str, Any]:
    window = WINDOW[limit]
    windows = WINDOWS[limit] + 0.5
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(per_minute=limit, window=kind, window_seconds=window, latency=latency) as (
            env,
            ids,
        ),
        ThreadPoolExecutor(1) as pool,
    ):
        serial_run = pool.submit(theirs, kind, limit, latency, clients=2)
        start = time.time() + 4.0
        results = [
            in_process(env, ids, limit, latency, directory, windows, start) for _ in range(2)
        ]
        runs = [result() for result in results]
        refused = sum(run.refused for run in runs)
        return line(
            f"pacing by two processes, {kind}, {limit} per minute, latency {latency:g} s",
            share(sorted(runs[0].accepted + runs[1].accepted), limit),
            serial_run.result(),
            limit,
            refused=refused,
            refused_a_minute=round(refused / windows, 2),
        )


def beside_a_stranger(kind: str, limit: int, latency: float) -> dict[str, Any]:
    window = WINDOW[limit]
    windows = 2 * WINDOWS[limit]
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(per_minute=limit, window=kind, window_seconds=window, latency=latency) as (
            env,
            ids,
        ),
        ThreadPoolExecutor(2) as pool,
    ):
        serial_run = pool.submit(theirs, kind, limit, latency, stranger=True)
        stranger = pool.submit(strange, env, ids, 2 * window / limit, windows * window)
        run = paced(env, ids, limit, latency, directory, windows)
        other = stranger.result()
        return line(
            f"pacing beside a stranger who takes half, {kind}, {limit} per minute,"
            f" latency {latency:g} s",
            len(run.accepted) / windows / limit,
            serial_run.result(),
            limit,
            refused=run.refused,
            refused_percent=round(100 * run.refused / max(1, run.sent), 2),
            stranger_got=round(len(other.accepted) / windows / limit, 3),
            stranger_refused=other.refused,
        )


def line(name: str, ours: float, serial_run: Run, limit: int, **more: Any) -> dict[str, Any]:
    their_share = min(1.0, len(serial_run.accepted) / 3 / limit)
    return {
        "name": name,
        "ours": round(ours, 4),
        "theirs": round(their_share, 4),
        "ratio": round(ours / their_share, 2) if their_share else None,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **more,
        "theirs_refused": serial_run.refused,
    }


def main(wanted: list[str]) -> None:
    measured: list[dict[str, Any]] = []

    def run(
        side_by_side: int, jobs: list[tuple[Callable[..., dict[str, Any]], str, int, float]]
    ) -> None:
        chosen = [j for j in jobs if all(w in f"{j[0].__name__} {j[1:]}" for w in wanted)]
        with ThreadPoolExecutor(side_by_side) as pool:
            for done in [pool.submit(function, *cell) for function, *cell in chosen]:
                measured.append(done.result())
                print(json.dumps(measured[-1]), flush=True)

    # Small quotas leave the machine idle: four at a time. Large ones are measured one by one.
    few = [
        (alone, kind, limit, latency)
        for kind in KINDS
        for limit in (10, 60)
        for latency in LATENCIES
    ]
    many = [(alone, kind, 600, latency) for kind in KINDS for latency in LATENCIES]
    run(4, few)
    run(2, [(two_processes, kind, 60, 0.5) for kind in KINDS])
    run(4, [(beside_a_stranger, kind, limit, 0.05) for kind in KINDS for limit in (10, 60)])
    run(1, many)
    run(1, [(two_processes, kind, 600, 0.5) for kind in KINDS])
    run(1, [(beside_a_stranger, kind, 600, 0.05) for kind in KINDS])
    print(f"{'':<76}{'ours':>8}{'429s':>6}{'theirs':>8}{'429s':>6}", file=sys.stderr)
    for row in measured:
        shares = f"{row['ours']:>8.1%}{row['refused']:>6}{row['theirs']:>8.1%}"
        print(f"{row['name']:<76}{shares}{row['theirs_refused']:>6}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
