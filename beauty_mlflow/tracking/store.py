"""Which store runs go to, and the experiment in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import beauty_mlflow
from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.reachable import check_reachable, sqlite_path
from beauty_mlflow.tracking.redaction import redact

ALLOW_FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"
FRESH_SECONDS = 30.0  # that another process may take to make a database's tables
_DATABRICKS = frozenset({"databricks", "databricks-uc", "uc"})  # servers, though they look like paths
# A call to a server that died fails after some 15 s instead of MLflow's 4 minutes; our own summary names the run
HTTP_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True)
class Store:
    """A tracking store that answers, and the experiment in it that new runs belong to.

    Args:
        client: MLflow's client of this store; calls go by run id, so that threads don't meet.
        uri: The store's URI as MLflow takes it; it may hold credentials: print describe() instead.
        experiment_id: The experiment's id.
        experiment: The experiment's name.
        notes: Sentences that the user must read.
    """

    client: Any
    uri: str = field(repr=False)
    experiment_id: str
    experiment: str
    notes: tuple[str, ...]

    @property
    def is_offline(self) -> bool:
        """Whether nothing may be asked of it."""
        return isinstance(self.client, _Nobody)

    @property
    def run_notes(self) -> tuple[str, ...]:
        """The notes, and where runs go: for a command that makes one."""
        if self.is_offline:
            return (*self.notes, f"offline: `beauty sync` brings the run to the {self.describe()}")
        return (*self.notes, f"runs go to the {self.describe()}")

    def describe(self) -> str:
        """Say in words where runs go, without credentials."""
        return _describe(self.uri, self.experiment)


def connect(root: Path | None = None, *, experiment: str = "", uri: str = "") -> Store:
    """Open the store that MLFLOW_TRACKING_URI names; unset: ``mlflow.db`` in the project's root.

    The experiment is MLFLOW_EXPERIMENT_ID or MLFLOW_EXPERIMENT_NAME, else ``beauty``; one that is missing by name is
    made. Several processes may start on a fresh store at once.

    Args:
        root: The folder for ``mlflow.db`` and ``mlruns/``; by default the checkout, else the current folder.
        experiment: The name of the experiment, whatever the environment says.
        uri: The store's, whatever the environment says.

    Raises:
        TrackingError: The store can't be reached (within 30 seconds) or opened, or lacks the experiment.
    """
    uri = uri or _wanted_uri(root)
    notes = _prepare(uri)
    check_reachable(uri)
    with translated(f"open the tracking store {redact(uri)}"), alone(uri):
        client, found = despite_others(lambda: _opened(uri, experiment), patience=FRESH_SECONDS)
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"The experiment '{found.name}' is deleted in {redact(uri)}; bring it back with: "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return Store(client, uri, str(found.experiment_id), found.name, notes)


def offline_store(root: Path | None = None) -> Store:
    """Return the store that ``connect`` would open, without asking it for anything."""
    uri = _wanted_uri(root)
    return Store(_Nobody(), uri, os.environ.get("MLFLOW_EXPERIMENT_ID", ""), _wanted_name(), _prepare(uri))


class _Nobody:
    """In place of the client of a store that isn't to be asked."""

    def __getattr__(self, name: str) -> None:
        raise UnreachableError(
            "This needs the tracking store, of which offline=true asks nothing: take weights from a file, or leave "
            "offline out."
        )


def project_root() -> Path:
    """Return the checkout that this package runs from, whatever the current folder; the current folder where none."""
    return checkout() or Path.cwd()


def checkout() -> Path | None:
    """Return the folder that holds MLproject and this package; None where it was installed elsewhere."""
    folder = Path(beauty_mlflow.__file__).resolve().parents[1]
    return folder if (folder / "MLproject").is_file() else None


def store_folder(uri: str) -> Path | None:
    """Return the folder that a local store lies in; None for a server's."""
    path = store_path(uri)
    return path.parent if path else None


def store_path(uri: str) -> Path | None:
    """Return the file or folder of a local store; None for a server's."""
    return sqlite_path(uri) or _file_store(uri)


def default_uri(root: Path) -> str:
    """Return the URI of the SQLite store in a folder."""
    return f"sqlite:///{_in_sqlite_uri(root.absolute() / 'mlflow.db')}"


def _describe(uri: str, experiment: str) -> str:
    return f"experiment '{experiment}' in {redact(uri)}"


def _prepare(uri: str) -> tuple[str, ...]:
    if urlsplit(uri).scheme in ("http", "https"):
        for name, value in HTTP_DEFAULTS.items():
            os.environ.setdefault(name, value)
    if _file_store(uri) is None or os.environ.get(ALLOW_FILE_STORE):
        return ()
    os.environ[ALLOW_FILE_STORE] = "true"
    note = (
        f"{redact(uri)} is a file store, which MLflow no longer develops; {ALLOW_FILE_STORE}=true is set for this "
        "command. `mlflow migrate-filestore` moves it into a database."
    )
    return (note,)


def _file_store(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme == "":
        return None if uri in _DATABRICKS else Path(uri).absolute()
    return Path(unquote(parts.path)).absolute() if parts.scheme == "file" else None


def _opened(uri: str, experiment: str) -> tuple[Any, Any]:
    """Return a client and its experiment; the first of all makes the tables, at which another one may be, too."""
    client = MlflowClient(tracking_uri=uri)
    found = _find_experiment(client, experiment) or _make_experiment(client, uri, experiment or _wanted_name())
    return client, found


def _find_experiment(client: Any, name: str) -> Any:  # noqa: ANN401 - MLflow is untyped
    experiment_id = "" if name else os.environ.get("MLFLOW_EXPERIMENT_ID")
    if experiment_id:
        return client.get_experiment(experiment_id)
    return client.get_experiment_by_name(name or _wanted_name())


def _make_experiment(client: Any, uri: str, name: str) -> Any:  # noqa: ANN401 - MLflow is untyped
    try:
        client.create_experiment(name, artifact_location=_artifact_location(uri, name))
    except MlflowException:  # another process may have been first
        if client.get_experiment_by_name(name) is None:
            raise
    return client.get_experiment_by_name(name)


def _wanted_uri(root: Path | None) -> str:
    wanted = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    return _absolute(wanted) if wanted else default_uri(root or project_root())


def _absolute(uri: str) -> str:
    """Return the URI of the same store in any folder: what a run's state remembers is read in others as well."""
    if sqlite_path(uri):
        head, _, rest = uri.partition(":///")
        return uri if rest.startswith(("/", "file:")) else f"{head}:///{_in_sqlite_uri(Path.cwd())}/{rest}"
    path = _file_store(uri)
    if path is None or Path(urlsplit(uri).path).is_absolute():
        return uri
    return path.as_uri() if urlsplit(uri).scheme else str(path)


def _in_sqlite_uri(path: Path) -> str:
    """Return a path as it stands in a URI; nothing else is quoted, as MLflow makes folders of what stands there."""
    return str(path).replace("%", "%25").replace("?", "%3F")


def _wanted_name() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or names.EXPERIMENT


def _artifact_location(uri: str, experiment: str) -> str | None:
    path = sqlite_path(uri)
    return None if path is None else (path.parent / "mlruns" / quote(experiment, safe=" ")).as_uri()


@contextmanager
def alone(uri: str) -> Iterator[bool]:
    """Keep other processes out of a local store for a moment; yield whether that is so (a server's can't be locked)."""
    path = store_path(uri)
    if path is None:
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(folder)
