"""Merging the classes that are confused, two groups at a time."""

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.grouping.criterion import Code
from beauty_mlflow.evaluation.grouping.merges import Counts, Members, Merge
from beauty_mlflow.evaluation.grouping.reachability import fewest_groups

DECIMALS = 9  # of nats: what differs by rounding only is a tie

Apart = npt.NDArray[np.bool_]


def agglomerate(counts: Counts, apart: Apart, classes: int) -> list[Merge]:
    """Merge two groups at a time until none may be merged any more.

    Of the groups that are confused at all, the two are merged that shorten the description of the wrong answers most
    (see ``criterion``), or lengthen it least. (Were confused pictures counted instead, a group that has grown would
    swallow all others.) Groups that aren't confused are merged only where no others are left, the smallest first. Of
    equal pairs the one with the first class is taken, then the one with the first partner.

    A merge after which ``classes`` could no longer be reached is passed over. Once they are reached, none is.

    Args:
        counts: [n, n], row the true class, column the predicted one.
        apart: [n, n], symmetric: which classes may not be in one group.
        classes: How many are to be reached; the first n - classes merges reach them. With n, merging is free.

    Returns:
        The merges in their order, deterministic; fewer than n - classes where ``classes`` can't be reached.
    """
    groups = _Groups(counts, apart, classes)
    merges: list[Merge] = []
    while pair := groups.best_pair():
        if groups.may_merge(*pair):
            merges.append(groups.merge(*pair))
        else:
            groups.keep_apart(*pair)
    return merges


class _Groups:
    """The groups so far; each stands in the row and column of its first class."""

    def __init__(self, counts: Counts, apart: Apart, classes: int) -> None:
        n = len(counts)
        self._between = counts * ~np.eye(n, dtype=np.bool_)
        self._pictures = counts.sum(axis=1)
        self._errors = self._between.sum(axis=1)
        self._inside, self._sizes = np.zeros(n, np.int64), np.ones(n, np.int64)
        self._apart = apart | np.eye(n, dtype=np.bool_)
        self._members: dict[int, Members] = {label: (label,) for label in range(n)}
        self._classes = classes
        self._plan = fewest_groups(apart)  # proves that the classes can be reached
        self._code = Code(n, int(self._errors.sum()))
        self._change = np.zeros((n, n))
        for label in range(n):
            self._update_change(label)

    def best_pair(self) -> tuple[int, int] | None:
        allowed = np.triu(~self._apart)
        if not allowed.any():
            return None
        wanted = allowed & (self._between + self._between.T > 0)
        if not wanted.any():
            together = np.add.outer(self._sizes, self._sizes)
            wanted = allowed & (together == together[allowed].min())
        best = np.where(wanted, self._change, np.inf).argmin()
        left, right = np.unravel_index(best, wanted.shape)
        return int(left), int(right)

    def may_merge(self, left: int, right: int) -> bool:
        """Return whether the classes can be reached after it; the plan is one by which they are."""
        if len(self._members) <= self._classes or self._plan[left] == self._plan[right]:
            return True
        apart = self._apart.copy()
        apart[left] |= apart[right]
        apart[:, left] |= apart[:, right]
        alive = [label for label in self._members if label != right]
        plan = fewest_groups(apart[np.ix_(alive, alive)])
        if plan.max() >= self._classes:
            return False
        self._plan[alive] = plan
        return True

    def keep_apart(self, left: int, right: int) -> None:
        self._apart[left, right] = self._apart[right, left] = True

    def merge(self, left: int, right: int) -> Merge:
        members, pictures = self._members, self._pictures
        there, back = int(self._between[left, right]), int(self._between[right, left])
        found = Merge(members[left], members[right], there, back, int(pictures[left]), int(pictures[right]))
        self._inside[left] += found.confused
        for amounts in (self._pictures, self._errors, self._inside, self._sizes):
            amounts[left] += amounts[right]
        self._between[left] += self._between[right]
        self._between[:, left] += self._between[:, right]
        self._apart[left] |= self._apart[right]
        self._apart[:, left] |= self._apart[:, right]
        self._apart[right] = self._apart[:, right] = True
        members[left] = tuple(sorted((*members[left], *members.pop(right))))
        self._update_change(left)
        return found

    def _update_change(self, label: int) -> None:
        """Reckon anew by how much the description grows where this group is merged with each other."""
        errors, inside, sizes = self._errors, self._inside, self._sizes
        alone = self._code.of_errors(errors, inside, sizes)
        confused = self._between[label] + self._between[:, label]
        total = np.minimum(errors + errors[label], self._code.errors)  # of dead rows and itself too, which aren't asked
        together = self._code.of_errors(
            total, np.minimum(inside + inside[label] + confused, total), sizes + sizes[label]
        )
        change = np.round(together - alone - alone[label], DECIMALS)
        self._change[label] = self._change[:, label] = change
