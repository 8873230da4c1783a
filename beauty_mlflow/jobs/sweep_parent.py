"""The run of a study, which every sweep that works on it goes on with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beauty_mlflow.errors import MissingError, SweepError
from beauty_mlflow.jobs.sessions import beside_mlflows_own
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.search.storages import Storage
from beauty_mlflow.tracking.ending import ended_if_it_fails
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.recorded import is_at_work, record
from beauty_mlflow.tracking.store import Store

_ATTRIBUTE = "run"  # of the study


@contextmanager
def open_parent(
    store: Store,
    storage: Storage,
    study: Any,  # noqa: ANN401 - Optuna's
    name: str,
    parameters: Mapping[str, str],
) -> Iterator[Run]:
    """Yield the study's run: the first sweep's, which every later one goes on with.

    Args:
        store: Where it is.
        storage: The study's.
        study: Optuna's study.
        name: The study's.
        parameters: What the run is given; those that it has already stay as the first sweep had them.

    Raises:
        SweepError: The store doesn't have that run any more.
        TrackingError: It refuses, or doesn't answer.
    """
    with storage.alone_with(name):
        known = study.user_attrs.get(_ATTRIBUTE)
        if not known:
            run = Run.open(store, name=f"sweep {name}")
            with ended_if_it_fails(run):
                study.set_user_attr(_ATTRIBUTE, run.run_id)
                run = _recorded(run, parameters)
    if not known:
        yield run
        return
    try:
        run = Run.find(store, known)
    except MissingError as error:
        raise SweepError(
            f"The study '{name}' belongs to the run {known}, which it can't go on with. {error} If it began in another "
            "tracking store, set MLFLOW_TRACKING_URI to that; or give another name as study."
        ) from None
    if project_run_id() == known:
        with storage.alone_with(name):
            run = _recorded(run, parameters)
        yield run
        return
    with beside_mlflows_own(store, run):
        send_ended(store)  # what an earlier driver logged last comes before our beginning
        with storage.alone_with(name):  # several may join at once, and the run's tag names them all
            run.reopen()
            run = _recorded(run, parameters)
        yield run


def _recorded(run: Run, parameters: Mapping[str, str]) -> Run:
    """Return the run as one that a store's silence doesn't stop, unless another driver of this machine has it so.

    Its parameters are in the store before another driver looks for them: two could log different values.
    """
    known = run.parameters()
    run.log_parameters({name: value for name, value in parameters.items() if name not in known})
    return run if is_at_work(run.run_id) else record(run)
