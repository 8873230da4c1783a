"""What the search tells the tracker of its trials."""

import optuna
import pytest

from beauty_mlflow.jobs.sweep_books import Books, in_words
from beauty_mlflow.search import attempts
from beauty_mlflow.search.sweep_file import Sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

BLOCKS = {"type": "int", "low": 0, "high": 9}


@pytest.fixture
def books(local_store):
    """Of a study without a trial."""
    study = optuna.create_study(direction="maximize")
    store = connect()
    return Books(store, study, Run.create(store, "the sweep"), Sweep.model_validate({"space": {"blocks": BLOCKS}}))


def ended(books, value=None):
    """A trial that has just ended: with a value, or dead."""
    trial = books.study.ask()
    trial.suggest_int("blocks", 0, 9)
    state = optuna.trial.TrialState.FAIL if value is None else None
    return books.study.tell(trial, value, state=state)


def child(books, trial):
    tags = {names.PARENT: books.run.run_id, names.TRIAL_NUMBER: str(trial.number), names.TRIAL_STATE: "RUNNING"}
    return Run.create(books.store, f"trial {trial.number}", tags)


def test_a_dead_trials_run_is_closed(books, capsys):
    """Only its own; the reason says what follows."""
    trial, other = ended(books), ended(books)
    dead, running = child(books, trial), child(books, other)
    books.died(trial, again=True)
    assert (dead.status, running.status) == ("FAILED", "RUNNING")
    assert dead.tags[names.ERROR] == "its worker died; it is tried again"
    assert dead.tags[names.TRIAL_STATE] == "FAIL"
    assert "trial 0: its worker died; it is tried again" in capsys.readouterr().err


@pytest.mark.parametrize(("interrupted", "status"), [(False, "FAILED"), (True, "KILLED")])
def test_a_run_that_its_dying_process_closed_says_that_it_died(books, interrupted, status):
    """Told to end as its search was killed, it ends as one that a user has interrupted, which only that is."""
    trial = books.study.ask()
    if interrupted:
        trial.set_user_attr(attempts.INTERRUPTED, True)
    run = child(books, trial)
    run.finish("KILLED")
    books.died(books.study.tell(trial, state=optuna.trial.TrialState.FAIL), again=True)
    assert run.status == status
    assert (names.ERROR in run.tags) == (not interrupted)


def test_a_tracker_that_refuses_ends_no_search(books, capsys):
    """A sentence is printed; once it takes figures again it gets all that were missed."""
    alive = books.run
    gone = Books(books.store, books.study, Run(books.store, "0" * 32), books.sweep)
    gone.finished(ended(books, 0.5))
    gone.died(ended(books), again=False)
    said = capsys.readouterr().err
    assert "trial 0: best_val_accuracy 0.5 (best: 0.5, trial 0)" in said
    assert said.count("WARNING: Can't") == 3
    books.finished(ended(books, 0.7))
    assert alive.metrics() == {"trials_done": 2, "trials_pruned": 0, "trials_failed": 1, "best_value": 0.7}


def test_what_could_not_be_closed_is_closed_at_the_end(books):
    """The runs of trials that have failed, but not of those that run."""
    trial = books.study.ask()
    trial.set_user_attr(attempts.RUN, "any")
    running = child(books, books.study.ask())
    dead = child(books, trial)
    books.study.tell(trial, state=optuna.trial.TrialState.FAIL)
    books.close_dead()
    assert (dead.status, running.status) == ("FAILED", "RUNNING")


def test_values_in_words():
    assert in_words({"blocks": 3, "learning_rate": 0.00234567, "network": "tiny"}) == (
        "blocks=3, learning_rate=0.00235, network=tiny"
    )
