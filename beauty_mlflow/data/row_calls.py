"""Reading rows from within TensorFlow's graphs.

TensorFlow keeps every Python function that a graph has ever called, with all that it refers to, until the process
ends. So one function serves all datasets, and is told by a number whose rows are wanted.
"""

from functools import cache
from itertools import count
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.data.calls import calls
from beauty_mlflow.errors import BeautyError

# TensorFlow turns an exception into text amid its own; this is how ours is found again
ERROR_BEGIN, ERROR_END = "<<row error: ", " :row error>>"


class RowSource(Protocol):
    """What gives rows by their numbers."""

    @property
    def rows(self) -> Rows:
        """How many rows there are, of which shape and type."""

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of these numbers, [m, *shape]; several threads may call it at once."""


class GraphSource:
    """A source that graphs can read for as long as this object is there.

    Args:
        source: Gives the rows.
    """

    def __init__(self, source: RowSource) -> None:
        self._rows = source.rows
        self._read = source.read
        self._number = next(_numbers)
        _sources[self._number] = self

    def tensor(self, indices: tf.Tensor) -> tf.Tensor:
        """Return the rows of these numbers, int64 [m], in a graph: [m, *shape]."""
        found = _graph(np.dtype(self._rows.dtype).name)(tf.constant(self._number, tf.int64), indices)
        return tf.ensure_shape(found, (None, *self._rows.shape))

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of these numbers; an error of ours says in its text which it is."""
        with calls.count():
            try:
                return self._read(indices)
            except BeautyError as error:
                raise type(error)(f"{ERROR_BEGIN}{type(error).__name__} {error}{ERROR_END}") from None


_sources: WeakValueDictionary[int, GraphSource] = WeakValueDictionary()
_numbers = count()


@cache
def _graph(dtype: str) -> Any:  # noqa: ANN401 - a tf.function
    def read(number: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(_read, [number, indices], dtype, stateful=False)

    return tf.function(read, input_signature=[tf.TensorSpec([], tf.int64), tf.TensorSpec([None], tf.int64)])


def _read(number: npt.NDArray[np.int64], indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _sources[int(number)].read(indices)
