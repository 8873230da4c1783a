"""Keeping others out of a storage: other threads, or the other processes that use its file or its database."""

import fcntl
import functools
import hashlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import optuna
import sqlalchemy
from sqlalchemy.exc import OperationalError, PendingRollbackError

PATIENCE = 60.0  # seconds that a locked SQLite file, a server that is away, or a free connection is waited for
_PAUSE = 0.5  # seconds between two attempts meanwhile
# what a server that goes away is met by: the latter where Optuna takes the former for a query that is too long
_AWAY = (OperationalError, PendingRollbackError)

Given = ParamSpec("Given")
Result = TypeVar("Result")
Lock = Callable[[str], AbstractContextManager[object]]  # of whatever is named, as long as the block runs


def thread_locks() -> Lock:
    """Locks between the threads of this process."""
    locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
    return lambda what: locks[what]


def file_locks(path: Path) -> Lock:
    """Locks between the processes of this machine, in files beside one."""

    def alone(what: str) -> AbstractContextManager[object]:
        return _file_lock(path.with_name(f"{path.name}{_key(what)[:8] if what else ''}.study-lock"))

    return alone


def server_locks(engine: sqlalchemy.Engine) -> Lock:
    """Locks between all that use a database; each ends with its connection, however that ends."""
    return lambda what: _server_lock(engine, what)


def patient(call: Callable[Given, Result]) -> Callable[Given, Result]:
    """Try once more, for a while, what a server that is just restarted didn't do."""

    @functools.wraps(call)
    def patiently(*arguments: Given.args, **options: Given.kwargs) -> Result:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return call(*arguments, **options)
            except (*_AWAY, optuna.exceptions.StorageInternalError) as error:
                away = isinstance(error, _AWAY) or isinstance(error.__cause__, _AWAY)
                if not away or time.monotonic() >= until:
                    raise
            time.sleep(_PAUSE)

    return patiently


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _server_lock(engine: sqlalchemy.Engine, what: str) -> Iterator[None]:
    with closing(patient(_locked)(engine, _key(what))):
        yield


def _locked(engine: sqlalchemy.Engine, key: str) -> sqlalchemy.Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        if engine.dialect.name == "postgresql":
            number = int.from_bytes(bytes.fromhex(key), signed=True)
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({number})"))
        else:
            connection.execute(sqlalchemy.text(f"SELECT GET_LOCK('{key}', -1)"))
    except BaseException:
        connection.close()
        raise
    return connection


def _key(what: str) -> str:
    return hashlib.sha256(f"beauty-mlflow {what}".encode()).hexdigest()[:16]
