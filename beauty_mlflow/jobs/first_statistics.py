"""The batch-norm statistics that random weights need, taken once for all runs that begin with them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key, Rows, arrays_digest
from beauty_mlflow.cache.limits import open_cache
from beauty_mlflow.data.augmentation import identity
from beauty_mlflow.data.decoded import DECODER
from beauty_mlflow.data.pipeline import batches
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.networks.statistics import batch_norm_statistics, set_batch_norm_statistics

BATCHES = 4

Numbers = npt.NDArray[np.float32]


def set_statistics(current: Session, settings: Settings, model: keras.Model) -> None:
    """Set a random network's batch-norm statistics to those of a few batches of the training pictures.

    Raises:
        DataError: A picture can't be read.
        CacheError: The disk fails.
    """
    variables = batch_norm_statistics(model)
    sizes = [int(variable.shape.num_elements()) for variable in variables]
    rows = Rows(1, (max(1, sum(sizes)),), "float32")
    cache = None if settings.cache == "none" else open_cache(current.parameters.cache_gb)
    if not variables or cache is None or cache.usage().available < rows.nbytes:
        set_batch_norm_statistics(model, _first_batches(current, settings))
        return

    def take(_: Sequence[Key], __: int) -> Iterator[Sequence[Numbers]]:
        set_batch_norm_statistics(model, _first_batches(current, settings))
        yield [np.concatenate([np.ravel(variable) for variable in variables]).astype(np.float32)[None]]

    key = Key("statistics", _content(current, settings, model))
    with cache.ensure({key: rows}, take)[key] as entry:
        numbers: Numbers = entry.read(np.arange(1))[0]
    for variable, values in zip(variables, np.split(numbers, np.cumsum(sizes)[:-1]), strict=True):
        variable.assign(values.reshape(variable.shape))


def _content(current: Session, settings: Settings, model: keras.Model) -> dict[str, object]:
    """Return all that decides the statistics: the network as it is, and the pictures as they are read."""
    parameters = current.parameters
    return {
        "pictures": arrays_digest([current.split.part("train").keys]),  # their order decides which come first
        "network": parameters.network,
        "weights": arrays_digest(model.get_weights()),
        "scaling": settings.scaling,
        "precision": settings.precision,
        "size": settings.image_size,
        "resize": parameters.resize,
        "decoder": DECODER,
        "augmentation": identity(settings.augment),
        "batch_size": parameters.batch_size,
        "seed": parameters.seed,
        "batches": BATCHES,
    }


def _first_batches(current: Session, settings: Settings) -> list[Any]:
    pictures, parameters = current.split.part("train"), current.parameters
    dataset = batches(
        pictures,
        size=settings.image_size,
        resize=parameters.resize,
        batch_size=min(parameters.batch_size, len(pictures)),
        augment=settings.augment,
        seed=parameters.seed,
        shuffle=True,
    )
    return [images for images, *_ in islice(iter(dataset), BATCHES)]
