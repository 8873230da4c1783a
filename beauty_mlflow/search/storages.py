"""Where trials are kept: SQLite with a write-ahead log, a database server, a journal file, or memory."""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from beauty_mlflow.errors import SearchError, StorageError
from beauty_mlflow.search.storage_locks import PATIENCE, Lock, file_locks, patient, server_locks, thread_locks

MEMORY = "memory"
JOURNAL_SUFFIXES = (".journal", ".log")
HEARTBEAT = 20  # seconds between two signs of life
GRACE = 90  # seconds without one after which a worker counts as dead
_DATABASES = ("postgresql", "mysql", "mariadb")
_OWN_TABLE = "studies"

# what studies and trials do with a database; signs of life may be missed
_TRANSACTIONS = [
    *(name for name in vars(optuna.storages.BaseStorage) if name[0] != "_"),
    "_get_trials",
    "_create_new_trial",
]


@dataclass(frozen=True)
class Storage:
    """An Optuna storage that answers.

    Attributes:
        trials: Optuna's storage.
        words: What it is, without passwords.
        heartbeat: Seconds between two signs of life of a worker; 0 where its death is noticed on its own machine only.
    """

    trials: Any
    words: str
    heartbeat: int
    _lock: Lock

    def alone(self, what: str = "") -> AbstractContextManager[object]:
        """Keep all others out that use the same storage and ask for the same, as long as the block runs.

        Args:
            what: Is to be done; empty for making tables and studies, which takes moments.
        """
        return self._lock(what)

    def alone_with(self, study: str) -> AbstractContextManager[object]:
        """Keep all others out that do something to the trials of a study, which takes moments."""
        return self._lock(f"trials of {study}")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Raise SearchError, which says how to go on, where the storage doesn't answer any more."""
        try:
            yield
        except (optuna.exceptions.OptunaError, SQLAlchemyError) as error:
            raise SearchError(
                f"The {self.words} doesn't answer any more: {reason_of(error)}. The same command goes on with the "
                "study as soon as it does."
            ) from error

    def close(self) -> None:
        """Close its connections."""
        if isinstance(self.trials, optuna.storages.RDBStorage):
            self.trials.remove_session()
            self.trials.engine.dispose()


def portable(text: str) -> str:
    """Return what names a storage as a process in any folder understands it: a file's path is made absolute."""
    if text.startswith("sqlite") and "://" in text:
        with suppress(SQLAlchemyError, ValueError):  # which is said as it is opened
            url = sqlalchemy.make_url(text)
            is_file = url.database and ":memory:" not in url.database and not url.query
            return f"sqlite:///{_absolute(str(url.database))}" if is_file else text
    is_path = text and text != MEMORY and "://" not in text and not _is_almost_url(text)
    return str(_absolute(text)) if is_path else text


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
        return Storage(optuna.storages.InMemoryStorage(), "memory", 0, thread_locks())
    if "://" not in text:
        if _is_almost_url(text):
            raise StorageError(f"'{_hidden(text)}' is no storage URL: expected :// after the kind of database.")
        path = _absolute(text)
        return _journal(path) if path.suffix in JOURNAL_SUFFIXES else _sqlite(path, heartbeat, grace)
    try:
        url = sqlalchemy.make_url(text)
    except (SQLAlchemyError, ValueError):
        raise StorageError(
            f"'{_hidden(text)}' is no storage: expected memory, a file's path, or a URL such as "
            "postgresql://user:password@host:5432/database."
        ) from None
    if "@" in (url.host or ""):
        raise StorageError(f"'{_hidden(text)}' has more than one @; write one in a password or a user's name as %40.")
    if url.get_backend_name() == "sqlite":
        if not url.database or ":memory:" in url.database or url.query:
            raise StorageError(
                "A SQLite storage is a file, without options; expected sqlite:///path or the path alone, or the word "
                "memory for trials that nobody else sees."
            )
        return _sqlite(_absolute(url.database), heartbeat, grace)
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return _server(url, heartbeat, grace)


def _sqlite(path: Path, heartbeat: int, grace: int) -> Storage:
    words = f"SQLite file {path}"
    alone = file_locks(path)
    url = sqlalchemy.URL.create("sqlite", database=str(path))
    options = {"connect_args": {"timeout": PATIENCE}, "pool_timeout": PATIENCE}
    try:
        _require_usable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(""):
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if tables and _OWN_TABLE not in tables:
                    raise StorageError(f"The {words} belongs to another program. Give another path as storage.")
                connection.execute("PRAGMA journal_mode=WAL")
            trials = _database(url, options, heartbeat, grace)
    except (OSError, sqlite3.Error, SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise StorageError(f"The {words} can't be used: {reason_of(error)}. Give another path as storage.") from None
    return Storage(trials, words, heartbeat, alone)


def _server(url: sqlalchemy.URL, heartbeat: int, grace: int) -> Storage:
    kind = url.get_backend_name()
    if kind not in _DATABASES:
        raise StorageError(f"'{kind}' is no kind of storage: expected sqlite, {', '.join(_DATABASES)}.")
    words = f"database {url.set(query={}).render_as_string(hide_password=True)}"
    options = {"connect_args": {"connect_timeout": 10}, "pool_pre_ping": True}
    try:
        # a lock's connection is really closed after it: whatever happens, the lock goes with it
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, **options)
        with engine.connect():
            pass
    except ImportError as error:
        hint = ": pip install 'beauty-mlflow[postgresql]'" if error.name == "psycopg" else ""
        raise StorageError(
            f"The {words} needs the Python package {error.name or url.get_driver_name()}{hint}."
        ) from None
    except sqlalchemy.exc.NoSuchModuleError:
        raise StorageError(f"'{url.drivername}' is no kind of storage; expected postgresql+psycopg, say.") from None
    except SQLAlchemyError as error:
        reason = reason_of(error, url.password)
        raise StorageError(f"The {words} can't be reached: {reason}. Is it started, and the URL right?") from None

    alone = server_locks(engine)
    try:
        with alone(""):
            tables = sqlalchemy.inspect(engine).get_table_names()
            if "alembic_version" in tables and _OWN_TABLE not in tables:
                raise StorageError(
                    f"The {words} belongs to another program, MLflow's tracking server perhaps; make one of its own "
                    "for trials, on the same server if you like."
                )
            trials = _database(url, {**options, "pool_timeout": PATIENCE}, heartbeat, grace)
            for name in _TRANSACTIONS:
                setattr(trials, name, patient(getattr(trials, name)))
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise StorageError(f"The {words} can't be used: {reason_of(error, url.password)}.") from None
    return Storage(trials, words, heartbeat, alone)


def _journal(path: Path) -> Storage:
    words = f"journal file {path}"
    alone = file_locks(path)
    try:
        _require_usable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(""):
            trials = JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StorageError(f"The {words} can't be used: {reason_of(error)}. Give another path as storage.") from None
    except (ValueError, LookupError, TypeError, AssertionError):
        raise StorageError(f"{path} is no journal of trials, or damaged. Give another path as storage.") from None
    return Storage(trials, words, 0, alone)


def _database(url: sqlalchemy.URL, options: dict[str, Any], heartbeat: int, grace: int) -> Any:  # noqa: ANN401 - Optuna's
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")  # Optuna formats it
    return optuna.storages.RDBStorage(text, engine_kwargs=options, heartbeat_interval=heartbeat, grace_period=grace)


def _require_usable(path: Path) -> None:
    """Raise OSError where a file can't be written. It isn't opened: closing it would end this process's locks on it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _is_almost_url(text: str) -> bool:
    return bool(re.match(rf"(postgres|sqlite|{'|'.join(_DATABASES)})[\w+]*:", text))


def _absolute(text: str) -> Path:
    with suppress(RuntimeError):  # nobody's home
        return Path(text).expanduser().absolute()
    return Path(text).absolute()


def reason_of(error: BaseException, secret: object = None) -> str:
    """Return in one line what lies at the bottom of an error, without a password."""
    while error.__cause__:
        error = error.__cause__
    words = " ".join(str(error).split()).rstrip(".")
    return words.replace(str(secret), "***") if secret else words


def _hidden(text: str) -> str:
    scheme, _, rest = text.partition(":")
    return f"{scheme}://…@{rest.rpartition('@')[2]}".partition("?")[0] if "@" in rest else text.partition("?")[0]
