"""The head trained alone before blocks are unfrozen, once for all that share its data, network and seed.

Linear probing, then fine-tuning: a random head's gradients would distort the pretrained features (Kumar et al. 2022,
"Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution").
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key, Rows, arrays_digest
from beauty_mlflow.jobs.feeding import Feeds
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.networks.building import HEAD_PREFIX
from beauty_mlflow.training.loop import FitOptions, fit
from beauty_mlflow.training.progress import ConsoleTraining
from beauty_mlflow.training.recipes import get_recipe

HEAD_EPOCHS = 20
HEAD_PATIENCE = 3
_FIGURES = ("head_val_loss", "head_val_accuracy")

Numbers = npt.NDArray[np.float32]


def warm_head(current: Session, settings: Settings, feeds: Feeds) -> Mapping[str, float]:
    """Set the head's weights to those of its own training, which is done if nobody has done it yet.

    Returns:
        ``head_val_loss`` and ``head_val_accuracy``, of the head's best epoch; empty where no head comes first.

    Raises:
        DivergedError: Its loss isn't finite.
        CacheError: There is no room, or the disk fails.
    """
    if feeds.head is None or feeds.cache is None:
        return {}
    head = feeds.head.model
    options = _options(current, settings)
    rows = Rows(1, (len(_FIGURES) + head.count_params(),), "float32")
    key = Key("head", _content(current, feeds, options))
    with feeds.cache.ensure({key: rows}, partial(_train, current, feeds, options))[key] as entry:
        numbers: Numbers = entry.read(np.arange(1))[0]
    _set(head, numbers[len(_FIGURES) :])
    return {name: float(number) for name, number in zip(_FIGURES, numbers, strict=False)}


def _options(current: Session, settings: Settings) -> FitOptions:
    parameters = current.parameters
    return FitOptions(
        optimizer=settings.optimizer,
        learning_rate=get_recipe(parameters.recipe).head_learning_rate,
        epochs=HEAD_EPOCHS,
        patience=HEAD_PATIENCE,
        label_smoothing=settings.label_smoothing,
        schedule=settings.schedule,
        seed=parameters.seed,
    )


def _content(current: Session, feeds: Feeds, options: FitOptions) -> dict[str, object]:
    """Return all that decides the trained head: what it reads, how it begins and how it is trained."""
    assert feeds.head is not None
    train, validation = current.split.part("train"), current.split.part("val")
    head = feeds.head.model
    # without the network's own name and its input's: Keras numbers those over a process
    layers = [layer.get_config() for layer in head.layers if layer.name.startswith(HEAD_PREFIX)]
    return {
        "rows": _digest_text(feeds.head_content),
        "pictures": arrays_digest([train.keys, train.labels, validation.keys, validation.labels]),
        "begins": arrays_digest(head.get_weights()),
        "layers": _digest_text(layers),
        "batch_size": current.parameters.batch_size,
        "class_weight": current.parameters.class_weight,
        **vars(options),
    }


def _train(
    current: Session, feeds: Feeds, options: FitOptions, _: Sequence[Key], __: int
) -> Iterator[Sequence[Numbers]]:
    assert feeds.head is not None
    head = feeds.head.model
    before = [np.array(variable) for variable in head.variables]
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            head,
            feeds.head.train,
            feeds.head.validation,
            options=options,
            folder=Path(folder),
            report=lambda *_: None,
            train_pictures=current.split.sizes["train"],
            progress=ConsoleTraining(label="head alone, "),
        )
    weights = [weight.ravel() for weight in head.get_weights()]
    # whoever finds the head in the cache has drawn nothing from dropout's generator either
    for variable, value in zip(head.variables, before, strict=True):
        variable.assign(value)
    yield [np.concatenate([[result.best_val_loss, result.best_val_accuracy], *weights]).astype(np.float32)[None]]


def _set(head: keras.Model, numbers: Numbers) -> None:
    shapes = [weight.shape for weight in head.get_weights()]
    parts = np.split(numbers, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
    head.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])


def _digest_text(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
