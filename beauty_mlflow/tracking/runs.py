"""A run: everything goes by MLflow's client and the run's id, never by an "active run" of the process."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from mlflow.entities import LoggedModelInput, Metric, Param, RunTag

from beauty_mlflow.errors import BeautyError, TrackingError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.ending import end_badly, warn
from beauty_mlflow.tracking.experiments import introduce
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.source import describe, source_tags
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.system import Sample, Sampler
from beauty_mlflow.tracking.values import check_metrics, check_tags, new_parameters


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
        """Return an existing run.

        Raises:
            TrackingError: There is none of that id, or it is deleted.
        """
        with translated(f"find the run {run_id}", f"MLFLOW_TRACKING_URI says where to look: {redact(store.uri)}"):
            info = store.client.get_run(run_id).info
        if info.lifecycle_stage != "active":
            raise TrackingError(
                f"The run {run_id} is deleted; bring it back with: mlflow runs restore --run-id {run_id}"
            )
        return cls(store, info.run_id)

    @classmethod
    def current(cls, store: Store) -> Self:
        """Return the run that `mlflow run` made for this process, with the tags that MLflow left out."""
        introduce(store)
        run = cls.find(store, project_run_id())
        stored = run.tags
        missing = {name: value for name, value in source_tags().items() if name not in stored}
        source = stored.get(names.SOURCE_NAME, "")
        run.set_tags({**missing, **({names.SOURCE_NAME: source} if redact(source) != source else {})})
        return run

    @classmethod
    def open(cls, store: Store, name: str) -> Self:
        """Return the run that `mlflow run` made for this process, else a new one."""
        return cls.current(store) if project_run_id() else cls.create(store, name)

    def entity(self) -> Any:  # noqa: ANN401 - MLflow is untyped
        """Return MLflow's entity of the run as it is now."""
        with translated(f"read the run {self.run_id}"):
            return self.store.client.get_run(self.run_id)

    @property
    def status(self) -> str:
        """RUNNING, FINISHED, FAILED, KILLED or SCHEDULED."""
        return str(self.entity().info.status)

    @property
    def experiment_id(self) -> str:
        """The experiment that the run belongs to."""
        return str(self.entity().info.experiment_id)

    @property
    def tags(self) -> dict[str, str]:
        """All tags, MLflow's own included."""
        return dict(self.entity().data.tags)

    def parameters(self) -> dict[str, str]:
        """All parameters, as they are stored."""
        return dict(self.entity().data.params)

    def metrics(self) -> dict[str, float]:
        """The latest value of each metric."""
        return dict(self.entity().data.metrics)

    def metric_history(self, name: str) -> dict[int, float]:
        """Every value of a metric by its step, the steps in order."""
        with translated(f"read the metric {name} of the run {self.run_id}"):
            points = self.store.client.get_metric_history(self.run_id, name)
        return {point.step: point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))}

    def epochs_logged(self) -> int:
        """Return how many epochs are logged completely; what is logged of a later one is then not logged again."""
        self._last_step = {name: max(self.metric_history(name), default=0) for name in names.EPOCH_METRICS}
        return min(self._last_step.values())

    def models(self) -> list[Any]:
        """Return MLflow's entities of the models that the run logged, whole or not, newest first."""
        chosen = f"source_run_id = '{self.run_id}' AND name = '{names.MODEL}'"
        with translated(f"find the model of the run {self.run_id}"):
            return list(self.store.client.search_logged_models([self.experiment_id], filter_string=chosen))

    def model_id(self) -> str:
        """Return the id of the run's logged model, empty where it has none that is ready."""
        return next((str(model.model_id) for model in self.models() if str(model.status) == "READY"), "")

    def log_parameters(self, parameters: Mapping[str, str]) -> None:
        """Log the parameters that aren't logged yet; a value that contradicts the logged one is an error."""
        new = new_parameters(parameters, self.parameters())
        self._send("parameters", params=[Param(name, value) for name, value in new.items()])

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics (counted from 1) and the system's since the last one, in one call."""
        values = check_metrics(metrics)
        now = _milliseconds()
        points = [
            Metric(name, value, now, epoch) for name, value in values.items() if epoch > self._last_step.get(name, 0)
        ]
        self._send_with_samples(points)

    def log_metrics(
        self, metrics: Mapping[str, float], *, model_id: str | None = None, dataset: Dataset | None = None
    ) -> None:
        """Log figures that have no epoch, on the run and, where given, on a logged model and a dataset.

        A figure that the run has already, with the same value, isn't logged a second time.
        """
        values, stored, now = check_metrics(metrics), self.metrics(), _milliseconds()
        linked = {"model_id": model_id, "run_id": self.run_id}
        if dataset:
            linked |= {"dataset_name": dataset.name, "dataset_digest": dataset.digest}
        new = [Metric(name, value, now, 0, **linked) for name, value in values.items() if stored.get(name) != value]
        self._send("metrics", metrics=new)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, over what they were."""
        self._send("tags", tags=_tags(tags))

    def link(self, words: str = "", artifact: str = "") -> str:
        """Return Markdown that leads, in MLflow's UI, to the run or to one of its artifacts."""
        address = f"#/experiments/{self.experiment_id}/runs/{self.run_id}"
        return f"[{words or f'run {self.run_id}'}]({address}{f'/artifacts/{artifact}' if artifact else ''})"

    def describe(self, sentences: str, command: str) -> None:
        """Set the run's description: what it is in words, and the command that does it again."""
        self.set_tags(describe(sentences, command))

    def log_inputs(self, datasets: Iterable[Dataset]) -> None:
        """Log the datasets that the run reads."""
        with translated(f"log the datasets of the run {self.run_id}"):
            self.store.client.log_inputs(self.run_id, [dataset.as_input() for dataset in datasets])

    def use_model(self, model_id: str) -> None:
        """Link a logged model that the run reads."""
        with translated(f"link the model {model_id} to the run {self.run_id}"):
            self.store.client.log_inputs(self.run_id, models=[LoggedModelInput(model_id)])

    def data_name(self) -> str:
        """Return what the run's data is called: its datasets' name without the part; empty where it has none."""
        inputs = self.entity().inputs
        found = [item.dataset.name.rpartition("/")[0] for item in (inputs.dataset_inputs if inputs else ())]
        return found[0] if found else ""

    def remove_tag(self, name: str) -> None:
        """Remove a tag, if the run has it."""
        if name in self.tags:
            with translated(f"remove a tag of the run {self.run_id}"):
                self.store.client.delete_tag(self.run_id, name)

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log one file, whole or not at all, into a folder of the run's artifacts."""
        with translated(f"log {path.name} in the run {self.run_id}"):
            self.store.client.log_artifact(self.run_id, str(path), folder or None)

    def log_folder(self, path: Path, folder: str = "") -> None:
        """Log every file below a folder, each whole or not at all."""
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            below = file.parent.relative_to(path).as_posix()
            self.log_file(file, "/".join(part for part in (folder, below) if part not in ("", ".")))

    def log_image(self, image: npt.NDArray[np.uint8], name: str, step: int) -> None:
        """Log a picture, uint8 [height, width, 3], that MLflow's UI shows by its step among the charts."""
        with translated(f"log the image {name} of the run {self.run_id}"):
            self.store.client.log_image(self.run_id, image, key=name, step=step, synchronous=True)

    def reopen(self) -> None:
        """Set the status to RUNNING again; what an earlier end left as its error is taken away."""
        with translated(f"reopen the run {self.run_id}"):
            self.store.client.update_run(self.run_id, status="RUNNING")
        self.remove_tag(names.ERROR)

    def finish(self, status: str, tags: Mapping[str, str] | None = None) -> None:
        """Send what is left and the last tags, then set the final status: FINISHED, FAILED or KILLED."""
        try:
            if self.sampler:
                self.sampler.stop()
            self._send_with_samples([], tags or {})
        finally:
            with translated(f"set the run {self.run_id} to {status}"):
                self.store.client.set_terminated(self.run_id, status)

    def start_sampling(self) -> None:
        """Begin to collect system metrics, after those that the run has."""
        history = self.metric_history(f"{names.SYSTEM_PREFIX}cpu_utilization_percentage")
        sampler = Sampler(first_step=max(history, default=-1) + 1)
        sampler.start()
        self.sampler = sampler

    def _send_with_samples(self, metrics: list[Any], tags: Mapping[str, str] | None = None) -> None:
        samples = self.sampler.take() if self.sampler else []
        try:
            points = [point for sample in samples for point in _points(sample)]
            self._send("metrics", metrics=[*metrics, *points], tags=_tags(tags or {}))
        except BaseException:
            if self.sampler:
                self.sampler.put_back(samples)
            raise

    def _send(self, what: str, **batch: list[Any]) -> None:
        with translated(f"log the {what} of the run {self.run_id}"):
            self.store.client.log_batch(self.run_id, **batch, synchronous=True)


def close_failed(run_id: str, reason: str, *, killed: bool) -> None:
    """End the run that `mlflow run` made for a command that failed; one that has ended already stays as it is.

    Never raises a BeautyError: what goes wrong is printed beside the error that the command ends with.
    """
    try:
        run = Run.find(connect(), run_id)
        if run.status in ("RUNNING", "SCHEDULED"):
            end_badly(run, reason, killed=killed)
    except BeautyError as error:
        warn(f"the run {run_id} couldn't be closed: {error}")


def _points(sample: Sample) -> list[Any]:
    return [Metric(name, value, sample.timestamp, sample.step) for name, value in sample.values.items()]


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [RunTag(name, value) for name, value in check_tags(tags).items()]


def _milliseconds() -> int:
    return int(time.time() * 1000)
