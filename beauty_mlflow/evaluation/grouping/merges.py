"""Two groups become one: the steps of an agglomeration."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Members = tuple[int, ...]


@dataclass(frozen=True)
class Merge:
    """Two groups become one; a class alone is a group too.

    Args:
        left: The classes of the group that holds the first class of the two, in order.
        right: Those of the other.
        there: Pictures of left that were taken for right.
        back: Pictures of right that were taken for left.
        of_left: Pictures of left.
        of_right: Pictures of right.
    """

    left: Members
    right: Members
    there: int
    back: int
    of_left: int
    of_right: int

    @property
    def confused(self) -> int:
        """How many pictures of the one were taken for the other."""
        return self.there + self.back


def members_after(merges: Iterable[Merge], n: int) -> list[Members]:
    """Return the groups of n classes after some merges, those of one class included, by their first class."""
    groups: dict[int, Members] = {label: (label,) for label in range(n)}
    for merge in merges:
        del groups[merge.right[0]]
        groups[merge.left[0]] = tuple(sorted((*merge.left, *merge.right)))
    return [groups[label] for label in sorted(groups)]
