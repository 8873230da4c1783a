"""What a network can be written as for other programs, and the runtime that reads each."""

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import ParameterError

Array = npt.NDArray[np.float32]

_SIGNATURE = "serving_default"
_ONNX_MODULES = ("onnx", "onnxruntime", "tf2onnx")


@dataclass(frozen=True)
class Runtime:
    """A network as its own runtime has loaded it.

    Args:
        run: From float32 pictures [n, image_size, image_size, 3], 0..255, to float32 probabilities [n, classes].
        input: What the runtime calls the pictures.
        output: What it calls the probabilities.
    """

    run: Callable[[Array], Array]
    input: str
    output: str


@dataclass(frozen=True)
class Format:
    """One way to write a network.

    Args:
        write: Writes a network, which was loaded from a Keras file, to a path where there is nothing.
        load: Loads what was written.
        float32_only: The runtime computes in nothing else.
        modules: What has to be installed besides.
    """

    write: Callable[[Any, Path, Path], None]
    load: Callable[[Path], Runtime]
    float32_only: bool = False
    modules: tuple[str, ...] = ()

    def require_modules(self) -> None:
        """Raise ParameterError, with the command that installs them, where modules are missing."""
        missing = [name for name in self.modules if find_spec(name) is None]
        if missing:
            raise ParameterError(
                f"format=onnx needs {', '.join(missing)}, not installed here: pip install 'beauty-mlflow[onnx]'"
            )


def as_float32(network: Any) -> Any:  # noqa: ANN401 - Keras is untyped
    """Return a network with the same weights that computes in float32; the network itself where it does."""
    import keras

    if all(layer.compute_dtype == "float32" for layer in network.layers):
        return network
    twin = keras.models.clone_model(
        network, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    )
    twin.set_weights(network.get_weights())
    return twin


def run_keras(network: Any) -> Callable[[Array], Array]:  # noqa: ANN401 - Keras is untyped
    """Return a Keras network as a function of pictures, one graph for every number of them."""
    import tensorflow as tf

    run = tf.function(
        lambda pictures: network(pictures, training=False),
        input_signature=[tf.TensorSpec(network.input_shape, tf.float32)],
    )
    return lambda pictures: np.asarray(run(pictures).numpy(), np.float32)


def _copy_keras(network: Any, file: Path, path: Path) -> None:  # noqa: ANN401, ARG001 - Format.write's signature
    shutil.copyfile(file, path)


def _load_keras(path: Path) -> Runtime:
    from beauty_mlflow.networks.keras_file import load_keras_file

    network = load_keras_file(path)
    return Runtime(run_keras(network), network.inputs[0].name, network.layers[-1].name)


def _write_saved_model(network: Any, file: Path, path: Path) -> None:  # noqa: ANN401, ARG001 - Format.write's signature
    network.export(str(path), format="tf_saved_model", verbose=False, input_signature=list(network.inputs))


def _load_saved_model(path: Path) -> Runtime:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    (pictures,) = loaded.signatures[_SIGNATURE].structured_input_signature[1]
    (probabilities,) = loaded.signatures[_SIGNATURE].structured_outputs

    def run(batch: Array) -> Array:
        answer = loaded.signatures[_SIGNATURE](**{pictures: tf.constant(batch)})  # a signature alone loses its weights
        return np.asarray(answer[probabilities].numpy(), np.float32)

    return Runtime(run, pictures, probabilities)


def _write_onnx(network: Any, file: Path, path: Path) -> None:  # noqa: ANN401, ARG001 - Format.write's signature
    with _quiet("tf2onnx"):
        network.export(str(path), format="onnx", verbose=False, input_signature=list(network.inputs))


def _load_onnx(path: Path) -> Runtime:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (pictures,), (probabilities,) = session.get_inputs(), session.get_outputs()
    return Runtime(
        lambda batch: np.asarray(session.run([probabilities.name], {pictures.name: batch})[0], np.float32),
        pictures.name,
        probabilities.name,
    )


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep a converter's remarks about itself out of the command's output."""
    log = logging.getLogger(logger)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


FORMATS: Mapping[str, Format] = {
    "keras": Format(_copy_keras, _load_keras),
    "saved_model": Format(_write_saved_model, _load_saved_model),
    "onnx": Format(_write_onnx, _load_onnx, float32_only=True, modules=_ONNX_MODULES),
}
