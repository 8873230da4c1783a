"""From the pictures of a part to batches of augmented tensors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow import errors
from beauty_mlflow.data.augmentation import Augment, transforms
from beauty_mlflow.data.decoded import Decoder
from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.row_batches import Order, row_batches
from beauty_mlflow.data.row_calls import ERROR_BEGIN, ERROR_END, RowSource
from beauty_mlflow.data.warping import Warped

_CHUNK = 32  # pictures that one call from TensorFlow into Python decodes


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
    kept: RowSource | None = None,
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
        kept: The same pictures decoded before, as ``keep_decoded`` gives them.

    Returns:
        A dataset of (float32 [b, size, size, 3] in 0..255, float32 one-hot [b, classes]), with class weights also
        float32 [b], the weight of each picture. A picture that can't be read ends the iteration with one of
        TensorFlow's errors: ``translate_errors`` makes a DataError with the picture's path of it.

    Raises:
        DataError: There are no pictures.
        ParameterError: The size or the batch size is below 1, or the weights are not one a class.
    """
    source = kept or Decoder(pictures, size, resize)
    if augment != "none":
        source = Warped(source, transforms(pictures.keys, size=size, augment=augment, seed=seed, view=view))
    return row_batches(
        source,
        pictures,
        Order(batch_size, shuffle, seed, view, class_weights),
        finish=lambda images: tf.cast(images, tf.float32),
        rows_a_call=_CHUNK,
    )


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn TensorFlow's error about rows that can't be read back into the error of ours that it was.

    Put it around whatever consumes ``batches``: a loop, Keras's fit, evaluate or predict.

    Raises:
        DataError: A picture has vanished or can't be decoded; the message names it and says why.
        CacheError: What a cache kept is damaged.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(f"{re.escape(ERROR_BEGIN)}(\\w+) (.*?){re.escape(ERROR_END)}", str(error), re.DOTALL)
        if not found:
            raise
        raise getattr(errors, found[1])(found[2]) from None
