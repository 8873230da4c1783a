"""Where trials are kept: SQLite with a write-ahead log, a database server, a journal file, or memory."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import sqlalchemy
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from beauty_mlflow.errors import StorageError

MEMORY = "memory"
JOURNAL_SUFFIXES = (".journal", ".log")
HEARTBEAT = 20  # seconds between two signs of life
GRACE = 90  # seconds without one after which a worker counts as dead
_PATIENCE = 60.0  # seconds that a locked SQLite file is waited for
_LOCK_NUMBER = 5_462_018  # of PostgreSQL's advisory locks: any, but always the same one

_memory_lock = threading.Lock()


@dataclass(frozen=True)
class Storage:
    """An Optuna storage that answers.

    Attributes:
        trials: Optuna's storage.
        words: What it is, without passwords.
        heartbeat: Whether a worker's death is noticed from any machine.
    """

    trials: Any
    words: str
    heartbeat: bool
    _lock: Callable[[], Any]

    def alone(self) -> Any:  # noqa: ANN401 - a context manager
        """Keep all other processes out that use the same storage and ask for this, as long as the block runs."""
        return self._lock()


def open_storage(text: str, *, heartbeat: int = HEARTBEAT, grace: int = GRACE) -> Storage:
    """Open a storage, and make its tables where they are missing; several processes may do so at once.

    Args:
        text: ``memory``, the path of a SQLite file, the path of a journal file (``.journal`` or ``.log``), or a URL as
            SQLAlchemy has it.
        heartbeat: Seconds between two signs of life.
        grace: Seconds without one after which a worker counts as dead.

    Raises:
        StorageError: It can't be reached, made or read.
    """
    if text == MEMORY:
        return Storage(optuna.storages.InMemoryStorage(), "memory", False, lambda: _memory_lock)
    if "://" not in text:
        path = Path(text).absolute()
        return _journal(path) if path.suffix in JOURNAL_SUFFIXES else _sqlite(path, heartbeat, grace)
    try:
        url = sqlalchemy.make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise StorageError(f"'{_hidden(text)}' is no storage: expected memory, a file's path, or a URL.") from None
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StorageError(
                "A SQLite storage in memory can't be shared; expected a file's path, or the word memory."
            )
        return _sqlite(Path(url.database).absolute(), heartbeat, grace)
    return _server(url, heartbeat, grace)


def _sqlite(path: Path, heartbeat: int, grace: int) -> Storage:
    words = f"SQLite file {path}"
    lock = path.with_name(f"{path.name}.lock")

    def alone() -> Any:  # noqa: ANN401 - a context manager
        return _file_lock(lock)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone():
            with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            url = f"sqlite:///{quote(str(path), safe='/ ')}" if "?" in str(path) else f"sqlite:///{path}"
            trials = _database(url, {"connect_args": {"timeout": _PATIENCE}}, heartbeat, grace)
    except (OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        raise StorageError(f"The {words} can't be used: {_reason(error)}. Give another path as storage.") from None
    return Storage(trials, words, True, alone)


def _server(url: sqlalchemy.URL, heartbeat: int, grace: int) -> Storage:
    words = f"database {url.render_as_string(hide_password=True)}"
    try:
        engine = sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=_connect_arguments(url))
        with engine.connect():
            pass
    except ModuleNotFoundError as error:
        raise StorageError(
            f"The {words} needs the Python package {error.name}; for PostgreSQL: "
            "pip install 'beauty-mlflow[postgresql]', and a URL that begins with postgresql+psycopg://."
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise StorageError(
            f"The {words} can't be reached: {_reason(error)}. Is it started, and the URL right?"
        ) from None

    def alone() -> Any:  # noqa: ANN401 - a context manager
        return _server_lock(engine)

    try:
        with alone():
            options = {"pool_pre_ping": True, "connect_args": _connect_arguments(url)}
            trials = _database(url.render_as_string(hide_password=False), options, heartbeat, grace)
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        raise StorageError(f"The {words} can't be used: {_reason(error)}.") from None
    return Storage(trials, words, True, alone)


def _journal(path: Path) -> Storage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trials = JournalStorage(JournalFileBackend(str(path)))
    except (OSError, ValueError) as error:
        raise StorageError(f"The journal file {path} can't be used: {_reason(error)}.") from None
    lock = path.with_name(f"{path.name}.study-lock")
    return Storage(trials, f"journal file {path}", False, lambda: _file_lock(lock))


def _database(url: str, options: dict[str, Any], heartbeat: int, grace: int) -> Any:  # noqa: ANN401 - Optuna's
    return optuna.storages.RDBStorage(url, engine_kwargs=options, heartbeat_interval=heartbeat, grace_period=grace)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _server_lock(engine: Any) -> Iterator[None]:  # noqa: ANN401 - SQLAlchemy's
    """Hold an advisory lock where the server has them; it ends with the connection, however that ends."""
    with engine.connect() as connection:
        match engine.dialect.name:
            case "postgresql":
                connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_LOCK_NUMBER})"))
                release = f"SELECT pg_advisory_unlock({_LOCK_NUMBER})"
            case "mysql" | "mariadb":
                connection.execute(sqlalchemy.text(f"SELECT GET_LOCK('beauty-{_LOCK_NUMBER}', -1)"))
                release = f"SELECT RELEASE_LOCK('beauty-{_LOCK_NUMBER}')"
            case other:
                raise StorageError(f"{other} isn't supported as a storage; expected SQLite, PostgreSQL or MySQL.")
        try:
            yield
        finally:
            connection.execute(sqlalchemy.text(release))


def _connect_arguments(url: sqlalchemy.URL) -> dict[str, Any]:
    return {"connect_timeout": 10} if url.get_backend_name() in ("postgresql", "mysql", "mariadb") else {}


def _reason(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()).rstrip(".")


def _hidden(text: str) -> str:
    scheme, _, rest = text.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else text
