import pytest

from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared


@pytest.fixture(scope="session")
def training():
    """Return a made-up training; what isn't given is the same for all."""

    def make(blocks=0, accuracy=0.5, **changes):
        given = {
            "run": f"{blocks}-{accuracy}",
            "name": f"finetune tiny {blocks}",
            "experiment": "beauty",
            "data": "boxes, 4 classes",
            "pictures": "val",
            "train": "train",
            "grouped": False,
            "network": "tiny",
            "recipe": "fast",
            "blocks": blocks,
            "accuracy": accuracy + 0.1,
            "loss": 1 - accuracy,
            "val_accuracy": Accuracy(accuracy, accuracy - 0.05, accuracy + 0.05),
            "val_loss": 1.2 - accuracy,
            "best_epoch": 2,
            "epochs": 5,
            "hours": 1.5,
            "parameters": 22_889_321,
            "pictures_per_second": 40.25,
            "train_pictures": 100,
        }
        return Compared(**{**given, **changes})

    return make


@pytest.fixture(scope="session")
def depths(training):
    """Four depths of one network, the third the best."""
    return [training(blocks, accuracy) for blocks, accuracy in enumerate((0.3, 0.4, 0.6, 0.5))]
