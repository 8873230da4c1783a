"""From a session to a network that is ready to be trained."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.first_statistics import set_statistics
from beauty_mlflow.jobs.measuring import count_shared
from beauty_mlflow.jobs.model_names import RUN_ID, names_model
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.networks.building import build_scratch, build_transfer
from beauty_mlflow.networks.freezing import freeze
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.weights import load_weights
from beauty_mlflow.serving.package import MODEL_FILE, read_description
from beauty_mlflow.tracking.models import fetch_model, training_run_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.training.initial import restore_initial, save_initial


@dataclass(frozen=True)
class Built:
    """A network to train, and in words where its weights come from."""

    model: keras.Model
    weights_source: str
    note: str


@dataclass(frozen=True)
class _Source:
    """Where the first weights are on this machine, and what must be known about them."""

    weights: str
    origin: str | None = None
    classes: tuple[str, ...] | None = None
    overlap: str = ""


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
    source = restore_initial(session.folder, model)
    if source is None:
        built = _initialised(session, settings, parameters, model)
        save_initial(session.folder, model, built.weights_source)
    else:
        built = Built(model, source, "")
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
    source = _local_weights(session, parameters.weights)
    loaded = load_weights(
        model,
        network,
        source.weights,
        classes=session.split.classes,
        source_classes=source.classes,
        origin=source.origin,
    )
    if loaded.random:
        set_statistics(session, settings, model)
    return Built(model, loaded.source, " ".join(filter(None, [loaded.note, source.overlap])))


def _local_weights(session: Session, weights: str) -> _Source:
    if not names_model(weights):
        return _Source(weights)
    package = fetch_model(session.store, weights)
    return _Source(
        str(package / MODEL_FILE),
        origin=f"run:{weights}" if RUN_ID.fullmatch(weights) else weights,
        classes=read_description(package).classes,
        overlap=_overlap(session, training_run_of(session.store, weights)),
    )


def _overlap(session: Session, source: Run) -> str:
    """Say which pictures that are to measure the model its weights were trained on before."""
    before = own_split(source, check_pictures=False)
    shared = {part: count_shared(session.split, part, before, "train") for part in ("val", "test")}
    if not any(shared.values()):
        return ""
    counts = " and ".join(f"{count} {part}" for part, count in shared.items())
    return (
        f"WARNING: {counts} pictures were in the training part of the run that the weights come from: the figures "
        "on them will be too good."
    )
