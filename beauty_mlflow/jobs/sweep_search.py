"""What a sweep under way consists of, and what each of its trials is given."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.jobs.parameters import to_text
from beauty_mlflow.jobs.sweep import Sweep as SweepParameters
from beauty_mlflow.processes import Process
from beauty_mlflow.search.dimensions import Scalar
from beauty_mlflow.search.executors.base import Executor, Task
from beauty_mlflow.search.storages import Storage
from beauty_mlflow.search.studies import total
from beauty_mlflow.search.sweep_file import Sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

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
            "compared": asdict(Process.this()),
        }
        decisive = {name: parameters[name] for name in sorted(DECIDE_ACTIVATIONS & parameters.keys())}
        return Task(number, content, part, reuses=json.dumps(decisive))

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
