"""``python -m studies.kills``: fetches that are killed at any moment, and gone on with.

A fetch from the sandbox runs in a process of its own and is killed (SIGKILL) at a random
moment, again and again, then left to come to its end. After each kill the dataset must open;
nothing that it holds may be asked for again; and in the end it must hold what an undisturbed
fetch holds, with each id once in the data or the problems. With ``--api v2``, which bills each
Post once per UTC day, the bill must be that of one fetch, and the record of reads must have it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pandas as pd

from engagement_nb.apis.v2 import PRICES
from engagement_nb.dataset import Dataset
from engagement_nb.dataset.files import Files
from engagement_nb.metrics import Metrics
from engagement_nb.sandbox import Sandbox
from engagement_nb.usage import Ledger

MOST_EXTRA = 5.0
"""Seconds that a kill may cost."""
_PRELOAD = ["engagement_nb.cli.collect", "engagement_nb.sources", "tqdm.auto"]


@dataclass(frozen=True)
class Result:
    """What the kills did.

    Parameters
    ----------
    kills
        Processes killed while they fetched.
    datasets
        Fetches that were killed, one after the other, and at last left alone.
    unreadable
        Datasets that did not open after a kill.
    asked_again
        Finished requests, or Tweets and windows, that were asked for again.
    different
        Datasets that in the end were not those of an undisturbed fetch.
    doubled
        Ids that were not once in the data or the problems.
    overbilled
        US cents billed beyond one reading of each Post.
    unrecorded
        Posts that were billed and are not in the record of reads.
    requests
        Requests of the undisturbed fetch.
    extra_requests
        Requests that the kills cost, all in all: those on their way.
    seconds
        How long an undisturbed fetch takes.
    extra_seconds
        How much longer a fetch took for each kill: the median of the datasets.
    """

    kills: int
    datasets: int
    unreadable: int
    asked_again: int
    different: int
    doubled: int
    overbilled: float
    unrecorded: int
    requests: int
    extra_requests: int
    seconds: float
    extra_seconds: float

    @property
    def good(self) -> bool:
        """Whether no kill did any harm."""
        harm = (self.unreadable, self.asked_again, self.different, self.doubled)
        return (
            not any((*harm, self.overbilled, self.unrecorded)) and self.extra_seconds < MOST_EXTRA
        )


class Asked:
    """What a sandbox was asked: Tweets, start of the window, and whether data was given."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.requests: list[tuple[tuple[str, ...], datetime | None, bool]] = []
        self.billed: set[str] = set()
        respond = sandbox.engine.respond

        def recording(question: Any, caller: Any, now: Any) -> Any:
            ids = tuple(map(str, question.ids))
            try:
                found = respond(question, caller, now)
            except Exception:
                self.requests.append((ids, question.start, False))
                raise
            self.requests.append((ids, question.start, True))
            return found

        sandbox.engine.respond = recording  # type: ignore[method-assign]
        find, charge = sandbox.v2.posts.find, sandbox.v2.purse.charge

        def looking_up(ids: Sequence[int], parameter: str) -> Any:
            found = find(ids, parameter)
            self.requests.append((tuple(map(str, ids)), None, True))
            return found

        def charging(kind: Any, returned: list[dict[str, Any]]) -> None:
            self.billed.update(one["id"] for one in returned)
            charge(kind, returned)

        sandbox.v2.posts.find = looking_up  # type: ignore[method-assign]
        sandbox.v2.purse.charge = charging  # type: ignore[method-assign]

    @property
    def pairs(self) -> list[tuple[str, datetime | None]]:
        """Each Tweet and window that data was given for, as often as it was."""
        return [(i, start) for ids, start, good in self.requests if good for i in ids]


def run_study(
    kills: int,
    *,
    api: str = "api",
    per_dataset: int = 5,
    tweets: int = 250,
    latency: float = 0.05,
    seed: int = 1,
) -> Result:
    """Kill fetches and see what they leave.

    Parameters
    ----------
    kills
        How many processes to kill.
    api
        The source: "api" or "v2".
    per_dataset
        How often the same fetch is killed before it is left alone.
    tweets
        Tweets of each of two owners that are fetched: of "api" two months by day, of "v2" totals.
    latency
        Seconds that each answer takes.
    seed
        Of the moments.
    """
    rng = random.Random(seed)
    now = datetime.now(UTC)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    with (
        tempfile.TemporaryDirectory() as folder,
        # A frozen clock: figures that grow would differ from one fetch to the next.
        Sandbox(per_minute=1_000_000, v2_limit=1_000_000, latency=latency, clock=lambda: now,
                timestamp_tolerance=1e6) as sandbox,
    ):  # fmt: skip
        asked = Asked(sandbox)
        fetch = _Fetch(context, sandbox, Path(folder), tweets, now, api)
        fetch.run("warm-up").join()
        asked.requests.clear()
        began = time.monotonic()
        fetch.run("undisturbed").join()
        seconds = time.monotonic() - began
        requests = len(asked.requests)
        wanted = _content(Path(folder, "undisturbed"))
        killed = datasets = unreadable = again = different = doubled = extra = 0
        extra_seconds = []
        while killed < kills:
            name = f"dataset{datasets}"
            datasets += 1
            before, killed_before = len(asked.requests), killed
            taken = 0.0
            for _ in range(per_dataset):
                if killed == kills:
                    break
                held, readable = _held(Path(folder, name))
                mark = len(asked.requests)
                began = time.monotonic()
                process = fetch.run(name)
                process.join(rng.uniform(0, seconds))
                # One that came to its end sooner was not killed and does not count.
                was_alive = process.is_alive()
                process.kill()
                process.join()
                taken += time.monotonic() - began
                killed += was_alive
                unreadable += not readable
                again += _again(asked, mark, held)
                if not was_alive:
                    break
            held, readable = _held(Path(folder, name))
            mark = len(asked.requests)
            began = time.monotonic()
            process = fetch.run(name)
            process.join()
            taken += time.monotonic() - began
            if killed > killed_before:
                extra_seconds.append((taken - seconds) / (killed - killed_before))
            unreadable += not readable
            again += _again(asked, mark, held)
            content = _content(Path(folder, name))
            different += process.exitcode != 0 or not _same(content, wanted)
            doubled += _not_once(content, fetch.ids)
            extra += len(asked.requests) - before - requests
        overbilled = round(100 * (sandbox.v2.purse.spent - PRICES.post * len(asked.billed)), 6)
        recorded = Ledger(folder + "/ledger").reads_of(now, sandbox=True)
    return Result(
        killed, datasets, unreadable, again, different, doubled, overbilled,
        len(asked.billed - recorded.keys()), requests, extra, seconds,
        statistics.median(extra_seconds),
    )  # fmt: skip


class _Fetch:
    """Starts fetches, each in a process of its own."""

    def __init__(
        self, context: Any, sandbox: Sandbox, folder: Path, tweets: int, now: datetime, api: str
    ) -> None:
        self._context = context
        self._folder = folder
        self._env = dict(sandbox.env)
        for account in sandbox.accounts[1:2]:
            name = account.handle.upper()
            self._env[f"TWITTER_ACCESS_TOKEN__{name}"] = account.access_token
            self._env[f"TWITTER_ACCESS_TOKEN_SECRET__{name}"] = account.access_token_secret
        self._env["ENGAGEMENT_CONFIG_DIR"] = str(folder / "config")
        self._env["ENGAGEMENT_LEDGER"] = str(folder / "ledger")
        ids = [i for account in (0, 1) for i in sandbox.ids("own", tweets, account)]
        ids += sandbox.ids("deleted", 5)
        random.Random(0).shuffle(ids)
        (folder / "ids.txt").write_text("\n".join(ids))
        self.ids = ids
        end = now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = end - timedelta(days=60)
        self._words = ["historical", "--by", "day", "--source", "api", "--start",
                       start.isoformat(), "--end", end.isoformat()]  # fmt: skip
        if api == "v2":
            self._words = ["totals", "--snapshot", "one", "--source", "v2"]

    def run(self, name: str) -> Any:
        arguments = ["fetch", *self._words, "--no-progress", "--ids",
                     str(self._folder / "ids.txt"), "-o", str(self._folder / name)]  # fmt: skip
        # As on a machine that never fetched before: no limit is known.
        env = self._env | {"ENGAGEMENT_STATE_DIR": str(self._folder / "state" / name)}
        process = self._context.Process(
            target=_fetch, args=(arguments, env, str(self._folder)), daemon=True
        )
        process.start()
        return process


def _fetch(arguments: list[str], env: dict[str, str], folder: str) -> None:
    """The fetch of a person at the command line, in this process."""
    from engagement_nb.cli import run

    os.chdir(folder)
    os.environ.update(env)
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        os._exit(run(arguments))


def _held(where: Path) -> tuple[set[Any], bool]:
    """What a dataset holds: finished requests, and Tweets and windows; and whether it opens."""
    if not (where / "dataset.json").exists():
        return set(), True
    held: set[Any] = set()
    try:
        dataset = Dataset.open(where)
        folders = {folder for run in dataset.runs() for folder in run.sets}
        for part in Files(dataset.store).parts(folders).values():
            held.add((frozenset(part.tweet_ids), part.request.start))
            if not part.refused:
                held.update((tweet_id, part.request.start) for tweet_id in part.tweet_ids)
        if held:
            dataset.read()
    except Exception:
        return held, False
    return held, True


def _again(asked: Asked, mark: int, held: set[Any]) -> int:
    """How much of what was held has been asked for since."""
    since = asked.requests[mark:]
    pairs = [(i, start) for ids, start, good in since if good for i in ids]
    requests = [(frozenset(ids), start) for ids, start, _ in since]
    return sum(request in held for request in requests) + sum(pair in held for pair in pairs)


def _content(where: Path) -> Metrics:
    return Dataset.open(where).read()


def _not_once(content: Metrics, ids: list[str]) -> int:
    """How many ids are not once in the data (a row, or one for each day) or the problems."""
    rows = content.frame.drop_duplicates([c for c in ("tweet_id", "time") if c in content.frame])
    problems = content.problems[content.problems["scope"] == "tweet"]["tweet_id"]
    found = Counter([*content.frame["tweet_id"].unique(), *problems])
    return len(content.frame) - len(rows) + sum(found[tweet_id] != 1 for tweet_id in {*ids})


def _same(one: Metrics, other: Metrics) -> bool:
    def content(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.drop(columns="read_at", errors="ignore")
        return frame.sort_values(list(frame.columns[:2]), ignore_index=True)

    problems = [
        m.problems.sort_values(list(m.problems.columns), ignore_index=True) for m in (one, other)
    ]
    return content(one.frame).equals(content(other.frame)) and problems[0].equals(problems[1])


@click.command()
@click.option("--api", type=click.Choice(["api", "v2"]), default="api", help="The source.")
@click.option("--kills", default=50, show_default=True, help="Processes to kill.")
@click.option("--per-dataset", default=5, show_default=True, help="Kills of the same fetch.")
@click.option("--seed", default=1, show_default=True, help="Seed of the moments.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.pass_context
def kills(
    ctx: click.Context, api: str, kills: int, per_dataset: int, seed: int, as_json: bool
) -> None:
    """Kill fetches at random moments: does the dataset open, go on, and end the same."""
    # A lookup takes four times as many Posts in a request.
    tweets = 1000 if api == "v2" else 250
    result = run_study(kills, api=api, per_dataset=per_dataset, tweets=tweets, seed=seed)
    if as_json:
        click.echo(json.dumps(asdict(result) | {"good": result.good}))
    else:
        for name, value in asdict(result).items():
            shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
            click.echo(f"{name.replace('_', ' '):16}{shown:>8}")
        click.echo("good" if result.good else "NOT good")
    if not result.good:
        ctx.exit(1)


if __name__ == "__main__":
    kills()
