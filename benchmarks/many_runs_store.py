"""A tracking store with thousands of runs, made in seconds: a few by the package itself, the others copied row by row.

The few are a training, a better one, a trial of a sweep, one that failed, an evaluation and a promotion, each with the
parameters, tags, metrics, datasets, logged model and small files that such runs have (no network is trained: the
figures are made up). The copies have ids, times, depths, rates and figures of their own; the files are the originals'.
"""

import hashlib
import io
import json
import os
import random
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy
from mlflow.entities import LoggedModelOutput

from beauty_mlflow.data.splits.manifest import COLUMNS, Split
from beauty_mlflow.errors import RefusedError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import predictions
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.artifacts import dataset, log_split
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.jobs.promoting import promote
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.epochs import HISTORIES, sums
from beauty_mlflow.tracking.model_folders import MODEL_RECORD
from beauty_mlflow.tracking.packaging import LOADER
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect

CLASSES, PICTURES = 73, 100  # in all, a class
EPOCHS, DEPTHS = 10, 10
TRIALS = 200
STUDY = "a search"
SHARES = {"evaluation": 0.15, "failed": 0.03, "promotion": 0.005}  # of all runs; most are trainings
_COLUMN = "t.{}"


@dataclass(frozen=True)
class Filled:
    """What is in the store.

    Attributes:
        sweep: The id of the run of a sweep with ``TRIALS`` trials.
        some: The ids of twenty trainings.
        runs: How many runs there are.
        trainings: How many of them are finished trainings, those of the sweep included.
    """

    sweep: str
    some: tuple[str, ...]
    runs: int
    trainings: int


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what jobs print."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def fill(uri: str, database: str, count: int) -> Filled:
    """Fill an empty store.

    Args:
        uri: The store, as MLFLOW_TRACKING_URI has it; that variable is set.
        database: Its database, as SQLAlchemy names it.
        count: How many runs there are to be, 300 or more.
    """
    os.environ["MLFLOW_TRACKING_URI"] = uri
    store = connect()
    with quiet():
        originals, sweep = _make_originals(store, _split())
    there = len(store.client.search_runs([store.experiment_id]))
    plan = _plan(originals, count - there)
    with sqlalchemy.create_engine(database).begin() as connection:
        _copy(connection, plan)
    trainings = [copy["copy"] for copy in plan if copy["kind"] == "training"]
    return Filled(sweep, tuple(trainings[:20]), count, 2 + len(trainings) + TRIALS)


def _split() -> Split:
    parts = ["train"] * 8 + ["val", "test"]
    rows = []
    for label in range(CLASSES):
        for number in range(PICTURES):
            path = f"class_{label:02d}/{number:03d}.jpg"
            sha256 = hashlib.sha256(path.encode()).hexdigest()
            rows.append((path, f"class_{label:02d}", parts[number % len(parts)], sha256, "", ""))
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)
    return Split(Path("/pictures/boxes"), table, tuple(sorted(set(table["class"]))), {"seed": 0, "strategy": "given"})


def _make_originals(store: Store, split: Split) -> tuple[dict[str, str], str]:
    with quiet():
        champion = _train(store, split, 0.5)
        promote(Promote.parse({"candidate": champion}))
    sweep = Run.create(store, "sweep", {names.STUDY: STUDY})
    sweep.finish("FINISHED")
    of_sweep = {names.STUDY: STUDY, names.PARENT: sweep.run_id, names.TRIAL_NUMBER: "0", names.TRIAL_STATE: "COMPLETE"}
    training = _train(store, split, 0.8)
    originals = {
        "champion": champion,
        "training": training,
        "trial": _train(store, split, 0.7, of_sweep),
        "failed": _train(store, split, 0.6, fails=True),
        "evaluation": _evaluate(store, split, training, 0.8),
    }
    with suppress(RefusedError):
        promote(Promote.parse({"candidate": training, "dry_run": "true"}))
    (audit,) = store.client.search_runs([store.experiment_id], f"tags.`{names.PROMOTION_DRY_RUN}` = 'true'")
    return {**originals, "promotion": audit.info.run_id}, sweep.run_id


def _train(
    store: Store, split: Split, accuracy: float, tags: Mapping[str, str] | None = None, *, fails: bool = False
) -> str:
    """Log what a training logs, but its pictures."""
    parameters = Finetune.parse({"blocks": "2"})
    run = Run.create(store, "finetune inception_v3", tags)
    with suppress(ZeroDivisionError), tracked(run):
        resolved = {f"resolved.{one.name}": "auto" for one in fields(Settings)}
        run.log_parameters({**parameters.as_text(), **resolved, "resolved.source": "activations"})
        run.set_tags({names.FINGERPRINT: split.fingerprint, names.RECIPE: "thesis", names.WEIGHTS_SOURCE: "imagenet"})
        run.describe("Trains the upper 2 blocks of **inception_v3** on **boxes**.", parameters.command())
        run.log_inputs(dataset(split, part, "boxes") for part in ("train", "val", "test"))
        run.log_metrics({names.TRAIN_PICTURES: split.sizes["train"]})
        log_split(run, split)
        run.log_parameters({names.PARAMETERS_TOTAL: "22000000", names.PARAMETERS_TRAINABLE: "6000000"})
        for epoch in range(1, EPOCHS + 1):
            run.log_epoch(epoch, dict.fromkeys(names.EPOCH_METRICS, accuracy + epoch / 1000))
        if fails:
            raise ZeroDivisionError
        model = _log_model(run)
        kept = dict.fromkeys((names.BEST_VAL_LOSS, names.BEST_VAL_ACCURACY, *names.BEST_ONLY), accuracy)
        validation = dataset(split, "val", "boxes")
        histories = {name: dict.fromkeys(range(1, EPOCHS + 1), accuracy) for name in HISTORIES}
        kept |= {names.BEST_EPOCH: EPOCHS - 3, **sums(histories, EPOCHS - 3)}
        run.log_metrics(kept, model_id=model, dataset=validation)
        calibration = (names.CALIBRATION_TEMPERATURE, names.CALIBRATION_ECE_BEFORE, names.CALIBRATION_ECE_AFTER)
        run.log_metrics(dict.fromkeys(calibration, 0.1), model_id=model, dataset=validation)
        _log_answers(run, split, accuracy)
    return run.run_id


def _evaluate(store: Store, split: Split, training: str, accuracy: float) -> str:
    parameters = Evaluate.parse({"model": training})
    run = Run.create(store, "evaluate inception_v3")
    with tracked(run):
        run.log_parameters(parameters.as_text())
        run.set_tags({names.EVALUATES: training, names.FINGERPRINT: split.fingerprint})
        run.describe("Evaluates the model on the test part of **boxes**.", parameters.command())
        run.log_inputs([dataset(split, "test", "boxes")])
        figures = ("accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1", "top5_accuracy", "ece")
        run.log_metrics({f"test_{name}": accuracy for name in figures})
        _log_answers(run, split, accuracy)
    return run.run_id


def _log_model(run: Run) -> str:
    """Log a model of which nobody asks more than that it is there, and ours."""
    client = run.store.client
    model = client.create_logged_model(run.experiment_id, names.MODEL, source_run_id=run.run_id)
    client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / MODEL_RECORD
        write_text(record, json.dumps({"flavors": {"python_function": {"loader_module": LOADER}}}))
        client.log_model_artifact(model.model_id, str(record))
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def _log_answers(run: Run, split: Split, share: float) -> None:
    """Log a table of predictions of the test part, of which that share is right."""
    pictures = split.part("test")
    rows = np.arange(len(pictures))
    right = np.random.default_rng(round(100 * share)).random(len(pictures)) < share
    predicted = np.where(right, pictures.labels, (pictures.labels + 1) % CLASSES)
    probabilities = np.full((len(pictures), CLASSES), 0.1 / CLASSES, np.float32)
    probabilities[rows, predicted] = 0.9
    table = PredictionTable(pictures.paths, pictures.labels, probabilities, split.classes)
    with tempfile.TemporaryDirectory() as folder:
        predictions.evaluate(Evaluated(table), Path(folder))
        run.log_folder(Path(folder), f"{names.EVALUATION_FOLDER}/test")


def _plan(originals: Mapping[str, str], count: int) -> list[dict[str, Any]]:
    """Return what is copied from which original, with a number, and the run that the copy is about."""
    others = [kind for kind, share in SHARES.items() for _ in range(round(share * count))]
    others += ["training"] * (count - len(others) - TRIALS + 1)
    random.Random(0).shuffle(others)  # noqa: S311 - no secret
    half = len(others) // 2
    kinds = [*others[:half], *["trial"] * (TRIALS - 1), *others[half:]]
    copies = [uuid.uuid4().hex for _ in kinds]
    trainings = [copy for kind, copy in zip(kinds, copies, strict=True) if kind == "training"]
    return [
        {
            "kind": kind,
            "original": originals[kind],
            "copy": copy,
            "number": number + 1,
            "subject": trainings[number % len(trainings)],
        }
        for number, (kind, copy) in enumerate(zip(kinds, copies, strict=True))
    ]


_LOWER = "CASE WHEN t.key LIKE '%accuracy' THEN t.value - c.number * 0.00001 ELSE t.value END"
_VARIED = {  # what a copy has of its own, by table and column; t is the original's row, c the copy
    "runs": {
        "run_uuid": "c.copy",
        "start_time": "t.start_time + c.number * 60000",
        "end_time": "t.end_time + c.number * 60000",
    },
    "params": {
        "run_uuid": "c.copy",
        "value": f"CASE t.key WHEN 'blocks' THEN CAST(c.number % {DEPTHS} AS VARCHAR)"
        " WHEN 'learning_rate' THEN CAST(0.000001 * c.number AS VARCHAR) ELSE t.value END",
    },
    "tags": {
        "run_uuid": "c.copy",
        "value": f"CASE t.key WHEN '{names.TRIAL_NUMBER}' THEN CAST(c.number AS VARCHAR)"
        f" WHEN '{names.EVALUATES}' THEN c.subject ELSE t.value END",
    },
    "latest_metrics": {"run_uuid": "c.copy", "value": _LOWER},
    "metrics": {"run_uuid": "c.copy", "value": _LOWER},
    "logged_models": {"source_run_id": "c.copy", "model_id": "'m-' || c.copy"},
    "logged_model_metrics": {"run_id": "c.copy", "model_id": "'m-' || c.copy"},
}
_OWNERS = {"logged_models": "source_run_id", "logged_model_metrics": "run_id"}
_INPUT_ID = "substr(c.copy, 1, 20) || substr(t.input_uuid, 1, 16)"


def _copy(connection: sqlalchemy.Connection, plan: list[dict[str, Any]]) -> None:
    """Insert the copies' rows into every table that knows of runs."""
    connection.execute(
        sqlalchemy.text("CREATE TEMPORARY TABLE copies (original TEXT, copy TEXT, number BIGINT, subject TEXT)")
    )
    insert = sqlalchemy.text("INSERT INTO copies VALUES (:original, :copy, :number, :subject)")
    connection.execute(insert, plan)
    for table, varied in _VARIED.items():
        _insert(connection, table, varied, f"t.{_OWNERS.get(table, 'run_uuid')} = c.original")
    reads = {"input_uuid": _INPUT_ID, "destination_id": "c.copy"}
    _insert(connection, "inputs", reads, "t.destination_type = 'RUN' AND t.destination_id = c.original")
    gives = {"input_uuid": _INPUT_ID, "source_id": "c.copy", "destination_id": "'m-' || c.copy"}
    _insert(connection, "inputs", gives, "t.source_type = 'RUN_OUTPUT' AND t.source_id = c.original")
    joined = "i.input_uuid = t.input_uuid AND i.destination_type = 'RUN' AND i.destination_id = c.original"
    _insert(connection, "input_tags", {"input_uuid": _INPUT_ID}, joined, more=", inputs i")


def _insert(
    connection: sqlalchemy.Connection, table: str, varied: Mapping[str, str], where: str, *, more: str = ""
) -> None:
    columns = [one["name"] for one in sqlalchemy.inspect(connection).get_columns(table)]
    values = ", ".join(varied.get(name, _COLUMN.format(name)) for name in columns)
    listed = ", ".join(f'"{name}"' for name in columns)
    statement = f"INSERT INTO {table} ({listed}) SELECT {values} FROM {table} t, copies c{more} WHERE {where}"  # noqa: S608 - our own words
    connection.execute(sqlalchemy.text(statement))
