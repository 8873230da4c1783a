"""What is decided at run time: whatever the parameters leave to the recipe or to the machine."""

from dataclasses import asdict, dataclass
from typing import Any

from beauty_mlflow.data.augmentation import Augment
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.parameters import to_text
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.networks.table import Scaling, get_network, scaling_for
from beauty_mlflow.training.precision import resolve_precision
from beauty_mlflow.training.recipes import BatchNorm, CacheUse, Precision, Recipe, get_recipe
from beauty_mlflow.training.schedules import Schedule


@dataclass(frozen=True)
class Settings:
    """The values that the training really uses."""

    optimizer: str
    learning_rate: float
    schedule: Schedule
    label_smoothing: float
    augment: Augment
    batch_norm: BatchNorm
    precision: Precision
    scaling: Scaling
    image_size: int
    cache: CacheUse
    warm_head: bool

    def as_text(self) -> dict[str, str]:
        """Return them as logged: ``resolved.<name>``."""
        return {f"resolved.{name}": to_text(value) for name, value in asdict(self).items()}


def resolve(parameters: TrainingParameters) -> Settings:
    """Replace every ``auto`` by the recipe's own value."""
    recipe = get_recipe(parameters.recipe)
    return Settings(
        optimizer=_own(parameters.optimizer, recipe.optimizer),
        learning_rate=_own(parameters.learning_rate, _learning_rate(recipe, parameters)),
        schedule=_own(parameters.schedule, recipe.schedule),
        label_smoothing=_own(parameters.label_smoothing, recipe.label_smoothing),
        augment=_own(parameters.augment, recipe.augment),
        batch_norm=_own(parameters.batch_norm, recipe.batch_norm) if isinstance(parameters, Finetune) else "train",
        precision=resolve_precision(_own(parameters.precision, recipe.precision)),
        scaling=scaling_for(get_network(parameters.network), recipe.scaling),
        image_size=parameters.size,
        cache=_cache(recipe, parameters),
        warm_head=_warm_head(recipe, parameters),
    )


def _own(given: Any, recipes: Any) -> Any:  # noqa: ANN401 - of whichever type the parameter has
    return recipes if given == "auto" else given


def _learning_rate(recipe: Recipe, parameters: TrainingParameters) -> float:
    head_only = isinstance(parameters, Finetune) and not parameters.unfrozen
    return recipe.head_learning_rate if head_only else recipe.learning_rate


def _cache(recipe: Recipe, parameters: TrainingParameters) -> CacheUse:
    use: CacheUse = _own(parameters.cache, recipe.cache)
    # a network trained as a whole has no frozen part
    return "pictures" if use == "activations" and not isinstance(parameters, Finetune) else use


def _warm_head(recipe: Recipe, parameters: TrainingParameters) -> bool:
    if not isinstance(parameters, Finetune) or not parameters.unfrozen or not parameters.caches_activations:
        return False
    return recipe.warm_head if parameters.warm_head == "auto" else parameters.warm_head == "true"
