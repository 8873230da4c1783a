import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from beauty_mlflow.evaluation.grouping.agglomeration import agglomerate
from beauty_mlflow.evaluation.grouping.merges import Merge, members_after
from beauty_mlflow.evaluation.grouping.reachability import fewest_groups

SIZES = st.lists(st.integers(1, 5), min_size=2, max_size=6).filter(lambda sizes: sum(sizes) > 2)


@st.composite
def planted(draw, sizes=SIZES):
    """Draw counts of classes in a random order, and the groups that were put into them."""
    group_of = draw(st.permutations([group for group, size in enumerate(draw(sizes)) for _ in range(size)]))
    n = len(group_of)
    same = np.equal.outer(group_of, group_of)
    inside = draw(st_numpy.arrays(np.int64, (n, n), elements=st.integers(8, 14)))
    stray = draw(st_numpy.arrays(np.int64, (n, n), elements=st.sampled_from([0] * 19 + [1])))
    counts = np.where(same, inside, stray)
    counts[np.diag_indices(n)] = draw(st.integers(0, 60))
    groups = {tuple(np.flatnonzero(np.equal(group_of, group)).tolist()) for group in set(group_of)}
    return counts, groups


@st.composite
def constrained(draw):
    """Draw any counts, and any classes that must stay apart."""
    n = draw(st.integers(2, 9))
    counts = draw(st_numpy.arrays(np.int64, (n, n), elements=st.integers(0, 9)))
    apart = np.triu(draw(st_numpy.arrays(np.bool_, (n, n))), 1)
    return counts, apart | apart.T


def free(n):
    return np.zeros((n, n), np.bool_)


@given(planted())
def test_planted_groups_are_found(given_groups):
    counts, groups = given_groups
    n = len(counts)
    merges = agglomerate(counts, free(n), len(groups))
    assert set(members_after(merges[: n - len(groups)], n)) == groups


@given(constrained(), st.data())
def test_constraints_hold_and_the_classes_are_reached_exactly(given_constraints, data):
    counts, apart = given_constraints
    n = len(counts)
    classes = data.draw(st.integers(int(fewest_groups(apart).max()) + 1, n))
    merges = agglomerate(counts, apart, classes)
    for step in range(len(merges) + 1):
        groups = members_after(merges[:step], n)
        assert len(groups) == n - step
        assert sorted(label for group in groups for label in group) == list(range(n))
        assert not any(apart[np.ix_(group, group)].any() for group in groups)
    assert n - len(merges) <= classes
    last = members_after(merges, n)
    assert classes < n or all(apart[np.ix_(one, two)].any() for one in last for two in last if one != two), (
        "stuck early"
    )
    assert agglomerate(counts, apart, classes) == merges


@given(constrained())
def test_every_merge_says_what_was_confused(given_constraints):
    counts, apart = given_constraints
    for merge in agglomerate(counts, apart, len(counts)):
        left, right = list(merge.left), list(merge.right)
        assert merge.there == counts[np.ix_(left, right)].sum()
        assert merge.back == counts[np.ix_(right, left)].sum()
        assert (merge.of_left, merge.of_right) == (counts[left].sum(), counts[right].sum())
        assert merge.left[0] < merge.right[0]


@given(constrained())
def test_classes_that_are_not_confused_are_merged_last(given_constraints):
    counts, apart = given_constraints
    confused = [merge.confused > 0 for merge in agglomerate(counts, apart, len(counts))]
    assert confused == sorted(confused, reverse=True)


def test_a_merge_that_would_leave_too_many_is_passed_over():
    """Of a chain of classes that must stay apart, the ends are confused most; two groups need them apart."""
    apart = free(4)
    for one, two in ((0, 1), (1, 2), (2, 3)):
        apart[one, two] = apart[two, one] = True
    counts = np.diag([9, 9, 9, 9])
    counts[0, 3] = counts[3, 0] = 5
    counts[0, 2] = counts[1, 3] = 1
    assert members_after(agglomerate(counts, apart, 4), 4) == [(0, 3), (1,), (2,)]
    assert members_after(agglomerate(counts, apart, 2), 4) == [(0, 2), (1, 3)]


def test_where_nothing_is_confused_no_group_grows_above_the_others():
    merges = agglomerate(9 * np.eye(8, dtype=np.int64), free(8), 4)
    assert members_after(merges[:4], 8) == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_ties_go_by_the_order_of_the_classes():
    counts = 5 * np.eye(6, dtype=np.int64)
    counts[[0, 2, 4], [1, 3, 5]] = 2
    first = agglomerate(counts, free(6), 3)[:3]
    assert [(merge.left, merge.right) for merge in first] == [((0,), (1,)), ((2,), (3,)), ((4,), (5,))]
    assert first[0] == Merge((0,), (1,), there=2, back=0, of_left=7, of_right=5)


def test_no_group_swallows_all_others(sample_confusions):
    """Mistakes without any pattern don't pile up in one group, as they would if pictures alone were counted."""
    counts = sample_confusions(list(range(40)), pictures=30, right=0.5, inside=0)
    assert max(map(len, members_after(agglomerate(counts, free(40), 20)[:20], 40))) <= 8


@pytest.mark.parametrize("n", [73, 200])
def test_many_classes_take_a_moment(sample_confusions, n):
    counts = sample_confusions([label // 3 for label in range(n)], pictures=100)
    apart = np.random.default_rng(0).random((n, n)) < 0.02
    begun = time.process_time()
    agglomerate(counts, np.triu(apart, 1) | np.triu(apart, 1).T, n // 3)
    assert time.process_time() - begun < 5
