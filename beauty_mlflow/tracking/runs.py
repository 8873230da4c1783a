"""A run: everything goes by MLflow's client and the run's id, never by an "active run" of the process."""

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from mlflow.exceptions import MlflowException
from PIL import Image

from beauty_mlflow.errors import BeautyError, MissingError, TrackingError, WorkError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.changes import Batch, Change, Inputs, LoggedFile, LoggedImage, Point, Status, Untag
from beauty_mlflow.tracking.console import warn
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.delivery import deliver, steps_of_images
from beauty_mlflow.tracking.ending import end_badly
from beauty_mlflow.tracking.experiments import introduce
from beauty_mlflow.tracking.failures import is_missing, translated
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.model_upload import models_of, ready_model_of, upload_model
from beauty_mlflow.tracking.owners import own_tag
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.run_state import RunState
from beauty_mlflow.tracking.searches import begun_offline
from beauty_mlflow.tracking.source import describe, source_tags
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.system import Sample, Sampler
from beauty_mlflow.tracking.values import about_credentials, check_metrics, check_tags, new_parameters


class Run:
    """One run of a store; its methods may be called by several threads.

    Every method raises TrackingError where the store refuses or doesn't answer, WorkError where a file can't be
    read or written.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.sampler: Sampler | None = None
        self._last_step: dict[str, int] = {}

    @classmethod
    def create(cls, store: Store, name: str, tags: Mapping[str, str] | None = None) -> Self:
        """Make a new run; its status is RUNNING until it is finished (see ``tracked``)."""
        checked = check_tags({**source_tags(), **(tags or {})})
        introduce(store)
        with translated(f"make a run in the {store.describe()}"):
            return cls(store, store.client.create_run(store.experiment_id, tags=checked, run_name=name).info.run_id)

    @classmethod
    def find(cls, store: Store, run_id: str) -> Self:
        """Return an existing run; one that began offline is known by the id that it had there as well.

        Raises:
            MissingError: There is none of that id, or it is deleted.
        """
        with translated(f"find the run {run_id}", f"MLFLOW_TRACKING_URI says where to look: {redact(store.uri)}"):
            info = _entity_of(store.client, run_id).info
        if info.lifecycle_stage != "active":
            raise MissingError(
                f"The run {run_id} is deleted; bring it back with: mlflow runs restore --run-id {run_id}"
            )
        return cls(store, info.run_id)

    @classmethod
    def current(cls, store: Store) -> Self:
        """Return the run that `mlflow run` made for this process, with the tags that MLflow left out."""
        introduce(store)
        run = cls.find(store, project_run_id())
        stored = run.hide_credentials()
        if problem := about_credentials(run.run_id, run.parameters()):
            raise TrackingError(problem)
        run.set_tags({name: value for name, value in source_tags().items() if name not in stored})
        return run

    def hide_credentials(self) -> dict[str, str]:
        """Take credentials out of the tags that `mlflow run` has stored, and return all tags."""
        stored = self.tags
        hidden = {name: redact(value) for name, value in stored.items()}
        self.set_tags({name: value for name, value in hidden.items() if value != stored[name]})
        return hidden

    @classmethod
    def open(cls, store: Store, name: str) -> Self:
        """Return the run that `mlflow run` made for this process, else a new one."""
        return cls.current(store) if project_run_id() else cls.create(store, name)

    def entity(self) -> Any:  # noqa: ANN401 - MLflow is untyped
        """Return MLflow's entity of the run as it is now."""
        with translated(f"read the run {self.run_id}"):
            return self.store.client.get_run(self.run_id)

    def state(self) -> RunState:
        """Return what the run holds now."""
        return RunState.of(self.entity())

    @property
    def status(self) -> names.RunStatus:
        """As it is now."""
        return self.state().status

    @property
    def experiment_id(self) -> str:
        """The experiment that the run belongs to."""
        return self.state().experiment_id

    @property
    def tags(self) -> dict[str, str]:
        """All tags, MLflow's own included."""
        return dict(self.state().tags)

    def parameters(self) -> dict[str, str]:
        """All parameters, as they are stored."""
        return dict(self.state().parameters)

    def metrics(self) -> dict[str, float]:
        """The latest value of each metric."""
        return dict(self.state().metrics)

    def data_name(self) -> str:
        """Return what the run's data is called: its datasets' name without the part; empty where it has none."""
        return self.state().data_name

    def metric_history(self, name: str) -> dict[int, float]:
        """Every value of a metric by its step, the steps in order."""
        with translated(f"read the metric {name} of the run {self.run_id}"):
            points = self.store.client.get_metric_history(self.run_id, name)
        return {point.step: point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))}

    def epochs_logged(self) -> int:
        """Return how many epochs are logged completely; what is logged of a later one is then not logged again."""
        self._last_step = {name: max(self.metric_history(name), default=0) for name in names.EPOCH_METRICS}
        return min(self._last_step.values())

    def image_steps(self, name: str) -> set[int]:
        """Return the steps at which images of that name are logged."""
        return steps_of_images(self.store.client, self.run_id, name)

    def models(self) -> list[Any]:
        """Return MLflow's entities of the models that the run logged, whole or not, newest first."""
        return models_of(self.store.client, self.run_id)

    def model_id(self) -> str:
        """Return the id of the run's logged model, empty where it has none that is ready."""
        return ready_model_of(self.store.client, self.run_id)

    def log_parameters(self, parameters: Mapping[str, str]) -> None:
        """Log the parameters that aren't logged yet; a value that contradicts the logged one is an error."""
        self._change(Batch(parameters=new_parameters(parameters, self.parameters())))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics (counted from 1) and the system's since the last one, in one call."""
        values, now = check_metrics(metrics), milliseconds()
        self._log_with_samples(
            [
                Point(name=name, value=value, timestamp=now, step=epoch)
                for name, value in values.items()
                if epoch > self._last_step.get(name, 0)
            ]
        )

    def log_metrics(
        self, metrics: Mapping[str, float], *, model_id: str | None = None, dataset: Dataset | None = None
    ) -> None:
        """Log figures that have no epoch, on the run and, where given, on a logged model and a dataset.

        A figure that the run has already, with the same value, isn't logged a second time.
        """
        values, stored, now = check_metrics(metrics), self.metrics(), milliseconds()
        points = [
            Point(name=name, value=value, timestamp=now, step=0, model=model_id or "", dataset=dataset)
            for name, value in values.items()
            if stored.get(name) != value
        ]
        self._change(Batch(metrics=tuple(points)))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, over what they were."""
        self._change(Batch(tags=check_tags(tags)))

    def remove_tag(self, name: str) -> None:
        """Remove a tag, if the run has it."""
        self._change(Untag(name=name))

    def link(self, words: str = "", artifact: str = "") -> str:
        """Return Markdown that leads, in MLflow's UI, to the run or to one of its artifacts."""
        address = f"#/experiments/{self.experiment_id}/runs/{self.run_id}"
        return f"[{words or f'run {self.run_id}'}]({address}{f'/artifacts/{artifact}' if artifact else ''})"

    def describe(self, sentences: str, command: str) -> None:
        """Set the run's description: what it is in words, and the command that does it again."""
        self.set_tags(describe(sentences, command))

    def log_inputs(self, datasets: Iterable[Dataset]) -> None:
        """Log the datasets that the run reads."""
        self._change(Inputs(datasets=tuple(datasets)))

    def use_model(self, model_id: str) -> None:
        """Link a logged model that the run reads."""
        self._change(Inputs(model=model_id))

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log one file, whole or not at all, into a folder of the run's artifacts."""
        self._change(LoggedFile(path=path, folder=folder))

    def log_folder(self, path: Path, folder: str = "") -> None:
        """Log every file below a folder, each whole or not at all."""
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            below = file.parent.relative_to(path).as_posix()
            self.log_file(file, "/".join(part for part in (folder, below) if part not in ("", ".")))

    def log_image(self, image: npt.NDArray[np.uint8], name: str, step: int) -> None:
        """Log a picture, uint8 [height, width, 3], that MLflow's UI shows by its step among the charts."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.png"
            Image.fromarray(image).save(path)
            self._change(LoggedImage(path=path, name=name, step=step, timestamp=milliseconds()))

    def log_model(self, package: Path, *, example: bytes) -> str:
        """Log what serving.package.save_package wrote as the run's one model; return the logged model's id.

        It loads by mlflow.pyfunc.load_model as a classifier of picture files, and by mlflow.keras.load_model as the
        network. ``example`` is one real picture's file.
        """
        return upload_model(self.store.client, self.run_id, package, example=example)

    def reopen(self) -> None:
        """Set the status to RUNNING again, of this process; what an earlier end left as its error is taken away."""
        self.set_tags(own_tag(self.tags))  # first: who thinks that the run is dead looks there again
        self._change(Status(status="RUNNING"))
        self.remove_tag(names.ERROR)

    def finish(self, status: names.RunStatus, tags: Mapping[str, str] | None = None) -> None:
        """Send what is left and the last tags, then set the final status: FINISHED, FAILED or KILLED."""
        try:
            if self.sampler:
                self.sampler.stop()
            if tags:
                self._change(Batch(tags=check_tags(tags)))
            try:
                self._log_with_samples([])
            except WorkError as error:  # the spool is full
                warn(f"the last system metrics of the run {self.run_id} aren't kept: {error}")
        finally:
            self._change(Status(status=status, end=milliseconds()))

    def hurry(self) -> None:
        """See ``Endable``; nothing is kept here."""

    def start_sampling(self) -> None:
        """Begin to collect system metrics, after those that the run has."""
        history = self.metric_history(f"{names.SYSTEM_PREFIX}cpu_utilization_percentage")
        sampler = Sampler(first_step=max(history, default=-1) + 1)
        sampler.start()
        self.sampler = sampler

    def _log_with_samples(self, points: Sequence[Point]) -> None:
        samples = self.sampler.take() if self.sampler else []
        try:
            measured = [point for sample in samples for point in _points(sample)]
            if points or measured:
                self._change(Batch(metrics=(*points, *measured)))
        except BaseException:
            if self.sampler:
                self.sampler.put_back(samples)
            raise

    def _change(self, change: Change) -> None:
        deliver(self.store.client, self.run_id, change)


def _entity_of(client: Any, run_id: str) -> Any:  # noqa: ANN401 - MLflow is untyped
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        found = begun_offline(client, run_id) if is_missing(error) else None
        if found is None:
            raise
        return found


def close_failed(run_id: str, reason: str, *, killed: bool) -> None:
    """End the run that `mlflow run` made for a command that failed; one that has ended already stays as it is.

    Never raises a BeautyError: what goes wrong is printed beside the error that the command ends with.
    """
    try:
        run = Run.find(connect(), run_id)
        run.hide_credentials()
        problem = about_credentials(run_id, run.parameters())
        if problem not in reason:
            warn(problem)
        if run.status in ("RUNNING", "SCHEDULED"):
            end_badly(run, reason, killed=killed)
    except BeautyError as error:
        warn(f"the run {run_id} couldn't be closed: {error}")


def _points(sample: Sample) -> list[Point]:
    return [
        Point(name=name, value=value, timestamp=sample.timestamp, step=sample.step)
        for name, value in sample.values.items()
    ]


def milliseconds() -> int:
    """Return the time as MLflow keeps it, in ms since 1970."""
    return int(time.time() * 1000)
