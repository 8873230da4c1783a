"""A training's run and its state, whatever is done between its beginning and its end."""

import re
import shutil

import pytest

from beauty_mlflow.errors import MissingError
from beauty_mlflow.files import state_folder
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import in_session
from beauty_mlflow.jobs.sync import Sync
from beauty_mlflow.jobs.sync import run as sync
from beauty_mlflow.tracking import names
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


def test_how_an_offline_run_goes_on_is_said_as_it_can(local_store, tiny, capsys):
    """Offline again; the store doesn't know it, and who asks it is told that it has to be sent first."""
    with pytest.raises(KeyboardInterrupt):
        in_session(Finetune.parse({**tiny, "offline": "true"}), "beauty finetune", interrupt)
    command = re.search(
        r"goes on with: beauty (finetune --resume (\w+) --offline)$", capsys.readouterr().err, re.MULTILINE
    )
    with pytest.raises(MissingError, match=f"isn't sent yet: send it \\(beauty sync --run {command[2]}\\), or resume"):
        in_session(Finetune.parse({"resume": command[2]}), "beauty finetune", lambda _: [])
    again = Finetune.parse({"resume": command[2], "offline": "true"})
    assert dict(in_session(again, "beauty finetune", lambda _: [("went", "on")]))["went"] == "on"


def interrupt(_):
    raise KeyboardInterrupt


def test_a_run_is_gone_on_with_through_an_outage_beside_mlflows_own(faults, tiny, monkeypatch):
    """What both were to log is kept, and the command ends well; `beauty sync` brings it, and both end alike."""
    with pytest.raises(KeyboardInterrupt):
        in_session(Finetune.parse(tiny), "beauty finetune", interrupt)
    store = connect()
    (begun,) = store.client.search_runs([store.experiment_id])
    beside = Run.create(store, "beside")
    monkeypatch.setenv("MLFLOW_RUN_ID", beside.run_id)

    def work(_):
        faults.refuse = True
        return [("went", "on")]

    assert dict(in_session(Finetune.parse({"resume": begun.info.run_id}), "beauty finetune", work))["went"] == "on"
    assert not (state_folder() / "runs" / begun.info.run_id).exists()
    faults.heal()
    monkeypatch.delenv("MLFLOW_RUN_ID")
    sync(Sync())
    assert {Run.find(store, run_id).status for run_id in (begun.info.run_id, beside.run_id)} == {"FINISHED"}
    assert beside.tags[names.RESUMED] == begun.info.run_id


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
