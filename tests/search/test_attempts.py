"""What a trial's attributes say of its life, and how the dead are followed."""

import time
from dataclasses import asdict

import optuna
import pytest
from light_search import open_for, sweep_of

from beauty_mlflow.processes import this_host
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State, Worker

SPACE = {name: {"type": "float", "low": 0, "high": 1} for name in "xyz"}


@pytest.fixture
def kind():
    return "memory"


@pytest.fixture
def study(opened):
    return open_for(opened(), sweep_of(space=SPACE))


@pytest.fixture
def deaths():
    """What was told of deaths: (number, again)."""
    return []


@pytest.fixture
def repeat(study, deaths):
    """Repeat what died, and keep which deaths were new."""

    def call(retries=2):
        deaths.extend((death.trial.number, death.again) for death in attempts.repeat(study, retries))
        return study.get_trials(states=[State.WAITING])

    return call


def die(study, *drawn, **attributes):
    """Take the next trial, draw some of its values, and fail without a reason."""
    trial = study.ask()
    for name in drawn:
        trial.suggest_float(name, 0, 1)
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    return study.tell(trial, state=State.FAIL)


def test_what_died_is_repeated_with_its_values_and_its_run(study, repeat, deaths):
    """Once, in a trial of its own that says what it repeats."""
    first = die(study, "x", "y", "z", run="some run")
    (waiting,) = repeat()
    assert waiting.params == first.params
    assert waiting.user_attrs == {"retry_of": 0, "retries": 1, "retried_run": "some run"}
    assert repeat() == [waiting]
    assert deaths == [(0, True)]


def test_a_repetition_that_dies_before_it_has_a_run_hands_on_the_one_that_it_was_to_go_on_with(study, repeat):
    """Which may be a whole training, of which the study only hasn't heard yet; later its own."""
    die(study, "x", run="some run")
    repeat()
    die(study, "x")
    assert [attempts.run_to_go_on_with(one) for one in repeat()] == ["some run"]
    die(study, "x", run="its own")
    assert [attempts.run_to_go_on_with(one) for one in repeat(retries=3)] == ["its own"]


def test_values_that_weren_t_drawn_yet_are_drawn_by_the_repetition(study, repeat):
    """A worker may die between two of them; those that were queued from outside stay."""
    study.enqueue_trial({"y": 0.25})
    drawn = die(study, "x").params["x"]
    repeat()
    again = study.ask()
    assert (again.suggest_float("x", 0, 1), again.suggest_float("y", 0, 1)) == (drawn, 0.25)
    again.suggest_float("z", 0, 1)


def test_a_trial_that_died_before_its_first_value_is_repeated(study, repeat):
    die(study)
    assert [trial.params for trial in repeat()] == [{}]


def test_a_reason_is_no_death(study, repeat, deaths):
    """What fails by itself would fail again."""
    die(study, "x", reason="nan")
    assert repeat() == []
    assert deaths == []


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_as_often_as_allowed(retries, study, repeat, deaths):
    """Then it is given up, which is told once."""
    for _ in range(6):
        if not study.get_trials() or study.get_trials(states=[State.WAITING]):
            die(study, "x")
        repeat(retries)
    assert len(study.get_trials()) == retries + 1
    assert deaths == [*((number, True) for number in range(retries)), (retries, False)]


def test_what_was_given_up_is_told_once_in_the_study_s_life(study, repeat, deaths, opened):
    """Not again by the next command; one that allows more retries goes on."""
    die(study, "x")
    repeat(0)
    assert attempts.repeat(open_for(opened(), sweep_of(space=SPACE)), 0) == []
    assert deaths == [(0, False)]
    assert len(repeat(1)) == 1


def test_an_interruption_doesn_t_count(study, repeat):
    """However often the user stops it; a death in between does."""
    for _ in range(3):
        die(study, "x", interrupted=True)
        (waiting,) = repeat(0)
        assert waiting.user_attrs["retries"] == 0
    die(study, "x")
    assert repeat(0) == []


def test_counted_are_those_that_ran_or_run(study, repeat):
    """A repeated one doesn't count, the one that repeats it does as soon as it runs."""
    study.tell(study.ask(), 0.5)
    die(study, "x")
    study.enqueue_trial({"x": 0.5})
    repeat()
    assert [trial.number for trial in attempts.counted(study.get_trials())] == [0]
    study.ask()
    study.ask()
    assert [trial.number for trial in attempts.counted(study.get_trials())] == [0, 2, 3]


def test_failures_are_counted_back_to_the_last_trial_that_came_to_something(study):
    """Deaths that a driver told among them; what a user interrupted and whose driver died itself is passed over."""
    die(study, reason="before")
    study.tell(study.ask(), 0.5)
    ends = ({"reason": "nan"}, {"interrupted": True}, {"death": "killed"}, {})
    failed = [die(study, **attributes) for attributes in ends]
    found = attempts.failed_last(study.get_trials())
    assert [trial.number for trial in found] == [failed[0].number, failed[2].number]
    study.tell(study.ask(), state=State.PRUNED)
    assert attempts.failed_last(study.get_trials()) == []


def test_trials_in_the_order_of_their_ends(study):
    """Which isn't that of their numbers where several run at a time."""
    first, second = study.ask(), study.ask()
    study.tell(second, 0.5)
    study.tell(first, 0.5)
    assert [trial.number for trial in attempts.by_end(study.get_trials())] == [1, 0]


def test_a_running_trial_without_a_worker_is_dead(study, opened):
    """Who takes one writes down who it is before anybody else is let in."""
    study.ask()
    attempts.fail_dead(study, opened())
    assert [trial.state for trial in study.get_trials()] == [State.FAIL]


def test_a_running_trial_of_this_process_stays(study, opened):
    study.ask().set_user_attr("worker", asdict(Worker.this()))
    attempts.fail_dead(study, opened())
    assert [trial.state for trial in study.get_trials()] == [State.RUNNING]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_missing_heartbeat_ends_no_trial_whose_process_lives_here(opened):
    """A laptop that slept, a clock that was set: who can be asked is asked."""
    storage = opened(heartbeat=1, grace=2)
    study = open_for(storage, sweep_of(space=SPACE))
    for host in (this_host(), "elsewhere"):
        trial = study.ask()
        storage.trials.record_heartbeat(trial._trial_id)
        trial.set_user_attr("worker", {**asdict(Worker.this()), "host": host})
    time.sleep(3.5)
    attempts.fail_dead(study, storage)
    assert [trial.state for trial in study.get_trials()] == [State.RUNNING, State.FAIL]


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"reason": "nan"}, "nan"),
        ({"death": "its process was killed by SIGKILL"}, "its process was killed by SIGKILL"),
        ({"interrupted": True}, "it was interrupted"),
        ({}, "its worker died"),
    ],
)
def test_why_a_trial_failed(known, why):
    assert attempts.why(optuna.trial.create_trial(state=State.FAIL, user_attrs=known)) == why
