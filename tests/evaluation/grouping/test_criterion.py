import itertools
import math

import numpy as np
import pytest

from beauty_mlflow.evaluation.grouping.agglomeration import agglomerate
from beauty_mlflow.evaluation.grouping.criterion import Code, description_lengths


def free(n):
    return np.zeros((n, n), np.bool_)


def test_groupings_are_counted_as_they_are():
    """Stirling's numbers, against all ways to part five things."""
    ways = {tuple(places.index(place) for place in places) for places in itertools.product(range(5), repeat=5)}
    counted = [sum(len(set(way)) == groups for way in ways) for groups in range(1, 6)]
    assert np.exp(Code(5, 0).of_grouping()[1:]) == pytest.approx([5 * number for number in counted])


def test_a_length_reckoned_by_hand():
    """Four classes; 0 and 1 have ten mistakes, eight of them between the two."""
    counts = np.diag([5, 5, 5, 5])
    counts[0, 1], counts[1, 0], counts[0, 2], counts[1, 3] = 5, 3, 1, 1
    lengths = description_lengths(counts, agglomerate(counts, free(4), 4)[:1])
    assert lengths[0] == pytest.approx(10 * math.log(3) + math.log(4))
    of_pair = math.log(11) + math.log(math.comb(10, 8)) + 8 * math.log(1) + 2 * math.log(2)
    assert lengths[1] == pytest.approx(of_pair + math.log(4) + math.log(6))


def test_a_group_gains_nothing_by_classes_that_are_not_confused():
    """Knowing which classes are never named is no group: the mistakes of 0 and 1 all go to 2."""
    counts = np.diag([5, 5, 5])
    counts[0, 2] = counts[1, 2] = 50
    errors, inside = np.array([100]), np.array([0])
    assert Code(3, 100).of_errors(errors, inside, np.array([2])) > 100 * math.log(2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [[3] * 8, [2] * 10, [5, 4, 3, 2, 1, 1], [1] * 20 + [2] * 15 + [4] * 5, [40, 33]])
def test_the_shortest_description_is_that_of_the_planted_groups(sample_confusions, sizes, seed):
    group_of = [group for group, size in enumerate(sizes) for _ in range(size)]
    counts = sample_confusions(np.random.default_rng(seed).permutation(group_of), pictures=200, seed=seed)
    n = len(counts)
    steps = [merge for merge in agglomerate(counts, free(n), n) if merge.confused][: n - 2]
    assert n - description_lengths(counts, steps).argmin() == len(sizes)


@pytest.mark.parametrize("seed", range(5))
def test_mistakes_without_a_pattern_speak_for_no_groups(sample_confusions, seed):
    counts = sample_confusions(list(range(30)), pictures=50, right=0.6, inside=0, seed=seed)
    lengths = description_lengths(counts, agglomerate(counts, free(30), 30)[:28])
    assert lengths.argmin() == 0
