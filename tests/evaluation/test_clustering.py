import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from beauty_mlflow.evaluation.clustering import (
    box_kind,
    cluster_labels,
    confusion,
    family,
    order_by_box,
    order_by_cluster,
)

square = st.integers(0, 8).flatmap(lambda n: arrays(np.int64, (n, n), elements=st.integers(0, 50)))


def known_clusters(shuffled=(4, 0, 7, 2, 8, 5, 1, 6, 3)):
    """Nine classes in three clusters of three, in no order; 12 of 100 pictures go to each of the two others."""
    cluster = np.arange(9) // 3
    counts = np.where(cluster[:, None] == cluster, 12, 1) + np.eye(9, dtype=np.int64) * 58
    return counts[np.ix_(shuffled, shuffled)], cluster[list(shuffled)]


@given(square)
def test_an_order_holds_every_class_once_and_is_the_same_again(counts):
    order = order_by_cluster(counts)
    assert sorted(order.tolist()) == list(range(len(counts)))
    assert order.dtype == np.int64
    assert order_by_cluster(counts).tolist() == order.tolist()


@given(square, st.data())
def test_the_classes_of_a_box_stand_together(counts, data):
    boxes = data.draw(arrays(np.int64, len(counts), elements=st.integers(0, 3)))
    order = order_by_box(counts, boxes)
    assert sorted(order.tolist()) == list(range(len(counts)))
    changes = np.count_nonzero(np.diff(boxes[order]))
    assert changes == max(len(np.unique(boxes)) - 1, 0)


def test_classes_that_are_confused_stand_together():
    counts, cluster = known_clusters()
    assert np.count_nonzero(np.diff(cluster[order_by_cluster(counts)])) == 2


def test_the_order_is_the_optimal_one_of_a_chain():
    """Each class is confused with its neighbours only: a clustering alone would leave the directions to chance."""
    chain = np.eye(6, k=1, dtype=np.int64) * 30 + np.eye(6, k=-1, dtype=np.int64) * 30 + np.eye(6, dtype=np.int64) * 40
    shuffled = [3, 0, 5, 1, 4, 2]
    order = order_by_cluster(chain[np.ix_(shuffled, shuffled)])
    assert np.abs(np.diff(np.array(shuffled)[order])).tolist() == [1, 1, 1, 1, 1]


def test_classes_that_are_never_confused_come_last_in_their_own_order():
    counts = np.diag([5, 0, 5, 5, 5])
    counts[2, 4] = 3
    assert order_by_cluster(counts).tolist() == [2, 4, 0, 1, 3]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_few_classes_have_an_order(size):
    counts = np.ones((size, size), np.int64)
    assert order_by_cluster(counts).tolist() == list(range(size))
    assert order_by_box(counts, np.zeros(size, np.int64)).tolist() == list(range(size))
    assert len(cluster_labels(counts, [str(i) for i in range(size)], {})) == size


def test_confusion_is_the_mean_of_both_directions_whatever_the_classes_sizes():
    counts = np.array([[8, 2, 0], [10, 90, 0], [0, 0, 0]])
    assert confusion(counts).tolist() == [[1.0, 0.15000000000000002, 0.0], [0.15000000000000002, 1.0, 0.0], [0, 0, 1]]


def test_boxes_are_groups_then_families_then_clusters():
    counts, cluster = known_clusters()
    plain = [f"class {i}" for i in range(9)]
    found = cluster_labels(counts, plain, {})
    assert {(a, b) for a, b in zip(cluster.tolist(), found.tolist(), strict=True)} == {(1, 0), (0, 1), (2, 2)}
    families = [f"{'HairCare' if i % 2 else 'Make'}_{i}" for i in range(9)]
    assert cluster_labels(counts, families, {}).tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    groups = {families[0]: "one", families[5]: "one"}
    assert cluster_labels(counts, families, groups).tolist() == [0, 1, 2, 3, 4, 0, 5, 6, 7]


@pytest.mark.parametrize("groups", [{"former": "A_0", "other": "A_0"}, {"A_0": "one", "A_2": "two"}])
def test_groups_without_two_of_the_classes_are_no_boxes(groups):
    names = ["A_0", "B_1", "A_2", "B_3"]
    assert box_kind(names, groups) == "family"
    assert cluster_labels(np.eye(4, dtype=np.int64), names, groups).tolist() == [0, 1, 0, 1]


def test_a_class_in_no_group_isnt_taken_into_a_group_of_its_name():
    assert cluster_labels(np.eye(3, dtype=np.int64), ["a", "b", "c"], {"b": "a", "c": "a"}).tolist() == [0, 1, 1]


@pytest.mark.parametrize("names", [[f"family{i}_class" for i in range(9)], [f"class_{i}" for i in range(9)]])
def test_families_of_one_class_each_or_one_of_all_are_no_reason_for_boxes(names):
    counts, _ = known_clusters()
    assert cluster_labels(counts, names, {}).max() == 2
    assert box_kind(names, {}) == "cluster"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Haircare_Shampoo", "Haircare"), ("Haircare_Dry_Shampoo", "Haircare"), ("soap", "soap"), ("_soap", "_soap")],
)
def test_family(name, expected):
    assert family(name) == expected


def test_many_classes_are_ordered_too():
    """Beyond what the optimal order is affordable for, clusters still stand together."""
    cluster = np.random.default_rng(0).permutation(np.arange(1200) % 400)
    counts = np.where(cluster[:, None] == cluster, 10, 0) + np.eye(1200, dtype=np.int64) * 70
    assert np.count_nonzero(np.diff(cluster[order_by_cluster(counts)])) == 399
