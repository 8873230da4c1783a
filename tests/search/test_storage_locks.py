"""That only one at a time is inside, whatever kind of storage it is, and that a server may be away for a moment."""

import signal
import subprocess
import sys
import threading

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import IntegrityError, OperationalError, PendingRollbackError
from waiting import until

from beauty_mlflow.search import storage_locks
from beauty_mlflow.search.storage_locks import patient

SYSTEM = pytest.mark.system
SHARED = ["sqlite", pytest.param("postgresql", marks=SYSTEM), "journal"]
ALL = [*SHARED, "memory"]
HOLDER = """
import sys
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.storages import open_storage
with open_storage(sys.argv[1]).alone():
    print("in", flush=True)
    sys.stdin.readline()
    print("out", flush=True)
"""


@pytest.fixture
def hold(place):
    """Start a process that is alone until it gets a line, or dies."""
    started = []

    def call():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "in\n"
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", ALL)
def test_alone_excludes_threads(opened):
    """Eight threads that begin together are never inside at once."""
    together, storage = threading.Barrier(8), opened()
    inside, most = [], []

    def enter():
        together.wait()
        for _ in range(5):
            with storage.alone():
                inside.append(1)
                most.append(len(inside))
                threading.Event().wait(0.002)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 40


@pytest.mark.parametrize("kind", ALL)
def test_what_is_done_in_the_meantime_excludes_only_its_own_kind(opened):
    """Confirming one study takes hours; nobody else waits for it, nor for the trials of another study."""
    storage = opened()
    with (
        storage.alone("confirm a"),
        storage.alone("confirm b"),
        storage.alone_with("a"),
        storage.alone_with("b"),
        storage.alone(),
    ):
        pass
    for enter in (lambda: storage.alone("confirm a"), lambda: storage.alone_with("a")):
        entered = threading.Event()
        with enter():
            thread = threading.Thread(target=_enter, args=(enter, entered))
            thread.start()
            assert not entered.wait(0.2)
        thread.join()
        assert entered.is_set()


def _enter(alone, entered):
    with alone():
        entered.set()


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("end", ["leaves", "is killed"])
def test_alone_excludes_processes(end, opened, hold):
    """Who waits gets in as the other one leaves, or dies."""
    storage, entered = opened(), threading.Event()
    holder = hold()
    thread = threading.Thread(target=_enter, args=(storage.alone, entered))
    thread.start()
    assert not entered.wait(0.5)
    if end == "leaves":
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "out\n"
    else:
        holder.send_signal(signal.SIGKILL)
    thread.join(60)
    assert entered.is_set()


@SYSTEM
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_lock_goes_with_its_connection(opened, postgresql, place):
    """Whatever happens inside, nobody is locked out for ever, and nothing stays connected."""
    storage = opened()
    with pytest.raises(KeyboardInterrupt), storage.alone():
        raise KeyboardInterrupt
    with storage.alone():
        pass
    storage.close()
    name = place.rpartition("/")[2]
    import psycopg

    with psycopg.connect(place, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        until(lambda: connection.execute(query, [name]).fetchone() == (0,), seconds=120)


@pytest.mark.parametrize(
    "cause", [OperationalError("SELECT", {}, Exception("gone")), PendingRollbackError("roll back")]
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_whatever_a_server_that_goes_away_is_met_by_is_tried_again(monkeypatch, cause, wrapped):
    """Optuna takes a lost connection for a query that is too long, and goes on in the transaction that is lost."""
    monkeypatch.setattr(storage_locks, "_PAUSE", 0)
    calls = []

    def call():
        calls.append(None)
        if len(calls) == 3:
            return "an answer"
        if wrapped:
            raise StorageInternalError from cause
        raise cause

    assert patient(call)() == "an answer"


def test_another_failure_of_a_server_is_not_tried_again():
    """What the server refuses it would refuse for ever."""

    def call():
        raise StorageInternalError("too long") from IntegrityError("INSERT", {}, Exception("too long"))

    with pytest.raises(StorageInternalError, match="too long"):
        patient(call)()
