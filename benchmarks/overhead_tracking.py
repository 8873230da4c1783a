"""How long the calls of the tracker take that a run makes, on SQLite and on a local server."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from machine import spread
from tracking_server import make_tables, tracking_server

EPOCHS = 20
EPOCH_SECONDS = 30.0
PER_EPOCH = ("log_epoch", "log_image", "sampling")


class Ledger:
    """Notes how long the tracker's calls take; a call inside another counts to the outer one.

    Attributes:
        calls: (name, seconds) in their order.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self._depth = 0

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its calls noted under a name."""

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
            self._depth += 1
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.calls.append((name, time.perf_counter() - begun))

        return call

    def watch(self, owner: Any, *names: str) -> None:  # noqa: ANN401 - a class or a module
        """Note the calls of an owner's functions, methods and properties; all public ones where none are named."""
        for name in names or [name for name in vars(owner) if not name.startswith("_")]:
            found = vars(owner)[name]
            if isinstance(found, property):
                setattr(owner, name, property(self.timed(name, found.fget or getattr)))
            elif isinstance(found, classmethod):
                setattr(owner, name, classmethod(self.timed(name, found.__func__)))
            elif callable(found):
                setattr(owner, name, self.timed(name, found))

    def by_name(self) -> dict[str, tuple[int, float]]:
        """Return how often each was called and the seconds in all, the dearest first."""
        names = dict.fromkeys(name for name, _ in self.calls)
        sums = {name: [seconds for called, seconds in self.calls if called == name] for name in names}
        return {name: (len(found), sum(found)) for name, found in sorted(sums.items(), key=lambda item: -sum(item[1]))}


def measure_stores(folder: Path, split: Path, package: Path, turns: int) -> dict[str, Any]:
    """Return what tracking takes on an SQLite store and on a server, both new.

    Args:
        folder: For the stores.
        split: Manifest of a small data set.
        package: A saved model.
        turns: How often the model is logged.
    """
    database = make_tables(folder / "template.db")
    shutil.copy(database, folder / "mlflow.db")
    measured = {}
    with tracking_server(folder / "server", database) as server:
        for name, uri in (("SQLite", f"sqlite:///{folder / 'mlflow.db'}"), ("server", server)):
            first = measure_tracking(uri, split)  # it pays for connections, and for what MLflow imports late
            measured[name] = {
                "first": first,
                "tracking": measure_tracking(uri, split),
                "model": measure_model(uri, package, turns),
            }
    return measured


def measure_tracking(uri: str, split: Path) -> dict[str, Any]:
    """Train a tiny network with a store, in this process, and return how long each call of the tracker held it up.

    What is sent meanwhile by a thread holds nothing up; the last call, ``finish``, waits for it, and so for the model.

    Returns:
        ``calls`` by name: how often, and seconds in all; ``once`` and ``epoch``, seconds of what is done once a run
        and each epoch; ``share``, of a run of EPOCHS epochs of EPOCH_SECONDS.
    """
    from beauty_mlflow.jobs import finetune, sessions
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.spool.recorded import RecordedRun
    from beauty_mlflow.tracking.system import Sampler

    ledger = Ledger()
    with _environment(MLFLOW_TRACKING_URI=uri), _restored(Run, RecordedRun, Sampler, sessions):
        ledger.watch(Run)
        ledger.watch(RecordedRun)
        _sample_three_times_an_epoch(ledger, Run, Sampler)
        ledger.watch(sessions, "connect", "begin")
        finetune.run(finetune.Finetune.parse(_parameters(split)))
    calls = ledger.by_name()
    epoch = sum(calls[name][1] for name in PER_EPOCH) / EPOCHS
    once = sum(seconds for name, (_, seconds) in calls.items() if name not in PER_EPOCH)
    run = EPOCHS * EPOCH_SECONDS
    return {
        "calls": {name: {"calls": count, "seconds": seconds} for name, (count, seconds) in calls.items()},
        "once_seconds": once,
        "epoch_seconds": epoch,
        "share": (once + EPOCHS * epoch) / run,
        "share_each_epoch": epoch / EPOCH_SECONDS,
    }


def measure_model(uri: str, package: Path, turns: int) -> dict[str, Any]:
    """Return the seconds of logging a saved model, and of plainly uploading its network's file."""
    from beauty_mlflow.serving.package import MODEL_FILE
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.store import connect

    logging, upload = [], []
    with _environment(MLFLOW_TRACKING_URI=uri):
        store = connect()
        for turn in range(turns + 1):
            run = Run.create(store, "a model")
            begun = time.perf_counter()
            run.log_file(package / MODEL_FILE)
            uploaded = time.perf_counter()
            run.log_model(package, example=b"a picture's bytes")
            logged = time.perf_counter()
            run.finish("FINISHED")
            if turn:  # the first one imports
                upload.append(uploaded - begun)
                logging.append(logged - uploaded)
    beyond = [a - b for a, b in zip(logging, upload, strict=True)]
    return {
        "megabytes": (package / MODEL_FILE).stat().st_size / 1e6,
        "logging": spread(logging),
        "upload": spread(upload),
        "beyond": spread(beyond),
    }


def _parameters(split: Path) -> dict[str, str]:
    return {
        "data": str(split),
        "network": "tiny",
        "blocks": "1",
        "epochs": str(EPOCHS),
        "patience": str(EPOCHS),
        "batch_size": "16",
        "dense_units": "8",
        "weights": "random",
        "cache": "none",
    }


def _sample_three_times_an_epoch(ledger: Ledger, run: Any, sampler: Any) -> None:  # noqa: ANN401 - classes
    """An epoch of 30 seconds has three samples of the system, of which a tiny network's epoch has none."""
    log_epoch, sample = run.log_epoch, ledger.timed("sampling", sampler._sample)  # noqa: SLF001 - what the thread calls

    def with_samples(self: Any, *arguments: Any) -> None:  # noqa: ANN401 - a run
        for _ in range(round(EPOCH_SECONDS / 10)):
            sample(self.sampler)
        log_epoch(self, *arguments)

    run.log_epoch = with_samples


@contextmanager
def _restored(*owners: Any) -> Iterator[None]:  # noqa: ANN401 - classes and modules
    before = [dict(vars(owner)) for owner in owners]
    try:
        yield
    finally:
        for owner, attributes in zip(owners, before, strict=True):
            for name, value in attributes.items():
                if vars(owner).get(name) is not value:
                    setattr(owner, name, value)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
