"""What MLflow's searches find, page by page."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import translated

PAGE = 1000


def every_page(search: Callable[..., Any], action: str, size: int = PAGE) -> Iterator[Any]:
    """Yield everything that one of MLflow's searches finds, ``size`` at a time; ``action`` is what an error says."""
    token = None
    while True:
        with translated(action):
            page = despite_others(partial(search, max_results=size, page_token=token))
        yield from page
        token = page.token
        if not token:
            return


def every_experiment(client: Any) -> Iterator[Any]:  # noqa: ANN401 - MLflow is untyped
    """Yield MLflow's entities of all experiments."""
    yield from every_page(client.search_experiments, "list the experiments")


def begun_offline(client: Any, key: str, experiments: Sequence[str] = ()) -> Any | None:  # noqa: ANN401 - MLflow is untyped
    """Return MLflow's entity of the run that was called so until the store gave it an id; None where there is none.

    Args:
        client: MLflow's client of the store.
        key: What it was called.
        experiments: Where to look; everywhere if nothing is given.

    Raises:
        TrackingError: The store doesn't answer.
    """
    inside = list(experiments) or [str(one.experiment_id) for one in every_experiment(client)]
    search = partial(client.search_runs, inside, filter_string=f"tags.`{names.OFFLINE}` = '{key}'")
    return next(every_page(search, f"find the run {key}", 1), None)
