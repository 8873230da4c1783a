"""What every kind of storage does, and what each says where it can't be used."""

import os
import shlex
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest
from light_search import InThread, open_for, require_accounted_for, sweep_of, task_of

from beauty_mlflow.errors import SearchError, StorageError
from beauty_mlflow.search import storage_locks
from beauty_mlflow.search.attempts import State, Worker, counted
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.storages import open_storage, portable

SYSTEM = pytest.mark.system
WITH_HEARTBEAT = ["sqlite", pytest.param("postgresql", marks=SYSTEM)]
SHARED = [*WITH_HEARTBEAT, "journal"]
ALL = [*SHARED, "memory"]


@pytest.fixture
def left_behind(opened):
    """Make a study in which a trial was left RUNNING by a worker; the worker's attribute may be changed."""

    def call(sweep, **changed):
        storage = opened()
        study = open_for(storage, sweep)
        trial = study.ask()
        trial.set_user_attr("worker", asdict(replace(dead_worker(), **changed)))
        trial.suggest_float("x", 0, 1)
        if storage.heartbeat:
            storage.trials.record_heartbeat(trial._trial_id)
        return study

    return call


def dead_worker():
    """Return a process of this machine that is no more."""
    here = Worker.this()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return replace(here, process=process.pid)


@pytest.mark.parametrize("kind", ALL)
def test_a_study_is_made_once_and_found_again(opened):
    """With its values to start with, which are queued once."""
    sweep = sweep_of(start=[{"x": 0.25}])
    first, second = open_for(opened(), sweep), open_for(opened(), sweep)
    assert (first._study_id, first.study_name) == (second._study_id, second.study_name)
    assert [trial.state for trial in second.get_trials()] == [State.WAITING]
    assert second.ask().suggest_float("x", 0, 1) == 0.25


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHARED)
def test_six_drivers_start_together_on_a_fresh_storage(opened, books, start_driver):
    """All of them live, and they share the trials: none too many, none twice."""
    drivers = [start_driver(trials=12, waits=True, task={"pause": 0.2}) for _ in range(6)]
    for driver in drivers:
        driver.wait_for("ready")
    for driver in drivers:
        driver.go()
    assert [driver.rest() for driver in drivers] == [("done", "")] * 6
    study = open_for(opened(), sweep_of(trials=12))
    trials = study.get_trials()
    assert [trial.state for trial in trials] == [State.COMPLETE] * 12
    assert sorted(number for number, _ in books.told("finished")) == list(range(12))
    assert len({trial.user_attrs["worker"]["process"] for trial in trials}) > 1
    require_accounted_for(study, 12)


@pytest.mark.parametrize("kind", ALL)
def test_a_dead_worker_is_noticed_by_its_process(left_behind, opened, books):
    """Its trial fails without a reason and its values are tried again."""
    sweep = sweep_of(trials=2)
    study = left_behind(sweep)
    Driver(study, opened(), sweep, InThread(), task_of, books).run()
    trials = study.get_trials()
    assert [trial.state for trial in trials] == [State.FAIL, State.COMPLETE, State.COMPLETE]
    assert trials[1].params == trials[0].params
    assert trials[1].user_attrs["retry_of"] == 0
    assert books.told("died") == [(0, True)]
    require_accounted_for(study, 2)


@pytest.mark.parametrize("kind", ALL)
def test_the_dead_are_retried_up_to_retries(opened, books):
    """Then the trial counts as it is, and is told of once, whoever comes later."""
    sweep = sweep_of(trials=1, retries=2)
    study = open_for(opened(), sweep)
    for _ in range(5):
        Driver(study, opened(), sweep, InThread(), task_of, books)._mend_alone()
        if not (waiting := study.get_trials(states=[State.WAITING])) and study.get_trials():
            continue
        assert len(waiting) <= 1
        study.ask().set_user_attr("worker", asdict(dead_worker()))
    with pytest.raises(SearchError, match="The study's one trial failed: its worker died"):
        Driver(study, opened(), sweep, InThread(), task_of, books).run()
    assert [trial.state for trial in study.get_trials()] == [State.FAIL] * 3
    assert books.told("died") == [(0, True), (1, True), (2, False)]
    require_accounted_for(study, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WITH_HEARTBEAT)
def test_a_dead_worker_elsewhere_is_noticed_by_its_heartbeat(left_behind, opened, books):
    """A driver that has nothing else to do waits for it to be missed."""
    opened(heartbeat=1, grace=2)
    storage = opened(heartbeat=1, grace=2)
    sweep = sweep_of(trials=1)
    study = open_for(storage, sweep)
    left_behind(sweep, host="elsewhere")
    Driver(study, storage, sweep, InThread(), task_of, books).run()
    assert [trial.state for trial in study.get_trials()] == [State.FAIL, State.COMPLETE]
    require_accounted_for(study, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WITH_HEARTBEAT)
def test_a_worker_elsewhere_that_lives_is_waited_for(left_behind, opened, books):
    """As long as it gives signs of life, its trial is its own, longer than the grace period."""
    storage, sweep = opened(heartbeat=1, grace=2), sweep_of(trials=1)
    study = left_behind(sweep, host="elsewhere")
    driver = threading.Thread(target=Driver(open_for(storage, sweep), storage, sweep, InThread(), task_of, books).run)
    driver.start()
    trial = study.get_trials()[0]
    for _ in range(10):
        storage.trials.record_heartbeat(trial._trial_id)
        driver.join(0.5)
        assert driver.is_alive()
    study.tell(0, 0.5)
    driver.join()
    assert [trial.state for trial in study.get_trials()] == [State.COMPLETE]


@pytest.mark.parametrize("kind", ["journal"])
def test_a_journal_with_a_trial_on_another_machine_is_refused(left_behind, opened):
    """There is no sign of life that could stay away; who goes on would wait for ever."""
    sweep = sweep_of()
    left_behind(sweep, host="elsewhere")
    with pytest.raises(StorageError, match="Trial 0 of the study 'a study' is at work on the machine elsewhere"):
        open_for(opened(), sweep)


@pytest.mark.parametrize("kind", ["journal"])
def test_the_way_out_of_a_refused_journal(left_behind, opened):
    """The command that the refusal names makes the study usable."""
    sweep = sweep_of()
    left_behind(sweep, host="elsewhere")
    with pytest.raises(StorageError) as refused:
        open_for(opened(), sweep)
    command = shlex.split(str(refused.value).partition("end the trial first: ")[2])
    subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], check=True, capture_output=True)
    assert [trial.state for trial in open_for(opened(), sweep).get_trials()] == [State.FAIL]


@pytest.mark.parametrize("kind", ["journal"])
def test_a_journal_that_another_machine_joins_is_left(left_behind, opened, books, monkeypatch):
    """Who waits for a trial of another machine says so, at the next time of asking, rather than wait for ever."""
    monkeypatch.setattr("beauty_mlflow.search.driver.HEARTBEAT", 0.2)
    sweep = sweep_of(trials=1)
    storage = opened()
    study = open_for(storage, sweep)
    left_behind(sweep, host="elsewhere")
    with pytest.raises(StorageError, match="at work on the machine elsewhere"):
        Driver(study, storage, sweep, InThread(), task_of, books).run()


@pytest.mark.parametrize(
    "name", ["a b.db", "q?x=1.db", "h#.db", "%41%.db", "{brace}.db", "ü.db", "a&b=c;.db", "@:x.db"]
)
def test_sqlite_paths_may_have_any_characters(name, tmp_path):
    """The file that is named is the one that is used, and nothing else is made but locks: its own, and its study's."""
    for _ in range(2):
        storage = open_storage(str(tmp_path / name))
        assert len(optuna.study.get_all_study_names(storage.trials)) <= 1
        open_for(storage, sweep_of())
        storage.close()
    locks = {path.name for path in tmp_path.iterdir()} - {name}
    assert [lock.removeprefix(name)[-11:] for lock in locks] == [".study-lock"] * 2


def test_sqlite_has_a_write_ahead_log_and_its_url_is_its_path(tmp_path, monkeypatch):
    """Readers don't wait for writers; folders that are missing are made, and ~ is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "new" / "trials.db"
    for text in ("~/new/trials.db", f"sqlite:///{path}", str(path)):
        storage = open_storage(text)
        assert storage.words == f"SQLite file {path}"
        storage.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_storage_is_named_so_that_every_folder_understands_it(tmp_path, monkeypatch):
    """A path is made absolute; what isn't one stays as it is, a mistyped URL too, which is refused then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert portable("trials.db") == str(tmp_path / "trials.db")
    assert portable("~/trials.db") == "/home/somebody/trials.db"
    assert portable("sqlite:///trials.db") == f"sqlite:///{tmp_path}/trials.db"
    assert portable("sqlite:////trials.db") == "sqlite:////trials.db"
    for same in (
        "",
        "memory",
        "/trials.db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://u:secret@h/d",
        "postgresql:/u:secret@h/d",
        "sqlite:x",
    ):
        assert portable(same) == same


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sqlite://", "A SQLite storage is a file, without options"),
        ("sqlite:///:memory:", "or the word memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "or the word memory"),
        ("postgresql:/u:secret@h/d", "'postgresql://…@h/d' is no storage URL: expected ://"),
        ("postgresql://u:secret@h:port/d", "'postgresql://…@h:port/d' is no storage: expected memory"),
        (
            "postgresql://u:sec@ret@h/d?password=secret",
            "'postgresql://…@h/d' has more than one @; write one",
        ),
        ("://", "is no storage"),
        ("oracle://u:secret@h/d", "'oracle' is no kind of storage: expected sqlite, postgresql, mysql, mariadb"),
        ("postgresql+nodriver://u:secret@h/d", r"'postgresql\+nodriver' is no kind of storage"),
        ("mysql+mysqldb://u:secret@h/d", r"database mysql\+mysqldb://u:\*\*\*@h/d needs the Python package MySQLdb"),
        (
            "postgresql://u:secret@127.0.0.1:1/d?password=secret",
            r"database postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/d can't be reached: .*refused.* Is it started",
        ),
        ("/dev/null/trials.db", "SQLite file /dev/null/trials.db can't be used"),
        ("/dev/null/trials.journal", "journal file /dev/null/trials.journal can't be used"),
    ],
)
def test_what_can_t_be_a_storage_is_named(text, message):
    """One sentence, without what is secret."""
    with pytest.raises(StorageError, match=message) as raised:
        open_storage(text)
    assert "sec" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.db", b"my notes", "SQLite file .*notes.db can't be used: file is not a database"),
        ("picture.log", b"\x89PNG\n", "is no journal of trials, or damaged"),
        ("other.journal", b'{"op_code": "walk"}\n', "is no journal of trials, or damaged"),
    ],
)
def test_files_of_other_kinds_are_left_alone(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StorageError, match=message):
        open_storage(str(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["folder", "folder.journal"])
def test_a_folder_is_no_storage(name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(StorageError, match=r"file .*folder.* can't be used: .*Is a directory"):
        open_storage(str(tmp_path / name))


def test_the_database_of_another_program_gets_no_tables(tmp_path):
    """MLflow's, for one, keeps its version in a table that Optuna would overwrite."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(StorageError, match="belongs to another program"):
        open_storage(str(path))
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("alembic_version",)]


@pytest.mark.parametrize("name", ["trials.db", "trials.journal"])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_without_permission_to_write(name, what, tmp_path, monkeypatch):
    """Before anything starts, not at the first trial."""
    path = tmp_path / name
    open_storage(str(path)).close()
    for one in tmp_path.iterdir():
        one.chmod(0o666 if what == "folder" or one != path else 0o444)
    tmp_path.chmod(0o555 if what == "folder" else 0o777)
    if what == "folder":
        path = tmp_path / "sub" / name
    with as_nobody(tmp_path), pytest.raises(StorageError, match=f"{name} can't be used: .*denied"):
        open_storage(str(path))


class as_nobody:  # noqa: N801 - reads as what it is
    """Do without root's rights, which stop at no permission; the folders above become passable meanwhile."""

    def __init__(self, folder):
        self.above = [
            one for one in folder.parents if one.stat().st_uid == os.geteuid() and one.stat().st_mode & 0o77 == 0
        ]

    def __enter__(self):
        self.root = os.geteuid() == 0
        if self.root:
            for folder in self.above:
                folder.chmod(0o711)
            os.seteuid(65534)

    def __exit__(self, *error):
        if self.root:
            os.seteuid(0)
            for folder in self.above:
                folder.chmod(0o700)


@SYSTEM
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_wrong_password_stays_secret(place):
    wrong = place.replace("se%3Ac%2Fr%40t", "gu%40ess")
    with pytest.raises(
        StorageError, match=r"database postgresql\+psycopg://tester:\*\*\*@127.* can't be reached"
    ) as raised:
        open_storage(wrong)
    assert "@ess" not in str(raised.value)


@SYSTEM
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_database_that_mlflow_uses_is_refused(place, postgresql):
    """Both programs keep their version in a table of the same name."""
    import psycopg

    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(StorageError, match="belongs to another program, MLflow's tracking server perhaps"):
        open_storage(place)


@SYSTEM
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_server_that_restarts_is_waited_for(opened, books, postgresql):
    """Trials report, end and begin while it is away for some seconds; none is lost, and no driver ends."""
    storage, sweep = opened(), sweep_of(trials=3)

    def work(task, listener):
        if task.number == 1:
            postgresql.stop()
            threading.Timer(2, postgresql.start_again).start()
            assert listener.epoch(1, {"val_accuracy": 0.5})
        return Outcome("complete", {"best_val_accuracy": 0.5})

    study = open_for(storage, sweep)
    Driver(study, storage, sweep, InThread(work, slots=2), task_of, books).run()
    assert [trial.state for trial in study.get_trials()] == [State.COMPLETE] * 3
    assert study.get_trials()[1].intermediate_values == {1: 0.5}


@SYSTEM
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_server_that_stays_away_ends_the_search(opened, books, postgresql, monkeypatch):
    """With a sentence that has no password in it, and that says how to go on; which then works."""
    monkeypatch.setattr(storage_locks, "PATIENCE", 1)
    storage, sweep = opened(), sweep_of(trials=3)

    def work(task, listener):
        postgresql.stop()
        return Outcome("complete", {"best_val_accuracy": 0.5})

    study = open_for(storage, sweep)
    with pytest.raises(
        SearchError, match=r"tester:\*\*\*@.* doesn't answer any more: .*refused.* same command"
    ) as raised:
        Driver(study, storage, sweep, InThread(work), task_of, books).run()
    assert "r@t" not in str(raised.value)
    postgresql.start_again()
    study.tell(0, state=State.FAIL)  # what a new process would find out by the end of this one
    Driver(study, storage, sweep, InThread(), task_of, books).run()
    require_accounted_for(study, 3)


def test_counted_is_what_the_contract_counts(opened):
    """A trial that waits doesn't count yet, nor one that is repeated."""
    study = open_for(opened(), sweep_of(start=[{"x": 0.5}, {"x": 0.75}]))
    assert counted(study.get_trials()) == []
    study.ask()
    assert [trial.number for trial in counted(study.get_trials())] == [0]
