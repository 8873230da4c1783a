"""Finding and fetching a model by whatever names it."""

import atexit
import posixpath
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from beauty_mlflow.errors import MissingError, TrackingError
from beauty_mlflow.files import write_text
from beauty_mlflow.serving.versions import MODEL_RECORD, REGISTERED_NOTE
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.failures import is_missing, translated
from beauty_mlflow.tracking.model_folders import LOADERS, loader_of, package_in
from beauty_mlflow.tracking.model_upload import READY
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

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


def fetch_model(store: Store, uri: str) -> Path:
    """Copy a model to this machine and return the folder of its package (model.keras, serving.json).

    The copy lies in a temporary folder, which is removed as the process ends.

    Raises:
        MissingError: See locate_model and fetch_any.
        TrackingError: Likewise.
        ModelError: The model is none of this package.
    """
    return package_in(fetch_any(store, locate_model(store, uri), uri), uri)


def fetch_any(store: Store, model: Located, uri: str) -> Path:
    """Copy a model, this package's or not, to this machine and return its folder, which holds its MLmodel file.

    The copy lies in a temporary folder, which is removed as the process ends. Nothing in it is run.

    Args:
        store: Where it is kept.
        model: Where it is kept there.
        uri: What errors call it.

    Raises:
        MissingError: Its files are gone.
        TrackingError: It can't be had.
    """
    folder = Path(tempfile.mkdtemp(prefix="beauty-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _fetch(store, model.location, "", folder, f"the model {uri}")
    if not (folder / MODEL_RECORD).is_file():
        where = redact(model.location)
        raise MissingError(
            f"The model {uri} has no {MODEL_RECORD} in {where}: its files are gone. Put them back, or train again."
        )
    note = folder / REGISTERED_NOTE
    note.unlink(missing_ok=True)  # it would be the model's own word
    if model.version:
        name, version = model.version
        write_text(note, yaml.safe_dump({"model_name": name, "model_version": version}))
    return folder


def is_ours(store: Store, model: Located, uri: str) -> bool:
    """Return whether a model's MLmodel file says that this package logged it; no other file is fetched.

    Raises:
        MissingError: Its files are gone.
        TrackingError: It can't be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        _fetch(store, model.location, MODEL_RECORD, Path(folder), f"the {MODEL_RECORD} file of the model {uri}")
        return loader_of(Path(folder)) in LOADERS


def locate_model(store: Store, uri: str) -> Located:
    """Find where the model is kept that a run id, a runs:/ or a models:/ URI names.

    Raises:
        MissingError: What the URI names doesn't exist, or not any more.
        TrackingError: The URI has none of the known forms, or what it names isn't ready.
    """
    if found := _RUN.fullmatch(uri):
        run = Run.find(store, found["run"])
        model_id = run.model_id()
        if not model_id:
            raise MissingError(
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
        MissingError: See locate_model; or nobody knows which run it was, or it is gone.
        TrackingError: See locate_model.
    """
    run_id = locate_model(store, uri).run_id
    if not run_id:
        raise MissingError(f"The model {uri} doesn't say which run trained it; give the run's id instead.")
    return Run.find(store, run_id)


def download(run: Run, artifact: str, folder: Path) -> Path:
    """Copy one of the run's artifacts, a file or a folder, into a folder; return its path there.

    Raises:
        MissingError: The run doesn't have it.
        UnreachableError: The store doesn't answer.
        TrackingError: It can't be read; with the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    location = run.entity().info.artifact_uri
    path = _fetch(run.store, location, artifact, folder, f"{artifact} of the run {run.run_id}")
    if not path.exists():
        raise MissingError(f"The run {run.run_id} has no artifact {artifact}.")
    return path


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


def _fetch(store: Store, location: str, path: str, folder: Path, what: str) -> Path:
    """Copy a file or folder from where artifacts are kept; an empty path is all of it."""
    with translated(f"fetch {what}"):
        # MLflow's client would keep to itself why it couldn't
        repository = get_artifact_repository(location, tracking_uri=store.uri)
        try:
            return Path(repository.download_artifacts(path, dst_path=str(folder)))
        except MlflowException as error:
            # what a server or S3 has said of a single file is in MLflow's words no other than that of a dead network
            if not path or is_missing(error) or _is_listed(repository, path):
                raise
            raise MissingError(f"Can't fetch {what}: it isn't there.") from error


def _is_listed(repository: Any, path: str) -> bool:  # noqa: ANN401 - MLflow is untyped
    listed = repository.list_artifacts(posixpath.dirname(path) or None)
    return path in {str(one.path) for one in listed}
