"""How few groups the constraints allow: classes that must stay apart are neighbours that need different colours.

The least number of colours can't be found quickly in general. DSATUR (Brélaz 1979, New Methods to Color the Vertices of
a Graph) finds it for classes in families and for chains and rings of pairs, and comes near it for all else.
"""

import numpy as np
import numpy.typing as npt

Apart = npt.NDArray[np.bool_]
Plan = npt.NDArray[np.int64]


def fewest_groups(apart: Apart) -> Plan:
    """Return a grouping with as few groups as are found, which keeps apart what must be.

    Args:
        apart: [n, n], symmetric; the diagonal doesn't count.

    Returns:
        int64 [n], the group of each class, numbered from 0; deterministic.
    """
    n = len(apart)
    neighbours = apart & ~np.eye(n, dtype=np.bool_)
    degree = neighbours.sum(axis=1)
    taken = np.zeros((n, n + 1), np.bool_)
    plan = np.full(n, -1, np.int64)
    for _ in range(n):
        urgency = np.where(plan < 0, taken.sum(axis=1) * (n + 1) + degree, -1)
        label = int(urgency.argmax())
        plan[label] = taken[label].argmin()
        taken[neighbours[label], plan[label]] = True
    return plan
