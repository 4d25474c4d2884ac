"""``python -m studies.gap_worlds``: the analysis against worlds whose truth is known.

Each world is one of the sandbox's with rates of its own: some hidden kinds switched off, half
of the worlds with counters read up to an hour apart, half with one metric almost unused, 30 to
3,000 Tweets, looked at through the metrics of historical or of totals.

The interval is put to another question, the one that it answers: Tweets are drawn from the
world's process, and the share that it expects (known from its rates) has to lie within.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import click
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from engagement_nb.gap import Gap, explore_gap
from engagement_nb.sandbox.counters import COUNTED, HIDDEN, KINDS, NAMES, RATES, SPREADS
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import World
from engagement_nb.vocabulary import ENDPOINTS, NO_CANDIDATES

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SMALLEST, LARGEST = 30, 3000
SELDOM = ("replies", "user_follows", "hashtag_clicks", "email_tweet", "retweets", "media_views",
          "quote_tweets", "permalink_clicks")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came out for one world.

    Parameters
    ----------
    seed, tweets, endpoint, skew_minutes
        The world.
    counted, undetermined
        How many metrics were called so.
    wrong
        Metrics with a verdict that is not true.
    hidden, found
        True and found.
    covered
        Whether the interval holds the expected share; None where the world hides nothing.
    """

    seed: int
    tweets: int
    endpoint: str
    skew_minutes: float
    counted: int
    undetermined: int
    wrong: tuple[str, ...]
    hidden: int
    found: int
    covered: bool | None

    @property
    def error(self) -> float:
        """Error of hidden, as a share of the truth (of 1 where nothing is hidden)."""
        return abs(self.found - self.hidden) / max(self.hidden, 1)


def look_at(seed: int) -> Outcome:
    """Make a world, analyse it, and compare with the truth."""
    rng = np.random.default_rng(seed)
    tweets = round(float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST)))))
    rates = {name: float(np.exp(rng.normal(0, 0.7))) for name in NAMES if name != "impressions"}
    if rng.random() < 0.5:
        rates[str(rng.choice(SELDOM))] = 0.003
    for kind in rng.permutation(list(HIDDEN))[: rng.integers(0, len(HIDDEN) + 1)]:
        rates[str(kind)] = 0.0
    skew = float(rng.uniform(1, 60)) if rng.random() < 0.5 else 0.0
    endpoint = "historical" if rng.random() < 0.75 else "totals"
    names = [n for n in ENDPOINTS[endpoint].metrics if n not in NO_CANDIDATES]
    counted = [name for name in names if name in COUNTED]

    # Twice as many Tweets and some: a part is deleted, reposted or somebody else's.
    size = 2 * tweets + tweets // 2 + 60
    settings = Settings(seed=seed, tweets=size, accounts=1, rates=rates, skew_minutes=skew)
    world = World(settings, now=lambda: NOW)
    ids = world.pick("own", tweets)
    shown = world.truth(ids)
    even = World(Settings(seed=seed, tweets=size, accounts=1, rates=rates), now=lambda: NOW)
    truth = even.truth(ids)
    gap = analyse({name: shown.of(name) for name in ["engagements", *names]}, ids)
    inside = sum(int(truth.of(name).sum()) for name in counted)
    wrong = (set(gap.counted) - set(counted)) | (set(gap.not_counted) & set(counted))
    return Outcome(
        seed=seed,
        tweets=len(ids),
        endpoint=endpoint,
        skew_minutes=round(skew, 1),
        counted=len(gap.counted),
        undetermined=len(gap.undetermined),
        wrong=tuple(sorted(wrong)),
        hidden=int(truth.engagements.sum()) - inside,
        found=gap.hidden,
        covered=covers(even, tweets, names, counted),
    )


def analyse(columns: dict[str, np.ndarray], ids: list[str]) -> Gap:
    """The analysis of columns of counts."""
    frame = pd.DataFrame(columns).astype("Int64")
    frame["tweet_id"] = pd.Series(ids, dtype="string")
    return explore_gap(frame, redraws=0, resamples=1000)


def covers(world: World, tweets: int, names: list[str], counted: list[str]) -> bool | None:
    """Whether the interval from newly drawn Tweets holds the share that the world expects."""
    factors = np.array([world.settings.rates.get(name, 1.0) for name in NAMES])
    # Mean of the log-normal factor that tells Tweets apart.
    rates = RATES * factors * np.exp(SPREADS**2 / 2)
    many = world.tweets(np.arange(min(world.settings.tweets, 2000) + 20_000))
    expected = (many.content @ rates).sum(axis=0)
    of = dict(zip(NAMES, expected, strict=True))
    whole = sum(of[kind.name] for kind in KINDS if kind.counted)
    share = 1 - sum(of[name] for name in counted) / whole
    if share < 1e-9:
        return None
    rng = np.random.default_rng(world.settings.seed)
    drawn = world.tweets(rng.choice(10**6, tweets, replace=False))
    lives = world.counters.lifetimes(drawn).astype(np.int64)
    columns = {name: lives[:, NAMES.index(name)] for name in names}
    columns["engagements"] = lives[:, [NAMES.index(name) for name in COUNTED]].sum(axis=1)
    spread = analyse(columns, [str(k) for k in range(tweets)]).hidden_interval
    if spread.low is None or spread.high is None:
        return None
    return bool(spread.low <= share <= spread.high)


def summary(outcomes: list[Outcome]) -> dict[str, float | int]:
    """The figures of a study."""
    even = [o for o in outcomes if not o.skew_minutes]
    skewed = [o for o in outcomes if o.skew_minutes]
    covered = [o.covered for o in outcomes if o.covered is not None]

    def share(flags: list[bool]) -> float:
        return round(float(np.mean(flags)), 4) if flags else float("nan")

    return {
        "worlds": len(outcomes),
        "right_or_undetermined": share([not o.wrong for o in outcomes]),
        "wrong_while_certain": share([bool(o.wrong) for o in outcomes]),
        "metrics_counted": round(float(np.mean([o.counted for o in outcomes])), 2),
        "metrics_undetermined": round(float(np.mean([o.undetermined for o in outcomes])), 2),
        "hidden_within_1_percent_even": share([o.error <= 0.01 for o in even]),
        "hidden_within_5_percent_skewed": share([o.error <= 0.05 for o in skewed]),
        "intervals": len(covered),
        "coverage_of_95_percent": share([bool(c) for c in covered]),
        **{
            f"coverage_{low}_to_{high}_tweets": share(
                [
                    bool(o.covered)
                    for o in outcomes
                    if o.covered is not None and low <= o.tweets < high
                ]
            )
            for low, high in ((SMALLEST, 100), (100, 1000), (1000, LARGEST + 1))
        },
    }


@click.command()
@click.option("--worlds", default=200, show_default=True, help="How many.")
@click.option("--seed", default=0, show_default=True, help="Of the first; the others follow.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON on stdout.")
def gap(worlds: int, seed: int, as_json: bool) -> None:
    """The gap analysis on worlds of the sandbox whose truth is known."""
    numbers = tqdm(range(seed, seed + worlds), unit="world", disable=None)
    outcomes = [look_at(number) for number in numbers]
    told = summary(outcomes)
    if as_json:
        click.echo(json.dumps({"summary": told, "worlds": [asdict(o) for o in outcomes]}))
        return
    for name, value in told.items():
        click.echo(f"{name.replace('_', ' '):34} {value}")
    poor = [o for o in outcomes if o.wrong or o.error > (0.05 if o.skew_minutes else 0.01)]
    if poor:
        click.echo("\nWorlds that are wrong, or whose hidden is off by more than that:")
        columns = ["seed", "tweets", "endpoint", "skew_minutes", "hidden", "found", "wrong"]
        click.echo(pd.DataFrame([asdict(o) for o in poor])[columns].to_string(index=False))


if __name__ == "__main__":
    gap()
