"""What one epoch measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures.

    Attributes:
        epoch: Counted from 1.
        loss: What was minimised: the mean over the training pictures as they were met, with label smoothing
            and class weights where these were asked for.
        accuracy: Share of training pictures that were right when they were met, unweighted.
        val_loss: Plain cross-entropy on the validation pictures, so that runs with and without label
            smoothing or class weights can be compared.
        val_accuracy: Share of validation pictures that are right.
        learning_rate: The optimizer's, in this epoch.
        epoch_seconds: Training and validation together.
        images_per_second: Training pictures a second of training, validation not counted.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    epoch_seconds: float
    images_per_second: float

    @property
    def metrics(self) -> Mapping[str, float]:
        """All but the epoch's number, by name."""
        return {name: value for name, value in asdict(self).items() if name != "epoch"}
