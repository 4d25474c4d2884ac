"""Intervals for shares, by resampling Tweets.

The question an interval answers: were other Tweets drawn from where these came from, what
might the share be? Engagements are heavy-tailed: a few Tweets can carry most of them, and then
the plain percentile bootstrap is too narrow. So its limits are stretched, on the log-odds
scale, by two factors that are 1 when no Tweet weighs much: the jackknife's correction of each
Tweet's influence for its own weight (HC2), and Student's t with half as many degrees of freedom
as the effective number of Tweets, ``(sum w)^2 / sum w^2``. `engagement-nb study gap` measures the
coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

UNITS = 5000
"""Above so many Tweets, they are first put together at random into as many groups."""


@dataclass(frozen=True)
class Interval:
    """A share with its interval; ``low`` and ``high`` are None where none can be given."""

    share: float | None
    low: float | None
    high: float | None
    level: float
    units: int
    resamples: int


def share_interval(
    part: np.ndarray,
    whole: np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 4,
) -> Interval:
    """Share ``sum(part) / sum(whole)`` with an interval by bootstrap over units.

    Parameters
    ----------
    part, whole
        One figure a Tweet (or day), of the same length.
    level
        Of the interval.
    resamples
        How often the units are drawn anew.
    seed
        Of the draws: the same figures give the same interval.
    """
    units = len(whole)
    total = float(whole.sum(dtype=np.float64))
    if units == 0 or total <= 0:
        return Interval(None, None, None, level, units, 0)
    share = float(part.sum(dtype=np.float64)) / total
    if units < 2:
        return Interval(share, None, None, level, units, 0)
    # In an order of their own, so that the order in which Tweets came changes nothing.
    order = np.lexsort((part, whole))
    parts, wholes = in_groups(part[order], seed), in_groups(whole[order], seed)
    shares = resampled_shares(parts, wholes, resamples, seed)
    tail = (1 - level) / 2
    drawn = np.nanquantile(shares, [tail, 1 - tail])
    low, high = stretched(drawn, share, stretch(parts, wholes, level))
    return Interval(share, low, high, level, units, resamples)


def stretch(part: np.ndarray, whole: np.ndarray, level: float) -> float:
    """By how much the plain interval is too narrow, because some units weigh much."""
    weights = whole / whole.sum()
    influence = part - part.sum() / whole.sum() * whole
    spread = float((influence**2).sum())
    if not spread:
        return 1.0
    leverage = float((influence**2 / (1 - np.minimum(weights, 0.95))).sum()) / spread
    effective = 1 / float((weights**2).sum())
    return leverage**0.5 * student(level, effective / 2) / student(level, np.inf)


def stretched(limits: np.ndarray, share: float, factor: float) -> tuple[float, float]:
    """Limits moved away from a share: on the log-odds scale where there is one."""
    if factor == 1 or not 0 < share < 1 or limits[0] < 0 or limits[1] > 1:
        moved = share + (limits - share) * factor
        return float(moved[0]), float(moved[1])
    inner = np.clip(limits, 1e-9, 1 - 1e-9)
    odds = np.log(inner / (1 - inner))
    middle = np.log(share / (1 - share))
    moved = 1 / (1 + np.exp(-(middle + (odds - middle) * factor)))
    # A limit that is 0 or 1 stays so: the log-odds would only come near it.
    low = 0.0 if limits[0] <= 0 else float(moved[0])
    return low, 1.0 if limits[1] >= 1 else float(moved[1])


def student(level: float, freedom: float) -> float:
    """Two-sided quantile of Student's t, expanded around the normal's; 2 degrees at least."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    n = max(freedom, 2.0)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def in_groups(figures: np.ndarray, seed: int) -> np.ndarray:
    """Figures as float64, put together at random when they are many."""
    if len(figures) <= UNITS:
        return figures.astype(np.float64)
    group = np.random.default_rng(seed).integers(0, UNITS, len(figures))
    return np.bincount(group, weights=figures, minlength=UNITS)


def resampled_shares(part: np.ndarray, whole: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """The share in each of many resamples of the units; NaN where nothing was drawn."""
    rng = np.random.default_rng(seed)
    units = len(whole)
    shares = np.empty(resamples)
    step = max(1, 2_000_000 // units)
    for start in range(0, resamples, step):
        drawn = rng.integers(0, units, (min(step, resamples - start), units))
        with np.errstate(invalid="ignore", divide="ignore"):
            shares[start : start + step] = part[drawn].sum(axis=1) / whole[drawn].sum(axis=1)
    return shares
