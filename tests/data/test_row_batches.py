import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import translate_errors
from beauty_mlflow.data.row_batches import Order, row_batches
from beauty_mlflow.errors import CacheError, DataError, ParameterError

COUNT = 23


class Numbers:
    """Row i is i everywhere; a row that is asked for ``bad`` fails."""

    rows = Rows(COUNT, (2, 3), "float16")

    def __init__(self, error=None, bad=-1):
        self.error, self.bad, self.asked = error, bad, []

    def read(self, indices):
        self.asked.append(len(indices))
        if self.bad in indices:
            raise self.error
        return np.broadcast_to(indices[:, None, None], (len(indices), 2, 3)).astype(np.float16)


@pytest.fixture
def pictures():
    names = tuple(map(str, range(COUNT)))
    return Pictures(
        Path(), names, np.arange(COUNT, dtype=np.int32) % 3, np.arange(COUNT, dtype=np.uint64), ("a", "b", "c")
    )


def numbers_of(dataset):
    return [rows.numpy()[:, 0, 0].astype(int).tolist() for rows, *_ in dataset]


@pytest.mark.parametrize("rows_a_call", [1, 4, 5, 30])
def test_rows_come_once_in_order_with_their_labels(pictures, rows_a_call):
    """However many are read at once; the type and all but the batch's size are known beforehand."""
    source = Numbers()
    dataset = row_batches(source, pictures, Order(5), rows_a_call=rows_a_call)
    assert dataset.element_spec[0] == tf.TensorSpec([None, 2, 3], tf.float16)
    assert int(dataset.cardinality()) == 5
    assert [len(batch) for batch in numbers_of(dataset)] == [5, 5, 5, 5, 3]
    assert sum(numbers_of(dataset), []) == list(range(COUNT))  # noqa: RUF017 - five lists
    assert max(source.asked) == min(rows_a_call, COUNT)
    labels = np.concatenate([label for _, label in dataset])
    assert labels.argmax(1).tolist() == pictures.labels.tolist()


def test_shuffled_rows_keep_labels_and_weights(pictures):
    """Each picture once, in an order of its seed and view, with what belongs to it."""
    weights = np.array([1, 2, 4], np.float32)
    orders = []
    for seed, view in ((0, 0), (0, 1), (1, 0), (0, 0)):
        order = Order(6, shuffle=True, seed=seed, view=view, class_weights=weights)
        dataset = row_batches(Numbers(), pictures, order, finish=lambda rows: rows * 10, rows_a_call=6)
        seen = []
        for rows, labels, weight in dataset:
            number = (rows.numpy()[:, 0, 0] / 10).astype(int)
            assert (labels.numpy().argmax(1) == pictures.labels[number]).all()
            assert (weight.numpy() == weights[pictures.labels[number]]).all()
            seen += number.tolist()
        assert sorted(seen) == list(range(COUNT))
        assert seen == order.of(COUNT).tolist()
        orders.append(seen)
    assert orders[0] == orders[3]
    assert len(set(map(tuple, orders))) == 3


@pytest.mark.parametrize("error", [CacheError("The entry: row 7 (a\nb) is damaged."), DataError("gone")])
def test_our_errors_come_out_as_they_went_in(pictures, error):
    """Kind and text, through TensorFlow's own threads and errors."""
    dataset = row_batches(Numbers(error, bad=7), pictures, Order(5), rows_a_call=5)
    with pytest.raises(type(error)) as caught, translate_errors():
        list(dataset)
    assert str(caught.value) == str(error)


def test_errors_that_are_not_ours_pass(pictures):
    """A mistake in the program isn't dressed up as a user's."""
    dataset = row_batches(Numbers(ZeroDivisionError("oops"), bad=7), pictures, Order(5), rows_a_call=5)
    with pytest.raises(tf.errors.OpError, match="oops"), translate_errors():
        list(dataset)


def test_weights_that_are_not_one_a_class_are_refused(pictures):
    """The message says how many were expected."""
    order = Order(5, class_weights=np.ones(2, np.float32))
    with pytest.raises(ParameterError, match=r"the shape \(2,\); expected one for each of 3 classes"):
        row_batches(Numbers(), pictures, order, rows_a_call=5)


def test_a_batch_of_nothing_is_refused():
    """Zero pictures a batch."""
    with pytest.raises(ParameterError, match="the batch size is 0; expected 1 or more"):
        Order(0)


@pytest.mark.slow
def test_an_entry_larger_than_memory_is_read_in_mixed_order(tmp_path):
    """768 MB in a process that may take 384 MB more than TensorFlow itself: each row comes, as it was written."""
    worker = Path(__file__).with_name("limited.py")
    done = subprocess.run([sys.executable, worker, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "768 rows read, 1024 MB refused\n"
