"""Counter-based randomness on arrays: the same numbers from the same keys, in any order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]
Key = int | NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _scramble(state: U64) -> U64:
    # The finaliser of splitmix64 (Steele, Lea and Flood, 2014), in place.
    state += _GOLDEN
    state ^= state >> np.uint64(30)
    state *= _MIX_1
    state ^= state >> np.uint64(27)
    state *= _MIX_2
    state ^= state >> np.uint64(31)
    return state


@lru_cache(maxsize=4096)
def _start(*keys: int) -> np.uint64:
    state = np.zeros(1, dtype=np.uint64)
    for key in keys:
        state = _scramble(state ^ np.uint64(key))
    return np.uint64(state[0])


def hashed(*keys: Key) -> U64:
    """64 random bits for each combination of keys.

    Parameters
    ----------
    *keys
        Integers and arrays of them, which are broadcast.
    """
    state: U64 = np.array([_start(*(key for key in keys if isinstance(key, int)))])
    for key in keys:
        if not isinstance(key, int):
            state = _scramble(state ^ key.astype(np.uint64))
    return state


def uniform(*keys: Key) -> F64:
    """Numbers of [0, 1) for each combination of keys."""
    drawn: F64 = (hashed(*keys) >> np.uint64(11)).astype(np.float64)
    drawn *= 2.0**-53
    return drawn


def normal(*keys: Key) -> F64:
    """Standard normal numbers for each combination of keys (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(1, *keys)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(2, *keys)), dtype=np.float64)
