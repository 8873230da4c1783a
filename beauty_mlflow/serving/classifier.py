"""Answers for pictures: the decoder, the network and the temperature, in batches of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.data import images
from beauty_mlflow.data.regular import FarFile
from beauty_mlflow.errors import ParameterError, PictureError
from beauty_mlflow.hardware import cores
from beauty_mlflow.networks.keras_file import load_keras_file
from beauty_mlflow.serving.answers import Answer, answer, no_answer
from beauty_mlflow.serving.calibration import calibrate
from beauty_mlflow.serving.package import MODEL_FILE, Description, check_fit, read_description

BATCH_SIZE = 64

Picture = npt.NDArray[np.uint8]
Decoded = list[Picture | str]


class Classifier:
    """A network that answers for pictures.

    It may be used by several threads at once, which share the threads that decode. The network is called directly,
    as one graph for every batch size: Keras's predict costs several times as much for one picture.

    Args:
        network: Keras network from pictures [n, image_size, image_size, 3], 0..255, to probabilities
            [n, classes].
        description: How to use it.
        model_version: What answers give as the model that made them.
    """

    def __init__(self, network: Any, description: Description, *, model_version: str = "") -> None:  # noqa: ANN401 - Keras is untyped
        self.network = network
        self.description = description
        self.model_version = model_version
        self._threads = ThreadPoolExecutor(cores(), "decode")
        size = description.image_size
        self._run = tf.function(
            lambda pictures: network(tf.cast(pictures, tf.float32), training=False),
            input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8)],
        )

    @classmethod
    def load(cls, folder: Path, *, model_version: str = "") -> Self:
        """Load what save_package wrote.

        Raises:
            ModelError: The folder is no package, is damaged, or its network isn't safe to load.
        """
        description = read_description(folder)
        network = load_keras_file(folder / MODEL_FILE)
        check_fit(network, description)
        return cls(network, description, model_version=model_version)

    def probabilities(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities [n, classes] of decoded pictures [n, image_size, image_size, 3]."""
        raw = self._run(pictures).numpy().astype(np.float32)
        return calibrate(raw, self.description.temperature)

    def classify(self, pictures: Sequence[object], top: int = 5) -> list[Answer]:
        """Answer for each picture, in order; what can't be read gets an error for itself alone.

        Args:
            pictures: The bytes of picture files. Anything else gets an error for an answer.
            top: How many of the most probable classes an answer gives; all where the model has fewer.

        Raises:
            ParameterError: top is below 1.
        """
        _check_top(top)
        if len(pictures) <= 1:  # threads would only add to the time of a single picture
            return self._answer([self._load(picture) for picture in pictures], top)
        return [reply for batch in self._decode(self._load, pictures, BATCH_SIZE) for reply in self._answer(batch, top)]

    def classify_files(
        self, paths: Iterable[Path | FarFile], *, top: int = 5, batch_size: int = BATCH_SIZE
    ) -> Iterator[Answer]:
        """Answer for each file, in order; two batches are in memory, however many files there are.

        Args:
            paths: The files; each is read while the network has the batch before.
            top: See classify.
            batch_size: Pictures that the network gets at once.

        Raises:
            ParameterError: top is below 1.
        """
        _check_top(top)
        for batch in self._decode(self._load_file, paths, batch_size):
            yield from self._answer(batch, top)

    def _decode(self, load: Callable[[Any], Picture | str], sources: Iterable[object], size: int) -> Iterator[Decoded]:
        """Load batches in threads, one while the caller has the batch before."""
        remaining = iter(sources)
        waiting: list[Future[Picture | str]] = []
        coming: list[Future[Picture | str]] = []
        try:
            while True:
                coming = [self._threads.submit(load, source) for source in islice(remaining, size)]
                if waiting:
                    yield [future.result() for future in waiting]
                if not coming:
                    return
                waiting = coming
        finally:
            for future in (*waiting, *coming):  # an interrupt needn't wait for them
                future.cancel()

    def _load(self, picture: object) -> Picture | str:
        if not isinstance(picture, bytes | bytearray | memoryview):
            found = "nothing" if _is_missing(picture) else type(picture).__name__
            return f"expected the bytes of a picture file, got {found}"
        return self._load_file(bytes(picture))

    def _load_file(self, source: bytes | Path | FarFile) -> Picture | str:
        try:
            return images.load(source, self.description.image_size, self.description.resize)
        except PictureError as error:
            return str(error)

    def _answer(self, batch: Decoded, top: int) -> list[Answer]:
        readable = [picture for picture in batch if not isinstance(picture, str)]
        rows = iter(self.probabilities(np.stack(readable)) if readable else ())
        about = self.description
        return [
            no_answer(picture, self.model_version)
            if isinstance(picture, str)
            else answer(
                next(rows),
                about.classes,
                top=top,
                threshold=about.threshold,
                model_version=self.model_version,
            )
            for picture in batch
        ]


def _check_top(top: int) -> None:
    if top < 1:
        raise ParameterError(f"top must be at least 1, got {top}: it is how many classes an answer gives.")


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
