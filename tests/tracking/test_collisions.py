"""What is asked again as another process was at it, and what isn't."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, RESOURCE_ALREADY_EXISTS
from mlflow.store.tracking.file_store import FileStore

from beauty_mlflow.tracking.collisions import despite_others, is_collision
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


class Fails:
    """A call that fails some times, and counts them all."""

    def __init__(self, error, times):
        self.error, self.left, self.calls = error, times, 0

    def __call__(self):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "an answer"


def of_a_database():
    """What SQLite says to the second of two that write the same row."""
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE params (key TEXT PRIMARY KEY)"))
        for _ in range(2):
            connection.execute(sqlalchemy.text("INSERT INTO params VALUES ('blocks')"))


def of_tables():
    """What SQLite says to the second of two that make the same table."""
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        for _ in range(2):
            connection.execute(sqlalchemy.text("CREATE TABLE params (key TEXT)"))


@pytest.mark.parametrize("made", [of_a_database, of_tables])
@pytest.mark.parametrize("by_mlflow", [True, False])
def test_what_met_another_is_asked_again(made, by_mlflow):
    """As the database says it, and as MLflow does, which calls it a bad request."""
    with pytest.raises(sqlalchemy.exc.SQLAlchemyError) as caught:
        made()
    error = MlflowException(str(caught.value), BAD_REQUEST) if by_mlflow else caught.value
    call = Fails(error, 2)
    assert despite_others(call) == "an answer"
    assert call.calls == 3


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("Experiment(name=beauty) already exists.", RESOURCE_ALREADY_EXISTS),
        MlflowException("Changing param values is not allowed.", BAD_REQUEST),
        sqlalchemy.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error")),
        FileExistsError("model.keras already exists"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_anything_else_is_raised_at_once(error):
    """That a thing is there already is an answer, too."""
    call = Fails(error, 1)
    with pytest.raises(type(error)) as caught:
        despite_others(call)
    assert caught.value is error
    assert call.calls == 1


def test_what_never_succeeds_is_raised_in_the_end():
    with pytest.raises(sqlalchemy.exc.SQLAlchemyError) as caught:
        of_a_database()
    call = Fails(caught.value, 1000)
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="UNIQUE constraint failed"):
        despite_others(call, patience=0.3)
    assert 3 <= call.calls <= 10


def test_a_metric_whose_first_line_is_not_written_yet(file_uri, monkeypatch):
    """Whoever reads a file store meets files that another process has just made."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", file_uri)
    run = Run.create(connect(), "a run")
    run.log_metrics({"loss": 1.0})
    folder = FileStore(file_uri)._get_run_dir(run.experiment_id, run.run_id)
    (path,) = Path(folder, "metrics").iterdir()
    path.write_text("")
    with pytest.raises(ValueError, match="No data found") as caught:
        run.store.client.get_run(run.run_id)
    assert is_collision(caught.value)
