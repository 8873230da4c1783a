"""Our side of a depth sweep: the package's own finetune job, once for each depth, in one process.

    python benchmarks/ours.py --manifest split.csv --network inception_v3 --weights first.weights.h5 \
        --depths 0,1,2,3 --epochs 10 --json ours.json

Every run is a whole one: evaluated on the validation part, its figures, artifacts and model logged. The cache is
planned for all depths together and filled by the first run; its folder is BEAUTY_CACHE_DIR.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import facts, write_json

from beauty_mlflow.jobs.finetune import Finetune, run


def main() -> None:
    """Read the command line, run the sweep and write JSON."""
    given = _parser().parse_args()
    import mlflow
    import tensorflow as tf

    from beauty_mlflow.jobs import building, training  # noqa: F401 - imports aren't measured, on either side

    common = {
        "data": str(given.manifest),
        "network": given.network,
        "weights": given.weights,
        "epochs": str(given.epochs),
        "cache_depths": given.depths,
        **dict(pair.split("=", 1) for pair in given.parameter),
    }
    if given.patience:
        common["patience"] = str(given.patience)
    _ = mlflow.__version__, tf.__version__
    if common.get("precision") == "fastest":  # whatever the recipe takes
        from beauty_mlflow.training.precision import resolve_precision

        common["precision"] = resolve_precision("auto")
    if given.unfolded:
        from beauty_mlflow.features import trunk

        trunk.fold = lambda model: model
    study = _study() if given.prune else None
    started = time.time()  # the clock of MLflow's timestamps
    trials = [_trial(common, int(depth), started, study=study, test=given.test) for depth in given.depths.split(",")]
    result = {"seconds": time.time() - started, "trials": trials}
    print(f"seconds: {result['seconds']:.1f}")
    for trial in trials:
        print(f"blocks {trial['blocks']}: val_accuracy {trial['best_val_accuracy']:.4f}, {trial['seconds']:.1f} s")
    if given.json:
        write_json(given.json, {"machine": facts(), "parameters": common, **result})


def _trial(common: dict[str, str], depth: int, started: float, *, study: Any, test: bool) -> dict[str, Any]:  # noqa: ANN401
    from beauty_mlflow.jobs import evaluate
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.store import connect

    began = time.time()
    store = connect()
    with _pruning(study) as pruned:
        try:
            run_id = str(dict(run(Finetune.parse({**common, "blocks": str(depth)})))["run_id"])
        except pruned.reason:
            run_id = pruned.run_id
    seconds = time.time() - began
    finished = Run.find(store, run_id)
    metrics, accuracies = finished.metrics(), finished.metric_history("val_accuracy")
    history = [
        {"at": point.timestamp / 1000 - started, "val_loss": point.value, "val_accuracy": accuracies[point.step]}
        for point in store.client.get_metric_history(finished.run_id, "val_loss")
    ]
    tested = {}
    if test:
        evaluated = dict(evaluate.run(evaluate.Evaluate(model=finished.run_id)))
        tested["test_accuracy"] = Run.find(store, str(evaluated["run_id"])).metrics()["test_accuracy"]
    return {
        "blocks": depth,
        **tested,
        "best_val_loss": min(point["val_loss"] for point in history),
        "best_val_accuracy": metrics.get("best_val_accuracy", max(accuracies.values())),
        "seconds": seconds,
        "epochs": len(history),
        "source": finished.parameters()["resolved.source"],
        "history": history,
    }


def _study() -> Any:  # noqa: ANN401 - Optuna is untyped
    import optuna

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1)
    return optuna.create_study(direction="minimize", pruner=pruner)


class _Pruned:
    """Which exception ends a pruned run, and which run that was."""

    reason: type[BaseException] = GeneratorExit
    run_id, ended, last = "", False, 0.0


@contextmanager
def _pruning(study: Any) -> Iterator[_Pruned]:  # noqa: ANN401 - as above
    """Report each epoch to a trial of the study, which may end the run; without a study, change nothing."""
    pruned = _Pruned()
    if study is None:
        yield pruned
        return
    import optuna

    from beauty_mlflow.tracking.runs import Run

    pruned.reason, trial, log_epoch = optuna.TrialPruned, study.ask(), Run.log_epoch

    def log_and_ask(self: Run, epoch: int, metrics: Any) -> None:  # noqa: ANN401 - as log_epoch takes them
        log_epoch(self, epoch, metrics)
        pruned.run_id, pruned.last = self.run_id, metrics["val_loss"]
        trial.report(metrics["val_loss"], epoch)
        pruned.ended = trial.should_prune()
        if pruned.ended:
            raise optuna.TrialPruned

    Run.log_epoch = log_and_ask  # type: ignore[method-assign]
    try:
        yield pruned
    finally:
        ended = optuna.trial.TrialState.PRUNED if pruned.ended else None
        study.tell(trial, None if ended else pruned.last, state=ended)
        Run.log_epoch = log_epoch  # type: ignore[method-assign]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--network", default="inception_v3")
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--depths", default="0,1,2,3", help="as 0,1,2,3")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--patience", type=int, default=0, help="0 is the job's own default")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="any other of finetune's, repeatable"
    )
    parser.add_argument("--prune", action="store_true", help="end runs whose val_loss lags behind the median's")
    parser.add_argument("--unfolded", action="store_true", help="leave batch normalisation out of the convolutions")
    parser.add_argument("--test", action="store_true", help="also evaluate each run on the test part")
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
