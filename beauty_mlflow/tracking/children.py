"""The runs that belong to a parent run."""

from collections.abc import Mapping

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

_PAGE = 1000


def child_runs(store: Store, parent: Run, tags: Mapping[str, str] | None = None, *, status: str = "") -> list[Run]:
    """Return a run's children that have these tags and, where given, this status, the oldest first.

    Raises:
        TrackingError: The store doesn't answer.
    """
    wanted = {names.PARENT: parent.run_id, **(tags or {})}
    chosen = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in wanted.items())
    if status:
        chosen = f"{chosen} AND attributes.status = '{status}'"
    found: list[Run] = []
    token = None
    with translated(f"find the children of the run {parent.run_id}"):
        while True:
            page = store.client.search_runs(
                [parent.experiment_id],
                filter_string=chosen,
                order_by=["attributes.start_time ASC"],
                max_results=_PAGE,
                page_token=token,
            )
            found += [Run(store, run.info.run_id) for run in page]
            token = page.token
            if not token:
                return found
