"""A sweep from its file to its report: a study, a parent run, a child run a trial."""

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from beauty_mlflow.data.splits.manifest import Split, write_split
from beauty_mlflow.errors import (
    BeautyError,
    InputError,
    Interrupted,
    SearchError,
    SweepError,
    TrackingError,
    UnreachableError,
    did_you_mean,
)
from beauty_mlflow.files import state_folder
from beauty_mlflow.hardware import gpus
from beauty_mlflow.jobs import load_job
from beauty_mlflow.jobs.opening import open_named, say_notes, split_counts
from beauty_mlflow.jobs.parameters import Parameters, Summary, to_text
from beauty_mlflow.jobs.sessions import beside_mlflows_own, state_of
from beauty_mlflow.jobs.sweep import Sweep as SweepParameters
from beauty_mlflow.jobs.sweep_books import Books
from beauty_mlflow.jobs.sweep_confirm import confirm
from beauty_mlflow.jobs.sweep_report import report
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.jobs.trial_storage import default_storage
from beauty_mlflow.search import attempts
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Executor, Task
from beauty_mlflow.search.executors.local import LocalExecutor
from beauty_mlflow.search.space import Scalar
from beauty_mlflow.search.storages import MEMORY, Storage, open_storage
from beauty_mlflow.search.studies import open_study, total
from beauty_mlflow.search.sweep_file import Sweep, read_sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import ended_if_it_fails, tracked, warn
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.recorded import is_at_work, record
from beauty_mlflow.tracking.store import Store, connect, project_root, store_folder

TRIAL_MODULE = "beauty_mlflow.jobs.trial"
RUN_ATTRIBUTE = "run"
# what a trial's activations depend on, besides the data: where it is searched, trials share few of them
DECIDE_ACTIVATIONS = frozenset(
    {
        "network",
        "weights",
        "image_size",
        "resize",
        "augment",
        "views",
        "seed",
        "precision",
        "recipe",
        "fraction",
        "unfreeze",
    }
)
GIVEN = ("data", "resume", "offline")  # by the sweep to its trials


@dataclass(frozen=True, eq=False)
class Search:
    """A sweep that is under way.

    Attributes:
        parameters: The command's.
        sweep: What the file says, with what the command changes of it.
        split: The pictures.
        store: The tracking store.
        storage: Where the trials are kept.
        study: Optuna's.
        run: The parent run.
        experiment: The parent run's experiment, which its children belong to as well.
        executor: Runs trials.
        data: What the trials are given as ``data``.
        begun: When, by the monotonic clock.
    """

    parameters: SweepParameters
    sweep: Sweep
    split: Split
    store: Store
    storage: Storage
    study: Any
    run: Run
    experiment: str
    executor: Executor
    data: str
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether the time is over after which nothing further starts."""
        return bool(self.sweep.timeout) and time.monotonic() - self.begun >= self.sweep.timeout

    def task(
        self,
        number: int,
        values: Mapping[str, Scalar],
        continues: str = "",
        *,
        confirms: str = "",
        seed: int | None = None,
    ) -> Task:
        """Return what a trial's process is given.

        Args:
            number: The trial's.
            values: What was drawn for it, by the job's parameters.
            continues: The run of the dead trial that it repeats.
            confirms: The number of the trial whose values it confirms; empty for a trial.
            seed: Instead of the sweep's.
        """
        own = {name: to_text(value) for name, value in {**self.sweep.parameters, **values}.items()}
        parameters = {"seed": str(self.sweep.seed), **own, "data": self.data}
        if seed is not None:
            parameters["seed"] = str(seed)
        tags = {names.PARENT: self.run.run_id, names.STUDY: self.study.study_name}
        if confirms:
            name, part = f"confirm {confirms}, seed {parameters['seed']}", f"seed-{parameters['seed']}"
            tags[names.CONFIRM] = confirms
        else:
            name, part = f"trial {number}", ""
            tags |= {names.TRIAL_NUMBER: str(number), names.TRIAL_STATE: "RUNNING"}
        content = {
            "job": self.sweep.job,
            "parameters": {**({} if confirms else self._shared()), **parameters},
            "name": name,
            "tags": tags,
            "continues": continues,
            "store": self.store.uri,
            "experiment": self.experiment,
        }
        return Task(number, content, part)

    def _shared(self) -> dict[str, str]:
        """Return what makes trials share the activation cache: how many there are, and all depths that are searched."""
        if self.sweep.job != "finetune":
            return {}
        searched = {one.parameter or name: one for name, one in self.sweep.space.items()}
        shared = {} if searched.keys() & DECIDE_ACTIVATIONS else {"cache_trainings": str(total(self.sweep))}
        depths = searched.get("blocks")
        if depths and not depths.when:
            shared["cache_depths"] = ",".join(str(value) for value in depths.some())
        return shared


def sweep(parameters: SweepParameters) -> Summary:
    """Search, confirm the best, report.

    Raises:
        SweepError, StorageError, DataError, TrackingError: before anything starts.
        SearchError: Too many trials failed in a row, or all of them.
        KeyboardInterrupt, Interrupted: after what has been found was reported.
    """
    path = _find(parameters.config)
    parameters = _portable(parameters, path)
    wanted = _with_overrides(read_sweep(path), parameters)
    epochs = check_against_job(wanted, path, parameters.data)
    store = connect()
    say_notes(store.run_notes)
    split = open_named(parameters.data).split
    name = parameters.study or f"{path.stem} {split.fingerprint[:8]}"
    storage = open_storage(parameters.storage or str(default_storage(store.uri)))
    folder = state_folder().absolute() / "sweeps" / _folder_name(name, storage.words, split.fingerprint)
    data = _manifest(split, folder)
    with closing(storage), _executor(parameters, store, folder, data) as executor:
        study = open_study(
            storage,
            name,
            wanted,
            fingerprint=split.fingerprint,
            epochs=epochs,
            seed=wanted.seed,
            slowest=DECIDE_ACTIVATIONS,
        )
        say_notes([f"the study is '{name}' in the {storage.words}"])
        if parameters.executor == "local":
            say_notes([f"what each trial says, the plan of its cache among it, is kept in {folder}"])
        with _parent(store, storage, study, name) as run, tracked(run):
            found = Search(
                parameters,
                wanted,
                split,
                store,
                storage,
                study,
                run,
                run.experiment_id,
                executor,
                data,
            )
            _log_inputs(found, path)
            books = Books(found.store, study, run, wanted)
            goes_on = f"it goes on with: {redact(parameters.command())}"
            say_notes([f"this is run {run.run_id}; interrupted, {goes_on}"])
            try:
                Driver(study, storage, wanted, executor, found.task, books).run()
                send_ended(store)  # of trials that ended while the store didn't answer
                with storage.alone(f"confirm {name}"):  # hours perhaps, in which other studies' trials go on
                    summary = report(found, confirm(found))
            except (KeyboardInterrupt, Interrupted, SearchError, UnreachableError) as error:
                _report_what_there_is(found)
                if not isinstance(error, SearchError):
                    say_notes([f"the search is interrupted; {goes_on}"])
                raise
            books.close_dead()
            _clear_states(found)
    return [*split_counts(split), *summary, ("run_id", run.run_id)]


def check_against_job(wanted: Sweep, path: Path, data: str) -> int:
    """Return how many epochs a trial has at most, after every end of every dimension was found good by the job.

    Raises:
        SweepError: The job doesn't take a parameter, or not such a value, or its runs have no such figure.
    """
    searched = [dimension.parameter or name for name, dimension in wanted.space.items()]
    for name in GIVEN:
        if name in wanted.parameters or name in searched:
            raise SweepError(f"{path}: {name} is what the sweep gives its trials; expected it not to be in the file.")
    if "seed" in searched and wanted.confirm and len(wanted.metrics) == 1:
        raise SweepError(
            f"{path}: seed is searched, and further seeds are to confirm the best trials (confirm = {wanted.confirm}). "
            "Expected confirm = 0, or no seed in [space]."
        )
    for metric in wanted.metrics:
        if metric not in names.OBJECTIVES:
            raise SweepError(
                f"{path}: objective: a run has no figure {metric}.{did_you_mean(metric, names.OBJECTIVES)} "
                f"It has: {', '.join(names.OBJECTIVES)}."
            )
    kind: type[Parameters] = load_job(wanted.job).parameters
    epochs = []
    for values in wanted.examples():
        try:
            parsed = kind.parse({name: to_text(value) for name, value in values.items()} | {"data": data})
        except InputError as error:
            raise SweepError(f"{path}: {error}") from None
        epochs.append(int(getattr(parsed, "epochs", 1)))
    return max(epochs)


def _find(config: str) -> Path:
    path = Path(config)
    beside = project_root() / config
    return beside if not path.exists() and beside.exists() else path


def _with_overrides(wanted: Sweep, parameters: SweepParameters) -> Sweep:
    given = {name: getattr(parameters, name) for name in ("trials", "timeout", "seed") if getattr(parameters, name)}
    return wanted.model_copy(update=given)


def _portable(parameters: SweepParameters, path: Path) -> SweepParameters:
    """Return the parameters as a command in the project's folder takes them, wherever this one was given."""
    own = Path(parameters.config) if (project_root() / parameters.config).exists() else path.absolute()
    storage = parameters.storage
    if storage and storage != MEMORY and "://" not in storage:
        storage = str(Path(storage).absolute())
    return parameters.model_copy(update={"config": str(own), "storage": storage})


def _folder_name(study: str, storage: str, fingerprint: str) -> str:
    """Return a folder's name of a study's own, whatever the study is called."""
    words = re.sub(r"[^\w-]+", "-", study, flags=re.ASCII).strip("-")[:40]
    return f"{words}-{hashlib.sha256(repr((study, storage, fingerprint)).encode()).hexdigest()[:12]}".lstrip("-")


@contextmanager
def _executor(parameters: SweepParameters, store: Store, folder: Path, data: str) -> Iterator[Executor]:
    if parameters.executor == "local":
        yield LocalExecutor(TRIAL_MODULE, slots=parameters.workers, logs=folder, gpus=gpus())
        return
    from beauty_mlflow.jobs.trial_elsewhere import run_trial_elsewhere, with_manifest
    from beauty_mlflow.search.executors.ray import RayExecutor

    with RayExecutor(run_trial_elsewhere, slots=parameters.workers, common=with_manifest(Path(data))) as executor:
        _require_reachable(store, executor.machines)
        yield executor


def _require_reachable(store: Store, machines: Sequence[str]) -> None:
    """Raise SweepError where trials would run on machines that don't have the tracking store's files."""
    if len(machines) > 1 and store_folder(store.uri):
        raise SweepError(
            f"The Ray cluster is on {len(machines)} machines ({', '.join(machines)}), but the tracking store "
            f"{redact(store.uri)} is a file of this one, which trials elsewhere can't reach. Start a tracking server "
            "that all of them reach, and set MLFLOW_TRACKING_URI to it."
        )


def _manifest(split: Split, folder: Path) -> str:
    """Write the split where every trial of this machine reads it, so that none splits or hashes the pictures again."""
    path = folder / "split.csv"
    write_split(split, path)
    return str(path)


@contextmanager
def _parent(store: Store, storage: Storage, study: Any, name: str) -> Iterator[Run]:  # noqa: ANN401 - Optuna's
    """Yield the study's run: the first sweep's, which every later one goes on with."""
    with storage.alone_with(name):
        known = study.user_attrs.get(RUN_ATTRIBUTE)
        if not known:
            run = Run.open(store, name=f"sweep {name}")
            with ended_if_it_fails(run):
                study.set_user_attr(RUN_ATTRIBUTE, run.run_id)
                run = _recorded(run)
    if not known:
        yield run
        return
    try:
        run = Run.find(store, known)
    except TrackingError as error:
        raise SweepError(
            f"The study '{name}' belongs to the run {known}, which it can't go on with. {error} If it began in another "
            "tracking store, set MLFLOW_TRACKING_URI to that; or give another name as study."
        ) from None
    if project_run_id() == known:
        yield _recorded(run)
        return
    with beside_mlflows_own(store, run):
        send_ended(store)  # what an earlier driver logged last comes before our beginning
        with storage.alone_with(name):  # several may join at once, and the run's tag names them all
            run.reopen()
            run = _recorded(run)
        yield run


def _recorded(run: Run) -> Run:
    """Return the run as one that a store's silence doesn't stop, unless another driver of this machine has it so."""
    return run if is_at_work(run.run_id) else record(run)


def _log_inputs(found: Search, path: Path) -> None:
    run, wanted = found.run, found.sweep
    run.set_tags({names.STUDY: found.study.study_name, names.FINGERPRINT: found.split.fingerprint})
    known = run.parameters()
    own = found.parameters.as_text()
    run.log_parameters({name: value for name, value in own.items() if name not in known})
    with tempfile.TemporaryDirectory() as folder:
        run.log_file(Path(shutil.copy(path, Path(folder) / "sweep.toml")))
    searched = ", ".join(wanted.space)
    sentence = f"Searches {searched} with {wanted.sampler.name} for the best {', '.join(wanted.metrics)}."
    run.describe(f"{sentence} {wanted.description}", found.parameters.command())
    click.echo(sentence, err=True)


def _report_what_there_is(found: Search) -> None:
    try:
        report(found, [])
    except BeautyError as error:
        warn(f"the report couldn't be written: {error}")


def _clear_states(found: Search) -> None:
    """Remove what trials that nobody goes on with have left on this machine."""
    trials = found.study.get_trials(deepcopy=False)
    needed = {attempts.run_to_go_on_with(trial) for trial in trials if not trial.state.is_finished()}
    for trial in trials:
        run = trial.user_attrs.get(attempts.RUN)
        if run and trial.state.is_finished() and run not in needed:
            shutil.rmtree(state_of(run), ignore_errors=True)
