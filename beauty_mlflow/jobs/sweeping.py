"""A sweep from its file to its report: a study, a parent run, a child run a trial."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from beauty_mlflow.data.splits.manifest import Split, write_split
from beauty_mlflow.errors import (
    BeautyError,
    InputError,
    Interrupted,
    SearchError,
    SweepError,
    UnreachableError,
    did_you_mean,
)
from beauty_mlflow.files import state_folder
from beauty_mlflow.hardware import gpus
from beauty_mlflow.jobs import load_job
from beauty_mlflow.jobs.opening import open_named, say_notes, split_counts
from beauty_mlflow.jobs.parameters import Parameters, Summary, to_text
from beauty_mlflow.jobs.sessions import state_of
from beauty_mlflow.jobs.sweep import Sweep as SweepParameters
from beauty_mlflow.jobs.sweep_books import Books, say
from beauty_mlflow.jobs.sweep_confirm import Confirmed, confirm, confirmed
from beauty_mlflow.jobs.sweep_parent import open_parent
from beauty_mlflow.jobs.sweep_report import report
from beauty_mlflow.jobs.sweep_search import DECIDE_ACTIVATIONS, Search
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.jobs.trial_storage import default_storage
from beauty_mlflow.search import attempts
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Executor
from beauty_mlflow.search.executors.local import LocalExecutor
from beauty_mlflow.search.storages import open_storage, portable
from beauty_mlflow.search.studies import open_study
from beauty_mlflow.search.sweep_file import Sweep, read_sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.console import warn
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.store import Store, connect, project_root, store_folder

TRIAL_MODULE = "beauty_mlflow.jobs.trial"
GIVEN = ("data", "resume", "offline")  # by the sweep to its trials


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
        with open_parent(store, storage, study, name, parameters.as_text()) as run, tracked(run):
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
                with storage.answering(), storage.alone(f"confirm {name}"):  # hours, in which other studies go on
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
    return parameters.model_copy(update={"config": str(own), "storage": portable(parameters.storage)})


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
    from beauty_mlflow.search.executors.ray.executor import RayExecutor

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


def _log_inputs(found: Search, path: Path) -> None:
    run, wanted = found.run, found.sweep
    run.set_tags({names.STUDY: found.study.study_name, names.FINGERPRINT: found.split.fingerprint})
    with tempfile.TemporaryDirectory() as folder:
        run.log_file(Path(shutil.copy(path, Path(folder) / "sweep.toml")))
    searched = ", ".join(wanted.space)
    sentence = f"Searches {searched} with {wanted.sampler.name} for the best {', '.join(wanted.metrics)}."
    run.describe(f"{sentence} {wanted.description}", found.parameters.command())
    say(sentence)


def _report_what_there_is(found: Search) -> None:
    try:
        with found.storage.answering():
            report(found, _confirmed_so_far(found))
    except BeautyError as error:
        warn(f"the report couldn't be written: {error}")


def _confirmed_so_far(found: Search) -> list[Confirmed]:
    try:
        return confirmed(found)
    except UnreachableError as error:
        warn(f"what has been confirmed couldn't be looked up: {error}")
        return []


def _clear_states(found: Search) -> None:
    """Remove what trials that nobody goes on with have left on this machine."""
    trials = found.study.get_trials(deepcopy=False)
    needed = {attempts.run_to_go_on_with(trial) for trial in trials if not trial.state.is_finished()}
    for trial in trials:
        run = trial.user_attrs.get(attempts.RUN)
        if run and trial.state.is_finished() and run not in needed:
            shutil.rmtree(state_of(run), ignore_errors=True)
