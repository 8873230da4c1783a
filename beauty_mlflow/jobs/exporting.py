"""Writing a logged model for other programs. TensorFlow is imported only once model and pictures have been found."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.splits.outputs import writing
from beauty_mlflow.data.splits.verifying import check_inside
from beauty_mlflow.errors import DataError, WorkError
from beauty_mlflow.files import sync, write_text
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.jobs.export import Export
from beauty_mlflow.jobs.export_formats import FORMATS, Array, Runtime, as_float32, run_keras
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.outputs import require_absent
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.progress import console_progress
from beauty_mlflow.serving.package import MODEL_FILE, Description, read_description
from beauty_mlflow.serving.versions import find_model_version
from beauty_mlflow.temporary import temporary_folder
from beauty_mlflow.tracking.models import fetch_model, training_run_of
from beauty_mlflow.tracking.store import Store, connect

_BATCH = 64
_PART = "test"


@dataclass
class Difference:
    """How far two networks' answers are apart.

    Args:
        pictures: How many both answered for.
        largest: The largest difference of a probability.
        equal: For how many pictures the most probable class is the same.
    """

    pictures: int = 0
    largest: float = 0.0
    equal: int = 0

    def add(self, ours: Array, theirs: Array) -> None:
        """Compare the probabilities [n, classes] of a batch; one that is no finite number differs by infinity."""
        apart = np.abs(ours - theirs)
        self.pictures += len(ours)
        self.largest = max(self.largest, float(np.where(np.isfinite(apart), apart, np.inf).max()))
        self.equal += int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())

    def __str__(self) -> str:
        return f"up to {self.largest:.2g}, {self.equal} of {self.pictures} answers equal"

    def record(self) -> dict[str, float]:
        """Return it as ``<out>.json`` says it."""
        return {"pictures": self.pictures, "largest_difference": self.largest, "equal_answers": self.equal}


@dataclass(frozen=True)
class Checked:
    """What was written, and how far it is from what.

    Args:
        runtime: It, loaded back.
        difference: From the network that was written.
        rounding: How far that network is from the original.
        precision: What the original computes in, where that network is the original in float32; else empty.
    """

    runtime: Runtime
    difference: Difference
    rounding: Difference
    precision: str

    def record(self) -> dict[str, Any]:
        """Return it as ``<out>.json`` says it."""
        record: dict[str, Any] = self.difference.record()
        if self.precision:
            record["original"] = {"computes_in": self.precision, **self.rounding.record()}
        return record


def export_model(parameters: Export) -> Summary:
    """Write the model and ``<out>.json``, which says how to use it, after both have been found to agree.

    Raises:
        DataError: Either is there already or can't be written, or there is no test picture.
        ParameterError: What the format needs isn't installed.
        TrackingError: The model, or the split that it was trained on, can't be had.
        WorkError: What was written answers otherwise than the original.
    """
    out, wanted = parameters.path, FORMATS[parameters.format]
    side = out.with_name(f"{out.name}.json")
    with in_project_run(parameters) as project:
        wanted.require_modules()
        require_absent(out)
        require_absent(side)
        store = connect()
        say_notes(store.notes)
        package = fetch_model(store, parameters.model)
        description = read_description(package)
        pictures = _test_pictures(store, parameters)
        with _folder_beside(out) as folder:
            written = folder / out.name
            checked = _write_and_check(parameters, package, pictures, written)
            record = _record(parameters, package, description, checked)
            write_text(folder / side.name, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
            _move(folder / side.name, side)
            _move(written, out)
    return [
        ("out", out),
        ("how to use it", side),
        ("largest difference", f"{checked.difference.largest:.2g} (at most {parameters.tolerance:g})"),
        ("equal answers", f"{checked.difference.equal} of {checked.difference.pictures}"),
        ("model", record["model"]),
        *project.summary(),
    ]


def _test_pictures(store: Store, parameters: Export) -> Pictures:
    if parameters.data:
        split = open_named(parameters.data, check_pictures=False).split
    else:
        split = own_split(training_run_of(store, parameters.model), check_pictures=False)
    pictures = split.part(_PART)
    if not len(pictures):
        raise DataError(f"{split.folder} has no pictures in the part {_PART}, so nothing can be checked; give data")
    check_inside(pictures.folder, pictures.paths)
    return pictures


def _write_and_check(parameters: Export, package: Path, pictures: Pictures, path: Path) -> Checked:
    from beauty_mlflow.networks.keras_file import load_keras_file

    wanted, description = FORMATS[parameters.format], read_description(package)
    original = load_keras_file(package / MODEL_FILE)
    network = as_float32(original) if wanted.float32_only else original
    precision = "" if network is original else _precision(original)
    with writing(parameters.path):
        wanted.write(network, package / MODEL_FILE, path)
    runtime = wanted.load(path)
    networks = [run_keras(network), runtime.run, *([run_keras(original)] if precision else [])]
    checked = Checked(runtime, *_compare(networks, pictures, description), precision)
    if precision:
        say_notes([f"the original computes in {precision}, this in float32; apart: {checked.rounding}"])
    if not checked.difference.largest <= parameters.tolerance:
        raise WorkError(
            f"What was written as {parameters.format} answers otherwise than the original: {checked.difference}; "
            f"expected at most {parameters.tolerance:g}. Nothing stays. Give a larger tolerance if that will do."
        )
    return checked


def _compare(
    networks: list[Callable[[Array], Array]], pictures: Pictures, description: Description
) -> tuple[Difference, Difference]:
    """Compare the second network, and the last, with the first."""
    from beauty_mlflow.data.pipeline import batches, translate_errors

    size, resize = description.image_size, description.resize
    written, rounding = Difference(), Difference()
    with translate_errors(), console_progress("Checking", len(pictures)) as bar:
        for rows, _ in batches(pictures, size=size, resize=resize, batch_size=_BATCH):
            batch = rows.numpy()
            answers = [network(batch) for network in networks]
            written.add(answers[0], answers[1])
            rounding.add(answers[0], answers[-1])
            bar.update(len(batch))
    return written, rounding


def _precision(network: Any) -> str:  # noqa: ANN401 - Keras is untyped
    return str(next(layer.compute_dtype for layer in network.layers if layer.compute_dtype != "float32"))


def _record(parameters: Export, package: Path, description: Description, checked: Checked) -> dict[str, Any]:
    """Return what ``<out>.json`` says."""
    size = description.image_size
    return {
        "format": parameters.format,
        "model": find_model_version(package),
        "classes": description.classes,
        "image_size": size,
        "resize": description.resize,
        "temperature": description.temperature,
        "threshold": description.threshold,
        "input": {"name": checked.runtime.input, "dtype": "float32", "shape": [None, size, size, 3], "range": [0, 255]},
        "output": {"name": checked.runtime.output, "dtype": "float32", "shape": [None, len(description.classes)]},
        "checked": {**checked.record(), "tolerance": parameters.tolerance},
    }


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """Yield a new folder next to ``out``, which is removed at the end."""
    with ExitStack() as kept:
        with writing(out):
            folder = kept.enter_context(temporary_folder(out))
        yield folder


def _move(written: Path, target: Path) -> None:
    """Move a file or folder into place, once all of it is on the disk."""
    with writing(target):
        for path in (*written.rglob("*"), written):
            sync(path)
        require_absent(target)
        written.replace(target)
        sync(target.parent)
