"""Looking into the store without making anything there."""

from dataclasses import replace

from mlflow import MlflowClient

from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.reachable import check_reachable
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.store import Store, offline_store, store_path


def look() -> Store | None:
    """Return the store that ``connect`` would open, without an experiment's id; None where it is still to be made.

    Raises:
        TrackingError: It can't be reached (within 30 seconds) or opened.
    """
    wanted = offline_store()
    path = store_path(wanted.uri)
    if path is not None and not path.exists():
        return None
    check_reachable(wanted.uri)
    with translated(f"open the tracking store {redact(wanted.uri)}"):
        client = MlflowClient(tracking_uri=wanted.uri)
        client.search_experiments(max_results=1)
    return replace(wanted, client=client)
