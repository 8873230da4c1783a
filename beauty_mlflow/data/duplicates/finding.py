"""Which pictures are copies of each other, exact or near, and which of them must stay together.

Near means near: candidates come from perceptual hashes, and are kept only where thumbnails of 16 x 16 colours
agree. The limits were set on 2,685 emoji and re-encoded, resized, brightened copies of them: copies differ by
at most 20, the most similar different pictures (grey squares, clock faces half an hour apart) by at least 28.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from beauty_mlflow.data.duplicates.inspecting import Inspection
from beauty_mlflow.data.duplicates.neighbours import Pairs, similar_pairs

DISTANCE = 7  # of 64 bits of a perceptual hash
TOLERANCE = 20  # of 255, for every value of a thumbnail
_FEW = 3  # pictures that may hang together in any class
_PARTS = 3

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Duplicates:
    """The groups of copies among n pictures.

    Attributes:
        groups: [n], the row of each picture's first copy; its own where it has none.
        leaders: [n], the row of the picture that each one resembles itself, not over several steps.
        warnings: One sentence a class whose pictures nearly all look the same.
    """

    groups: Labels
    leaders: Labels
    warnings: list[str] = field(default_factory=list)


def find_duplicates(seen: Inspection, classes: Sequence[str]) -> Duplicates:
    """Group the copies among pictures that stand in the order that decides which copy is the first.

    Groups are what hangs together, also over several steps. But where such a chain takes in most of a class,
    so that the class couldn't be split, it is cut: first into a leader and what looks like that leader, and
    where even that is too much, into exact copies, which always stay together.

    Args:
        seen: The pictures.
        classes: [n], each picture's class.
    """
    exact = _first_of_equal(np.unique(np.array(seen.sha256, dtype=str), return_inverse=True)[1])
    distinct = np.flatnonzero(exact == np.arange(len(exact)))
    pairs = distinct[
        similar_pairs(seen.hashes[distinct], seen.thumbnails[distinct], distance=DISTANCE, tolerance=TOLERANCE)
    ]
    chains = connect(len(exact), np.concatenate([pairs, np.stack([exact, np.arange(len(exact))], axis=1)]))
    names, ids = np.unique(np.array(classes, dtype=str), return_inverse=True)
    leaders = _stars(pairs, exact)
    groups, cut = chains, set[int]()
    for finer in (leaders, exact):
        crowded = _crowded(groups, ids)
        swallowing = np.isin(groups, [group for group, _ in crowded])
        cut.update(label for group, label in crowded if (finer[groups == group] != group).any())
        groups = _first_of_equal(np.where(swallowing, finer, groups))
    warnings = [_warning(str(names[label]), ids == label, chains, groups) for label in sorted(cut)]
    return Duplicates(groups, leaders, warnings)


def connect(size: int, pairs: Pairs) -> Labels:
    """Return for each of ``size`` rows the first row that pairs connect it with, over any number of steps."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return _first_of_equal(connected_components(graph, directed=False)[1])


def _first_of_equal(labels: npt.NDArray[np.integer]) -> Labels:
    first, inverse = np.unique(labels, return_index=True, return_inverse=True)[1:]
    found: Labels = first[inverse]
    return found


def _stars(pairs: Pairs, exact: Labels) -> Labels:
    """Give every picture to the first leader that it resembles itself; leaders are taken in order."""
    neighbours: dict[int, list[int]] = {}
    for left, right in pairs.tolist():
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    leader = exact.copy()
    taken: set[int] = set()
    for row in sorted(neighbours):
        if row not in taken:
            members = [other for other in neighbours[row] if other not in taken]
            taken.update(members, [row])
            leader[members] = row
    return leader[exact]


def _crowded(groups: Labels, ids: Labels) -> list[tuple[int, int]]:
    """Return (group, class) of the groups that keep a class from being split."""
    counts = Counter(zip(groups.tolist(), ids.tolist(), strict=True))
    sizes = np.bincount(ids)
    kinds = Counter(label for _, label in counts)
    return [
        (group, label)
        for (group, label), count in counts.items()
        if (count > _FEW and count > sizes[label] / 2) or (count > 1 and kinds[label] < _PARTS)
    ]


def _warning(name: str, members: npt.NDArray[np.bool_], chains: Labels, groups: Labels) -> str:
    largest = int(np.bincount(chains[members]).max())
    left = int(np.bincount(groups[members]).max())
    return (
        f"WARNING: {largest} of the {int(members.sum())} pictures of the class '{name}' look alike. They "
        f"were split all the same, in groups of at most {left}, so that its parts hold similar pictures and "
        "its figures look too good."
    )
