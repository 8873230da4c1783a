"""What a run holds at a moment: as the store has it, or as it will be once everything has arrived there."""

from dataclasses import dataclass, field
from typing import Any, Self

from beauty_mlflow.tracking.changes import OWN_MODEL, Batch, Change, Inputs, LoggedImage, LoggedModel, Status, Untag
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.names import RunStatus


@dataclass
class RunState:
    """What is read of a run.

    Attributes:
        status: As it is now.
        experiment_id: The experiment that the run belongs to.
        tags: All tags.
        parameters: All parameters.
        metrics: The latest value of each metric.
        data_name: What the run's data is called, see ``Dataset``; empty where it read none.
        histories: Every value of a metric by its step, of the metrics that were looked at or changed.
        image_steps: The steps of the images that were logged, by the images' name.
        model_id: Of the run's model, as far as it was looked at or logged.
    """

    status: RunStatus
    experiment_id: str
    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    data_name: str = ""
    histories: dict[str, dict[int, float]] = field(default_factory=dict)
    image_steps: dict[str, set[int]] = field(default_factory=dict)
    model_id: str = ""

    @classmethod
    def of(cls, entity: Any) -> Self:  # noqa: ANN401 - MLflow is untyped
        """Return that of MLflow's entity, which has no histories and no images."""
        read = entity.inputs.dataset_inputs if entity.inputs else ()
        return cls(
            entity.info.status,
            str(entity.info.experiment_id),
            dict(entity.data.tags),
            dict(entity.data.params),
            dict(entity.data.metrics),
            next((_data_name(one.dataset) for one in read), ""),
        )

    def take(self, change: Change) -> None:
        """Do to this what a change does to the run."""
        match change:
            case Batch():
                self.tags.update(change.tags)
                self.parameters.update(change.parameters)
                for point in change.metrics:
                    self.metrics[point.name] = point.value
                    self.histories.setdefault(point.name, {})[point.step] = point.value
            case Untag():
                self.tags.pop(change.name, None)
            case Inputs(datasets=(first, *_)):
                self.data_name = self.data_name or _data_name(first)
            case LoggedImage():
                self.image_steps.setdefault(change.name, set()).add(change.step)
            case LoggedModel():
                self.model_id = OWN_MODEL
            case Status():
                self.status = change.status


def _data_name(dataset: Dataset | Any) -> str:  # noqa: ANN401 - MLflow's has the same attribute
    return str(dataset.name).rpartition("/")[0]
