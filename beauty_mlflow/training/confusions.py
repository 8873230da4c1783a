"""Which class is taken for which, counted while Keras validates."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf


class Confusions(keras.metrics.Metric):
    """Counts pictures by true and predicted class; as a figure of Keras's it is the share on the diagonal.

    Args:
        classes: How many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="diagonal")
        self._classes = classes
        self._cells = self.add_variable((classes * classes,), initializer="zeros", dtype="int64", name="cells")

    def update_state(self, true: tf.Tensor, predicted: tf.Tensor, sample_weight: tf.Tensor | None = None) -> None:
        """Count a batch: one-hot labels and probabilities, both [b, classes]; every picture counts 1."""
        del sample_weight
        cells = tf.argmax(true, axis=1) * self._classes + tf.argmax(predicted, axis=1)
        size = self._classes * self._classes
        self._cells.assign_add(tf.math.bincount(tf.cast(cells, tf.int32), None, size, size, tf.int64))

    def result(self) -> tf.Tensor:
        """Return the share of the pictures whose class is the predicted one; 0 before the first."""
        counts = tf.reshape(self._cells, (self._classes, self._classes))
        return tf.math.divide_no_nan(
            tf.cast(tf.linalg.trace(counts), tf.float32), tf.cast(tf.reduce_sum(counts), tf.float32)
        )

    def counts(self) -> npt.NDArray[np.int64]:
        """Return int64 [classes, classes]: row the true class, column the predicted one."""
        return np.asarray(self._cells, np.int64).reshape(self._classes, self._classes)
