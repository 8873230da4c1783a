"""Classes brought into an order in which those taken for each other stand together.

Source: the thesis, chapter 5, reordered its matrix by hand; Bar-Joseph et al. 2001, Fast Optimal Leaf Ordering for
Hierarchical Clustering, do it by rule.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from beauty_mlflow.evaluation.confusion import row_shares

CONFUSED = 0.05  # mean share of their pictures that classes of one cluster mistake for each other, at least
LARGEST = 1000  # classes; the optimal order of twice as many takes a third of a minute, so they get a good one

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
BoxKind = Literal["group", "family", "cluster"]


def family(name: str) -> str:
    """Return a class's family: what stands before the first underscore (thesis: Family_Category), or the whole name."""
    before, underscore, _ = name.partition("_")
    return before if underscore and before else name


def confusion(counts: Counts) -> Shares:
    """Return how much classes are taken for each other, whichever of the two is the true one.

    Args:
        counts: [n, n], row the true class, column the predicted one.

    Returns:
        float64 [n, n], symmetric, 0 to 1: the mean of the share of i's pictures taken for j and of j's taken for i.
        A class without pictures is never taken for another; the diagonal is 1.
    """
    shares = row_shares(counts)
    mutual: Shares = (shares + shares.T) / 2
    np.fill_diagonal(mutual, 1.0)
    return mutual


def order_by_cluster(counts: Counts) -> Labels:
    """Order classes so that those taken for each other stand together.

    The leaves of an average-linkage clustering by ``confusion``, in the optimal order; classes that are never taken
    for another, and no other for them, come last in their own order.

    Args:
        counts: [n, n], row the true class, column the predicted one; n may be 0.

    Returns:
        int64 [n], the classes' labels in the new order; the same counts give the same order.
    """
    return _order(confusion(counts))


def order_by_box(counts: Counts, boxes: Labels) -> Labels:
    """Order classes so that those of a box stand together: the boxes by cluster, and the classes within each.

    Args:
        counts: [n, n], row the true class, column the predicted one.
        boxes: [n], the box of each class.

    Returns:
        int64 [n], the classes' labels in the new order.
    """
    place = np.unique(boxes, return_inverse=True)[1]
    mutual = confusion(counts)
    order: list[int] = []
    for box in order_by_cluster(collapse(counts, place)):
        classes = np.flatnonzero(place == box)
        order += classes[_order(mutual[np.ix_(classes, classes)])].tolist()
    return np.array(order, np.int64)


def collapse(counts: Counts, boxes: Labels) -> Counts:
    """Add up the counts of each box's classes.

    Args:
        counts: [n, n], row the true class, column the predicted one.
        boxes: [n], the box of each class, numbered from 0.

    Returns:
        int64 [boxes, boxes].
    """
    member = np.eye(int(boxes.max(initial=-1)) + 1, dtype=np.int64)[boxes]
    return member.T @ counts @ member


def cluster_labels(counts: Counts, classes: Sequence[str], groups: Mapping[str, str]) -> Labels:
    """Return the box each class belongs in.

    The groups, a class in none being alone; where none has two of the classes, the families of the names, if there are
    several and any has two classes; else the clusters found: classes that are mistaken for each other in at least 5 %
    of their pictures, on average over the cluster.

    Args:
        counts: [n, n], row the true class, column the predicted one.
        classes: The names of the n classes.
        groups: The group of each class that is in one.

    Returns:
        int64 [n], numbered in the order in which they first occur.
    """
    match box_kind(classes, groups):
        case "group":
            return _number((True, groups[name]) if name in groups else (False, name) for name in classes)
        case "family":
            return _number(family(name) for name in classes)
        case "cluster":
            return _number(_find_clusters(confusion(counts)).tolist())


def box_kind(classes: Sequence[str], groups: Mapping[str, str]) -> BoxKind:
    """Return what the boxes of ``cluster_labels`` are."""
    sizes = Counter(groups[name] for name in classes if name in groups)
    if max(sizes.values(), default=0) > 1:
        return "group"
    families = len({family(name) for name in classes})
    return "family" if 1 < families < len(classes) else "cluster"


def _number(names: Iterable[Hashable]) -> Labels:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def _order(mutual: Shares) -> Labels:
    apart = (mutual > 0).sum(axis=1) <= 1
    together = np.flatnonzero(~apart)
    if together.size:
        distances = _distances(mutual[np.ix_(together, together)])
        tree = linkage(distances, "average", optimal_ordering=together.size <= LARGEST)
        together = together[leaves_list(tree)]
        if together[0] > together[-1]:  # both directions are equally good
            together = together[::-1]
    return np.concatenate([together, np.flatnonzero(apart)]).astype(np.int64)


def _find_clusters(mutual: Shares) -> Labels:
    if len(mutual) <= 1:
        return np.zeros(len(mutual), np.int64)
    tree = linkage(_distances(mutual), "average")
    found: Labels = fcluster(tree, 1 - CONFUSED, "distance").astype(np.int64)
    return found


def _distances(mutual: Shares) -> Shares:
    condensed: Shares = squareform(1 - mutual, checks=False)
    return condensed
