"""plain.py's trials: one Keras training a depth, in an Optuna study, logged to MLflow."""

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import optuna
from plain import Settings
from plain_pictures import Pictures

from beauty_mlflow.networks.building import HEAD_PREFIX, build_transfer
from beauty_mlflow.networks.table import get_network

EXPERIMENT = "plain"
SQLITE = "sqlite:///"
# Keras 2 divided by sqrt(v) + 1e-7, Keras 3 divides by sqrt(v + epsilon): this makes the thesis's steps
RMSPROP_EPSILON = 1e-14
OPTIMIZER_OPTIONS = {"rmsprop": {"epsilon": RMSPROP_EPSILON}, "sgd": {"momentum": 0.9}}


def run_sweep(settings: Settings) -> dict[str, Any]:
    """Do what ``plain.sweep`` says."""
    run = _Sweep(settings)
    input_seconds = run.pictures.warm()
    pruner = optuna.pruners.MedianPruner() if settings.prune else optuna.pruners.NopPruner()
    sampler = optuna.samplers.GridSampler({"blocks": list(settings.depths)}, seed=settings.seed)
    study = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)
    _open_experiment(settings.tracking)
    with mlflow.start_run(run_name="sweep"):
        mlflow.log_params(vars(settings))
        study.optimize(run.trial, n_trials=len(settings.depths))
        mlflow.log_metrics({"best_blocks": study.best_params["blocks"], "best_val_loss": study.best_value})
        run.log_best_model()
    trials = sorted(run.trials, key=lambda trial: trial["blocks"])
    return {"seconds": run.elapsed(), "input_seconds": input_seconds, "trials": trials}


class _Sweep:
    """What the trials share: pictures, results, and the best weights so far."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started = time.perf_counter()
        self.pictures = Pictures(settings)
        self.trials: list[dict[str, Any]] = []
        self._best_loss = float("inf")
        self._best_weights: list[np.ndarray] = []

    def elapsed(self) -> float:
        """Return the seconds since the sweep began."""
        return time.perf_counter() - self._started

    def trial(self, trial: optuna.Trial) -> float:
        """Train at the depth that the study suggests; return the lowest val_loss."""
        settings, began = self._settings, self.elapsed()
        blocks = trial.suggest_int("blocks", min(settings.depths), max(settings.depths))
        keras.utils.set_random_seed(settings.seed)
        model = _build(settings, self.pictures.classes)
        thaw(model, settings, blocks)
        with mlflow.start_run(run_name=f"blocks {blocks}", nested=True):
            mlflow.log_params({"blocks": blocks, "trial": trial.number})
            report = _Report(trial, self.elapsed, prune=settings.prune)
            if blocks == 0 and settings.features_once:
                self._fit_head(model, report)
            else:
                self._fit(model, self.pictures.train(settings.seed), self.pictures.plain("val"), report)
            best = min(report.history, key=lambda epoch: epoch["val_loss"])
            mlflow.log_metrics({"best_val_loss": best["val_loss"], "best_val_accuracy": best["val_accuracy"]})
        self._keep(model, best["val_loss"])
        tested = {"test_accuracy": self._test(model)} if settings.test else {}
        self.trials.append(
            {
                "blocks": blocks,
                **tested,
                "best_val_loss": best["val_loss"],
                "best_val_accuracy": best["val_accuracy"],
                "seconds": self.elapsed() - began,
                "epochs": len(report.history),
                "history": report.history,
            }
        )
        if report.pruned:
            raise optuna.TrialPruned
        return best["val_loss"]

    def log_best_model(self) -> None:
        """Log the network with the weights of the lowest val_loss of all trials."""
        model = _build(self._settings, self.pictures.classes)
        model.set_weights(self._best_weights)
        requirements = [f"{name}=={version(name)}" for name in ("keras", "numpy")]
        mlflow.keras.log_model(model, name="model", pip_requirements=[*requirements, "tensorflow"])

    def _test(self, model: keras.Model) -> float:
        predicted = model.predict(self.pictures.plain("test"), verbose=0).argmax(axis=1)
        return float(np.mean(predicted == np.array(self.pictures.labels("test"))))

    def _keep(self, model: keras.Model, loss: float) -> None:
        if loss < self._best_loss:
            self._best_loss, self._best_weights = loss, model.get_weights()

    def _fit_head(self, model: keras.Model, report: "_Report") -> None:
        """Train the head, whose layers are the model's own, on the trunk's features of the pictures as they are."""
        pooling = model.get_layer(f"{HEAD_PREFIX}pooling")
        trunk = keras.Model(model.input, pooling.output)
        head_input = keras.Input(pooling.output.shape[1:])
        x = head_input
        for layer in model.layers[model.layers.index(pooling) + 1 :]:
            x = layer(x)
        train, val = [
            (trunk.predict(self.pictures.plain(part), verbose=0), np.array(self.pictures.targets(part)))
            for part in ("train", "val")
        ]
        self._fit(keras.Model(head_input, x), train, val, report, batch_size=self._settings.batch_size)

    def _fit(self, model: keras.Model, train: Any, val: Any, report: "_Report", **options: Any) -> None:  # noqa: ANN401 - whatever Keras takes
        settings = self._settings
        model.compile(
            optimizer=keras.optimizers.get(
                {
                    "class_name": settings.optimizer,
                    "config": {
                        "learning_rate": settings.learning_rate,
                        **OPTIMIZER_OPTIONS.get(settings.optimizer, {}),
                    },
                }
            ),
            loss=_loss(settings),
            metrics=["accuracy"],
            jit_compile=False,  # XLA is slower on CPUs
        )
        keeper = keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=settings.patience or settings.epochs, restore_best_weights=True
        )
        inputs, targets = train if isinstance(train, tuple) else (train, None)
        model.fit(
            inputs,
            targets,
            validation_data=val,
            epochs=settings.epochs,
            callbacks=[keeper, report],
            verbose=2,
            shuffle=targets is not None,  # a dataset shuffles itself
            **options,
        )


def _loss(settings: Settings) -> keras.losses.Loss:
    if settings.label_smoothing:
        return keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy()


class _Report(keras.callbacks.Callback):
    """Logs each epoch to the active MLflow run and to the trial, and asks whether to prune."""

    def __init__(self, trial: optuna.Trial, elapsed: Any, *, prune: bool) -> None:  # noqa: ANN401 - a clock
        super().__init__()
        self._trial, self._elapsed, self._prune = trial, elapsed, prune
        self.history: list[dict[str, float]] = []
        self.pruned = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log, and stop training if the study prunes this trial."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        mlflow.log_metrics(metrics, step=epoch + 1)
        self.history.append({"at": self._elapsed(), **metrics})
        self._trial.report(metrics["val_loss"], epoch + 1)
        if self._prune and self._trial.should_prune():
            self.pruned = self.model.stop_training = True


def thaw(model: keras.Model, settings: Settings, blocks: int) -> None:
    """Freeze all layers but the head and the uppermost blocks."""
    network = get_network(settings.network)
    ends = [network.stem or model.layers[0].name, *(block.boundary for block in network.blocks)]
    last_frozen = model.layers.index(model.get_layer(ends[-1 - blocks]))
    for position, layer in enumerate(model.layers):
        kept = settings.batch_norm == "frozen" and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = position > last_frozen and not kept


def _build(settings: Settings, classes: int) -> keras.Model:
    model = build_transfer(
        get_network(settings.network),
        classes=classes,
        image_size=settings.image_size,
        scaling=settings.scaling,
        dropout=settings.dropout,
        dense_units=settings.dense_units,
        precision=settings.precision,
        seed=settings.seed,
    )
    if settings.weights:
        model.load_weights(settings.weights)
    return model


def _open_experiment(uri: str) -> None:
    mlflow.set_tracking_uri(uri)
    if uri.startswith(SQLITE) and not mlflow.get_experiment_by_name(EXPERIMENT):
        artifacts = Path(uri.removeprefix(SQLITE)).absolute().with_suffix(".artifacts")
        mlflow.create_experiment(EXPERIMENT, artifact_location=artifacts.as_uri())
    mlflow.set_experiment(EXPERIMENT)
