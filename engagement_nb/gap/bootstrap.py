"""Intervals for shares, by resampling Tweets."""

from __future__ import annotations

from dataclasses import dataclass

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
    resamples: int = 2000,
    seed: int = 1,
) -> Interval:
    """Share ``sum(part) / sum(whole)`` with a percentile interval by bootstrap over units.

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
    parts, wholes = in_groups(part, seed), in_groups(whole, seed)
    shares = resampled_shares(parts, wholes, resamples, seed)
    tail = (1 - level) / 2
    low, high = np.nanquantile(shares, [tail, 1 - tail])
    return Interval(share, float(low), float(high), level, units, resamples)


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
