"""Counter-based randomness on arrays: the same numbers from the same keys, in any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _scramble(state: U64) -> U64:
    # The finaliser of splitmix64 (Steele, Lea and Flood, 2014).
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))


def hashed(*keys: ArrayLike) -> U64:
    """64 random bits for each combination of keys (integers, broadcast)."""
    state: U64 = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = _scramble(state ^ np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return state


def uniform(*keys: ArrayLike) -> F64:
    """Numbers of [0, 1) for each combination of keys."""
    return np.asarray((hashed(*keys) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def normal(*keys: ArrayLike) -> F64:
    """Standard normal numbers for each combination of keys (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(*keys, 1)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(*keys, 2)), dtype=np.float64)
