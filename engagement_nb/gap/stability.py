"""How often each metric is in the largest set when the Tweets are drawn anew."""

from __future__ import annotations

import numpy as np

from engagement_nb.gap.choose import Choice
from engagement_nb.gap.identify import Evidence, gains, largest_allowed
from engagement_nb.gap.read import Counts

DRAWS = 100
MOST_WORK = 40_000_000
"""Sets tried times Tweets, beyond which no further draw is made: of figures that contradict
nearly every set, fewer draws have to do."""
TWEETS_DRAWN = 5000
"""A draw is of at most so many Tweets: more only repeat the same answer."""


def stability(
    counts: Counts, choice: Choice, tolerance: float, *, draws: int = DRAWS, seed: int = 1
) -> dict[str, float] | None:
    """Share of the draws in which each metric is in the set; None without any.

    The set of a draw is the largest that its Tweets allow, strictly where the choice was strict
    and without the rows that were found to be wrong; the documents have no say in it.
    """
    rows = np.flatnonzero(counts.judged & ~choice.wrong)
    if len(rows) < 2 or not draws:
        return None
    rng = np.random.default_rng(seed)
    rows = rows[np.argsort(fingerprints(counts)[rows], kind="stable")]
    if len(rows) > TWEETS_DRAWN:
        rows = rows[rng.choice(len(rows), TWEETS_DRAWN, replace=False)]
    values, engagements = counts.values[:, rows], counts.engagements[rows]
    gain = gains(counts.names, values)
    times = np.zeros(len(counts.names))
    done = spent = 0
    while done < draws and spent < MOST_WORK:
        weights = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)))
        evidence = Evidence(values, engagements, tolerance, weights, strict=choice.strict)
        times[list(largest_allowed(evidence, gain) or ())] += 1
        done += 1
        spent += evidence.tried * max(len(evidence.engagements), 500)
    return dict(zip(counts.names, (times / done).tolist(), strict=True))


def fingerprints(counts: Counts) -> np.ndarray:
    """A number a Tweet that depends on its figures only, so that their order changes nothing."""
    mixed = counts.engagements.astype(np.uint64)
    with np.errstate(over="ignore"):
        for row in counts.values:
            mixed = (mixed ^ row.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return mixed
