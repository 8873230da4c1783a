"""The orders that classes may stand in, and the levels that they may be gathered on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from beauty_mlflow.evaluation.clustering import Counts, Labels, family, order_by_box, order_by_cluster


@dataclass(frozen=True, eq=False)
class Level:
    """One way of gathering classes into nodes; every class is in exactly one.

    Args:
        name: families or groups.
        nodes: Names of the nodes; a class that is in none is a node of its own, of its own name.
        of: int64 [classes], the node of each class.
    """

    name: str
    nodes: tuple[str, ...]
    of: Labels

    @property
    def gathers(self) -> bool:
        """Whether there are fewer nodes than classes."""
        return len(self.nodes) < len(self.of)


def levels(classes: Sequence[str], groups: Mapping[str, str]) -> list[Level]:
    """Return the levels that gather anything: families by the classes' names, and groups.

    Args:
        classes: Their names.
        groups: The group of each class that is in one; names that are no class's don't matter.
    """
    families = [(True, family(name)) for name in classes]
    grouped = [(name in groups, groups.get(name, name)) for name in classes]
    both = (_level("families", families), _level("groups", grouped))
    return [level for level in both if level.gathers]


def orders(counts: Counts, classes: Sequence[str], gathered: Sequence[Level]) -> dict[str, list[int]]:
    """Return the classes in every order, as their labels.

    Args:
        counts: [classes, classes], row the true class, column the predicted one.
        classes: Their names.
        gathered: The levels; each gives an order in which a node's classes stand together.
    """
    alphabetical = sorted(range(len(classes)), key=lambda label: (classes[label].casefold(), classes[label]))
    return {
        "cluster": order_by_cluster(counts).tolist(),
        "table": list(range(len(classes))),
        "alphabetical": alphabetical,
        **{level.name: order_by_box(counts, level.of).tolist() for level in gathered},
    }


def _level(name: str, keys: Sequence[tuple[bool, str]]) -> Level:
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return Level(name, tuple(node for _, node in number), np.array([number[key] for key in keys], np.int64))
