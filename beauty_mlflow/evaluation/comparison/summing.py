"""What a model of all classes says about groups of them: the control for a model that was trained on the groups."""

from collections.abc import Mapping

import numpy as np

from beauty_mlflow.evaluation.predictions import PredictionTable


def sum_into_groups(table: PredictionTable, groups: Mapping[str, str]) -> PredictionTable:
    """Return the same pictures' predictions of groups; a group's probability is the sum of its classes'.

    Args:
        table: Of all classes.
        groups: The group of each class that is in one; any other class stays itself.
    """
    group_of = [groups.get(name, name) for name in table.classes]
    names = tuple(sorted(set(group_of)))
    place = np.array([names.index(group) for group in group_of])
    sums = np.zeros((len(table), len(names)), np.float64)
    for label, group in enumerate(place):
        sums[:, group] += table.probabilities[:, label]
    return PredictionTable(table.paths, place[table.true].astype(np.int32), sums.astype(np.float32), names)
