"""Logging a run's model, and fetching a model by whatever names it."""

import atexit
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities import LoggedModelOutput
from mlflow.models import Model
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.files import write_text
from beauty_mlflow.serving.package import DESCRIPTION_FILE
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.packaging import build
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

READY = "READY"
REGISTERED_NOTE = "registered_model_meta"  # MLflow leaves the same beside a registered model that it fetches
FORMS = "a run id, runs:/<run id>/model, models:/<name>/<version>, models:/<name>@<alias> or models:/<model id>"

_RUN = re.compile(rf"(?:runs:/)?(?P<run>[0-9a-f]{{32}})(?:/{names.MODEL}/?)?")
_LOGGED = re.compile(r"models:/(?P<model>m-[0-9a-f]{32})/?")
_VERSION = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))/?")


@dataclass(frozen=True)
class Located:
    """Where a model is kept.

    Args:
        location: URI of the folder that holds its MLmodel file.
        run_id: The run that trained it; empty where nobody knows.
        model_id: Its id as a logged model; empty where it is none.
        version: Name and version in the registry, where it was asked for by those.
    """

    location: str
    run_id: str
    model_id: str = ""
    version: tuple[str, str] | None = None


def log_model(run: Run, package: Path, *, example: bytes) -> str:
    """Log what serving.package.save_package wrote as the run's one model; return the logged model's id.

    It loads by mlflow.pyfunc.load_model as a classifier of picture files, and by mlflow.keras.load_model as the
    network. It is READY only after every file has arrived whole; leftovers of an earlier attempt are deleted.

    Args:
        run: The run that trained it.
        package: The folder.
        example: One real picture's file.

    Raises:
        TrackingError: The store refused it, or a file didn't arrive whole; the logged model is FAILED then.
        WorkError: A file couldn't be written.
    """
    client, run_id = run.store.client, run.run_id
    with translated(f"log the model of the run {run_id}"):
        for leftover in run.models():
            client.delete_logged_model(leftover.model_id)
        logged = client.create_logged_model(
            run.experiment_id, names.MODEL, source_run_id=run_id, model_type="image classifier"
        )
        try:
            _fill(run, logged, package, example)
        except BaseException:
            client.finalize_logged_model(logged.model_id, "FAILED")
            raise
        client.finalize_logged_model(logged.model_id, READY)
    return str(logged.model_id)


def fetch_model(store: Store, uri: str) -> Path:
    """Copy a model to this machine and return the folder of its package (model.keras, serving.json).

    The copy lies in a temporary folder, which is removed as the process ends.

    Raises:
        TrackingError: See fetch_any; or the model is none of this package.
    """
    return package_in(fetch_any(store, uri), uri)


def fetch_any(store: Store, uri: str) -> Path:
    """Copy a model, this package's or not, to this machine and return its folder, which holds its MLmodel file.

    The copy lies in a temporary folder, which is removed as the process ends.

    Raises:
        TrackingError: The URI has none of the known forms, or what it names doesn't exist or isn't ready.
    """
    located = locate_model(store, uri)
    folder = Path(tempfile.mkdtemp(prefix="beauty-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with translated(f"fetch the model {uri}"):
        get_artifact_repository(located.location, tracking_uri=store.uri).download_artifacts("", dst_path=str(folder))
    if located.version:
        name, version = located.version
        write_text(folder / REGISTERED_NOTE, yaml.safe_dump({"model_name": name, "model_version": version}))
    return folder


def is_ours(folder: Path) -> bool:
    """Return whether this package has logged a model that was fetched into a folder."""
    return (_package_folder(folder) / DESCRIPTION_FILE).is_file()


def package_in(folder: Path, uri: str) -> Path:
    """Return the folder of the package (model.keras, serving.json) in that of a fetched model.

    Raises:
        TrackingError: The model is none of this package.
    """
    if not is_ours(folder):
        raise TrackingError(f"The model {uri} isn't one that this package logged: it holds no {DESCRIPTION_FILE}.")
    return _package_folder(folder)


def locate_model(store: Store, uri: str) -> Located:
    """Find where the model is kept that a run id, a runs:/ or a models:/ URI names.

    Raises:
        TrackingError: The URI has none of the known forms, or what it names doesn't exist or isn't ready.
    """
    if found := _RUN.fullmatch(uri):
        run = Run.find(store, found["run"])
        model_id = run.model_id()
        if not model_id:
            raise TrackingError(
                f"The run {run.run_id} ({run.status}) has no model; give a run that finished a training."
            )
        return _logged(store, model_id)
    if found := _LOGGED.fullmatch(uri):
        return _logged(store, found["model"])
    if found := _VERSION.fullmatch(uri):
        return _registered(store, found["name"], found["version"], found["alias"])
    raise TrackingError(f"'{uri}' names no model; expected {FORMS}.")


def training_run_of(store: Store, uri: str) -> Run:
    """Return the run that trained a model.

    Raises:
        TrackingError: See locate_model; or nobody knows which run it was, or it is gone.
    """
    run_id = locate_model(store, uri).run_id
    if not run_id:
        raise TrackingError(f"The model {uri} doesn't say which run trained it; give the run's id instead.")
    return Run.find(store, run_id)


def download(run: Run, artifact: str, folder: Path) -> Path:
    """Copy one of the run's artifacts, a file or a folder, into a folder; return its path there.

    Raises:
        TrackingError: The run doesn't have it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with translated(f"fetch {artifact} of the run {run.run_id}"):
        path = Path(run.store.client.download_artifacts(run.run_id, artifact, str(folder)))
    if not path.exists():
        raise TrackingError(f"The run {run.run_id} has no artifact {artifact}.")
    return path


def _fill(run: Run, logged: Any, package: Path, example: bytes) -> None:  # noqa: ANN401 - MLflow is untyped
    client = run.store.client
    client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    model = Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        run_id=run.run_id,
        model_id=logged.model_id,
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / names.MODEL
        build(folder, package, example=example, model=model)
        sizes = {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
        for path in sorted(sizes):  # file by file: a whole folder may arrive in part
            below = path.parent.as_posix()
            client.log_model_artifact(logged.model_id, str(folder / path), None if below == "." else below)
    _check_arrived(client, logged.model_id, {path.as_posix(): size for path, size in sizes.items()})


def _check_arrived(client: Any, model_id: str, sizes: dict[str, int]) -> None:  # noqa: ANN401 - MLflow is untyped
    arrived = _list_files(client, model_id, None)
    wrong = sorted(path for path, size in sizes.items() if arrived.get(path) != size)
    if wrong:
        raise TrackingError(f"The model {model_id} didn't arrive whole: {', '.join(wrong)}; log it again.")


def _list_files(client: Any, model_id: str, below: str | None) -> dict[str, int]:  # noqa: ANN401 - MLflow is untyped
    files: dict[str, int] = {}
    for entry in client.list_logged_model_artifacts(model_id, below):
        size = entry.file_size or 0  # a server gives none for an empty file
        files |= _list_files(client, model_id, entry.path) if entry.is_dir else {entry.path: size}
    return files


def _logged(store: Store, model_id: str) -> Located:
    with translated(f"find the model {model_id}", _elsewhere(store)):
        model = store.client.get_logged_model(model_id)
    if str(model.status) != READY:
        raise TrackingError(f"The model {model_id} is {model.status}: it wasn't logged whole. Train again, or resume.")
    return Located(model.artifact_location, model.source_run_id or "", model_id)


def _registered(store: Store, name: str, version: str | None, alias: str | None) -> Located:
    with translated(f"find the registered model {name}", _elsewhere(store)):
        if alias:
            found = store.client.get_model_version_by_alias(name, alias)
        else:
            found = store.client.get_model_version(name, version)
    registered = (name, str(found.version))
    if logged := _LOGGED.fullmatch(found.source):
        of_model = _logged(store, logged["model"])
        return Located(of_model.location, found.run_id or of_model.run_id, of_model.model_id, registered)
    return Located(found.source, found.run_id or "", "", registered)


def _elsewhere(store: Store) -> str:
    return f"MLFLOW_TRACKING_URI says where to look: {redact(store.uri)}"


def _package_folder(folder: Path) -> Path:
    try:
        record = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
        return folder / str(record["flavors"]["python_function"]["data"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return folder
