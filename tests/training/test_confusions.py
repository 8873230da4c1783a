import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.training.confusions import Confusions


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40), st.integers(1, 7))
def test_every_picture_of_every_batch_is_counted_once(answers, batch):
    metric, expected = Confusions(4), np.zeros((4, 4), np.int64)
    for begin in range(0, len(answers), batch):
        some = np.array(answers[begin : begin + batch])
        metric.update_state(*(tf.constant(np.eye(4, dtype=np.float32)[some[:, column]]) for column in (0, 1)))
        np.add.at(expected, tuple(some.T), 1)
    assert metric.counts().tolist() == expected.tolist()
    assert float(metric.result()) == pytest.approx(np.trace(expected) / max(1, len(answers)))


def test_weights_dont_matter_and_a_reset_starts_anew():
    metric, labels = Confusions(2), tf.constant(np.eye(2, dtype=np.float32))
    metric.update_state(labels, labels, sample_weight=tf.constant([0.0, 3.0]))
    assert metric.counts().tolist() == [[1, 0], [0, 1]]
    metric.reset_state()
    assert metric.counts().tolist() == [[0, 0], [0, 0]]


def test_each_epochs_validation_is_told_before_its_report(make_network, run, arrays):
    """The diagonal's share is the epoch's val_accuracy, and no training picture is among the counts."""
    told = []
    run(
        make_network(),
        validated=lambda epoch, counts: told.append((epoch, counts)),
        report=lambda epoch, metrics: told.append((epoch, metrics["val_accuracy"])),
    )
    assert [epoch for epoch, _ in told] == [1, 1, 2, 2, 3, 3, 4, 4]
    for (_, counts), (_, accuracy) in zip(told[::2], told[1::2], strict=True):
        assert counts.sum() == len(arrays[0])
        assert counts.sum(axis=1).tolist() == arrays[1].sum(axis=0).tolist()
        assert np.trace(counts) / counts.sum() == pytest.approx(accuracy)
