"""How many trials an hour a search keeps books of, by the number of workers: trials that only sleep and report.

    python benchmarks/scaling.py --json scaling.json

Each worker is a process with a driver of its own, as each machine of a large search has one; all work on one study. A
trial is a run in the tracking store with the calls that a real one makes (parameters, tags, epochs, figures, a few
small files), and sleeps between its epochs. Measured are:

- the storage alone: SQLite, a journal file, a PostgreSQL server, with no tracking;
- the tracking store: an SQLite file or a local `mlflow server` with one worker process, the trials in PostgreSQL;
- the defaults: SQLite for both.

Besides trials an hour there are `at work`, the part of the time that workers sleep (the rest is bookkeeping, and
waiting for it), and the processor seconds that a trial takes in its worker and in the servers. On a machine with few
cores they are what is short: 64 workers then share cores that a real search would have 64 times. `limit` says how many
trials an hour the servers could do if they had one core to themselves.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from machine import BenchmarkError, facts, table, write_json
from postgresql_server import find_programs, postgresql_server
from tracking_server import make_tables, tracking_server

from beauty_mlflow.jobs.sweep_books import Books
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Listener, Outcome, Task
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.search.studies import open_study
from beauty_mlflow.search.sweep_file import Sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect

WORKERS = (1, 2, 4, 8, 16, 32, 64)
STORAGES = ("sqlite", "journal", "postgresql")
TRACKING = ("none", "sqlite", "server")
PAIRS = (
    *((storage, "none") for storage in STORAGES),
    ("postgresql", "sqlite"),
    ("postgresql", "server"),
    ("sqlite", "sqlite"),
)
PARAMETERS = {f"parameter_{number}": "value" for number in range(30)}  # about as many as a training logs
FIGURES = {f"figure_{number}": 0.5 for number in range(12)}
FILES, FILE_BYTES = 6, 20_000
EPOCH = {
    "loss": 1.0,
    "accuracy": 0.5,
    "val_loss": 1.0,
    "val_accuracy": 0.5,
    "epoch_seconds": 60.0,
    "learning_rate": 1e-3,
}
SWEEP = {
    "trials": 1_000_000,
    "confirm": 0,
    "space": {
        "blocks": {"type": "int", "low": 0, "high": 9},
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    },
}


@dataclass(frozen=True)
class Place:
    """Where the books are kept, and the servers that keep them."""

    storage: str
    tracking: str
    files: Path  # that each trial logs
    servers: tuple[int, ...]


@dataclass(frozen=True)
class Worked:
    """What a worker has done."""

    trials: int
    begun: float
    ended: float
    processor_seconds: float
    slept: float


@dataclass(eq=False)
class Sleeping:
    """An executor whose trials sleep and report."""

    store: Store | None
    parent: str
    epochs: int
    epoch_seconds: float
    files: Path
    slots: int = 1
    done: int = 0
    slept: float = 0.0

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """Be one trial."""
        del slot
        run = self._begin(task, listener)
        for epoch in range(1, self.epochs + 1):
            time.sleep(self.epoch_seconds)
            self.slept += self.epoch_seconds
            if run:
                run.log_epoch(epoch, EPOCH)
            accuracy = 0.5 + epoch / 100 - task.content["learning_rate"]
            if not listener.epoch(epoch, {"val_accuracy": accuracy}):
                self._end(run, "KILLED", "PRUNED")
                return Outcome("pruned")
        self._end(run, "FINISHED", "COMPLETE")
        return Outcome("complete", {"best_val_accuracy": accuracy})

    def stop(self) -> None:
        """Nothing that would have to be ended."""

    def _begin(self, task: Task, listener: Listener) -> Run | None:
        if not self.store:
            return None
        tags = {names.PARENT: self.parent, names.TRIAL_NUMBER: str(task.number), names.TRIAL_STATE: "RUNNING"}
        run = Run.create(self.store, f"trial {task.number}", tags)
        listener.started(run.run_id)
        run.log_parameters({**PARAMETERS, **{name: str(value) for name, value in task.content.items()}})
        run.set_tags({names.FINGERPRINT: "0" * 64, names.RECIPE: "fast"})
        run.describe("A trial that sleeps.", "python benchmarks/scaling.py")
        return run

    def _end(self, run: Run | None, status: str, state: str) -> None:
        self.done += 1
        if run:
            run.log_metrics(FIGURES)
            run.log_folder(self.files)
            run.set_tags({names.TRIAL_STATE: state})
            run.finish(status)


class NoBooks:
    """Nobody is told of the trials."""

    def started(self, trial: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""

    def finished(self, trial: Any) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""

    def died(self, trial: Any, *, again: bool) -> None:  # noqa: ANN401 - Optuna's
        """Nothing."""


def work(place: Place, study_name: str, given: argparse.Namespace, start: Any, results: Any) -> None:  # noqa: ANN401 - multiprocessing's
    """Be one worker, and report how many trials came to their end, or what went wrong."""
    try:
        results.put(_work(place, study_name, given, start))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others needn't wait
        results.put(f"{type(error).__name__}: {error}")
        start.abort()


def _work(place: Place, study_name: str, given: argparse.Namespace, start: Any) -> Worked:  # noqa: ANN401 - multiprocessing's
    """Open what all use, begin with the others, and work until time is over."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):  # a line a trial
        sweep = Sweep.model_validate({**SWEEP, "timeout": given.seconds})
        storage = open_storage(place.storage)
        study = open_study(storage, study_name, sweep, fingerprint="", epochs=given.epochs, seed=0)
        books: Any = NoBooks()
        store, parent = None, ""
        if place.tracking:
            os.environ["MLFLOW_TRACKING_URI"] = place.tracking
            store = connect()
            with storage.alone_with(study.study_name):
                parent = study.user_attrs.get("run") or Run.create(store, "sweep").run_id
                study.set_user_attr("run", parent)
            books = Books(store, study, Run.find(store, parent), sweep)
            warm = Run.create(store, "what MLflow imports late, and the first connection")
            warm.log_epoch(1, EPOCH)
            warm.finish("FINISHED")
        executor = Sleeping(store, parent, given.epochs, given.epoch_seconds, place.files)
        start.wait()
        begun, used = time.monotonic(), time.process_time()
        Driver(study, storage, sweep, executor, lambda number, values, _: Task(number, values), books).run()
        return Worked(executor.done, begun, time.monotonic(), time.process_time() - used, executor.slept)


def measure(place: Place, workers: int, given: argparse.Namespace) -> dict[str, Any]:
    """Return what so many workers come to in one place."""
    context = multiprocessing.get_context("fork")  # they have everything imported, and nothing opened
    start, results = context.Barrier(workers + 1), context.Queue()
    processes = [
        context.Process(target=work, args=(place, f"{workers} workers", given, start, results)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    with suppress(threading.BrokenBarrierError):
        start.wait()
    before = sum(map(_processor_seconds, place.servers))
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    wrong = next((one for one in found if isinstance(one, str) and "BrokenBarrier" not in one), "")
    if wrong:
        raise BenchmarkError(f"a worker of {workers} failed: {wrong}")
    server = sum(map(_processor_seconds, place.servers)) - before
    trials = sum(one.trials for one in found)
    seconds = max(one.ended for one in found) - min(one.begun for one in found)
    return {
        "workers": workers,
        "trials": trials,
        "trials_an_hour": 3600 * trials / seconds,
        "at_work": sum(one.slept for one in found) / seconds / workers,
        "worker_seconds_a_trial": sum(one.processor_seconds for one in found) / max(trials, 1),
        "server_seconds_a_trial": server / max(trials, 1),
    }


@contextmanager
def prepared(storage: str, tracking: str, folder: Path) -> Iterator[Place]:
    """Yield an empty place of these kinds."""
    paths = {"sqlite": folder / "trials.db", "journal": folder / "trials.journal"}
    template = folder / "template.db"
    if tracking != "none":
        make_tables(template)
    uri = ""
    if tracking == "sqlite":
        shutil.copy(template, folder / "mlflow.db")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
    before = _children()
    with (
        _maybe(postgresql_server, storage == "postgresql") as database,
        _maybe(lambda: tracking_server(folder / "server", template), tracking == "server") as server,
    ):
        yield Place(
            database or str(paths[storage]), server or uri, _make_files(folder / "files"), tuple(_children() - before)
        )


@contextmanager
def _maybe(made_by: Any, wanted: bool) -> Iterator[Any]:  # noqa: ANN401 - whatever is made
    if not wanted:
        yield None
        return
    with made_by() as made:
        yield made


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def _processor_seconds(process: int) -> float:
    """Return what a process and its children, those that have ended as well, have used."""
    found = 0.0
    for one in (psutil.Process(process), *psutil.Process(process).children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found += times.user + times.system
        if one.pid == process:
            found += times.children_user + times.children_system
    return found


def main() -> None:
    """Measure each pair of places with each number of workers, print the tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [f"{storage}+{tracking}" for storage in STORAGES for tracking in TRACKING]
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument(
        "--pairs",
        nargs="+",
        default=[],
        choices=known,
        metavar="PAIR",
        help=f"storage and tracking store: {', '.join(known)}",
    )
    parser.add_argument("--seconds", type=float, default=20, help="after which no further trial starts")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--epoch-seconds", type=float, default=0.2)
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    if not given.pairs:
        given.pairs = ["+".join(pair) for pair in PAIRS if pair[0] != "postgresql" or find_programs()]
        if len(given.pairs) < len(PAIRS):
            print("PostgreSQL isn't installed (apt-get install postgresql): left out", file=sys.stderr)
    report: dict[str, Any] = {"machine": facts(), "settings": {name: str(value) for name, value in vars(given).items()}}
    report["pairs"] = {}
    for pair in given.pairs:
        rows = report["pairs"][pair] = []
        with tempfile.TemporaryDirectory() as folder, prepared(*pair.split("+"), Path(folder)) as place:
            for workers in given.workers:
                rows.append(measure(place, workers, given))
                print(f"{pair}, {workers} workers: {rows[-1]['trials']} trials", file=sys.stderr, flush=True)
        print(f"\n{pair}\n\n{_table(rows)}", flush=True)
        if given.json:
            write_json(given.json, report)


def _make_files(folder: Path) -> Path:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.txt").write_bytes(bytes(FILE_BYTES))
    return folder


def _table(rows: list[dict[str, Any]]) -> str:
    header = ["workers", "trials an hour", "at work", "worker s a trial", "server s a trial", "limit"]
    keys = ("workers", "trials_an_hour", "at_work", "worker_seconds_a_trial", "server_seconds_a_trial")
    limits = [3600 / row["server_seconds_a_trial"] if row["server_seconds_a_trial"] else None for row in rows]
    return table(header, [[*(row[key] for key in keys), limit] for row, limit in zip(rows, limits, strict=True)])


if __name__ == "__main__":
    main()
