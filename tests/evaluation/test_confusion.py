import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from beauty_mlflow.evaluation.confusion import count_confusions


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9), n=st.integers(1, 60))
def test_it_counts_every_picture_once_by_true_and_predicted_class(make_table, seed, classes, n):
    table = make_table(classes=classes, n=n, seed=seed)
    counts = count_confusions(table)
    assert counts.sum() == n
    np.testing.assert_array_equal(counts, confusion_matrix(table.true, table.predicted, labels=range(classes)))


def test_rows_are_true_and_columns_predicted(make_table):
    table = make_table(classes=3, true=[2] * 5)
    assert count_confusions(table)[2].sum() == 5
    assert count_confusions(table)[:2].sum() == 0
