import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from beauty_mlflow.evaluation.grouping.reachability import fewest_groups


def pairs(n, neighbours):
    apart = np.zeros((n, n), np.bool_)
    for one, two in neighbours:
        apart[one, two] = apart[two, one] = True
    return apart


@given(st.integers(1, 12).flatmap(lambda n: st_numpy.arrays(np.bool_, (n, n))))
def test_what_must_stay_apart_does(drawn):
    apart = np.triu(drawn, 1) | np.triu(drawn, 1).T
    plan = fewest_groups(apart)
    assert not (apart & np.equal.outer(plan, plan)).any()
    assert set(plan) == set(range(plan.max() + 1))


@pytest.mark.parametrize(
    ("apart", "groups"),
    [
        (pairs(5, []), 1),
        (pairs(5, [(0, 1), (1, 2), (2, 3), (3, 4)]), 2),
        (pairs(5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]), 3),
        (pairs(6, [(0, 3), (3, 1), (1, 4), (4, 2), (2, 5)]), 2),
        (np.not_equal.outer([0, 1, 0, 2, 1, 2], [0, 1, 0, 2, 1, 2]), 3),
        (~np.eye(4, dtype=np.bool_), 4),
    ],
)
def test_families_chains_and_rings_need_no_more_than_they_must(apart, groups):
    assert fewest_groups(apart).max() + 1 == groups
