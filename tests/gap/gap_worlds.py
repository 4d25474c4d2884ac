"""Made-up accounts whose counted set and hidden interactions are known, for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engagement_nb.vocabulary import EXPORT_ONLY_METRICS, METRICS, NO_CANDIDATES

CANDIDATES = [n for n in [*METRICS, *EXPORT_ONLY_METRICS] if n not in NO_CANDIDATES]


@dataclass(frozen=True)
class KnownWorld:
    frame: pd.DataFrame
    counted: frozenset[str]
    hidden: int


def known_world(seed: int, *, tweets: int | None = None, skew: bool | None = None) -> KnownWorld:
    """Any metrics, any of them counted, hidden kinds or none, some metrics hardly used."""
    rng = np.random.default_rng(seed)
    size = tweets or round(float(np.exp(rng.uniform(np.log(30), np.log(3000)))))
    chosen = set(rng.choice(CANDIDATES, int(rng.integers(5, 18)), replace=False))
    names = [name for name in CANDIDATES if name in chosen]
    counted = rng.random(len(names)) < 0.75
    reach = np.exp(rng.uniform(4.5, 9) + rng.normal(0, 1.3, size))

    def counts(base: float) -> np.ndarray:
        present = 1.0 if rng.random() < 0.6 else rng.uniform(0.05, 0.9)
        rate = np.exp(rng.normal(np.log(base), 1.5))
        luck = np.exp(rng.normal(0, rng.uniform(0.2, 1), size))
        expected = reach * rate * luck * (rng.random(size) < present)
        return rng.poisson(np.minimum(expected, 1e9))

    values = np.array([counts(0.003) for _ in names])
    for row in np.flatnonzero(rng.random(len(names)) < 0.1):
        values[row] = rng.random(size) < rng.uniform(0, 5) / size
    hidden = sum(
        (counts(0.003 * rng.choice([0.1, 1])) for _ in range(rng.integers(0, 5))),
        start=np.zeros(size, dtype=np.int64),
    )
    engagements = values[counted].sum(axis=0) + hidden
    if rng.random() < 0.5 if skew is None else skew:
        late = rng.random(size) < rng.uniform(0.02, 0.3)
        missing = rng.uniform(0, 0.02)
        engagements = np.where(late, rng.binomial(engagements, 1 - missing), engagements)
    frame = pd.DataFrame(values.T, columns=names).astype("Int64")
    frame.insert(0, "tweet_id", pd.array([str(k) for k in range(size)], dtype="string"))
    frame["engagements"] = pd.array(engagements, dtype="Int64")
    inside = frozenset(name for name, ok in zip(names, counted, strict=True) if ok)
    return KnownWorld(frame, inside, int(hidden.sum()))
