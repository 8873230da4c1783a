import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.data.row_calls import GraphSource


class Numbers:
    """Row i is i everywhere."""

    def __init__(self, dtype="float16"):
        self.rows = Rows(10, (2,), dtype)

    def read(self, indices):
        return np.repeat(indices[:, None], 2, axis=1).astype(self.rows.dtype)


def dataset_of(source):
    rows = GraphSource(source)
    return tf.data.Dataset.range(10).batch(4).map(rows.tensor)


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
def test_a_graph_reads_rows_of_their_own_type(dtype):
    """The type and all but the count are known before anything is read."""
    dataset = dataset_of(Numbers(dtype))
    assert dataset.element_spec == tf.TensorSpec([None, 2], dtype)
    np.testing.assert_array_equal(np.concatenate(list(dataset))[:, 1], np.arange(10))


def test_datasets_read_each_from_its_own_source():
    """They share one function, and still don't meet."""
    doubled = Numbers()
    doubled.read = lambda indices: Numbers().read(2 * indices)
    for plain, twice in zip(dataset_of(Numbers()), dataset_of(doubled), strict=True):
        np.testing.assert_array_equal(2 * plain, twice)


def test_a_source_lives_as_long_as_its_dataset_or_iterator_and_no_longer():
    """TensorFlow would keep a Python function of each dataset, and the source with it, until the process ends."""
    source = Numbers()
    watched = weakref.ref(source)
    iterator = iter(dataset_of(source))
    next(iterator)
    del source
    gc.collect()
    assert next(iterator).numpy()[:, 0].tolist() == [4, 5, 6, 7]
    del iterator
    gc.collect()
    assert watched() is None
