"""Runs that aren't ours: figures from elsewhere, written down as runs whose dates lie in the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow.entities import Metric, Param, RunTag, ViewType

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.finding import find_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, alone
from beauty_mlflow.tracking.values import check_metrics, check_tags

_ATTEMPTS = 5

Point = tuple[str, float, int, int]  # name, value, milliseconds, step


@dataclass(frozen=True)
class Imported:
    """What an imported run is to be.

    Attributes:
        key: What no other run of its experiment has in the tag ``names.IMPORTED_KEY``.
        name: The run's.
        start: When it began, in milliseconds since 1970.
        end: When it ended, in the same.
        parameters: As they are logged.
        points: Metrics by epoch.
        figures: Metrics without an epoch.
        tags: The description included.
    """

    key: str
    name: str
    start: int
    end: int
    parameters: Mapping[str, str]
    points: Sequence[Point]
    figures: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags, and those by which an imported run is known."""
        return {**self.tags, names.IMPORTED: "true", names.IMPORTED_KEY: self.key}


def import_runs(store: Store, wanted: Sequence[Imported]) -> list[str]:
    """Make the runs that the store's experiment lacks, complete those that a killed import has left.

    Several processes may do the same at once: a run is made once, or its copies end in the trash.

    Returns:
        The keys of the runs that were made or completed, in order.

    Raises:
        TrackingError: A run is deleted; or the store refuses or doesn't answer.
    """
    known = _known(store)
    return [one.key for one in wanted if not _is_whole(known.get(one.key, ())) and _import(store, one)]


def _import(store: Store, one: Imported) -> bool:
    """Return whether anything had to be done; a local store is locked meanwhile, on a server copies are deleted."""
    for attempt in range(1, _ATTEMPTS + 1):
        with alone(store.uri):
            run = _opened(store, one)
            if run is None:
                return False
            try:
                with tracked(_Filled(run, one), sample=False):
                    _fill(run, one)
                _only(store, one.key)
            except TrackingError:
                if attempt == _ATTEMPTS or not (_is_replaced(store, one.key, run.run_id) or _is_shared(run, one)):
                    raise
            else:
                return True
    return False


def _opened(store: Store, one: Imported) -> Run | None:
    """Return the run to complete, made where there is none; None where it is whole."""
    found = _known(store).get(one.key, ())
    if _is_whole(found):
        return None
    _require_not_deleted(found)
    if not _active(found):
        with translated(f"make a run in the {store.describe()}"):
            tags = check_tags(one.all_tags)
            store.client.create_run(store.experiment_id, one.start, tags=tags, run_name=one.name)
    return _only(store, one.key)


def _is_replaced(store: Store, key: str, run_id: str) -> bool:
    """Return whether another process has deleted the run for its own, which is there."""
    active = {run.info.run_id for run in _active(_known(store).get(key, ()))}
    return bool(active) and run_id not in active


def _is_shared(run: Run, one: Imported) -> bool:
    """Return whether another process has filled the same run meanwhile, whose parameters a server takes only once."""
    return one.parameters.keys() <= run.parameters().keys()


def _only(store: Store, key: str) -> Run:
    """Return the run of this key; of several, which processes have made at once, all others are deleted.

    All processes keep the same one, so that one is always left.
    """
    first, *copies = sorted(run.info.run_id for run in _active(_known(store)[key]))
    with translated(f"delete copies of the run {first}"):
        for run_id in copies:
            store.client.delete_run(run_id)
    return Run(store, first)


def _fill(run: Run, one: Imported) -> None:
    points = [*one.points, *((name, value, one.end, 0) for name, value in one.figures.items())]
    present = {name: run.metric_history(name) for name in run.metrics()}
    missing = [point for point in points if point[3] not in present.get(point[0], {})]
    parameters = run.parameters()
    check_metrics({f"{name} of step {step}": value for name, value, _, step in missing})
    with translated(f"log the figures of the run {run.run_id}"):
        run.store.client.log_batch(
            run.run_id,
            metrics=[Metric(*point) for point in missing],
            params=[Param(name, value) for name, value in one.parameters.items() if name not in parameters],
            tags=[RunTag(name, value) for name, value in check_tags(one.all_tags).items()],
            synchronous=True,
        )


class _Filled:
    """Ends the run at its own time if all went well; a failed import leaves it to the next one."""

    def __init__(self, run: Run, one: Imported) -> None:
        self.run_id = run.run_id
        self._run, self._one = run, one

    def start_sampling(self) -> None:
        """Nothing of this machine belongs to it."""

    def hurry(self) -> None:
        """Nothing is kept on disk."""

    def finish(self, status: names.RunStatus, tags: Mapping[str, str] | None = None) -> None:
        if status != "FINISHED":
            self._run.finish(status, tags)
            return
        self._run.remove_tag(names.ERROR)
        with translated(f"set the run {self.run_id} to {status}"):
            self._run.store.client.set_terminated(self.run_id, status, self._one.end)


def _known(store: Store) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for run in find_runs(store, [store.experiment_id], {names.IMPORTED: "true"}, view=ViewType.ALL):
        found.setdefault(run.data.tags.get(names.IMPORTED_KEY, ""), []).append(run)
    return found


def _active(runs: Sequence[Any]) -> list[Any]:
    return [run for run in runs if run.info.lifecycle_stage == "active"]


def _is_whole(runs: Sequence[Any]) -> bool:
    return [run.info.status for run in _active(runs)] == ["FINISHED"]


def _require_not_deleted(runs: Sequence[Any]) -> None:
    if runs and not _active(runs):
        run_id = runs[0].info.run_id
        raise TrackingError(
            f"The run {run_id} ({runs[0].info.run_name}) is deleted, and isn't imported beside that. Bring it back "
            f"with: mlflow runs restore --run-id {run_id}; or let it go for good with: mlflow gc --run-ids {run_id}"
        )
