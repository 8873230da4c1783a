"""Asking a logged model about pictures."""

from pathlib import Path

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.splits.verifying import check_inside
from beauty_mlflow.evaluation.predictions import PredictionTable, predict
from beauty_mlflow.progress import console_progress
from beauty_mlflow.serving.package import MODEL_FILE, Description

BATCH = 128


def ask(package: Path, description: Description, pictures: Pictures, batch_size: int = BATCH) -> PredictionTable:
    """Return a logged network's own predictions, before calibration; this imports TensorFlow.

    Args:
        package: The folder of the model's files.
        description: The model's.
        pictures: With the classes in the model's order.
        batch_size: Pictures a step.

    Raises:
        DataError, WorkError: As ``predict``.
        ManifestError: A picture is a link that leads out of the data folder.
    """
    check_inside(pictures.folder, pictures.paths)
    from beauty_mlflow.networks.keras_file import load_keras_file

    return predict(
        load_keras_file(package / MODEL_FILE),
        pictures,
        size=description.image_size,
        resize=description.resize,
        batch_size=batch_size,
        progress=console_progress,
    )
