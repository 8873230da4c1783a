"""Random numbers that depend on nothing but what they are for: no state, no order, no library version.

A counter-based generator: the finalizer of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014), applied once for every number that identifies a draw.
"""

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def random_bits(keys: npt.NDArray[np.uint64], *counters: int) -> npt.NDArray[np.uint64]:
    """Return 64 random bits for every key: a pure function of the key and the counters.

    Args:
        keys: uint64 [n].
        counters: What else identifies the draw (seed, view, which parameter); any integers, taken modulo 2^64.

    Returns:
        uint64 [n].
    """
    state = _mix(keys + _GOLDEN)
    for counter in counters:
        state = _mix((state ^ np.uint64(counter % 2**64)) + _GOLDEN)
    return state


def random_uniform(keys: npt.NDArray[np.uint64], *counters: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for every key; float64 [n]. Arguments as for ``random_bits``."""
    return (random_bits(keys, *counters) >> np.uint64(11)).astype(np.float64) * np.float64(2.0**-53)


def random_order(count: int, *counters: int) -> npt.NDArray[np.int64]:
    """Return a permutation of 0 … count-1, int64 [count]: a pure function of the arguments."""
    return np.argsort(random_bits(np.arange(count, dtype=np.uint64), *counters), kind="stable")


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
