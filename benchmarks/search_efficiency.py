"""How much sooner the search finds what a random search finds: on simulated trainings, or on real ones.

    python benchmarks/search_efficiency.py --tasks 200 --json search.json
    python benchmarks/search_efficiency.py --real FOLDER --network efficientnet_lite0 --json search.json

Simulated (simulated_training.py says how, from which recorded curves): in each task a random search of 40 trials
without pruning sets a target, the best value that it finds. Then each side searches the same task with other random
numbers until a trial has that value: the package's own driver, sampler and pruner, with trainings that take no time
and count the seconds that the recorded ones took. Told are, against the seconds until ours has the target:

- whole: the seconds of the whole random search, which knows its best only at its end;
- again: the seconds that another random search, with as many trials as it likes, takes to the same target;
- found: the seconds until the first one itself came upon it. That one set the target by its own luck, so it is hard to
  beat: `random_again`, the same search with other numbers, stays far below 1.

A side that doesn't have the target within 120 trials counts as a ratio of 0; where the other random search doesn't, its
120 trials count. The interval is that of the median over tasks, by resampling them. Sides other than `defaults` show
what each part brings (--sides). The defaults were chosen on other tasks (--first 1000) than those that are reported.

Real: `beauty sweep` twice on the same pictures, the random search first; hours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from machine import facts, table, write_json
from simulated_training import DEPTHS, RATE, Simulation

from beauty_mlflow.progress import console_progress
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Listener, Outcome, Task
from beauty_mlflow.search.storages import MEMORY, open_storage
from beauty_mlflow.search.studies import open_study
from beauty_mlflow.search.sweep_file import Strategy, Sweep

TRIALS, EPOCHS = 40, 20
MORE = 3  # times as many trials has a side to reach the target
START = {"blocks": 6, "learning_rate": RATE}  # the thesis's best, as in sweeps/depth_lr.toml
SPACE = {
    "blocks": {"type": "int", "low": DEPTHS[0], "high": DEPTHS[-1]},
    "learning_rate": {"type": "float", "low": 1e-5, "high": 3e-3, "log": True},
}
METRIC = "best_val_accuracy"
KINDS = ("whole", "again", "found")
TPE, HALVING, MEDIAN, NONE = (Strategy(name=name) for name in ("tpe", "successive_halving", "median", "none"))


@dataclass(frozen=True)
class Side:
    """A way to search."""

    sampler: Strategy = TPE
    pruner: Strategy = HALVING
    start: bool = True

    def sweep(self, trials: int) -> Sweep:
        """Return the search as a sweep file would say it."""
        return Sweep.model_validate(
            {
                "trials": trials,
                "space": SPACE,
                "sampler": self.sampler.model_dump(),
                "pruner": self.pruner.model_dump(),
                "start": (START,) if self.start else (),
            }
        )


def _strategy(name: str, **arguments: Any) -> Strategy:  # noqa: ANN401 - Optuna's
    return Strategy(name=name, arguments=arguments)


RANDOM = Side(Strategy(name="random"), NONE, start=False)
SIDES: Mapping[str, Side] = {
    "defaults": Side(),
    "no_start": Side(start=False),
    "no_pruner": Side(pruner=NONE),
    "random_pruned": Side(Strategy(name="random"), start=False),
    "random_again": RANDOM,
    "univariate": Side(_strategy("tpe", multivariate=False, group=False)),
    "startup_4": Side(_strategy("tpe", n_startup_trials=4)),
    "startup_12": Side(_strategy("tpe", n_startup_trials=12)),
    "halving_3": Side(pruner=_strategy("successive_halving", reduction_factor=3)),
    "hyperband": Side(pruner=Strategy(name="hyperband")),
    "median": Side(pruner=MEDIAN),
    "median_early": Side(pruner=_strategy("median", n_startup_trials=2, n_warmup_steps=1)),
    "quarter": Side(pruner=_strategy("PercentilePruner", percentile=25.0, n_startup_trials=4, n_warmup_steps=2)),
}


class Reached(Exception):  # noqa: N818 - the search is over
    """A trial has the target."""


@dataclass(eq=False)
class Simulated:
    """An executor whose trainings take no time; it counts the seconds that they stand for."""

    simulation: Simulation
    generator: np.random.Generator
    target: float = np.inf
    slots: int = 1
    seconds: float = 0.0
    reached: bool = False
    finished: list[tuple[float, float]] = field(default_factory=list)  # seconds, value

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """Train as far as the listener lets it; at the target the search is over."""
        del slot
        best = (np.inf, 0.0)
        for epoch in self.simulation.train(**task.content, epochs=EPOCHS, generator=self.generator):
            self.seconds += epoch.seconds
            best = min(best, (epoch.loss, epoch.accuracy))
            if not listener.epoch(epoch.number, {"val_accuracy": epoch.accuracy, "val_loss": epoch.loss}):
                return Outcome("pruned")
        self.finished.append((self.seconds, best[1]))
        if best[1] >= self.target:
            self.reached = True
            raise Reached
        return Outcome("complete", {METRIC: best[1]})

    def stop(self) -> None:
        """Nothing runs."""


class NoBooks:
    """Nobody is told of the trials."""

    def started(self, trial: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""

    def finished(self, trial: Any) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""

    def died(self, trial: Any, *, again: bool) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""


def search(side: Side, simulation: Simulation, seed: int, trials: int, target: float = np.inf) -> Simulated:
    """Search until a trial has the target or all are done."""
    storage, sweep = open_storage(MEMORY), side.sweep(trials)
    study = open_study(storage, "simulated", sweep, fingerprint="", epochs=EPOCHS, seed=seed)
    executor = Simulated(simulation, np.random.default_rng(seed), target)
    driver = Driver(study, storage, sweep, executor, lambda number, values, _: Task(number, values), NoBooks())
    with suppress(Reached):
        driver.run()
    return executor


def simulate(names: Sequence[str], tasks: range) -> dict[str, Any]:
    """Return each side's ratios, task by task."""
    ratios: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in names}
    with console_progress("tasks", len(tasks)) as bar:
        for number in tasks:
            simulation = Simulation.draw(number)
            random = search(RANDOM, simulation, 10_000 + number, TRIALS)
            target = max(value for _, value in random.finished)
            found = next(seconds for seconds, value in random.finished if value == target)
            again = search(RANDOM, simulation, 20_000 + number, MORE * TRIALS, target).seconds
            for name in names:
                seed = 30_000 + 10_000 * list(SIDES).index(name) + number
                ours = search(SIDES[name], simulation, seed, MORE * TRIALS, target)
                taken = ours.seconds if ours.reached else np.inf
                for kind, seconds in zip(KINDS, (random.seconds, again, found), strict=True):
                    ratios[name][kind].append(seconds / taken)
            bar.update()
    return {name: {kind: median_of(values) for kind, values in both.items()} for name, both in ratios.items()}


def median_of(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, its interval, and the part of the values that are above 0."""
    generator = np.random.default_rng(0)
    resampled = np.median(generator.choice(values, (2_000, len(values))), axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    reached = sum(value > 0 for value in values) / len(values)
    return {
        "median": float(np.median(values)),
        "low": float(low),
        "high": float(high),
        "reached": reached,
        "values": list(values),
    }


def real(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run both searches on real pictures, one after the other, and return the same ratios."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed, (name, side) in enumerate((("random", RANDOM), ("defaults", Side()))):
        config, storage = folder / f"{name}.toml", folder / f"{name}.db"
        config.write_text(_toml(side.sweep(given.trials), given))
        environment = {
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
            "BEAUTY_STATE_DIR": str(folder / "state"),
            "BEAUTY_CACHE_DIR": str(folder / f"cache-{name}"),
        }
        words = ["--config", str(config), "--data", str(given.real), "--storage", str(storage), "--study", name]
        words += ["--seed", str(seed)]  # with the same one the defaults would begin with the random search's own trials
        command = [sys.executable, "-m", "beauty_mlflow", "sweep", *words]
        subprocess.run(command, env={**os.environ, **environment}, check=True)
        found[name] = _finished(storage, name)
    seconds, target = max(found["random"], key=lambda pair: (pair[1], -pair[0]))
    taken = next((seconds for seconds, value in found["defaults"] if value >= target), np.inf)
    whole = found["random"][-1][0]
    return {"target": target, "seconds": taken, "whole": whole / taken, "found": seconds / taken, "trials": found}


def _toml(sweep: Sweep, given: argparse.Namespace) -> str:
    """Return a sweep file; JSON's scalars, lists and keys are TOML's."""
    lines = [f"trials = {sweep.trials}", "confirm = 0", f'objective = "{METRIC}"']
    lines += [f'{kind} = "{getattr(sweep, kind).name}"' for kind in ("sampler", "pruner")]
    parameters = {"network": given.network, "recipe": "fast", "epochs": given.epochs, "image_size": given.image_size}
    tables = {"parameters": parameters, **{f"space.{name}": values for name, values in SPACE.items()}}
    tables["space.blocks"] = {**tables["space.blocks"], "high": given.deepest}
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    for values in sweep.start:
        own = {**values, "blocks": min(int(values["blocks"]), given.deepest)}
        lines += ["[[start]]", *(f"{key} = {json.dumps(value)}" for key, value in own.items())]
    return "\n".join(lines) + "\n"


def _finished(storage: Path, name: str) -> list[tuple[float, float]]:
    trials = open_storage(str(storage)).trials
    kept = trials.get_all_trials(trials.get_study_id_from_name(name))
    begun = min(trial.datetime_start for trial in kept)
    return sorted(
        ((trial.datetime_complete - begun).total_seconds(), trial.value)
        for trial in kept
        if trial.state.name == "COMPLETE"
    )


def main() -> None:
    """Measure, print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200, help="simulated tasks")
    parser.add_argument("--first", type=int, default=0, help="the first simulated task's number")
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES, metavar="SIDE")
    parser.add_argument("--real", type=Path, help="pictures or a manifest: really train instead")
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="at most, of a real training")
    parser.add_argument("--image-size", type=int, default=0, help="side of a real training's pictures, in pixels")
    parser.add_argument("--deepest", type=int, default=DEPTHS[-1], help="the most blocks of a real training")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each real search")
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    report: dict[str, Any] = {"machine": facts(), "settings": {name: str(value) for name, value in vars(given).items()}}
    if given.real:
        with tempfile.TemporaryDirectory() as folder:
            report["real"] = real(given, Path(folder))
        print({name: value for name, value in report["real"].items() if name != "trials"})
    else:
        report["simulated"] = simulate(given.sides, range(given.first, given.first + given.tasks))
        print(_table(report["simulated"]))
    if given.json:
        write_json(given.json, report)


def _table(sides: Mapping[str, Any]) -> str:
    header = ["side", *(word for kind in KINDS for word in (kind, "low", "high")), "reached"]
    rows = [
        [
            name,
            *(ratios[kind][figure] for kind in KINDS for figure in ("median", "low", "high")),
            ratios["whole"]["reached"],
        ]
        for name, ratios in sides.items()
    ]
    return table(header, rows)


if __name__ == "__main__":
    main()
