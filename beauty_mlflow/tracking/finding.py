"""Finding runs by what they hold."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mlflow.entities import ViewType

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.searches import PAGE, every_experiment, every_page
from beauty_mlflow.tracking.store import Store

FEW = 10
REFERENCE = "beauty-thesis-2018"  # the figures of a publication, not runs of ours

OLDEST_FIRST = "attributes.start_time ASC"
NEWEST_FIRST = "attributes.start_time DESC"


def find_runs(
    store: Store,
    experiments: Sequence[str],
    tags: Mapping[str, str],
    *conditions: str,
    order: Sequence[str] = (OLDEST_FIRST,),
    what: str = "runs",
    view: int = ViewType.ACTIVE_ONLY,
    page: int = PAGE,
) -> Iterator[Any]:
    """Yield MLflow's entities of the runs in these experiments that have these tags and meet MLflow's conditions.

    Deleted ones are left out, unless MLflow's ``view`` says otherwise. ``page`` is how many are fetched at a time, for
    a caller that hardly needs more; a run takes the store about a millisecond.

    Raises:
        TrackingError: The store doesn't answer.
    """
    chosen = " AND ".join([*(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items()), *conditions])
    search = partial(
        store.client.search_runs,
        list(experiments),
        filter_string=chosen,
        run_view_type=view,
        order_by=list(order),
    )
    yield from every_page(search, f"find {what}", page)


def child_runs(
    store: Store, parent: Run, tags: Mapping[str, str] | None = None, *, status: names.RunStatus | None = None
) -> list[Run]:
    """Return a run's children that have these tags and, where given, this status, the oldest first.

    Raises:
        TrackingError: The store doesn't answer.
    """
    conditions = [f"attributes.status = '{status}'"] if status else []
    return [Run(store, run.info.run_id) for run in child_entities(store, parent, tags, *conditions)]


def child_entities(store: Store, parent: Run, tags: Mapping[str, str] | None = None, *conditions: str) -> Iterator[Any]:
    """Yield MLflow's entities of a run's children, as ``find_runs``."""
    wanted = {names.PARENT: parent.run_id, **(tags or {})}
    what = f"the children of the run {parent.run_id}"
    yield from find_runs(store, [parent.experiment_id], wanted, *conditions, what=what)


def experiments(store: Store, name: str = "") -> list[str]:
    """Return the ids of the experiment of that name; of all that hold runs of ours where it is empty.

    Raises:
        TrackingError: There is none of that name.
    """
    found = all_experiments(store)
    if not name:
        return [number for title, number in found.items() if title != REFERENCE]
    if name not in found:
        raise TrackingError(f"There is no experiment '{name}'; there are: {', '.join(sorted(found))}.")
    return [found[name]]


def all_experiments(store: Store) -> dict[str, str]:
    """Return every experiment's id by its name."""
    return {one.name: str(one.experiment_id) for one in every_experiment(store.client)}


def best_trained(store: Store, inside: Sequence[str], study: str = "") -> Run:
    """Return the finished run with a model whose best_val_accuracy is highest, of equal ones the oldest.

    Args:
        store: Where.
        inside: The experiments' ids.
        study: Only this study's trials; empty is every run.

    Raises:
        TrackingError: There is none.
    """
    metric = f"metrics.{names.BEST_VAL_ACCURACY}"
    conditions = [f"{metric} >= 0", "attributes.status = 'FINISHED'"]
    tags = {names.STUDY: study} if study else {}
    for found in find_runs(store, inside, tags, *conditions, order=(f"{metric} DESC", OLDEST_FIRST), page=FEW):
        run = Run(store, found.info.run_id)
        if run.model_id():
            return run
    where = f"the study {study}" if study else "these experiments"
    raise TrackingError(
        f"No finished run of {where} has both {names.BEST_VAL_ACCURACY} and a model. Train one first (beauty "
        "finetune), or give `candidate`."
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"  # MLflow knows no escape
