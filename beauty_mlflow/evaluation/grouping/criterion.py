"""How well groups describe what a model confuses: the length of the shortest description of its wrong answers.

A two-part code (Rissanen 1978, Modeling by Shortest Data Description) of a model in which a wrong answer stays inside
the group of the true class more often than by chance: the planted partition of Zhang and Peixoto 2020, Statistical
Inference of Assortative Community Structures, with a rate for each group. Written down are

- the grouping: how many groups (log n), and which of the S(n, K) ways to part n classes into K (Stirling's number);
- for each group, how many of its E wrong answers stay inside, I of them: log(E + 1), and which: log C(E, I);
- for each of those which other class of the group it names, log(s - 1), and for each that leaves which class outside,
  log(n - s), where s is the group's size.

A group whose wrong answers leave it as often as by chance, or more often, gains nothing by that: they are written as
without groups, log(n - 1) each. Right answers cost the same with every grouping, so they are left out.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.grouping.merges import Counts, Merge

Lengths = npt.NDArray[np.float64]


class Code:
    """What the parts of a description cost, in nats.

    Args:
        classes: How many, n.
        errors: Wrong answers in all.
    """

    def __init__(self, classes: int, errors: int) -> None:
        self._n, self.errors = classes, errors
        self._log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, errors + 1)))])

    def of_errors(self, errors: Counts, inside: Counts, sizes: Counts) -> Lengths:
        """Return what each group's wrong answers cost.

        Args:
            errors: Wrong answers about the group's pictures; this and the others have any one shape.
            inside: Those that name another class of the group.
            sizes: The group's classes.
        """
        n, outside, factorials = self._n, errors - inside, self._log_factorials
        plain = errors * np.log(max(n - 1, 1))
        divided = inside * np.log(np.maximum(sizes - 1, 1)) + outside * np.log(np.maximum(n - sizes, 1))
        which = factorials[errors] - factorials[inside] - factorials[outside]
        above_chance = inside * (n - 1) > errors * (sizes - 1)
        shared = np.log(errors + 1) + np.where(above_chance, which + divided, plain)
        # a class alone has no inside and all together have no outside: there is nothing to say about shares
        lengths: Lengths = np.where((sizes > 1) & (sizes < n), shared, plain)
        return lengths

    def of_grouping(self) -> Lengths:
        """Return what it costs to say which grouping it is, by the number of groups: float64 [n + 1]."""
        ways = np.full(self._n + 1, -np.inf)
        ways[0] = 0.0
        for _ in range(self._n):  # S(n, k) = S(n - 1, k - 1) + k S(n - 1, k)
            ways[1:] = np.logaddexp(ways[:-1], np.log(np.arange(1, self._n + 1)) + ways[1:])
            ways[0] = -np.inf
        lengths: Lengths = ways + np.log(self._n)
        return lengths


def description_lengths(counts: Counts, merges: Sequence[Merge]) -> Lengths:
    """Return the length after 0, 1, … merges, in nats.

    Args:
        counts: [n, n], row the true class, column the predicted one; n at least 1.
        merges: As ``agglomerate`` gives them for these counts.

    Returns:
        float64 [len(merges) + 1].
    """
    n = len(counts)
    errors = counts.sum(axis=1) - np.diag(counts)
    inside, sizes, alive = np.zeros(n, np.int64), np.ones(n, np.int64), np.ones(n, np.bool_)
    code = Code(n, int(errors.sum()))
    lengths = [code.of_errors(errors, inside, sizes).sum()]
    for merge in merges:
        left, right = merge.left[0], merge.right[0]
        alive[right] = False
        for amounts in (errors, inside, sizes):
            amounts[left] += amounts[right]
        inside[left] += merge.confused
        lengths.append(code.of_errors(errors[alive], inside[alive], sizes[alive]).sum())
    return np.array(lengths) + code.of_grouping()[n - np.arange(len(lengths))]
