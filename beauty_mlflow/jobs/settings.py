"""What is decided at run time: whatever the parameters leave to the recipe or to the machine."""

from dataclasses import asdict, dataclass

from beauty_mlflow.data.augmentation import Augment
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.networks.table import Scaling, get_network, scaling_for
from beauty_mlflow.training.precision import resolve_precision
from beauty_mlflow.training.recipes import BatchNorm, Precision, get_recipe


@dataclass(frozen=True)
class Settings:
    """The values that the training really uses."""

    optimizer: str
    learning_rate: float
    augment: Augment
    batch_norm: BatchNorm
    precision: Precision
    scaling: Scaling
    image_size: int

    def as_text(self) -> dict[str, str]:
        """Return them as logged: ``resolved.<name>``."""
        return {f"resolved.{name}": str(value) for name, value in asdict(self).items()}


def resolve(parameters: TrainingParameters) -> Settings:
    """Replace every ``auto`` by the recipe's own value."""
    recipe = get_recipe(parameters.recipe)
    batch_norm = parameters.batch_norm if isinstance(parameters, Finetune) else "train"
    return Settings(
        optimizer=recipe.optimizer if parameters.optimizer == "auto" else parameters.optimizer,
        learning_rate=recipe.learning_rate if parameters.learning_rate == "auto" else parameters.learning_rate,
        augment=recipe.augment if parameters.augment == "auto" else parameters.augment,
        batch_norm=recipe.batch_norm if batch_norm == "auto" else batch_norm,
        precision=resolve_precision(recipe.precision if parameters.precision == "auto" else parameters.precision),
        scaling=scaling_for(get_network(parameters.network), recipe.scaling),
        image_size=parameters.size,
    )
