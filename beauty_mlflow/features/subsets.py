"""Every set of boundaries that could be filled, and the best of them."""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from beauty_mlflow.features.estimates import LEAST_GAIN, PICTURES, Estimates

MOST_CANDIDATES = 20
"""Boundaries of which every set is looked at, a million sets; of more, those with the largest rows are left out."""

_SAME_TIME = 1 + 1e-9  # equal but for rounding

_Seconds = npt.NDArray[np.float64]


class Subsets:
    """All sets of candidates. Bit k of a set's number says whether candidate k, from the bottom, is in it.

    Args:
        estimates: Of the network and the work at hand.
        demands: How many trainings there are of each limit.
        stored: Boundaries on disk already, or filled whatever else is.
        passed: Up to which boundary a pass is made in any case; ``PICTURES`` where none is.
    """

    def __init__(
        self, estimates: Estimates, demands: Mapping[int, int], stored: Collection[int], passed: int = PICTURES
    ) -> None:
        useful = set(range(max(demands, default=PICTURES) + 1)) - set(stored)
        smallest = sorted(useful, key=lambda boundary: (estimates.size(boundary), -boundary))[:MOST_CANDIDATES]
        self._candidates = sorted(smallest)
        self._estimates = estimates
        self._stored = stored
        self._highest = _highest_bits(len(self._candidates))
        self._bytes = _sums([estimates.size(boundary) for boundary in self._candidates])
        trainings, profiting = self._trainings(demands)
        passes = [estimates.extraction(max(top, passed)) for top in (PICTURES, *self._candidates)]
        self._seconds = trainings + np.array(passes)[self._highest]
        # the pass included, what is new has to be worth its while for those that profit
        self._worth = self._seconds[0] - self._seconds >= LEAST_GAIN * profiting

    def best(self, budget_bytes: int | None) -> tuple[int, ...]:
        """Return the boundaries, bottom to top, of the quickest set; of equally quick ones the smallest."""
        allowed = self._worth.copy() if budget_bytes is None else self._worth & (self._bytes <= budget_bytes)
        allowed[0] = True  # nothing can always be filled
        quickest = np.flatnonzero(allowed & (self._seconds <= self._seconds[allowed].min() * _SAME_TIME))
        chosen = int(quickest[self._bytes[quickest].argmin()])
        return tuple(boundary for bit, boundary in enumerate(self._candidates) if chosen >> bit & 1)

    def _trainings(self, demands: Mapping[int, int]) -> tuple[_Seconds, _Seconds]:
        """Return each set's seconds of all trainings, and those that the ones it makes quicker took before.

        For a training only the candidates up to its limit matter, the low bits of a set's number. So limits are
        taken from the lowest, and the tables repeated as more bits begin to matter.
        """
        total, profiting = np.zeros(1), np.zeros(1)
        for limit in sorted(demands):
            below = [boundary for boundary in self._candidates if boundary <= limit]
            on_disk = max((boundary for boundary in self._stored if boundary <= limit), default=PICTURES)
            starts = [self._estimates.settle(limit, max(on_disk, top)) for top in (PICTURES, *below)]
            seconds = demands[limit] * np.array([self._estimates.seconds(limit, start) for start in starts])
            before = np.where(seconds < seconds[0], seconds[0], 0.0)
            sets = 1 << len(below)
            total = np.tile(total, sets // len(total)) + seconds[self._highest[:sets]]
            profiting = np.tile(profiting, sets // len(profiting)) + before[self._highest[:sets]]
        return total, profiting


def _highest_bits(bits: int) -> npt.NDArray[np.int8]:
    """Return [2**bits]: how many low bits one has to look at to see all that are set in each number."""
    table = np.zeros(1 << bits, np.int8)
    for bit in range(bits):
        table[1 << bit : 2 << bit] = bit + 1
    return table


def _sums(sizes: list[int]) -> npt.NDArray[np.int64]:
    """Return [2**n]: the sum of those sizes whose bits are set in each number."""
    table = np.zeros(1 << len(sizes), np.int64)
    for bit, size in enumerate(sizes):
        table[1 << bit : 2 << bit] = table[: 1 << bit] + size
    return table
