"""``python -m studies.odd_answers``: fetches from a server with many wrong responses.

Ids of every kind are fetched through a proxy that spoils one response in five: groups of no
Tweet or nested in another order, Tweets left out, another period, days left out, headers that
no quota can have, a clock that is wrong, counts that are no counts, bodies that never end or
never stop growing. Some Tweets are left out of every response. Then the server is well again,
and the same fetches are run once more.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import click

from engagement_nb.apis.reasons import UNFINISHED
from engagement_nb.client import Client
from engagement_nb.dataset import Dataset
from engagement_nb.fetch import Run, make_plan, record_of
from engagement_nb.metrics import Metrics
from engagement_nb.sources import sandbox_profiles
from tests.fetch.fetching import account_for_each, equal_to_truth, mixed_ids, reasons
from tests.fetch.misbehaving import (
    Change,
    Document,
    Proxy,
    Reply,
    hold_nothing,
    leave_out,
    misbehaving,
    nest_otherwise,
    of_another_year,
    with_count,
    with_one_day,
)

MAX_BYTES = 20_000_000
_COUNTS = ("-5", True, "1_000", "\uff13", 5.5, None, "")


@dataclass(frozen=True)
class Result:
    """What became of the fetches.

    Parameters
    ----------
    entries
        Ids given to each fetch.
    responses, wrong
        Responses of the first runs, and those of them that were spoiled.
    unanswered
        Tweets that ended as "no answer" in the first runs.
    unfinished
        Tweets that the second runs could not get although the server was well.
    asked_again
        Tweets and periods that the second runs asked for although the first had them.
    """

    entries: int
    responses: int
    wrong: int
    unanswered: int
    unfinished: int
    asked_again: int

    @property
    def good(self) -> bool:
        """Whether nothing was lost or asked for twice."""
        return self.wrong > 0 and not self.unfinished and not self.asked_again


class Spoiler:
    """Spoils a share of the responses, in one way after the other.

    Parameters
    ----------
    share
        Of the responses.
    seed
        Of the choice.
    lost
        Tweets that are left out of every response.
    """

    def __init__(self, share: float, seed: int, lost: set[str]) -> None:
        self._share = share
        self._random = random.Random(seed)
        self._lost = leave_out(*lost)
        self._lock = threading.Lock()
        self._counts = itertools.cycle(_COUNTS)
        self._ways = itertools.cycle(self._all_ways())
        self.responses = self.wrong = 0

    def _all_ways(self) -> list[Change]:
        return [
            hold_nothing,
            nest_otherwise,
            self._without_half,
            of_another_year,
            with_one_day,
            lambda asked, answer: Reply(answer, {"x-per-minute-limit": "20000000000000000000"}),
            lambda asked, answer: Reply(answer, {"Date": formatdate(time.time() - 3600)}),
            lambda asked, answer: with_count(next(self._counts))(asked, answer),
            lambda asked, answer: {"errors": ["x"] * 200_000},
            lambda asked, answer: Reply(
                gzip.compress(bytes(MAX_BYTES + 1), 1), {"Content-Encoding": "gzip"}
            ),
            lambda asked, answer: Reply(answer, hangs=True),
        ]

    def _without_half(self, asked: Document, answer: Document) -> Reply | Document:
        return leave_out(*asked["tweet_ids"][::2])(asked, answer)

    def __call__(self, asked: Document, answer: Document) -> Reply | Document:
        with self._lock:
            self.responses += 1
            wrong = self._random.random() < self._share
            self.wrong += wrong
            way = next(self._ways) if wrong else None
        rest = self._lost(asked, answer)
        return way(asked, rest) if way and isinstance(rest, dict) else rest


def run_study(entries: int, *, share: float = 0.2, seed: int = 1, deadline: float = 30.0) -> Result:
    """Fetch from a server that spoils responses, then from the same server when it is well.

    Parameters
    ----------
    entries
        How many ids, malformed and repeated ones included.
    share
        Of the responses that are spoiled.
    seed
        Of the world and of what is spoiled.
    deadline
        Seconds after which a response that hangs is given up. A busy machine needs more of
        them, as the proxy is slow.

    Raises
    ------
    AssertionError
        An id is neither in the data nor in the problems, or in both; or a figure is not true.
    """
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    period = {"start": midnight - timedelta(days=40), "end": midnight - timedelta(days=1)}
    fetches: list[dict[str, Any]] = [
        {"endpoint": "totals"},
        {"endpoint": "28hr", "by": "hour"},
        {"endpoint": "historical", **period},
        {"endpoint": "historical", "by": "day", **period},
    ]
    options = {"clock": lambda: now, "timestamp_tolerance": 1e6, "tweets": 3 * entries}
    unanswered = unfinished = asked_again = 0
    with tempfile.TemporaryDirectory() as folder, misbehaving(seed=seed, **options) as proxy:
        given, kinds = mixed_ids(proxy.sandbox, entries)
        lost = set(sorted(kinds["own"])[::100])
        # One for all fetches, so that each way has its turn.
        spoiler = Spoiler(share, seed, lost)
        for number, fetch in enumerate(fetches):
            where = Path(folder, str(number))
            proxy.change = spoiler
            metrics, _ = _fetch(where, proxy, given, fetch, now, deadline)
            _check(metrics, proxy, given, fetch)
            unanswered += len(reasons(metrics).get("no answer/tweet", ()))
            held = _held(metrics)
            proxy.change = None
            proxy.asked.clear()
            metrics, ended = _fetch(where, proxy, given, fetch, now, deadline)
            _check(metrics, proxy, given, fetch)
            unfinished += sum(
                row["tweets"] for row in ended.problems.counts() if row["reason"] in UNFINISHED
            )
            asked_again += sum(i in held for asked in proxy.asked for i in asked["tweet_ids"])
    seen = spoiler.responses, spoiler.wrong
    return Result(len(given), *seen, unanswered, unfinished, asked_again)


def _fetch(
    where: Path,
    proxy: Proxy,
    given: list[str],
    fetch: dict[str, Any],
    now: datetime,
    deadline: float,
) -> tuple[Metrics, Run]:
    plan = make_plan(given, profiles=sandbox_profiles(proxy.url), now=now, **fetch)
    dataset = Dataset.create(where, "sandbox")
    with Client(deadline=deadline, max_bytes=MAX_BYTES) as client:
        writer = dataset.begin(record_of(plan, "one", "one"))
        ended = Run(plan, client, writer, progress=False, sleep=lambda seconds: None)
        ended.go()
    return ended.read(dataset), ended


def _held(metrics: Metrics) -> set[str]:
    """Tweets of which nothing is outstanding."""
    frame = metrics.problems
    partial = frame.loc[frame["scope"] == "period", "tweet_id"]
    return {*metrics.frame["tweet_id"]} - {*partial}


def _check(metrics: Metrics, proxy: Proxy, given: list[str], fetch: dict[str, Any]) -> None:
    account_for_each(metrics, given)
    about = metrics.about
    window = {} if fetch["endpoint"] == "totals" else {"start": about.start, "end": about.end}
    if "time" in metrics.frame.columns:
        whole = metrics.problems.loc[metrics.problems["scope"] == "period", "tweet_id"]
        frame = metrics.frame[~metrics.frame["tweet_id"].isin(whole)]
        sums = frame.groupby("tweet_id", sort=False)[metrics.metric_names].sum(min_count=1)
        metrics = Metrics(sums.reset_index(), metrics.problems, about)
    # On totals the figure is that of all Tweets with the same video.
    skip = ["video_views"] if fetch["endpoint"] == "totals" else []
    equal_to_truth(metrics, proxy.sandbox, skip=skip, **window)


@click.command()
@click.option("--entries", default=10_000, show_default=True, help="Ids of each fetch.")
@click.option("--share", default=0.2, show_default=True, help="Responses that are spoiled.")
@click.option("--seed", default=1, show_default=True, help="Seed of the world.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.pass_context
def odd_answers(ctx: click.Context, entries: int, share: float, seed: int, as_json: bool) -> None:
    """Fetch from a server that spoils its responses: is anything lost, made up, asked twice."""
    result = run_study(entries, share=share, seed=seed)
    if as_json:
        click.echo(json.dumps(asdict(result) | {"good": result.good}))
    else:
        for name, value in asdict(result).items():
            click.echo(f"{name.replace('_', ' '):16}{value:>8,}")
        click.echo("good" if result.good else "NOT good")
    if not result.good:
        ctx.exit(1)


if __name__ == "__main__":
    odd_answers()
