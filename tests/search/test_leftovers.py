"""Trials that dead workers have left."""

from dataclasses import asdict, replace

import optuna
import pytest
from light_search import NAME, open_for, sweep_of

from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State, Worker
from beauty_mlflow.search.leftovers import find


@pytest.fixture
def notes():
    return []


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_killed_worker_s_trial_is_found_and_failed(opened, start_driver, tmp_path, notes):
    """While it lives nothing is; then its trial, which fails so that the next sweep repeats it; then nothing."""
    hangs = tmp_path / "hangs"
    driver = start_driver(task={"end": "hang", "hangs": str(hangs)})
    while not hangs.exists():
        assert driver.process.poll() is None
    storage = opened()
    assert find(storage, notes.append) == []
    driver.process.kill()
    driver.process.wait()
    (found,) = find(storage, notes.append)
    assert found.where == f"trial 0 of '{NAME}'"
    assert found.mend()
    study = optuna.load_study(study_name=NAME, storage=storage.trials)
    assert study.trials[0].state == State.FAIL
    assert [trial.number for trial in attempts.died(study.trials)] == [0]
    assert find(storage, notes.append) == notes == []
    assert not found.mend()


@pytest.mark.parametrize("kind", ["journal"])
def test_a_trial_of_another_machine_that_gives_no_sign_is_said(opened, notes):
    """From here nobody can tell; it isn't touched."""
    storage = opened()
    study = open_for(storage, sweep_of())
    study.ask().set_user_attr(attempts.WORKER, asdict(replace(Worker.this(), host="elsewhere")))
    assert find(storage, notes.append) == []
    (note,) = notes
    assert "is at work on the machine elsewhere" in note
    assert study.trials[0].state == State.RUNNING


def test_another_machine_s_trial_counts_once_its_heart_stays_away(opened, notes):
    """Not before."""
    storage = opened(heartbeat=1, grace=2)
    study = open_for(storage, sweep_of())
    trial = study.ask()
    storage.trials.record_heartbeat(trial._trial_id)
    trial.set_user_attr(attempts.WORKER, asdict(replace(Worker.this(), host="elsewhere")))
    assert find(storage, notes.append) == []
    while not (found := find(storage, notes.append)):
        pass
    assert found[0].mend()
    assert study.trials[0].state == State.FAIL


def test_studies_of_others_are_left_alone(opened, notes):
    storage = opened()
    optuna.create_study(storage=storage.trials, study_name="theirs").ask()
    assert find(storage, notes.append) == []
