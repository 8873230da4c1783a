"""Bringing a model into the store, file by file, READY only once it is there whole."""

import hashlib
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.entities import LoggedModelOutput
from mlflow.models import Model
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from beauty_mlflow.errors import UnreachableError
from beauty_mlflow.files import file_digest
from beauty_mlflow.temporary import remove
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.arrival import halves, missing
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import is_temporary, translated
from beauty_mlflow.tracking.packaging import build
from beauty_mlflow.tracking.store import store_path

READY, PENDING = "READY", "PENDING"
DIGEST = "package.sha256"  # a tag of the logged model: what an interrupted upload was of


def models_of(client: Any, run_id: str) -> list[Any]:  # noqa: ANN401 - MLflow is untyped
    """Return MLflow's entities of the models that a run logged, whole or not, newest first.

    Raises:
        TrackingError: The store doesn't answer.
    """
    with translated(f"find the model of the run {run_id}"):
        return _models_of(client, client.get_run(run_id))


def ready_model_of(client: Any, run_id: str) -> str:  # noqa: ANN401 - MLflow is untyped
    """Return the id of the run's model that is ready, empty where there is none; raises as ``models_of``."""
    return next((str(model.model_id) for model in models_of(client, run_id) if str(model.status) == READY), "")


def upload_model(client: Any, run_id: str, package: Path, *, example: bytes) -> str:  # noqa: ANN401 - MLflow is untyped
    """Log what serving.package.save_package wrote as the run's one model; return the logged model's id.

    One of the same package that is ready stays as it is. One whose upload broke off is gone on with: files that have
    arrived whole, by sha256, aren't sent again, and halves of files are removed. Any other model of the run is deleted.

    Args:
        client: MLflow's client of the store.
        run_id: The run that trained it.
        package: The folder.
        example: One real picture's file.

    Raises:
        UnreachableError: The store doesn't answer, or a file didn't arrive whole; the next upload goes on.
        TrackingError: The store refused it; the logged model is FAILED then.
        WorkError: A file couldn't be read or written.
    """
    with translated(f"log the model of the run {run_id}"):
        digest = _digest(package)
        run = client.get_run(run_id)
        known = _models_of(client, run)
        same = [model for model in known if model.tags.get(DIGEST) == digest and str(model.status) in (READY, PENDING)]
        logged = same[0] if same else None
        for leftover in known:
            if logged is None or leftover.model_id != logged.model_id:
                client.delete_logged_model(leftover.model_id)
        if logged and str(logged.status) == READY:
            return str(logged.model_id)
        if logged is None:
            experiment = run.info.experiment_id
            logged = client.create_logged_model(
                experiment, names.MODEL, source_run_id=run_id, tags={DIGEST: digest}, model_type="image classifier"
            )
        try:
            _link(client, run, logged.model_id)
            _fill(client, run_id, logged, package, example)
            client.finalize_logged_model(logged.model_id, READY)
        except BaseException as error:
            if not is_temporary(error):
                client.finalize_logged_model(logged.model_id, "FAILED")
            raise
    return str(logged.model_id)


def _models_of(client: Any, run: Any) -> list[Any]:  # noqa: ANN401 - MLflow is untyped
    chosen = f"source_run_id = '{run.info.run_id}' AND name = '{names.MODEL}'"
    search = partial(client.search_logged_models, [run.info.experiment_id], filter_string=chosen)
    return list(despite_others(search))


def _link(client: Any, run: Any, model_id: str) -> None:  # noqa: ANN401 - MLflow is untyped
    outputs = run.outputs  # SQL stores refuse the same link a second time
    if model_id not in [output.model_id for output in (outputs.model_outputs if outputs else ())]:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, step=0)])


def _fill(client: Any, run_id: str, logged: Any, package: Path, example: bytes) -> None:  # noqa: ANN401 - MLflow is untyped
    model = Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        run_id=run_id,
        model_id=logged.model_id,
    )
    repository = get_artifact_repository(logged.artifact_location, tracking_uri=client.tracking_uri)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / names.MODEL
        build(folder, package, example=example, model=model)
        paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
        sent = missing(repository, paths)
        for target in sent:  # file by file: a whole folder may arrive in part
            below = target.parent.as_posix()
            client.log_model_artifact(logged.model_id, str(paths[target]), None if below == "." else below)
        wrong = missing(repository, {target: paths[target] for target in sent})
    for half in halves(store_path(logged.artifact_location)):
        remove(half)
    if wrong:
        listed = ", ".join(target.as_posix() for target in wrong)
        raise UnreachableError(f"The model {logged.model_id} didn't arrive whole: {listed}; it has to be sent again.")


def _digest(package: Path) -> str:
    files = sorted(path for path in package.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(package).as_posix()} {file_digest(path)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
