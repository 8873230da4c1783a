import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.grouping.accuracy import REPETITIONS, hits_after, hits_at_random
from beauty_mlflow.evaluation.grouping.agglomeration import agglomerate
from beauty_mlflow.evaluation.grouping.merges import members_after
from beauty_mlflow.evaluation.predictions import PredictionTable


@st.composite
def tables(draw):
    """Draw predictions in sixteenths, so that sums are exact and ties abound."""
    n, pictures = draw(st.integers(2, 7)), draw(st.integers(1, 20))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    parts = random.multinomial(16, np.full(n, 1 / n), pictures)
    true = random.integers(0, n, pictures).astype(np.int32)
    paths = tuple(f"{i}.jpg" for i in range(pictures))
    return PredictionTable(paths, true, (parts / 16).astype(np.float32), tuple(f"class{i}" for i in range(n)))


def all_merges(table):
    n = len(table.classes)
    return agglomerate(count_confusions(table), np.zeros((n, n), np.bool_), n)


@given(tables(), st.data())
def test_as_reckoned_from_the_groups_themselves(table, data):
    n, merges = len(table.classes), all_merges(table)
    order = data.draw(st.permutations(range(n)))
    hits = hits_after(table, merges, order)
    for step in range(n):
        groups = [[order[label] for label in group] for group in members_after(merges[:step], n)]
        sums = np.stack([table.probabilities[:, group].sum(axis=1) for group in groups], axis=1)
        right = [table.true[i] in groups[answer] for i, answer in enumerate(sums.argmax(axis=1))]
        assert hits[step] == sum(right)


def test_one_group_is_always_right(make_table):
    table = make_table(classes=6, n=50)
    hits = hits_after(table, all_merges(table))
    assert hits[0] == (table.predicted == table.true).sum()
    assert hits[-1] == 50


def test_the_table_stays_as_it_was(make_table):
    table = make_table(classes=6, n=50)
    before, true = table.probabilities.copy(), table.true.copy()
    hits_after(table, all_merges(table))
    assert (table.probabilities == before).all()
    assert (table.true == true).all()


def test_random_groups_are_the_same_each_time_and_gain_less(sample_confusions, table_of):
    """Planted groups gain all mistakes inside them; random ones of the same sizes hardly any."""
    table = table_of(sample_confusions([label // 4 for label in range(40)], pictures=50))
    merges = all_merges(table)[:30]
    at_random = hits_at_random(table, merges)
    assert at_random.shape == (REPETITIONS, 31)
    assert (at_random == hits_at_random(table, merges)).all()
    assert (at_random != hits_at_random(table, merges, seed=1)).any()
    assert (at_random[:, 0] == hits_after(table, merges)[0]).all()
    assert hits_after(table, merges)[-1] == pytest.approx(0.9 * len(table), rel=0.03)
    assert at_random[:, -1].mean() == pytest.approx(0.63 * len(table), rel=0.03)
