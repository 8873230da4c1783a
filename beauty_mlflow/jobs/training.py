"""The way from a session to a trained, evaluated and logged model; finetune, train and main all go it."""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.pipeline import translate_errors
from beauty_mlflow.data.regular import read_file
from beauty_mlflow.data.splits.grouping import recorded_groups
from beauty_mlflow.errors import PrunedError
from beauty_mlflow.evaluation.confusion_image import confusion_image
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.figures import draw_augmentation, draw_curves, draw_reliability, draw_samples
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable, predict, predict_batches
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.artifacts import accuracy_line, dataset, log_evaluation, log_split
from beauty_mlflow.jobs.building import Builder, Built
from beauty_mlflow.jobs.calibrating import Calibration, fit_calibration
from beauty_mlflow.jobs.describing import describe_training
from beauty_mlflow.jobs.feeding import VALIDATION_BATCH, Feed, open_feeds
from beauty_mlflow.jobs.measuring import Subject, copies_in, log_figures
from beauty_mlflow.jobs.opening import pictures_line, say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings, resolve
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.jobs.warm_head import warm_head
from beauty_mlflow.networks.freezing import count_parameters, describe
from beauty_mlflow.progress import console_progress
from beauty_mlflow.serving.package import save_package
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.epochs import HISTORIES, sums
from beauty_mlflow.training.loop import FitOptions, FitResult, fit
from beauty_mlflow.training.schedules import factor


@dataclass(frozen=True)
class Trained:
    """The kept model and what a caller needs to go on with it."""

    model: Any
    model_id: str
    settings: Settings
    calibration: Calibration
    summary: Summary


def train_and_evaluate(current: Session, build: Builder) -> Summary:
    """Train in the session's run, then evaluate there on the parts that the session wants."""
    trained = train_in_run(current, build)
    if not current.wanted.then_evaluate:
        return [*trained.summary, ("next", f"mlflow run . -e evaluate -P model={current.run.run_id}")]
    lines = [evaluate_in_session(current, trained, part) for part in current.wanted.then_evaluate]
    return [*trained.summary, *(line for summary in lines for line in summary)]


def evaluate_in_session(current: Session, trained: Trained, part: str) -> Summary:
    """Measure the model just trained on another part of its split, in the same run.

    Raises:
        DataError: The part has no picture.
    """
    subject = Subject(current.split, part, current.data_name, copies_in(current.split, part))
    subject.announce()
    table = predict_part(current, trained.settings, trained.model, part)
    return log_figures(current.run, subject, table, trained.calibration, trained.model_id)


def train_in_run(current: Session, build: Builder) -> Trained:
    """Train, keep the best epoch's weights, calibrate and evaluate them on val, and log all of it."""
    settings = resolve(current.parameters)
    _log_inputs(current, settings)
    with translate_errors():
        built = build(current, settings)
        _log_network(current, built)
        with open_feeds(current, settings, built.model) as feeds:
            current.run.log_parameters({"resolved.source": feeds.training.source})
            current.run.log_metrics(warm_head(current, settings, feeds))
            result = _fit(current, settings, feeds.training)
            say_notes(_on_the_rate(current.parameters, settings, result))
            table = predict_batches(feeds.training.model, feeds.training.validation, current.split.part("val"))
    kept = _kept(table, result)
    calibration = fit_calibration(table, current.parameters.precision_target)
    model_id = current.run.model_id()
    if not model_id and current.follower.keeps_model({**result.history[-1].metrics, **kept, **_sizes(built.model)}):
        model_id = _log_model(current, settings, calibration, built.model)
    summary = [
        *_log_kept(current, result, kept, model_id),
        *_log_calibration(current, table, calibration, model_id),
    ]
    return Trained(built.model, model_id, settings, calibration, summary)


def predict_part(current: Session, settings: Settings, model: Any, part: str) -> PredictionTable:  # noqa: ANN401 - Keras is untyped
    """Predict one part of the session's split, without augmentation."""
    return predict(
        model,
        current.split.part(part),
        size=settings.image_size,
        resize=current.parameters.resize,
        batch_size=VALIDATION_BATCH,
        progress=console_progress,
    )


def _log_inputs(current: Session, settings: Settings) -> None:
    run, split, parameters = current.run, current.split, current.parameters
    run.log_parameters(settings.as_text())
    run.set_tags({names.FINGERPRINT: split.fingerprint, names.RECIPE: parameters.recipe})
    run.log_inputs(dataset(split, part, current.data_name) for part, size in split.sizes.items() if size)
    run.log_metrics({names.TRAIN_PICTURES: split.sizes["train"]})
    log_split(run, split)
    if parameters.figures:
        _log_pictures(current, settings)


def _log_pictures(current: Session, settings: Settings) -> None:
    train, parameters = current.split.part("train"), current.parameters
    with _figures(current) as folder:
        draw_samples(train, folder / "samples.png")
        draw_augmentation(
            train,
            augment=settings.augment,
            seed=parameters.seed,
            size=settings.image_size,
            resize=parameters.resize,
            path=folder / "augmentation.png",
        )


@contextmanager
def _figures(current: Session) -> Iterator[Path]:
    """Yield a folder; what is drawn there is logged."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        current.run.log_folder(Path(folder), names.FIGURES_FOLDER)


def _log_network(current: Session, built: Built) -> None:
    current.run.log_parameters({name: str(count) for name, count in _sizes(built.model).items()})
    current.run.set_tags({names.WEIGHTS_SOURCE: built.weights_source})
    current.run.describe(describe_training(current, built.weights_source), current.wanted.command)
    say_notes(filter(None, [built.note]))
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / names.NETWORK_SUMMARY
        write_text(summary, describe(built.model))
        current.run.log_file(summary)


def _fit(current: Session, settings: Settings, feed: Feed) -> FitResult:
    parameters = current.parameters
    options = FitOptions(
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        epochs=parameters.epochs,
        patience=parameters.patience,
        label_smoothing=settings.label_smoothing,
        schedule=settings.schedule,
        seed=parameters.seed,
    )
    # how the cache is planned is no part of it, what is read is; nor are figures
    own = {
        name: text for name, text in parameters.as_text().items() if name != "figures" and not name.startswith("cache_")
    }
    identity = {**own, "fingerprint": current.split.fingerprint, "source": feed.source}
    return fit(
        feed.model,
        feed.train,
        feed.validation,
        options=options,
        folder=current.folder,
        report=partial(_report, current),
        train_pictures=current.split.sizes["train"],
        identity=identity,
        reported=current.run.epochs_logged(),
        validated=partial(_log_confusions, current, current.run.image_steps(names.EPOCH_CONFUSIONS)),
    )


def _on_the_rate(parameters: TrainingParameters, settings: Settings, result: FitResult) -> list[str]:
    """Return what there is to say where training stopped before the learning rate had fallen."""
    ran, planned = len(result.history), parameters.epochs
    if settings.schedule != "cosine" or ran == planned:
        return []
    words = (
        f"training stopped after epoch {ran} of {planned} (patience={parameters.patience}), where the rate was still "
        f"{factor(settings.schedule, ran, planned):.0%} of its highest: a cosine ends at 0 only with the last epoch. "
        "Give as many epochs as you mean to train, and patience as many"
    )
    return [words]


def _log_confusions(current: Session, logged: Collection[int], epoch: int, confusions: npt.NDArray[np.int64]) -> None:
    if epoch not in logged:  # an earlier process may have ended before the epoch's figures
        current.run.log_image(confusion_image(confusions), names.EPOCH_CONFUSIONS, epoch)


def _report(current: Session, epoch: int, metrics: Mapping[str, float]) -> None:
    current.run.log_epoch(epoch, metrics)
    if not current.follower.epoch(epoch, metrics):
        raise PrunedError(f"The search ended this training after epoch {epoch}.")


def _sizes(model: Any) -> Mapping[str, float]:  # noqa: ANN401 - Keras is untyped
    total, trainable = count_parameters(model)
    return {names.PARAMETERS_TOTAL: total, names.PARAMETERS_TRAINABLE: trainable}


def _log_model(current: Session, settings: Settings, calibration: Calibration, model: Any) -> str:  # noqa: ANN401 - Keras is untyped
    validation = current.split.part("val")
    example = read_file(validation.folder / validation.paths[0])
    with tempfile.TemporaryDirectory() as folder:
        save_package(
            Path(folder),
            model,
            classes=current.split.classes,
            image_size=settings.image_size,
            resize=current.parameters.resize,
            network=current.parameters.network,
            fingerprint=current.split.fingerprint,
            temperature=calibration.temperature,
            threshold=calibration.threshold,
        )
        return current.run.log_model(Path(folder), example=example)


def _kept(table: PredictionTable, result: FitResult) -> dict[str, float]:
    figures = summarize(table)
    histories = {name: {one.epoch: one.metrics[name] for one in result.history} for name in HISTORIES}
    return {
        **sums(histories, result.best_epoch),
        names.BEST_EPOCH: result.best_epoch,
        names.BEST_VAL_LOSS: result.best_val_loss,
        names.BEST_VAL_ACCURACY: result.best_val_accuracy,
        **{name: figures[name.removeprefix("best_val_")] for name in names.BEST_ONLY},
    }


def _log_kept(current: Session, result: FitResult, kept: Mapping[str, float], model_id: str) -> Summary:
    validation = dataset(current.split, "val", current.data_name)
    current.run.log_metrics(kept, model_id=model_id or None, dataset=validation)
    if current.parameters.figures:
        with _figures(current) as folder:
            draw_curves([epoch.metrics for epoch in result.history], result.best_epoch, folder / "curves.png")
    return [
        ("pictures", pictures_line(current.split)),
        ("epochs", f"{len(result.history)}, the best is {result.best_epoch}"),
        ("best_val_loss", f"{result.best_val_loss:.4f}"),
        ("best_val_accuracy", accuracy_line({name.removeprefix("best_val_"): value for name, value in kept.items()})),
    ]


def _log_calibration(current: Session, table: PredictionTable, calibration: Calibration, model_id: str) -> Summary:
    measured, served = calibration.measure(table), calibration.served(table)
    figures = {
        names.CALIBRATION_TEMPERATURE: calibration.temperature,
        **measured.figures(
            names.CALIBRATION_ECE_BEFORE,
            names.CALIBRATION_ECE_AFTER,
            names.CALIBRATION_COVERAGE,
            names.CALIBRATION_PRECISION,
        ),
    }
    if calibration.threshold is not None:
        figures[names.CALIBRATION_THRESHOLD] = calibration.threshold
    validation = dataset(current.split, "val", current.data_name)
    current.run.log_metrics(figures, model_id=model_id or None, dataset=validation)
    shown = current.split.folder if model_id else None  # nobody follows up on a search's run without a model
    evaluated = Evaluated(served, shown, made_of=recorded_groups(current.split), progress=console_progress)
    log_evaluation(current.run, evaluated, "val", figures=current.parameters.figures)
    if current.parameters.figures:
        titles = "before", f"after, temperature {calibration.temperature:.3g}"
        with _figures(current) as folder:
            draw_reliability(dict(zip(titles, (table, served), strict=True)), folder / "reliability.png")
    return [
        (names.CALIBRATION_TEMPERATURE, f"{calibration.temperature:.4f}"),
        *measured.summary(names.CALIBRATION_ECE_AFTER, names.CALIBRATION_COVERAGE),
    ]
