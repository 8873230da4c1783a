"""Batches of tensors from anything that gives rows by their numbers: decoded pictures, or what a cache keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.randomness import random_order
from beauty_mlflow.data.row_calls import GraphSource, RowSource
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.hardware import cores

_BATCHES_AHEAD = 2

Finish = Callable[[tf.Tensor], Any]


@dataclass(frozen=True, eq=False)
class Order:
    """In which order the pictures come, in batches of which size, and with which weights.

    Args:
        batch_size: Pictures a batch; the last one may be smaller.
        shuffle: Whether to mix the pictures; else they come in the manifest's order.
        seed: Of the order.
        view: Which order; epoch e, counted from 1, takes e - 1.
        class_weights: float32 [classes], or none.

    Raises:
        ParameterError: The batch size is below 1.
    """

    batch_size: int
    shuffle: bool = False
    seed: int = 0
    view: int = 0
    class_weights: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ParameterError(f"the batch size is {self.batch_size}; expected 1 or more")

    def of(self, count: int) -> npt.NDArray[np.int64]:
        """Return the rows' numbers in this order."""
        return random_order(count, self.seed, self.view) if self.shuffle else np.arange(count)


def row_batches(
    source: RowSource,
    pictures: Pictures,
    order: Order,
    *,
    finish: Finish = lambda rows: rows,
    rows_a_call: int,
) -> tf.data.Dataset:
    """Batch the rows of a part's pictures with their labels; each appears exactly once.

    Args:
        source: Row i belongs to picture i.
        pictures: Of one part.
        order: In which order.
        finish: From a batch's rows to the network's input.
        rows_a_call: How many rows one call from TensorFlow into Python reads.

    Returns:
        A dataset of (input, float32 one-hot [b, classes]), with class weights also float32 [b], each picture's weight.

    Raises:
        DataError: There are no pictures.
        ParameterError: The weights are not one a class.
    """
    _check(pictures, order.class_weights)
    numbers, classes = order.of(len(pictures)), len(pictures.classes)
    weights, rows = order.class_weights, GraphSource(source)

    def read(chunk: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return rows.tensor(chunk), labels

    def label(found: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        one_hot = tf.one_hot(labels, classes)
        weighted = () if weights is None else (tf.gather(weights, labels),)
        return finish(found), one_hot, *weighted

    dataset = tf.data.Dataset.from_tensor_slices((numbers, pictures.labels[numbers])).batch(rows_a_call)
    dataset = dataset.map(read, num_parallel_calls=cores(), deterministic=True)
    if rows_a_call != order.batch_size:
        counted = tf.data.experimental.assert_cardinality(-(-len(numbers) // order.batch_size))  # rebatch forgets it
        dataset = dataset.rebatch(order.batch_size).apply(counted)
    return dataset.map(label).prefetch(_BATCHES_AHEAD).with_options(_options())


def _options() -> tf.data.Options:
    options = tf.data.Options()
    # every number here is fixed; the tuner's thread holds up the end of an iterator, for seconds on a busy machine
    options.autotune.enabled = False
    return options


def _check(pictures: Pictures, class_weights: npt.NDArray[np.float32] | None) -> None:
    if not len(pictures):
        raise DataError(f"there are no pictures in this part of '{pictures.folder}'; expected one or more")
    if class_weights is not None and class_weights.shape != (len(pictures.classes),):
        raise ParameterError(
            f"the class weights have the shape {class_weights.shape}; expected one for each of "
            f"{len(pictures.classes)} classes"
        )
