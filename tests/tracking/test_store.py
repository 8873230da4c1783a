import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from database_server import postgresql_server
from mlflow import MlflowClient

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import store as stores
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


def test_the_experiment_is_beauty_unless_another_is_named(store_uri, monkeypatch):
    assert connect().experiment == "beauty"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another one")
    other = connect()
    assert other.experiment == "another one"
    assert connect().experiment_id == other.experiment_id
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other.experiment_id)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "beauty")
    assert connect().experiment == "another one"


def test_an_experiment_id_that_does_not_exist_is_an_error(store_uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "987654321")
    with pytest.raises(TrackingError, match=r"Can't open the tracking store .*987654321"):
        connect()


def test_a_deleted_experiment_is_an_error_that_says_how_to_restore_it(store_uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "deleted one")
    store = connect()
    store.client.delete_experiment(store.experiment_id)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore --experiment-id {store.experiment_id}"):
        connect()


@pytest.mark.parametrize("name", ["plain", "my projects #1 ünd @ 100%"])
def test_without_a_uri_the_store_and_its_artifacts_are_in_the_root(name, tmp_path, sqlite_template, monkeypatch):
    """Whatever the current folder, and whatever characters the root's name has."""
    root, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "mlflow.db").write_bytes(sqlite_template.read_bytes())
    monkeypatch.chdir(elsewhere)
    run = Run.create(connect(root), "a run")
    (elsewhere / "a.txt").write_text("a")
    run.log_file(elsewhere / "a.txt")
    assert [path.name for path in (root / "mlruns").rglob("*.txt")] == ["a.txt"]
    assert [path.name for path in elsewhere.iterdir()] == ["a.txt"]
    assert [entry.path for entry in run.store.client.list_artifacts(run.run_id)] == ["a.txt"]
    assert connect(root).client.get_run(run.run_id).info.run_name == "a run"


@pytest.mark.parametrize(
    ("uri", "known"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{here}/mlflow.db"),
        ("sqlite:///a/mlflow.db?timeout=3", "sqlite:///{here}/a/mlflow.db?timeout=3"),
        ("mlruns", "{here}/mlruns"),
        ("file:./mlruns", "file://{here}/mlruns"),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
        ("sqlite:////jürgen/c++/mlflow.db", "sqlite:////jürgen/c++/mlflow.db"),
        ("sqlite:///file:mlflow.db?uri=true", "sqlite:///file:mlflow.db?uri=true"),
        ("/data/run#1/ml%25runs", "/data/run#1/ml%25runs"),
        ("file:///data/mlruns", "file:///data/mlruns"),
        ("databricks", "databricks"),
        ("http://server:5000", "http://server:5000"),
        ("postgresql://me:secret@host/mlflow", "postgresql://me:secret@host/mlflow"),
    ],
)
def test_a_store_in_this_folder_is_another_one_elsewhere(tmp_path, monkeypatch, uri, known):
    """What is remembered of a run's store is read in other folders, which may hold one of the same name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert stores.offline_store().uri == known.format(here=tmp_path)


@pytest.mark.parametrize("name", ["jürgen", "c++ & more", "box #1"])
def test_a_folder_of_any_name_is_one_store_however_it_is_named(tmp_path, sqlite_template, monkeypatch, name):
    """Relative, absolute or none: the same URI, and no folder beside it."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    relative = connect()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert relative.uri == connect(folder).uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relative.uri)
    assert connect().uri == relative.uri
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_root_is_the_checkout_else_the_current_folder(tmp_path, monkeypatch):
    package = tmp_path / "checkout/beauty_mlflow/__init__.py"
    package.parent.mkdir(parents=True)
    monkeypatch.setattr(stores.beauty_mlflow, "__file__", str(package))
    monkeypatch.chdir(tmp_path)
    assert stores.project_root() == tmp_path
    (tmp_path / "checkout/MLproject").touch()
    assert stores.project_root() == tmp_path / "checkout"


def test_a_file_store_is_allowed_with_a_word(file_uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", file_uri)
    store = connect()
    assert "is a file store, which MLflow no longer develops" in store.notes[0]
    assert Run.create(store, "a run").status == "RUNNING"


def test_a_file_store_that_the_user_forbids_stays_forbidden(file_uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", file_uri)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    with pytest.raises(TrackingError, match="maintenance mode"):
        connect()


def test_a_file_that_is_no_database_is_an_error_at_once(tmp_path, monkeypatch):
    (tmp_path / "mlflow.db").write_text("this is no database, but a text that is long enough to look like one" * 10)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(
        TrackingError, match=r"mlflow\.db can't be opened as an SQLite database: file is not a database"
    ):
        connect()


def test_a_uri_of_an_unknown_kind_is_an_error(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://me:secret@example.org")
    with pytest.raises(TrackingError, match=r"gopher://\*\*\*@example\.org") as caught:
        connect()
    assert "secret" not in str(caught.value)


def test_what_is_printed_of_a_store_holds_no_credentials(local_store):
    store = stores.Store(MlflowClient(local_store), "https://me:secret@example.org", "1", "beauty", ())
    assert store.describe() == "experiment 'beauty' in https://***@example.org"
    assert "secret" not in repr(store)


def test_a_server_gets_short_retries_unless_the_user_said_otherwise(server_uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    connect()
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "30"


def race(uri, processes):
    script = (
        "from beauty_mlflow.tracking.store import connect\nfrom beauty_mlflow.tracking.runs import Run\n"
        "store = connect(); Run.create(store, 'a run').finish('FINISHED'); print(store.experiment_id)"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": f"race {uri[-9:]}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        for _ in range(processes)
    ]
    done = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * processes, done
    return {printed.decode() for printed, _ in done}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "sqlite", "server"])
def test_processes_that_start_on_a_fresh_store_all_live(kind, tmp_path, request):
    """One of them makes the tables."""
    fresh = {"file": (tmp_path / "fresh").as_uri(), "sqlite": f"sqlite:///{tmp_path}/fresh.db"}
    uri = fresh.get(kind) or request.getfixturevalue("server_uri")
    (printed,) = race(uri, processes=4)
    assert printed.strip().isdecimal()


@pytest.mark.slow
@pytest.mark.system
def test_processes_that_start_on_a_fresh_database_all_live():
    """Nothing keeps them out of a server's database, which one of them finds half made."""
    with postgresql_server() as server:
        (printed,) = race(server.database().replace("postgresql:", "postgresql+psycopg:"), processes=3)
        assert printed.strip().isdecimal()


def test_artifacts_of_an_sqlite_store_lie_beside_it(local_store):
    store = connect()
    location = store.client.get_experiment(store.experiment_id).artifact_location
    database = Path(local_store.removeprefix("sqlite:///"))
    assert Path(location.removeprefix("file://")) == database.parent / "mlruns" / "beauty"


def test_a_missing_driver_is_named(monkeypatch):
    """A database whose Python driver isn't installed is an error that names the package."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        uri = f"postgresql+asyncpg://user:secret@127.0.0.1:{listener.getsockname()[1]}/db"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(TrackingError, match="asyncpg isn't installed") as caught:
            connect()
    assert "secret" not in str(caught.value)
