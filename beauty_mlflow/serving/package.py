"""What is served: a folder with one Keras file and one JSON file that says how to use it.

Preprocessing is a layer of the network, so a decoded and resized picture (0..255) goes in as it is.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any, get_args

import beauty_mlflow
from beauty_mlflow.data.images import Resize
from beauty_mlflow.errors import ModelError
from beauty_mlflow.files import atomic_path, write_text

FORMAT = 1
MODEL_FILE = "model.keras"
DESCRIPTION_FILE = "serving.json"


@dataclass(frozen=True)
class Description:
    """How a saved network is used; what stands in serving.json.

    Args:
        classes: Class names; the network's output i is the probability of classes[i].
        image_size: Height and width of its pictures, in pixels.
        resize: How a picture is brought to that size.
        network: Name of the network's row in the table of networks.
        fingerprint: Fingerprint of the split it was trained on; empty where there is none.
        temperature: Divides the logarithm of the probabilities, which calibrates them; 1 changes nothing.
        threshold: An answer less probable than this says that it abstained; None never abstains.
        package_version: The version of this package that saved it.

    Raises:
        ValueError: A field has the wrong type or lies outside its limits; the message names it.
    """

    classes: tuple[str, ...]
    image_size: int
    resize: Resize
    network: str
    fingerprint: str = ""
    temperature: float = 1.0
    threshold: float | None = None
    package_version: str = beauty_mlflow.__version__

    def __post_init__(self) -> None:
        for name, holds, expected in self._rules():
            if not holds:
                message = f"'{name}' must be {expected}, got {getattr(self, name)!r}"
                raise ValueError(message)

    def _rules(self) -> list[tuple[str, bool, str]]:
        texts = ("network", "fingerprint", "package_version")
        return [
            *((name, isinstance(getattr(self, name), str), "text") for name in texts),
            ("classes", _are_classes(self.classes), "at least two different names"),
            (
                "image_size",
                type(self.image_size) is int and self.image_size > 0,
                "a whole number of pixels above 0",
            ),
            ("resize", self.resize in get_args(Resize), f"one of {', '.join(get_args(Resize))}"),
            ("temperature", _is_number(self.temperature) and self.temperature > 0, "a number above 0"),
            (
                "threshold",
                self.threshold is None or _is_share(self.threshold),
                "null or a number from 0 to 1",
            ),
        ]


def save_package(
    folder: Path,
    model: Any,  # noqa: ANN401 - Keras is untyped
    *,
    classes: Sequence[str],
    image_size: int,
    resize: Resize,
    network: str,
    fingerprint: str = "",
    temperature: float = 1.0,
    threshold: float | None = None,
) -> None:
    """Write a network and its description into a folder, each file atomically and the description last.

    The optimizer's state is left out: an answer doesn't need it, and the file would be two or three times
    as large.

    Args:
        folder: Made if it isn't there.
        model: Keras network from pictures [n, image_size, image_size, 3], 0..255, to probabilities
            [n, classes].
        classes: Class names in the order of the network's outputs.
        image_size: Height and width of its pictures, in pixels.
        resize: How a picture is brought to that size.
        network: Name of the network's row in the table of networks.
        fingerprint: Fingerprint of the split it was trained on.
        temperature: Divides the logarithm of the probabilities.
        threshold: The smallest probability that counts as an answer, or None.

    Raises:
        ModelError: The network's input or output doesn't fit the description.
    """
    description = Description(tuple(classes), image_size, resize, network, fingerprint, temperature, threshold)
    check_fit(model, description)
    with atomic_path(folder / MODEL_FILE) as temporary:
        _without_optimizer(model).save(temporary)
    write_description(folder, description)


def write_description(folder: Path, description: Description) -> None:
    """Write serving.json; also used to replace it, for a temperature that is fitted later."""
    record = {"format": FORMAT, **asdict(description)}
    write_text(folder / DESCRIPTION_FILE, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def read_description(folder: Path) -> Description:
    """Read and check serving.json.

    Raises:
        ModelError: It is missing or damaged, or a later version of this package wrote it.
    """
    path = folder / DESCRIPTION_FILE
    try:
        record = json.loads(path.read_text("utf-8"))
        written = record.pop("format")
        if written == FORMAT:
            return Description(**{**record, "classes": tuple(record["classes"])})
    except FileNotFoundError:
        raise ModelError(
            f"{folder} holds no {DESCRIPTION_FILE}, so it is no model of this package; give a run that has "
            "finished, or a registered model that this package logged."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}); fetch the model again.") from error
    raise ModelError(
        f"{path} has format {written!r}, this version of beauty_mlflow reads {FORMAT}; install the version "
        f"that wrote it ({record.get('package_version', 'not said')})."
    )


def check_fit(model: Any, description: Description) -> None:  # noqa: ANN401 - Keras is untyped
    """Compare a network's input and output with the description.

    Raises:
        ModelError: They differ.
    """
    size, classes = description.image_size, len(description.classes)
    shapes = (tuple(model.input_shape[1:]), tuple(model.output_shape[1:]))
    if shapes != ((size, size, 3), (classes,)):
        raise ModelError(
            f"The network takes {shapes[0]} and gives {shapes[1]}, its description says ({size}, {size}, 3) "
            f"and ({classes},): the two don't belong together."
        )


def requirements() -> list[str]:
    """Return what a machine needs to answer with a saved package, pinned to the versions installed here.

    TensorFlow is pinned under the name that is installed: tensorflow-cpu, tensorflow, or a vendor's build.

    Raises:
        ModelError: No installed distribution holds TensorFlow.
    """
    names = [_tensorflow(), "keras", "h5py", "numpy", "pandas", "pillow", "platformdirs", "pyyaml"]
    return [f"{name}=={version(name)}" for name in names]


def _without_optimizer(model: Any) -> Any:  # noqa: ANN401 - Keras is untyped
    if getattr(model, "optimizer", None) is None:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _tensorflow() -> str:
    known = [name for name in ("tensorflow-cpu", "tensorflow") if _version(name)]
    builds = known or packages_distributions().get("tensorflow", [])
    if not builds:
        raise ModelError(
            "No installed distribution says that it holds TensorFlow, so its version can't be pinned for the "
            "model. Install tensorflow-cpu or tensorflow with pip and log the model again."
        )
    return builds[0]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _are_classes(value: object) -> bool:
    if not isinstance(value, tuple) or not all(isinstance(name, str) for name in value):
        return False
    return len(set(value)) == len(value) > 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: float) -> bool:
    return _is_number(value) and 0 <= value <= 1
