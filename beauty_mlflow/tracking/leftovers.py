"""What dead processes have left in the store: runs, models, moves of aliases, and halves of uploaded files."""

import json
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException

from beauty_mlflow.leftovers import Leftover, Note
from beauty_mlflow.temporary import remove
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.arrival import halves
from beauty_mlflow.tracking.changes import Batch, Untag
from beauty_mlflow.tracking.delivery import deliver
from beauty_mlflow.tracking.failures import is_missing, translated
from beauty_mlflow.tracking.finding import find_runs
from beauty_mlflow.tracking.model_upload import PENDING
from beauty_mlflow.tracking.owners import hosts_of, life_of, processes_of
from beauty_mlflow.tracking.registry import Registry
from beauty_mlflow.tracking.searches import every_experiment, every_page
from beauty_mlflow.tracking.store import Store, store_path

RUN, MODEL, MOVE, UPLOAD = (
    "run without a process",
    "model that was never whole",
    "promotion cut short",
    "half of an uploaded file",
)
DIED = "its process died; found by `beauty doctor`"
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_HOUR = 3600
_AT_ONCE = 50


@dataclass
class StoreLeftovers:
    """Looks through a store.

    Args:
        store: Which one.
        unsent: Ids of the runs whose last changes are still to be sent; they are left alone.
        silent_hours: After how many hours without a sign of life a run counts as dead whose process can't be seen from
            here; 0 is never.
        note: Takes sentences about what can't be told from here.
    """

    store: Store
    unsent: Collection[str] = ()
    silent_hours: float = 0.0
    note: Note = field(default=print, repr=False)

    def find(self) -> list[Leftover]:
        """Return everything, in the order in which it has to be mended.

        Raises:
            TrackingError: The store doesn't answer.
        """
        listed = list(every_experiment(self.store.client))
        experiments = [str(one.experiment_id) for one in listed]
        moves = list(self._moves())
        unfinished = list(find_runs(self.store, experiments, {}, "attributes.status != 'FINISHED'"))
        moving = {run_id for run_id, _ in moves}
        runs = self._runs([run for run in unfinished if run.info.run_id not in moving])
        models = self._models(experiments, [run.info.run_id for run in unfinished if self.is_dead(run)])
        return [*(move for _, move in moves), *runs, *models, *self._uploads(listed)]

    def is_dead(self, run: Any) -> bool:  # noqa: ANN401 - MLflow's entity
        """Return whether nobody works on a run any more, by its status or its processes."""
        life = life_of(run.data.tags)
        if str(run.info.status) != "RUNNING":
            return life != "alive"
        return life == "dead" or (life == "unknown" and self._is_silent(run))

    def run(self, run_id: str) -> Any | None:  # noqa: ANN401 - MLflow's entity
        """Return MLflow's entity of a run, deleted or not; None where the store doesn't have it."""
        with translated(f"read the run {run_id}"):
            try:
                return self.store.client.get_run(run_id)
            except MlflowException as error:
                if not is_missing(error):
                    raise
                return None

    def _runs(self, unfinished: Iterable[Any]) -> list[Leftover]:
        found, elsewhere = [], Counter[str]()
        for run in unfinished:
            if str(run.info.status) != "RUNNING" or run.info.run_id in self.unsent:
                continue
            if self.is_dead(run):
                found.append(self._run_leftover(run))
            elif life_of(run.data.tags) == "unknown":
                elsewhere[_whereabouts(run.data.tags)] += 1
        for where, count in sorted(elsewhere.items()):
            self.note(
                f"{count} {'run is' if count == 1 else 'runs are'} RUNNING {where}: whether the process lives can't be "
                "told from here. Ask there, or end those that are silent by silent_hours."
            )
        return found

    def _run_leftover(self, run: Any) -> Leftover:  # noqa: ANN401 - MLflow's entity
        return Leftover(
            RUN,
            f"{run.info.run_id} ({run.info.run_name})",
            "set it to FAILED",
            partial(self._end, run.info.run_id),
            since=_last_sign(run),
        )

    def _end(self, run_id: str) -> bool:
        """Set a run to FAILED, unless somebody goes on with it meanwhile: who does writes that down first."""
        client = self.store.client
        with translated(f"end the run {run_id}"):
            run = client.get_run(run_id)
            if str(run.info.status) != "RUNNING" or not self.is_dead(run):
                return False
            tags = {names.ERROR: DIED, **({names.TRIAL_STATE: "FAIL"} if names.TRIAL_STATE in run.data.tags else {})}
            deliver(client, run_id, Batch(tags=tags))
            client.set_terminated(run_id, "FAILED")
            if processes_of(client.get_run(run_id).data.tags) != processes_of(run.data.tags):
                client.update_run(run_id, status="RUNNING")
                deliver(client, run_id, Untag(name=names.ERROR))
                return False
        return True

    def _models(self, experiments: Sequence[str], dead: Sequence[str]) -> Iterator[Leftover]:
        """Yield the models that dead runs have begun. A database's search knows a model's status by a number only."""
        for first in range(0, len(dead), _AT_ONCE):
            chosen = ", ".join(f"'{run_id}'" for run_id in dead[first : first + _AT_ONCE])
            filtered = f"source_run_id IN ({chosen})"
            search = partial(self.store.client.search_logged_models, experiments, filter_string=filtered)
            for model in every_page(search, "find models that aren't whole", _AT_ONCE):
                if str(model.status) == PENDING and model.source_run_id not in self.unsent:
                    yield Leftover(
                        MODEL,
                        f"{model.model_id} of the run {model.source_run_id}",
                        "set it to FAILED",
                        partial(self._fail_model, model.model_id, model.source_run_id),
                        since=model.last_updated_timestamp / 1000,
                    )

    def _fail_model(self, model_id: str, run_id: str) -> bool:
        client = self.store.client
        with translated(f"end the model {model_id}"):
            pending = str(client.get_logged_model(model_id).status) == PENDING
            if not pending or not self._is_abandoned(run_id):
                return False
            client.finalize_logged_model(model_id, "FAILED")
        return True

    def _moves(self) -> Iterator[tuple[str, Leftover]]:
        for model in every_page(self.store.client.search_registered_models, "list the registered models"):
            text = model.tags.get(names.PROMOTION_MOVE, "")
            run_id = _mover(text)
            run = self.run(run_id) if run_id else None
            deleted = run is None or run.info.lifecycle_stage != "active"
            if text and (deleted or self.is_dead(run)):
                registry = Registry(self.store, model.name)
                mend = (lambda registry=registry: bool(registry.repair())) if run_id else None
                remedy = "complete it, or drop it" if run_id else f"remove the model's tag {names.PROMOTION_MOVE}"
                yield run_id, Leftover(MOVE, f"of '{model.name}', by the run {run_id or '?'}", remedy, mend)

    def _uploads(self, experiments: Iterable[Any]) -> Iterator[Leftover]:
        for experiment in experiments:
            root = store_path(experiment.artifact_location)
            for path in halves(root):
                owner = path.relative_to(root).parts  # type: ignore[arg-type]
                if self._is_abandoned(self._run_of(owner)):
                    yield Leftover(
                        UPLOAD,
                        str(path),
                        "remove it",
                        partial(self._remove_upload, path, owner),
                        path.stat().st_size,
                        path.stat().st_mtime,
                    )

    def _remove_upload(self, path: Path, owner: Sequence[str]) -> bool:
        if not self._is_abandoned(self._run_of(owner)):
            return False
        remove(path)
        return True

    def _run_of(self, parts: Sequence[str]) -> str:
        """Return the run that a file below an experiment's artifacts is of: <run>/… or models/<model>/…."""
        model = next((part for part in parts[:2] if _MODEL_ID.fullmatch(part)), "")
        if not model:
            return parts[0]
        with translated(f"read the model {model}"):
            try:
                return str(self.store.client.get_logged_model(model).source_run_id)
            except MlflowException as error:
                if not is_missing(error):
                    raise
                return ""

    def _is_abandoned(self, run_id: str) -> bool:
        """Return whether nobody works on what a run has begun; so it is where the run is gone."""
        if run_id in self.unsent:
            return False
        run = self.run(run_id) if run_id else None
        return run is None or self.is_dead(run)

    def _is_silent(self, run: Any) -> bool:  # noqa: ANN401 - MLflow's entity
        return bool(self.silent_hours) and time.time() - _last_sign(run) > self.silent_hours * _HOUR


def _last_sign(run: Any) -> float:  # noqa: ANN401 - MLflow's entity
    """Return when a run began or logged a figure last, in seconds since 1970."""
    logged = (metric.timestamp for metric in run.data._metric_objs)  # noqa: SLF001 - the values alone are public
    return float(max([run.info.start_time, *logged])) / 1000


def _whereabouts(tags: Mapping[str, str]) -> str:
    hosts = hosts_of(tags)
    if not hosts:
        return "that don't say which process they are of"
    return f"on {', '.join(hosts)}, started by {tags.get(names.USER, 'somebody')}"


def _mover(text: str) -> str:
    """Return the run that has written down a move of aliases, as far as that can be read."""
    try:
        return str(json.loads(text)["run_id"])
    except (ValueError, TypeError, KeyError):
        return ""
