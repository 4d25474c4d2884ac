"""``python -m studies.compare``: comparisons of pairs whose difference in expectation is known.

The sides of a pair have the same Tweets, half of them, or none in common. Sizes are lognormal or
Pareto; with the exponent 1.5 their variance is infinite. The tables go into `docs/method.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import click
import numpy as np
import pandas as pd

from engagement_nb.gap.compare import compare
from studies.gap_worlds import markdown

SIZES = ("lognormal 1", "lognormal 1.5", "Pareto 2.5", "Pareto 1.5")
SAMPLES = (40, 150, 600)


class Population(NamedTuple):
    """What the Tweets of a side have in expectation.

    Parameters
    ----------
    reach
        Impressions of a Tweet.
    rate
        Engagements / impressions.
    hiding
        Share of the Tweets that hide a quarter of their engagements on average.
    """

    reach: float
    rate: float
    hiding: float

    def expected(self) -> dict[str, float]:
        """The quantities that are compared."""
        return {
            "hidden share": self.hiding / 4,
            "engagement rate": self.rate,
            "engagements per Tweet": self.reach * self.rate,
        }


BEFORE = Population(200, 0.05, 0.3)
AFTER = Population(280, 0.065, 0.6)


def relative_sizes(kind: str, tweets: int, rng: np.random.Generator) -> np.ndarray:
    """Sizes of Tweets with the expectation 1."""
    name, _, number = kind.partition(" ")
    spread = float(number)
    if name == "lognormal":
        return np.exp(rng.normal(-(spread**2) / 2, spread, tweets))
    return (1 + rng.pareto(spread, tweets)) * (spread - 1) / spread


def figures(
    side: Population, ids: np.ndarray, sizes: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Figures of Tweets: likes, replies and clicks are counted, bookmarks are not."""
    tweets = len(ids)
    impressions = rng.poisson(side.reach * sizes)
    engagements = rng.binomial(impressions, rng.beta(2, 2 / side.rate - 2, tweets))
    hidden = rng.binomial(
        engagements, np.where(rng.random(tweets) < side.hiding, rng.beta(1, 3, tweets), 0)
    )
    likes = rng.binomial(engagements - hidden, 0.5)
    replies = rng.binomial(engagements - hidden - likes, 0.3)
    columns = {
        "impressions": impressions,
        "engagements": engagements,
        "favorites": likes,
        "replies": replies,
        "url_clicks": engagements - hidden - likes - replies,
        "bookmarks": rng.poisson(engagements * 0.3),
    }
    frame = pd.DataFrame(columns).astype("Int64")
    return frame.assign(tweet_id=pd.array(ids.astype(str), dtype="string"))


def pairs(
    kind: str, tweets: int, shared: float, after: Population, seed: int
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Pairs of frames without end."""
    rng = np.random.default_rng([SIZES.index(kind), tweets, round(10 * shared), seed])
    new = tweets - round(tweets * shared)
    while True:
        sizes = relative_sizes(kind, tweets + new, rng)
        ids = np.arange(1, tweets + new + 1)
        yield (
            figures(BEFORE, ids[:tweets], sizes[:tweets], rng),
            figures(after, ids[new:], sizes[new:], rng),
        )


def outcomes(
    kind: str, tweets: int, shared: float, after: Population, draws: int, seed: int
) -> pd.DataFrame:
    """One row a pair: for each quantity whether its interval holds; ``all``, ``said changed``."""
    truth = {n: value - BEFORE.expected()[n] for n, value in after.expected().items()}
    rows = []
    for _, (one, other) in zip(
        range(draws), pairs(kind, tweets, shared, after, seed), strict=False
    ):
        changes = [c for c in compare(one, other).changes if c.low is not None]
        held = {c.name: c.low <= truth[c.name] <= c.high for c in changes}  # type: ignore[operator]
        changed = any(change.verdict == "changed" for change in changes)
        rows.append({**held, "all": all(held.values()), "said changed": changed})
    return pd.DataFrame(rows)


def table(draws: int, seed: int) -> Iterator[dict[str, object]]:
    """One row a kind of sizes and share of Tweets in common, in percent over all samples."""
    for kind in SIZES:
        for shared in (0.0, 0.5, 1.0):
            equal, different = (
                pd.concat([outcomes(kind, n, shared, after, draws, seed) for n in SAMPLES])
                for after in (BEFORE, AFTER)
            )
            yield {
                "sizes": kind,
                "Tweets in common": f"{shared:.0%}",
                **{f"{n} covered": 100 * different[n].mean() for n in BEFORE.expected()},
                "all three": 100 * different["all"].mean(),
                "called different": 100 * different["said changed"].mean(),
                "equal ones called different": 100 * equal["said changed"].mean(),
            }


@click.command()
@click.option("--draws", default=300, show_default=True, help="Pairs of each kind and size.")
@click.option("--seed", default=0, show_default=True)
def study(draws: int, seed: int) -> None:
    """Coverage of the intervals, and how often equal populations are called different."""
    click.echo(f"{datetime.now(UTC):%Y-%m-%d}, {draws} pairs each of {SAMPLES} Tweets\n")
    click.echo(markdown(table(draws, seed)))


if __name__ == "__main__":
    study()
