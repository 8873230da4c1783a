"""Four processes log runs of 1,000 epochs to one `mlflow server`; then everything is there once, and nothing grew.

    python benchmarks/soak.py --json soak.json         # make soak: the better part of an hour
    python benchmarks/soak.py --quick                  # a minute, on SQLite

The writers use a run as a training does, whose changes are written down first and then sent by a thread: parameters,
tags, datasets, an epoch's metrics in one call, a picture now and then, figures at the end; system metrics are sampled
meanwhile. Some runs fail and some are killed. The server's store is SQLite, then PostgreSQL where that is installed.

After each quarter of their runs all writers pause, and memory, open files, threads and connections of each one and of
the server's processes are counted. Between the first quarter and the last, memory may grow by 5 MB a process for
every run that a writer has made meanwhile (30 MB, where one makes 8); a writer's open files, threads and
connections by 1 (a second connection, where two threads ask at once), those of a server's process by as many as there
are writers (what serves one may be open at one moment and not at the other): what a run leaves behind grows by the
number of runs, which is more. Then every run is read back: its status, that each metric has each step once, with the
value that was logged, and that the system was sampled. Ends with status 1 where something isn't so.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import BenchmarkError, facts, table, write_json
from postgresql_server import installed, postgresql_server, sqlalchemy_url
from tracking_server import make_tables, process_of, tracking_server

from beauty_mlflow.errors import BeautyError, PrunedError, WorkError
from beauty_mlflow.jobs.syncing import sync
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.spool.folder import spool_folder
from beauty_mlflow.tracking.spool.recorded import begin
from beauty_mlflow.tracking.spool.sync import unsent_spools
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.system import Sampler

STORES = ("sqlite", "postgresql")
QUARTERS = 4
LIMIT_MB_A_RUN = 5.0
PICTURE_EVERY = 25  # epochs
WAIT_SECONDS = 3600
MEGABYTE = 1e6
PARAMETERS = {f"parameter_{number}": "value" for number in range(60)}  # about as many as a training logs
ENDS: Sequence[tuple[str, type[BeautyError] | None]] = (
    ("FINISHED", None),
    ("FAILED", WorkError),
    ("KILLED", PrunedError),
    ("FINISHED", None),
)


@dataclass(frozen=True)
class Stock:
    """What a process has at a moment."""

    memory_MB: float  # noqa: N815 - as in the JSON
    files: int
    threads: int
    connections: int

    @classmethod
    def take(cls, process: int) -> "Stock":
        """Count."""
        one = psutil.Process(process)
        with one.oneshot():
            return cls(
                one.memory_info().rss / MEGABYTE, one.num_fds(), one.num_threads(), len(one.net_connections("inet"))
            )


@dataclass(frozen=True)
class Size:
    """How much is written."""

    writers: int
    runs: int  # a writer, a multiple of the quarters
    epochs: int

    @property
    def later_runs(self) -> int:
        """How many runs a writer makes after the first quarter."""
        return self.runs - self.runs // QUARTERS


def metrics_of(writer: int, run: int, epoch: int) -> dict[str, float]:
    """Return the metrics of an epoch: the same ones each time."""
    draw = random.Random(f"{writer} {run} {epoch}")  # noqa: S311 - no secret
    return {name: draw.random() for name in names.EPOCH_METRICS}


def figures_of(writer: int, run: int) -> dict[str, float]:
    """Return the figures of a run's end."""
    draw = random.Random(f"{writer} {run}")  # noqa: S311 - no secret
    return {name: draw.random() for name in (names.BEST_VAL_ACCURACY, names.BEST_VAL_LOSS, *names.BEST_ONLY)}


def end_of(writer: int, run: int) -> tuple[str, type[BeautyError] | None]:
    """Return the status that a run is to have, and what it ends with."""
    return ENDS[(writer + run) % len(ENDS)]


def write(writer: int, uri: str, size: Size, pause: Any, results: Any) -> None:  # noqa: ANN401 - multiprocessing's
    """Be one writer; report the stock after each quarter, or what went wrong."""
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):  # a line a run that fails
            results.put((writer, list(_write(writer, uri, size, pause))))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the others needn't wait
        results.put((writer, f"{type(error).__name__}: {error}"))
        pause.abort()


def _write(writer: int, uri: str, size: Size, pause: Any) -> Iterator[Stock]:  # noqa: ANN401 - multiprocessing's
    os.environ["MLFLOW_TRACKING_URI"] = uri
    store = connect()
    _one_run(store, writer, -1, min(size.epochs, PICTURE_EVERY))  # what is imported late, and the first connections
    for quarter in range(QUARTERS):
        for run in range(size.runs // QUARTERS):
            _one_run(store, writer, quarter * size.runs // QUARTERS + run, size.epochs)
        pause.wait()  # all are at rest
        yield Stock.take(os.getpid())
        pause.wait()  # all have been counted


def _one_run(store: Store, writer: int, number: int, epochs: int) -> None:
    _, error = end_of(writer, number)
    run = begin(store, f"{writer} {number}")
    with suppress(BeautyError), tracked(run):
        run.log_parameters(PARAMETERS)
        run.set_tags({names.FINGERPRINT: "0" * 64, names.RECIPE: "fast"})
        run.log_inputs(Dataset(f"boxes/{part}", part, part, "/pictures", 100, 10) for part in ("train", "val", "test"))
        run.describe("A run of a soak.", "python benchmarks/soak.py")
        for epoch in range(1, epochs + 1):
            run.log_epoch(epoch, metrics_of(writer, number, epoch))
            if not epoch % PICTURE_EVERY:
                run.log_image(np.zeros((32, 32, 3), np.uint8), names.EPOCH_CONFUSIONS, epoch)
        run.log_metrics(figures_of(writer, number))
        if error:
            raise error("as was wanted")


def soak(uri: str, server: int, size: Size) -> tuple[dict[str, list[Stock]], float]:
    """Let the writers write; return the stocks after each quarter by the process's name, and the epochs a second."""
    context = multiprocessing.get_context("spawn")
    pause, results = context.Barrier(size.writers + 1), context.Queue()
    writers = [
        context.Process(target=write, args=(number, uri, size, pause, results)) for number in range(size.writers)
    ]
    begun = time.monotonic()
    for one in writers:
        one.start()
    stocks: dict[str, list[Stock]] = {}
    with suppress(threading.BrokenBarrierError):
        for _ in range(QUARTERS):
            pause.wait(WAIT_SECONDS)
            for number, process in enumerate([server, *_below(server)]):
                stocks.setdefault(f"server's process {number}", []).append(Stock.take(process))
            pause.wait(WAIT_SECONDS)
    seconds = time.monotonic() - begun
    found = dict(results.get(timeout=WAIT_SECONDS) for _ in writers)
    for one in writers:
        one.join()
    wrong = [f"writer {writer}: {said}" for writer, said in found.items() if isinstance(said, str)]
    if wrong:
        raise BenchmarkError("; ".join(wrong))
    stocks |= {f"writer {writer}": found[writer] for writer in sorted(found)}
    return stocks, size.writers * size.runs * size.epochs / seconds


def _below(process: int) -> list[int]:
    return sorted(child.pid for child in psutil.Process(process).children(recursive=True))


def grown(stocks: Mapping[str, Sequence[Stock]], size: Size) -> list[str]:
    """Return what grew that may not, a sentence each."""
    wrong = []
    for name, (first, *_, last) in stocks.items():
        spare = 1 if name.startswith("writer") else size.writers
        if last.memory_MB - first.memory_MB > LIMIT_MB_A_RUN * size.later_runs:
            wrong.append(f"{name}: memory grew from {first.memory_MB:.0f} to {last.memory_MB:.0f} MB")
        for what in ("files", "threads", "connections"):
            before, after = getattr(first, what), getattr(last, what)
            if after > before + spare:
                wrong.append(f"{name}: {what} grew from {before} to {after}")
    return wrong


def missing(uri: str, size: Size) -> list[str]:
    """Return what of the runs isn't in the store as it was logged, a sentence each."""
    os.environ["MLFLOW_TRACKING_URI"] = uri
    store = connect()
    found = {run.info.run_name: run for run in store.client.search_runs([store.experiment_id], max_results=10_000)}
    wanted = {f"{writer} {run}": (writer, run) for writer in range(size.writers) for run in range(size.runs)}
    extra = len(found) - len(wanted) - size.writers  # those that warmed up
    wrong = [f"{extra} more runs than were made"] if extra > 0 else []
    for name, (writer, run) in wanted.items():
        entity = found.get(name)
        status, _ = end_of(writer, run)
        if entity is None or entity.info.status != status:
            wrong.append(f"run {name} is {entity.info.status if entity else 'missing'}, not {status}")
        else:
            wrong += [f"run {name}: {problem}" for problem in _wrong_in(store, entity, writer, run, size.epochs)]
    return wrong


def _wrong_in(store: Store, entity: Any, writer: int, run: int, epochs: int) -> Iterator[str]:  # noqa: ANN401 - MLflow is untyped
    expected = [metrics_of(writer, run, epoch) for epoch in range(1, epochs + 1)]
    for name in names.EPOCH_METRICS:
        points = store.client.get_metric_history(entity.info.run_id, name)
        logged = sorted((point.step, point.value) for point in points)
        if logged != [(epoch, metrics[name]) for epoch, metrics in enumerate(expected, start=1)]:
            yield f"{name} has {len(logged)} values at {len(dict(logged))} steps, not each of {epochs} as logged"
    for name in sampled():
        steps = sorted(point.step for point in store.client.get_metric_history(entity.info.run_id, name))
        if not steps or steps != list(range(len(steps))):
            yield f"{name} has the steps {steps}"
    for name, value in figures_of(writer, run).items():
        if entity.data.metrics.get(name) != value:
            yield f"{name} is {entity.data.metrics.get(name)}, not {value}"
    if not PARAMETERS.items() <= entity.data.params.items():
        yield "parameters are missing"


@cache
def sampled() -> list[str]:
    """Return the names of the system's metrics, of which every run has a sample at least."""
    sampler = Sampler()
    sampler.start()
    sampler.stop()
    (sample,) = sampler.take()
    return list(sample.values)


def unsent() -> list[str]:
    """Return a sentence where something that was logged is still kept on disk."""
    folder = spool_folder()
    kept = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [f"unsent: {', '.join(kept)}"] if kept else []


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the address and the process of an empty server with that kind of store."""
    if kind == "postgresql":
        with postgresql_server() as url, _served(folder, sqlalchemy_url(url)) as server:
            yield server
        return
    with _served(folder, make_tables(folder / "template.db")) as server:
        yield server


@contextmanager
def _served(folder: Path, database: Path | str) -> Iterator[tuple[str, int]]:
    with tracking_server(folder / "server", database) as uri:
        yield uri, process_of(uri)


def main() -> None:
    """Write to each store, print a table and write JSON; status 1 where something is missing or grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=[])
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--runs", type=int, default=8, help="a writer; a multiple of four")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="runs of 50 epochs on SQLite")
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    size = Size(given.writers, QUARTERS, 50) if given.quick else Size(given.writers, given.runs, given.epochs)
    if size.runs % QUARTERS:
        parser.error(f"--runs must be a multiple of {QUARTERS}")
    stores = given.stores or (["sqlite"] if given.quick else installed(STORES))
    report: dict[str, Any] = {"machine": facts(), "size": asdict(size), "stores": {}}
    wrong = []
    for kind in stores:
        with tempfile.TemporaryDirectory() as folder, opened(kind, Path(folder)) as (uri, server):
            os.environ["BEAUTY_STATE_DIR"] = str(Path(folder) / "state")
            stocks, speed = soak(uri, server, size)
            late = len(unsent_spools())  # of runs whose server was too busy at their end
            sync()
            problems = [*grown(stocks, size), *missing(uri, size), *unsent()]
        wrong += [f"{kind}: {problem}" for problem in problems]
        report["stores"][kind] = {
            "epochs_a_second": speed,
            "stocks": {name: [asdict(one) for one in counted] for name, counted in stocks.items()},
            "sent_by_sync": late,
            "problems": problems,
        }
        print(
            f"\n{kind}: {size}, {speed:.0f} epochs a second in all, {late} runs sent by sync\n\n{_table(stocks)}",
            flush=True,
        )
        if given.json:
            write_json(given.json, report)
    if wrong:
        sys.exit("\n".join(["error: the soak found", *wrong]))
    print("every value is there once, every status is right, and nothing grew beyond its bound")


def _table(stocks: Mapping[str, Sequence[Stock]]) -> str:
    header = ["process", "memory, MB", "then", "files", "then", "threads", "then", "connections", "then"]
    rows = []
    for name, (first, *_, last) in stocks.items():
        before, after = asdict(first).values(), asdict(last).values()
        rows.append([name, *(value for pair in zip(before, after, strict=True) for value in pair)])
    return table(header, rows)


if __name__ == "__main__":
    main()
