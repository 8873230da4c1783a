"""One table of predictions, which every evaluator reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.errors import DataError, WorkError
from beauty_mlflow.progress import Progress, silent_progress

CHUNK = 4096  # rows sorted at once; sorting all takes three times the memory of the table itself
BEST = 5  # how many classes count as a near hit, and how many predictions.csv lists


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """What a network said about the pictures of one part; row i is picture i.

    Args:
        paths: Of the pictures, relative to the data folder.
        true: int32 [n], the pictures' labels.
        probabilities: float32 [n, classes].
        classes: Class names; the label is the position.

    Raises:
        DataError: There is no picture, or a label has no class.
        WorkError: The columns differ in length, or a probability is no finite number.
    """

    paths: tuple[str, ...]
    true: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        n, classes = len(self.paths), len(self.classes)
        if self.true.shape != (n,) or self.probabilities.shape != (n, classes):
            raise WorkError(
                f"{n} pictures of {classes} classes got labels of shape {self.true.shape} and probabilities "
                f"of shape {self.probabilities.shape}: every picture must be predicted exactly once."
            )
        if n == 0:
            raise DataError("There is no picture to evaluate; choose a part that has pictures.")
        if self.true.min() < 0 or self.true.max() >= classes:
            raise DataError(f"Labels must be 0 to {classes - 1}, got {self.true.min()} to {self.true.max()}.")
        self._check_finite()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def predicted(self) -> npt.NDArray[np.int32]:
        """The most probable class of each picture, int32 [n]; of equal ones the first."""
        labels: npt.NDArray[np.int32] = self.probabilities.argmax(axis=1).astype(np.int32)
        return labels

    def top(self, k: int = BEST) -> npt.NDArray[np.int32]:
        """Return the k most probable classes of each picture, best first.

        Args:
            k: At least 1; with fewer classes than k, all of them are given.

        Returns:
            int32 [n, min(k, classes)]; equal probabilities come in the order of the classes.
        """
        chunks = [self.probabilities[start : start + CHUNK] for start in range(0, len(self), CHUNK)]
        best = [np.argsort(-chunk, axis=1, kind="stable")[:, :k].astype(np.int32) for chunk in chunks]
        return np.concatenate(best)

    def _check_finite(self) -> None:
        bad = np.flatnonzero(~np.isfinite(self.probabilities).all(axis=1))
        if bad.size:
            raise WorkError(
                f"The network's probabilities aren't finite for {bad.size} of {len(self)} pictures, the "
                f"first {self.paths[bad[0]]}: its weights are damaged, or it diverged; take another run."
            )


def predict(
    model: Any,  # noqa: ANN401 - Keras is untyped
    pictures: Pictures,
    *,
    size: int,
    resize: Resize,
    batch_size: int,
    progress: Progress = silent_progress,
) -> PredictionTable:
    """Run a network over pictures, each exactly once and in their order, without augmentation.

    Args:
        model: Keras network from float32 pictures [n, size, size, 3], 0..255, to probabilities [n, classes].
        pictures: Of one part.
        size: Height and width of the network's pictures, in pixels.
        resize: How a picture is brought to that size.
        batch_size: Pictures a step.
        progress: Shows how far it is.

    Raises:
        DataError: There is no picture, or one can't be read; the message names it.
        WorkError: The network gave something else than one row of finite probabilities a picture.
    """
    from beauty_mlflow.data.pipeline import batches

    dataset = batches(pictures, size=size, resize=resize, batch_size=batch_size)
    return predict_batches(model, dataset, pictures, progress)


def predict_batches(
    model: Any,  # noqa: ANN401 - Keras is untyped
    dataset: Any,  # noqa: ANN401 - a tf.data.Dataset, whose library is imported below
    pictures: Pictures,
    progress: Progress = silent_progress,
) -> PredictionTable:
    """Run a network over batches that hold pictures, or what stands for them, each exactly once and in their order.

    Args:
        model: Keras network from the batches' first component to probabilities [n, classes].
        dataset: Elements are (input, one-hot labels).
        pictures: What the rows are.
        progress: Shows how far it is.

    Raises:
        DataError, WorkError: See ``predict``.
    """
    import tensorflow as tf

    from beauty_mlflow.data.pipeline import translate_errors

    taken = dataset.element_spec[0]
    # one graph for every batch, the smaller last one included
    run = tf.function(
        lambda rows: model(rows, training=False),
        input_signature=[tf.TensorSpec([None, *taken.shape[1:]], taken.dtype)],
    )
    found = [np.empty((0, model.output_shape[-1]), np.float32)]
    with translate_errors(), progress("Predicting", len(pictures)) as bar:
        for rows, _ in dataset:
            found.append(run(rows).numpy().astype(np.float32))
            bar.update(len(found[-1]))
    return PredictionTable(pictures.paths, pictures.labels, np.concatenate(found), pictures.classes)
