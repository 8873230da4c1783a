"""Where a search's trials are kept unless another storage is named."""

from pathlib import Path

from beauty_mlflow.tracking.store import project_root, store_folder

_FILE = "optuna.db"


def default_storage(uri: str) -> Path:
    """Return the file beside a local tracking store; with a server, the one in the project's folder."""
    return (store_folder(uri) or project_root()) / _FILE
