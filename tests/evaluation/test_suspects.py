import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.suspects import (
    CHUNK,
    LISTED,
    TORN,
    entropy,
    find_mislabelled,
    find_suspects,
    label_quality,
    margin,
    own_probability,
)


@pytest.fixture(scope="module")
def swapped():
    """Return 1,200 realistic predictions of which 5 % of the labels were swapped, and which those are.

    Twelve classes in families of three that are confused; nine of ten pictures are rightly recognized.
    """
    random = np.random.default_rng(7)
    right = random.integers(0, 12, 1200)
    scores = (
        random.normal(size=(1200, 12)) + 2.5 * np.eye(12)[right] + 1.5 * (np.arange(12) // 3 == right[:, None] // 3)
    )
    rows = np.exp(1.2 * scores)
    wrong = random.permutation(1200)[:60]
    labels = right.copy()
    labels[wrong] = (right[wrong] + random.integers(1, 12, 60)) % 12
    paths = tuple(f"{label}/{i}.jpg" for i, label in enumerate(labels))
    names = tuple(f"class{i}" for i in range(12))
    probabilities = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return PredictionTable(paths, labels.astype(np.int32), probabilities, names), set(wrong.tolist()), right


def table_of(rows, true):
    rows = np.asarray(rows, np.float32)
    paths = tuple(f"{i}.jpg" for i in range(len(rows)))
    return PredictionTable(paths, np.asarray(true, np.int32), rows, tuple("abcdefgh"[: rows.shape[1]]))


def test_most_swapped_labels_are_found_and_few_others(swapped):
    table, wrong, right = swapped
    found = find_mislabelled(table)
    hits = [i for i in found.tolist() if i in wrong]
    assert len(hits) >= 0.75 * len(wrong)
    assert len(hits) >= 0.75 * len(found)
    assert np.mean(table.predicted[hits] == right[hits]) >= 0.9


def test_the_surest_finds_come_first(swapped):
    table, wrong, _ = swapped
    found = find_mislabelled(table)
    assert (np.diff(label_quality(table)[found]) >= 0).all()
    assert sum(i in wrong for i in found[:30].tolist()) >= 28


def test_the_quality_is_cleanlabs_normalized_margin(swapped):
    from cleanlab.rank import get_label_quality_scores

    table, _, _ = swapped
    expected = get_label_quality_scores(table.true, table.probabilities, method="normalized_margin")
    np.testing.assert_allclose(label_quality(table), expected, atol=1e-6)


def test_pictures_that_were_trained_on_are_no_evidence_against_their_labels(swapped):
    table, _, _ = swapped
    suspects = find_suspects(table, trained_on=True)
    assert suspects.mislabelled.tolist() == []
    assert len(suspects.hardest) == LISTED


def test_a_picture_is_in_one_list_alone(swapped):
    suspects = find_suspects(swapped[0])
    every = np.concatenate([rows for _, rows in suspects])
    assert len(every) == len(set(every.tolist())) > 150


def test_the_hardest_have_the_least_probability_of_their_own_class():
    table = table_of([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]], [0, 1, 0, 1])
    assert find_suspects(table, trained_on=True).hardest.tolist() == [1, 2]


def test_the_ambiguous_have_two_classes_of_nearly_the_same_probability():
    table = table_of([[0.45, 0.4, 0.15], [0.8, 0.1, 0.1], [0.3, 0.34, 0.36], [0.6, 0.39, 0.01]], [0, 0, 2, 0])
    assert find_suspects(table, trained_on=True).ambiguous.tolist() == [2, 0]
    assert margin(table)[3] > TORN


@pytest.mark.parametrize("true", [[0] * 6, [2] * 6, [0, 0, 0, 0, 0, 2], [0]])
def test_classes_without_pictures_and_parts_with_few(true):
    """A part may lack classes, have one alone, or one picture: nothing is sure then, and nothing fails."""
    rows = np.random.default_rng(0).dirichlet(np.ones(4), len(true))
    table = table_of(rows, true)
    assert set(find_mislabelled(table).tolist()) <= set(range(len(true)))
    assert len(find_mislabelled(table)) == 0 or len(set(true)) > 1


def test_an_absent_class_hides_no_swap_between_the_others():
    rows = np.full((40, 4), 0.02, np.float32)
    true = np.repeat([0, 2], 20)
    rows[np.arange(40), true] = 0.94
    rows[3] = [0.02, 0.02, 0.94, 0.02]
    assert find_mislabelled(table_of(rows, true)).tolist() == [3]


@pytest.mark.parametrize("score", [own_probability, margin, label_quality, entropy])
def test_the_scores_of_some_rows_are_theirs_among_all(score, make_table):
    table = make_table(n=CHUNK + 10)
    rows = np.array([CHUNK + 1, 3, CHUNK - 1])
    assert score(table, rows).tolist() == score(table)[rows].tolist()
    assert len(score(table)) == len(table)
    assert score(table, rows[:0]).tolist() == []


def test_one_class():
    table = table_of([[1.0], [1.0]], [0, 0])
    assert [rows.tolist() for _, rows in find_suspects(table)] == [[], [], []]
    assert margin(table).tolist() == [1, 1]
    assert label_quality(table).tolist() == [1, 1]


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 1000))
def test_scores_are_within_their_limits_for_any_table(classes, n, seed):
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(classes, 0.3), n) if seed % 3 else np.eye(classes)[random.integers(0, classes, n)]
    table = table_of(rows, random.integers(0, classes, n))
    for scores, most in (
        (own_probability(table), 1),
        (margin(table), 1),
        (label_quality(table), 1),
        (entropy(table), np.log(classes)),
    ):
        assert scores.shape == (n,)
        assert (scores >= 0).all()
        assert (scores <= most + 1e-9).all()
    for _, found in find_suspects(table):
        assert len(set(found.tolist())) == len(found)
