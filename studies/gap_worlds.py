"""``python -m studies.gap_worlds``: the gap analysis on worlds whose truth is known.

Each kind of world makes one thing difficult (`KINDS`). Sizes are lognormal or Pareto, and half of
the worlds hide engagement on 0.2 to 11 % of the Tweets only. Names of metrics are assigned at
random, so documents are wrong as often as they are right. ``--constants`` varies the constants of
the method instead. The tables go into `docs/method.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest.mock import patch

import click
import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import NO_CANDIDATES
from engagement_nb.apis.names import LABELS
from engagement_nb.gap import Gap, explore_gap, identify
from engagement_nb.gap.interval import share_interval

KINDS = {
    "plain": "30 to 3,000 Tweets, nothing else",
    "tiny": "1 to 30 Tweets",
    "missing": "a fifth of the metrics, or up to 15 % of the figures, are not there",
    "doubled": "one metric counts twice",
    "wrong rows": "up to 1 % of the Tweets have far too few engagements",
    "lag 2 %": "engagements are up to 2 % behind, on some Tweets or on all",
    "lag 2-10 %": "engagements are 2 to 10 % behind, on some Tweets or on all",
    "collinear": "two metrics are equal, or differ on up to 3 % of the Tweets; one is counted",
    "de-duplicated": "5 to 60 % of the overlap of two metrics is counted once",
    "partial": "60 % of one metric is counted",
}
CONSTANTS = {
    "TOLERANCE": (0, 0.01),
    "CHANCE": (0.0003, 0.03),
    "FITS_PER_EXCESS": (1, 10),
    "LEAST_TWEETS": (1, 9),
    "TOGETHER": (5, 80),
    "HARDLY_ANY": (0.05, 0.75),
}
"""Values below and above that of each constant of the method."""
NAMES = [name for name in LABELS if name not in NO_CANDIDATES]


@dataclass(frozen=True)
class World:
    """A frame, which metrics engagements include ("in", "out", "partial"), and what is hidden.

    ``hidden`` is what the figures at hand leave when the metrics that are in are subtracted, on
    the Tweets whose figures are all known.
    """

    frame: pd.DataFrame
    truth: dict[str, str]
    hidden: int


def world(kind: str, seed: int) -> World:
    """Make a world."""
    rng = np.random.default_rng([list(KINDS).index(kind), seed])
    smallest, largest = (1, 30) if kind == "tiny" else (30, 3000)
    tweets = round(float(np.exp(rng.uniform(np.log(smallest), np.log(largest)))))
    metrics = int(rng.integers(5, 17))
    names = [str(name) for name in rng.permutation(NAMES)[:metrics]]
    inside = rng.random(metrics) < 0.75
    size = np.exp(rng.normal(0, 1.4, tweets))
    if rng.random() < 0.4:
        size = 0.3 * (1 + rng.pareto(1.5, tweets))
    reach = np.exp(rng.uniform(4.5, 9)) * size

    def counts(base: float) -> np.ndarray:
        present = 1.0 if rng.random() < 0.6 else rng.uniform(0.05, 0.9)
        rate = np.exp(rng.normal(np.log(base), 1.5))
        luck = np.exp(rng.normal(0, rng.uniform(0.2, 1), tweets))
        return rng.poisson(np.minimum(reach * rate * luck * (rng.random(tweets) < present), 1e8))

    values = np.array([counts(0.003) for _ in range(metrics)])
    for j in np.flatnonzero(rng.random(metrics) < 0.1):
        values[j] = rng.random(tweets) < rng.uniform(0, 5) / tweets
    if rng.random() < 0.5:
        hidden = counts(0.003) * (rng.random(tweets) < np.exp(rng.uniform(*np.log([0.002, 0.11]))))
    else:
        kinds = [counts(0.003 * rng.choice([0.1, 1])) for _ in range(rng.integers(0, 5))]
        hidden = np.sum([np.zeros(tweets, dtype=np.int64), *kinds], axis=0)
    if kind == "collinear":
        one, other = rng.choice(metrics, 2, replace=False)
        values[other] = values[one]
        differs = rng.random(tweets) < rng.choice([0, 0, 0.002, 0.01, 0.03])
        values[other][differs] += rng.integers(1, 4, int(differs.sum()))
        inside[[one, other]] = rng.permutation([True, False])
    engagements = values[inside].sum(axis=0) + hidden
    chosen = rng.permutation(np.flatnonzero(inside))
    truth = {name: "in" if flag else "out" for name, flag in zip(names, inside, strict=True)}
    if kind == "partial" and len(chosen):
        part = values[chosen[0]]
        engagements += (rng.binomial(part, 0.6) if rng.random() < 0.5 else part * 6 // 10) - part
        truth[names[chosen[0]]] = "partial"
    elif kind == "doubled" and len(chosen):
        engagements += values[chosen[0]]
    elif kind == "de-duplicated" and len(chosen) > 1:
        both = np.minimum(values[chosen[0]], values[chosen[1]])
        engagements -= rng.binomial(both, rng.uniform(0.05, 0.6))
    elif kind.startswith("lag"):
        late = rng.random(tweets) < (rng.uniform(0.02, 0.3) if rng.random() < 0.7 else 1)
        behind = rng.uniform(0, 0.02) if kind == "lag 2 %" else rng.uniform(0.02, 0.1)
        engagements = np.where(late, rng.binomial(engagements, 1 - behind), engagements)
    elif kind == "wrong rows":
        rows = rng.choice(tweets, max(1, round(tweets * rng.uniform(0, 0.01))), replace=False)
        engagements[rows] = (engagements[rows] * rng.uniform(0, 0.7, len(rows))).astype(int)
    frame = pd.DataFrame(values.T, columns=names).astype("Int64")
    frame.insert(0, "tweet_id", pd.array([str(k) for k in range(1, tweets + 1)], dtype="string"))
    frame["engagements"] = pd.array(engagements, dtype="Int64")
    if kind == "missing" and rng.random() < 0.5:
        frame = frame.drop(columns=[name for name in names[1:] if rng.random() < 0.2])
    elif kind == "missing":
        frame[names] = frame[names].mask(rng.random((tweets, metrics)) < rng.uniform(0, 0.15))
    truth = {name: truth[name] for name in truth if name in frame}
    left = frame["engagements"] - frame[[n for n in truth if truth[n] == "in"]].sum(axis=1)
    return World(frame, truth, int(left.clip(lower=0).sum()))


def mistakes(gap: Gap, truth: dict[str, str]) -> list[str]:
    """Metrics with a verdict that is not true."""
    wrongly_in = [name for name in gap.counted if truth[name] != "in"]
    return wrongly_in + [name for name in gap.not_counted if truth[name] == "in"]


def verdicts(worlds: int, seed: int) -> Iterator[dict[str, object]]:
    """One row per kind of world: right, undetermined and wrong verdicts; error and bounds."""
    for kind in KINDS:
        rows = []
        for number in range(seed, seed + worlds):
            made = world(kind, number)
            gap = explore_gap(made.frame)
            wrong, share = mistakes(gap, made.truth), gap.share
            whole = max(gap.engagements, 1)
            rows.append(
                {
                    "right": len(gap.counted) + len(gap.not_counted) - len(wrong),
                    "undetermined": len(gap.undetermined),
                    "worlds wrong": bool(wrong),
                    "error": abs(gap.hidden - made.hidden) / whole,
                    "held": share.least <= made.hidden <= share.most,
                    "comparable": gap.posts == len(made.frame),
                    "metrics": len(made.truth),
                }
            )
        table = pd.DataFrame(rows)
        known = table[table["comparable"]]
        yield {
            "worlds": kind,
            "right %": 100 * table["right"].sum() / table["metrics"].sum(),
            "undetermined %": 100 * table["undetermined"].sum() / table["metrics"].sum(),
            "worlds wrong %": 100 * table["worlds wrong"].mean(),
            "median error of hidden, % of engagements": 100 * known["error"].median(),
            "mean error": 100 * known["error"].mean(),
            "bounds hold %": 100 * known["held"].mean(),
        }


SIZES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "lognormal 1": lambda rng, n: np.exp(rng.normal(4, 1, n)),
    "lognormal 1.5": lambda rng, n: np.exp(rng.normal(4, 1.5, n)),
    "Pareto 1.5": lambda rng, n: 20 * (1 + rng.pareto(1.5, n)),
}
SAMPLES = (30, 100, 300, 1000)


def covered(sizes: str, hiding: float, shares: str, tweets: int, draws: int, seed: int) -> float:
    """Share of samples whose 95 % interval contains the expected hidden share."""
    rng = np.random.default_rng([seed, tweets, round(1000 * hiding)])
    hits = 0
    for _ in range(draws):
        whole = np.ceil(SIZES[sizes](rng, tweets)).astype(int)
        share = np.full(tweets, 0.5) if shares == "half" else rng.beta(1, 3, tweets)
        hidden = rng.binomial(whole, share) * (rng.random(tweets) < hiding)
        low, high = share_interval(hidden, whole)
        hits += low <= hiding * (0.5 if shares == "half" else 0.25) <= high
    return hits / draws


def coverage(draws: int, seed: int) -> Iterator[dict[str, object]]:
    """One row per population: coverage in percent by the number of Tweets."""
    for sizes in SIZES:
        for hiding, shares in ((0.01, "half"), (0.03, "half"), (0.03, "beta"), (0.1, "half"),
                               (0.1, "beta"), (0.6, "beta"), (1.0, "half")):  # fmt: skip
            row: dict[str, object] = {
                "sizes": sizes,
                "Tweets that hide": f"{100 * hiding:g} %",
                "share hidden on them": "0.5" if shares == "half" else "beta(1, 3)",
            }
            for tweets in SAMPLES:
                hits = covered(sizes, hiding, shares, tweets, draws, seed)
                row[f"n = {tweets:,}"] = 100 * hits
            yield row


def shuffled(worlds: int, seed: int) -> float:
    """Share of worlds in which groups assigned at random are said to differ."""
    said = 0
    for number in range(seed, seed + worlds):
        made = world("plain", number)
        groups = np.random.default_rng(number).integers(0, 4, len(made.frame))
        tests = explore_gap(made.frame.assign(group=groups)).differences("group")
        said += bool((tests["p_adjusted"] <= 0.05).any())
    return said / worlds


def sensitivity(worlds: int, seed: int) -> Iterator[dict[str, object]]:
    """One row per value of a constant: right verdicts / worlds wrong, in percent, by kind."""
    varied = [(name, value) for name, values in CONSTANTS.items() for value in values]
    for name, value in [("SEARCHED", identify.SEARCHED), *varied]:
        row: dict[str, object] = {
            "constant": f"{name} {value}" if name in CONSTANTS else "as it is"
        }
        for kind in [kind for kind in KINDS if kind not in ("tiny", "missing", "doubled")]:
            right = metrics = wrong = 0
            for number in range(seed, seed + worlds):
                made = world(kind, number)
                with patch.object(identify, name, value):
                    gap = explore_gap(made.frame, tolerance=identify.TOLERANCE)
                mistaken = len(mistakes(gap, made.truth))
                right += len(gap.counted) + len(gap.not_counted) - mistaken
                metrics += len(made.truth)
                wrong += mistaken > 0
            row[kind] = f"{100 * right / metrics:.0f} / {100 * wrong / worlds:.1f}"
        yield row


def markdown(rows: Iterator[dict[str, object]]) -> str:
    """Rows as a Markdown table, numbers to one decimal."""
    lines: list[str] = []
    for row in rows:
        if not lines:
            lines += ["| " + " | ".join(row) + " |", "|" + "---|" * len(row)]
        cells = [f"{v:.1f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--worlds", default=500, show_default=True, help="Worlds of each kind.")
@click.option("--draws", default=600, show_default=True, help="Samples for each coverage.")
@click.option("--seed", default=0, show_default=True, help="Of the first; the others follow.")
@click.option("--constants", is_flag=True, help="Vary the constants of the method.")
def gap(worlds: int, draws: int, seed: int, constants: bool) -> None:
    """The gap analysis on worlds whose truth is known, as Markdown tables."""
    click.echo(f"{datetime.now(UTC):%Y-%m-%d}, {worlds} worlds of each kind, seed {seed}\n")
    if constants:
        click.echo(markdown(sensitivity(worlds, seed)))
        return
    click.echo(markdown(verdicts(worlds, seed)))
    click.echo(f"\nCoverage of the 95 % interval in percent, {draws} samples each\n")
    click.echo(markdown(coverage(draws, seed)))
    share = shuffled(worlds, seed)
    click.echo(f"\nFour groups assigned at random are said to differ in {share:.1%} of worlds.")


if __name__ == "__main__":
    gap()
