"""Doing in the store what a change says. What may have arrived before, in part or as a whole, isn't doubled."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities import LoggedModelInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking.multimedia import compress_image_size
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES
from PIL import Image

from beauty_mlflow.errors import UnreachableError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.arrival import LARGE_BYTES, missing
from beauty_mlflow.tracking.changes import (
    OWN_MODEL,
    Batch,
    Change,
    Inputs,
    LoggedFile,
    LoggedImage,
    LoggedModel,
    Point,
    Status,
    Untag,
)
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import is_missing, translated
from beauty_mlflow.tracking.model_upload import ready_model_of, upload_model


def deliver(client: Any, run_id: str, change: Change, *, again: bool = False) -> None:  # noqa: ANN401 - MLflow is untyped
    """Change a run in the store.

    Args:
        client: MLflow's client of the store.
        run_id: The run's id there.
        change: What to do.
        again: It may have arrived already: metrics that the run has at their step, images of their step and a model
            that is ready are then left as they are, and files are compared with what arrived.

    Raises:
        UnreachableError: The store doesn't answer, or can't for now.
        TrackingError: The store refuses it.
        WorkError: A file couldn't be read or written.
    """
    match change:
        case Batch():
            _deliver_batch(client, run_id, change, again=again)
        case Untag():
            _deliver_untag(client, run_id, change.name)
        case Inputs():
            _deliver_inputs(client, run_id, change, again=again)
        case LoggedFile():
            _deliver_file(client, run_id, change, again=again)
        case LoggedImage():
            _deliver_image(client, run_id, change, again=again)
        case LoggedModel():
            with translated(f"log the model of the run {run_id}"):
                example = change.example.read_bytes()
            upload_model(client, run_id, change.path, example=example)
        case Status():
            with translated(f"set the run {run_id} to {change.status}"):
                if change.status == "RUNNING":
                    client.update_run(run_id, status="RUNNING")
                else:
                    client.set_terminated(run_id, change.status, change.end)


def _deliver_untag(client: Any, run_id: str, name: str) -> None:  # noqa: ANN401 - MLflow is untyped
    with translated(f"remove a tag of the run {run_id}"):
        if name not in client.get_run(run_id).data.tags:
            return
        try:
            client.delete_tag(run_id, name)
        except MlflowException as error:
            if not is_missing(error):  # another process was first
                raise


def _deliver_batch(client: Any, run_id: str, change: Batch, *, again: bool) -> None:  # noqa: ANN401 - MLflow is untyped
    with translated(f"log figures, parameters or tags of the run {run_id}"):
        points = _missing(client, run_id, change.metrics) if again else change.metrics
        own = ready_model_of(client, run_id) if any(point.model == OWN_MODEL for point in points) else ""
        batch = {
            "metrics": [_metric(run_id, point, own) for point in points],
            "params": [Param(name, value) for name, value in change.parameters.items()],
            "tags": [RunTag(name, value) for name, value in change.tags.items()],
        }
        despite_others(lambda: client.log_batch(run_id, **batch, synchronous=True))


def _deliver_inputs(client: Any, run_id: str, change: Inputs, *, again: bool) -> None:  # noqa: ANN401 - MLflow is untyped
    with translated(f"log what the run {run_id} reads"):
        new = change.model and not (again and _reads(client, run_id, change.model))
        models = [LoggedModelInput(change.model)] if new else []
        datasets = [one.as_input() for one in change.datasets]
        despite_others(lambda: client.log_inputs(run_id, datasets, models=models))


def _reads(client: Any, run_id: str, model_id: str) -> bool:  # noqa: ANN401 - MLflow is untyped
    inputs = client.get_run(run_id).inputs
    return model_id in [one.model_id for one in (inputs.model_inputs if inputs else ())]


def _missing(client: Any, run_id: str, points: Iterable[Point]) -> list[Point]:  # noqa: ANN401 - MLflow is untyped
    points = list(points)
    known = client.get_run(run_id).data.metrics
    asked = {point.name for point in points} & set(known)
    present = {name: client.get_metric_history(run_id, name) for name in asked}
    places = {name: {_place(point, name) for point in points} for name, points in present.items()}
    left = [point for point in points if _place(point, point.name) not in places.get(point.name, ())]
    return _after(left, {name: max(point.step for point in points) for name, points in present.items()})


def _after(points: Iterable[Point], last: dict[str, int]) -> list[Point]:
    """Return the points, those of the system at steps after the last known one: offline these begin anew."""
    found = []
    for point in points:
        if _is_of_the_system(point.name):
            last[point.name] = max(point.step, last.get(point.name, -1) + 1)
            found.append(point.model_copy(update={"step": last[point.name]}))
        else:
            found.append(point)
    return found


def _place(point: Any, name: str) -> int:  # noqa: ANN401 - MLflow's or ours
    """Return what a metric has one value at: its step, but for the system's, whose steps begin anew offline."""
    return int(point.timestamp if _is_of_the_system(name) else point.step)


def _is_of_the_system(name: str) -> bool:
    return name.startswith(names.SYSTEM_PREFIX)


def _metric(run_id: str, point: Point, own_model: str) -> Any:  # noqa: ANN401 - MLflow is untyped
    linked = {"run_id": run_id, "model_id": own_model if point.model == OWN_MODEL else point.model}
    if point.dataset:
        linked |= {"dataset_name": point.dataset.name, "dataset_digest": point.dataset.digest}
    return Metric(
        point.name, point.value, point.timestamp, point.step, **{name: value for name, value in linked.items() if value}
    )


def _deliver_file(client: Any, run_id: str, change: LoggedFile, *, again: bool) -> None:  # noqa: ANN401 - MLflow is untyped
    with translated(f"log {change.path.name} in the run {run_id}"):
        large = change.path.stat().st_size >= LARGE_BYTES
        if again and large and _has_arrived(client, run_id, change):
            return
        client.log_artifact(run_id, str(change.path), change.folder or None)
        if large and not _has_arrived(client, run_id, change):
            raise UnreachableError(
                f"{change.path.name} didn't arrive whole in the run {run_id}; it has to be sent again."
            )


def _has_arrived(client: Any, run_id: str, change: LoggedFile) -> bool:  # noqa: ANN401 - MLflow is untyped
    artifacts = client.get_run(run_id).info.artifact_uri
    repository = get_artifact_repository(artifacts, tracking_uri=client.tracking_uri)
    return not missing(repository, {Path(change.folder, change.path.name): change.path})


def steps_of_images(client: Any, run_id: str, name: str) -> set[int]:  # noqa: ANN401 - MLflow is untyped
    """Return the steps of a run's images of that name.

    Raises:
        TrackingError: The store doesn't answer.
    """
    with translated(f"list the images {name} of the run {run_id}"):
        return {int(found["step"]) for _, found in _image_files(client, run_id, name)}


def _deliver_image(client: Any, run_id: str, change: LoggedImage, *, again: bool) -> None:  # noqa: ANN401 - MLflow is untyped
    with translated(f"log the image {change.name} of the run {run_id}"), Image.open(change.path) as picture:
        arrived = _files_of_image(client, run_id, change) if again else []
        if not arrived:
            client.log_image(
                run_id,
                np.asarray(picture),
                key=change.name,
                step=change.step,
                timestamp=change.timestamp,
                synchronous=True,
            )
            return
        if len(arrived) == 1:
            _deliver_small_image(client, run_id, picture, beside=Path(arrived[0]))
        client.set_tag(run_id, MLFLOW_LOGGED_IMAGES, True)


def _files_of_image(client: Any, run_id: str, change: LoggedImage) -> list[str]:  # noqa: ANN401 - MLflow is untyped
    """Return which of the two files that MLflow makes of an image are there: first the picture, then a small one."""
    ours = (str(change.step), str(change.timestamp))
    return [path for path, found in _image_files(client, run_id, change.name) if found.group("step", "time") == ours]


def _image_files(client: Any, run_id: str, name: str) -> Iterator[tuple[str, re.Match[str]]]:  # noqa: ANN401 - MLflow is untyped
    named = re.escape(name.replace("/", "~"))
    pattern = re.compile(rf"images/{named}[+%]step[+%](?P<step>-?\d+)[+%]timestamp[+%](?P<time>\d+)[+%]")
    for entry in client.list_artifacts(run_id, "images"):
        if found := pattern.match(entry.path):
            yield entry.path, found


def _deliver_small_image(client: Any, run_id: str, picture: Image.Image, beside: Path) -> None:  # noqa: ANN401 - MLflow is untyped
    """Log the second of an image's files, as ``MlflowClient.log_image`` does after the first."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{beside.stem}+compressed.webp"
        compress_image_size(picture).save(path)
        client.log_artifact(run_id, str(path), str(beside.parent))
