"""A second model, laid beside the one that is measured: what it says about the same pictures."""

from dataclasses import dataclass, replace

import numpy as np

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.calibrating import Calibration
from beauty_mlflow.jobs.evaluated_before import as_predictions, tables_of
from beauty_mlflow.jobs.measuring import Subject
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking.models import Located, fetch_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store


@dataclass(frozen=True)
class Second:
    """The second model.

    Args:
        store: Where it is kept.
        uri: What names it.
        model: Where it is kept.
        training: The run that trained it.
    """

    store: Store
    uri: str
    model: Located
    training: Run

    def predictions(self, subject: Subject, batch_size: int) -> PredictionTable:
        """Return its predictions as they are served, the classes in the subject's order.

        Those that an evaluation of these very pictures has left are read (with the best five classes of each);
        without one the model is asked.

        Raises:
            DataError: A picture can't be read.
            TrackingError: The model can't be had.
        """
        pictures = subject.split.part(subject.part)
        if [str(one.model_id) for one in self.training.models()] == [self.model.model_id]:
            for run, found in tables_of(self.store, self.training, subject.split, subject.part):
                table = as_predictions(found, pictures)
                if table is not None:
                    say_notes([f"the model beside was evaluated on these pictures by run {run.run_id}"])
                    return table
        return self._asked(subject, batch_size)

    def _asked(self, subject: Subject, batch_size: int) -> PredictionTable:
        package = fetch_model(self.store, self.uri)
        description = read_description(package)
        pictures = replace(subject.split, classes=description.classes).part(subject.part)
        raw = ask(package, description, pictures, batch_size)
        return in_order(Calibration.of(description).served(raw), subject.split.classes)


def require_same_classes(own: Split, subject: Subject, uri: str) -> None:
    """Raise DataError where a model of that split knows other classes than the subject has."""
    differences = sorted(set(own.classes) ^ set(subject.split.classes))
    if differences:
        raise DataError(
            f"The model beside, {uri}, has other classes than these pictures, {len(differences)} in all: "
            f"{', '.join(differences[:5])}{' …' if len(differences) > 5 else ''}. "  # noqa: PLR2004
            "Only models of the same classes can be laid beside each other."
        )


def in_order(table: PredictionTable, classes: tuple[str, ...]) -> PredictionTable:
    """Return the table with its classes in this order."""
    if table.classes == classes:
        return table
    columns = np.array([table.classes.index(name) for name in classes])
    places = np.argsort(columns)
    return PredictionTable(table.paths, places[table.true].astype(np.int32), table.probabilities[:, columns], classes)
