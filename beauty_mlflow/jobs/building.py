"""From a session to a network that is ready to be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import keras

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.jobs.training_parameters import RUN_ID
from beauty_mlflow.networks.building import build_scratch, build_transfer
from beauty_mlflow.networks.freezing import freeze
from beauty_mlflow.networks.statistics import set_batch_norm_statistics
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.weights import load_weights
from beauty_mlflow.serving.package import MODEL_FILE, read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.store import Store
from beauty_mlflow.training.checkpoint import has_checkpoint

STATISTICS_BATCHES = 4


@dataclass(frozen=True)
class Built:
    """A network to train, and in words where its weights come from."""

    model: keras.Model
    weights_source: str
    note: str


Builder = Callable[[Session, Settings], Built]


def build_finetuned(session: Session, settings: Settings) -> Built:
    """Build trunk and head, load the weights, freeze all but the wanted blocks."""
    parameters = session.parameters
    if not isinstance(parameters, Finetune):
        raise TypeError(f"expected finetune's parameters, got {type(parameters).__name__}")
    network = get_network(parameters.network)
    model = build_transfer(
        network,
        classes=len(session.split.classes),
        image_size=settings.image_size,
        scaling=settings.scaling,
        dropout=parameters.dropout,
        dense_units=parameters.dense_units,
        precision=settings.precision,
        seed=parameters.seed,
    )
    # a checkpoint holds all weights; where they first came from may be gone by now
    if has_checkpoint(session.folder):
        built = Built(model, session.run.tags[names.WEIGHTS_SOURCE], "")
    else:
        built = _initialised(session, settings, parameters, model)
    freeze(model, network, parameters.unfrozen, batch_norm=settings.batch_norm)
    return built


def build_from_scratch(session: Session, settings: Settings) -> Built:
    """Build the whole network with its own top and random weights."""
    model = build_scratch(
        get_network(session.parameters.network),
        classes=len(session.split.classes),
        image_size=settings.image_size,
        scaling=settings.scaling,
        precision=settings.precision,
        seed=session.parameters.seed,
    )
    return Built(model, "random", "")


def _initialised(session: Session, settings: Settings, parameters: Finetune, model: keras.Model) -> Built:
    network = get_network(parameters.network)
    weights, source, source_classes = _local_weights(session.store, parameters.weights)
    loaded = load_weights(model, network, weights, classes=session.split.classes, source_classes=source_classes)
    if loaded.random:
        pictures = session.split.part("train")
        set_batch_norm_statistics(model, _first_batches(pictures, settings, parameters))
    return Built(model, source or loaded.source, loaded.note)


def _local_weights(store: Store, weights: str) -> tuple[str, str, tuple[str, ...] | None]:
    if not (RUN_ID.fullmatch(weights) or weights.startswith(("models:/", "runs:/"))):
        return weights, "", None
    package = fetch_model(store, weights)
    return str(package / MODEL_FILE), weights, read_description(package).classes


def _first_batches(pictures: Pictures, settings: Settings, parameters: Finetune) -> "list[object]":
    dataset = batches(
        pictures,
        size=settings.image_size,
        resize=parameters.resize,
        batch_size=min(parameters.batch_size, len(pictures)),
        augment=settings.augment,
        seed=parameters.seed,
        shuffle=True,
    )
    return [images for images, _ in islice(iter(dataset), STATISTICS_BATCHES)]
