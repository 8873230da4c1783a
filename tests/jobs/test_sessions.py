"""A training's run and its state, whatever is done between its beginning and its end."""

import shutil

import pytest

from beauty_mlflow.files import state_folder
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import in_session
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


@pytest.fixture
def finished(local_store, tiny):
    """Do some work in a session and return its run, which ended well."""

    def call(work):
        def work_in(current):
            work(current)
            return [("worked", "yes")]

        summary = dict(in_session(Finetune.parse(tiny), "beauty finetune", work_in))
        assert summary["worked"] == "yes"
        run = Run.find(connect(), summary["run_id"])
        assert run.status == "FINISHED"
        return run

    return call


def test_a_state_that_somebody_else_removes(finished, capsys):
    """`beauty doctor --fix` in the moment in which the run is finished: there is nothing to say."""
    run = finished(lambda current: shutil.rmtree(current.folder))
    assert not (state_folder() / "runs" / run.run_id).exists()
    assert "WARNING" not in capsys.readouterr().err


def test_a_state_that_cannot_be_removed(finished, tmp_path, capsys):
    """The training is finished all the same; that its folder stays is said."""

    def replace_by_link(current):
        current.folder.rename(tmp_path / "elsewhere")
        current.folder.symlink_to(tmp_path / "elsewhere")

    run = finished(replace_by_link)
    state = state_folder() / "runs" / run.run_id
    assert state.exists()
    assert f"WARNING: {state} couldn't be removed (" in capsys.readouterr().err
