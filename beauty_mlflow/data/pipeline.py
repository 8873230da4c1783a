"""From the pictures of a part to batches of tensors."""

import atexit
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.data.augmentation import Augment, transforms
from beauty_mlflow.data.images import Array, Resize, load
from beauty_mlflow.data.images import resize as resize_picture
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.randomness import random_order
from beauty_mlflow.errors import DataError, ParameterError, PictureError

_BATCHES_AHEAD = 2
_CHUNK = 32  # pictures that one call from TensorFlow into Python decodes
_QUIET_SECONDS, _PATIENCE_SECONDS = 0.1, 10.0
# TensorFlow turns an exception into text amid its own; this is how ours is found again
_BEGIN, _END = "<<picture error: ", " :picture error>>"


def batches(
    pictures: Pictures,
    *,
    size: int,
    resize: Resize,
    batch_size: int,
    augment: Augment = "none",
    seed: int = 0,
    view: int = 0,
    shuffle: bool = False,
    class_weights: npt.NDArray[np.float32] | None = None,
) -> tf.data.Dataset:
    """Decode, resize, augment and batch pictures; each appears exactly once.

    The same arguments give the same batches, on any machine and with any number of threads.

    Args:
        pictures: Of one part.
        size: Height and width of the tensors, in pixels.
        resize: How a picture is brought to that size.
        batch_size: Pictures a batch; the last one may be smaller.
        augment: Kind of augmentation.
        seed: Of the order and of the augmentation.
        view: Which version of the pictures, and which order; epoch e, counted from 1, takes view e - 1.
        shuffle: Whether to mix the pictures; else they come in the manifest's order.
        class_weights: float32 [classes], or none.

    Returns:
        A dataset of (float32 [b, size, size, 3] in 0..255, float32 one-hot [b, classes]), with class weights also
        float32 [b], the weight of each picture. A picture that can't be read ends the iteration with one of
        TensorFlow's errors: ``translate_errors`` makes a DataError with the picture's path of it.

    Raises:
        DataError: There are no pictures.
        ParameterError: The size or the batch size is below 1, or the weights are not one a class.
    """
    _check(pictures, batch_size, class_weights)
    resize_picture(np.zeros((1, 1, 3), np.uint8), size, resize)  # refuses a wrong size or way here, not in a thread
    count, classes = len(pictures), len(pictures.classes)
    order = random_order(count, seed, view) if shuffle else np.arange(count)
    rows = transforms(pictures.keys, size=size, augment=augment, seed=seed, view=view)
    weights = np.ones(classes, np.float32) if class_weights is None else class_weights

    decoder = _Decoder(pictures, size, resize)

    def read(chunk: tf.Tensor, *others: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.numpy_function(decoder, [chunk], tf.uint8, stateful=False)
        return tf.ensure_shape(images, (None, size, size, 3)), *others

    def finish(images: tf.Tensor, labels: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.cast(images, tf.float32)
        if augment != "none":
            images = apply_transforms(images, rows)
        one_hot = tf.one_hot(labels, classes)
        return (images, one_hot) if class_weights is None else (images, one_hot, tf.gather(weights, labels))

    dataset = tf.data.Dataset.from_tensor_slices((order, pictures.labels[order], rows[order])).batch(_CHUNK)
    dataset = dataset.map(read, num_parallel_calls=os.cpu_count() or 1, deterministic=True)
    counted = tf.data.experimental.assert_cardinality(-(-count // batch_size))  # rebatch forgets it
    return dataset.rebatch(batch_size).map(finish).apply(counted).prefetch(_BATCHES_AHEAD)


def apply_transforms(images: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Transform float32 images [b, size, size, 3] by float32 rows [b, 8], as ``augmentation.transforms`` gives them."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=rows,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn TensorFlow's error about a picture that can't be read into a DataError that names its path.

    Put it around whatever consumes ``batches``: a loop, Keras's fit, evaluate or predict.

    Raises:
        DataError: A picture has vanished or can't be decoded; the message names it and says why.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(f"{re.escape(_BEGIN)}(.*?){re.escape(_END)}", str(error), re.DOTALL)
        if not found:
            raise
        raise DataError(found[1]) from None


def _check(pictures: Pictures, batch_size: int, class_weights: npt.NDArray[np.float32] | None) -> None:
    if not len(pictures):
        raise DataError(f"there are no pictures in this part of '{pictures.folder}'; expected one or more")
    if batch_size < 1:
        raise ParameterError(f"the batch size is {batch_size}; expected 1 or more")
    if class_weights is not None and class_weights.shape != (len(pictures.classes),):
        raise ParameterError(
            f"the class weights have the shape {class_weights.shape}; expected one for each of "
            f"{len(pictures.classes)} classes"
        )


class _Calls:
    """TensorFlow's calls into Python: they must be over before the interpreter ends.

    A thread of TensorFlow that wants the interpreter's lock when that is being torn down never gets it, and the
    destructor of its iterator waits for the thread for ever. So at exit further calls are refused, and a dataset that
    somebody still holds soon makes none, because it runs only a few batches ahead.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running, self._last, self._closed = 0, 0.0, False

    @contextmanager
    def count(self) -> Iterator[None]:
        """Count a call from its begin to its end."""
        with self._lock:
            self._running += 1
        try:
            if self._closed:
                raise RuntimeError("the program is ending")
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def close(self) -> None:
        """Refuse further calls and wait until none comes any more."""
        self._closed = True
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and (self._running or time.monotonic() - self._last < _QUIET_SECONDS):
            time.sleep(_QUIET_SECONDS / 10)


_calls = _Calls()
atexit.register(_calls.close)


class _Decoder:
    """Loads the pictures that an index array names; uint8 [n, size, size, 3]."""

    def __init__(self, pictures: Pictures, size: int, resize: Resize) -> None:
        self._pictures, self._size, self._resize = pictures, size, resize

    def __call__(self, rows: npt.NDArray[np.int64]) -> Array:
        with _calls.count():
            images = np.empty((len(rows), self._size, self._size, 3), np.uint8)
            for image, row in zip(images, rows, strict=True):
                image[:] = self._load(self._pictures.folder / self._pictures.paths[row])
            return images

    def _load(self, path: Path) -> Array:
        try:
            return load(path, self._size, self._resize)
        except PictureError as error:
            reason = f"The picture '{path}' can't be used: {error}. Restore it, or split the data again without it."
            raise DataError(f"{_BEGIN}{reason}{_END}") from None
