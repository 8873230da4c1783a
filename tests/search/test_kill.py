"""Drivers and trials that are interrupted, stopped and killed: whoever comes next accounts for everything."""

import os
import random
import signal
import time

import psutil
import pytest
from light_search import open_for, require_accounted_for, sweep_of
from waiting import until

from beauty_mlflow.search.attempts import State

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "8"))
SHARED = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system), "journal"]
DONE = ("done", "")


@pytest.fixture
def hangs(tmp_path):
    """A task that hangs, and a function that waits for one to do so and returns its process."""
    path = tmp_path / "hangs"

    def process():
        return psutil.Process(int(until(lambda: path.exists() and path.read_text(), seconds=120)))

    return {"end": "hang", "hangs": str(path)}, process


@pytest.fixture
def study(opened):
    return open_for(opened(), sweep_of())


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def states(study):
    return [trial.state for trial in study.get_trials()]


def trials_of(drivers):
    return [trial for driver in drivers for trial in psutil.Process(driver.process.pid).children()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_driver_ends_its_trials(number, study, start_driver, hangs, books, tmp_path):
    """They say so themselves, are queued again without losing an attempt, and the same command goes on."""
    task, process = hangs
    driver = start_driver(task=task, retries=0)
    trial = process()
    driver.kill(number)
    assert driver.rest()[0] == "interrupted"
    assert driver.process.returncode == 130
    assert has_ended(trial)
    assert (tmp_path / "trial-00000.log").read_text() == "it ends: interrupted\n"
    assert states(study) == [State.FAIL, State.WAITING]
    assert books.told("died") == [(0, True)]
    assert start_driver(retries=0).rest() == DONE
    trials = study.get_trials()
    assert trials[1].params == trials[0].params
    require_accounted_for(study, 4, retries=0)


def test_a_killed_trial_is_tried_again(study, start_driver, hangs, books):
    """By the same driver, at once; what it was killed by is known."""
    task, process = hangs
    driver = start_driver(task=task, trials=1, retries=0)
    process().kill()
    death = "its process was killed by SIGKILL; out of memory? (see "
    assert driver.rest()[0].startswith(f"failed The study's one trial failed: {death}")
    (trial,) = study.get_trials()
    assert trial.user_attrs["death"].startswith(death)
    assert books.told("died") == [(0, False)]
    require_accounted_for(study, 1, retries=0)


@pytest.mark.parametrize("kind", SHARED)
def test_a_killed_driver_s_trials_end_and_are_tried_again(study, start_driver, hangs, books):
    """They hear that nobody listens; the next driver goes on with the run that each had begun."""
    task, process = hangs
    driver = start_driver(task=task)
    trial = process()
    driver.kill()
    driver.process.wait()
    until(lambda: has_ended(trial), seconds=120)
    assert states(study) == [State.RUNNING]
    assert start_driver().rest() == DONE
    trials = study.get_trials()
    assert states(study) == [State.FAIL, *[State.COMPLETE] * 4]
    assert (trials[1].params, trials[1].user_attrs["retried_run"]) == (trials[0].params, "run 0")
    assert books.told("died") == [(0, True)]
    require_accounted_for(study, 4)


def test_two_drivers_beside_a_killed_one(study, start_driver, hangs, books):
    """Both notice it; it is told and tried again once."""
    task, process = hangs
    first = start_driver(task=task)
    process()
    others = [start_driver(task={"pause": 0.5}) for _ in range(2)]
    until(lambda: len(states(study)) > 1, seconds=120)
    first.kill()
    assert [other.rest() for other in others] == [DONE, DONE]
    assert books.told("died") == [(0, True)]
    require_accounted_for(study, 4)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def test_a_driver_that_was_taken_for_dead(study, start_driver, books):
    """It slept too long on another machine: its trial is another driver's now. Its own child ends, and it goes on."""
    heart = {"heartbeat": 1, "grace": 3, "trials": 3}
    late = start_driver(host="elsewhere", task={"epochs": [0.5] * 1000, "pause": 0.2}, **heart)
    until(lambda: any("run" in trial.user_attrs for trial in study.get_trials()), seconds=120)
    (child,) = psutil.Process(late.process.pid).children()
    late.kill(signal.SIGSTOP)
    assert start_driver(**heart).rest() == DONE
    assert states(study)[0] == State.FAIL
    late.kill(signal.SIGCONT)
    assert late.rest() == DONE
    assert has_ended(child)
    assert books.told("died") == [(0, True)]
    assert sorted(number for number, _ in books.told("finished")) == [1, 2, 3]
    require_accounted_for(study, 3)


@pytest.mark.parametrize("kind", SHARED)
def test_killed_at_random_moments(study, start_driver, books):
    """Kills of drivers and trials: each trial is there once, and each that died was repeated or given up."""
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    chance, total = random.Random(seed), 3 * KILLS
    settings = {"trials": total, "slots": 2, "task": {"epochs": [0.5] * 4, "pause": 0.5}}
    drivers, children = [start_driver(**settings) for _ in range(2)], set()
    victims = (["driver", "trial"] * KILLS)[:KILLS]
    chance.shuffle(victims)
    for victim in victims:
        time.sleep(chance.uniform(0, 1.5))  # the moment is random
        drivers = [one if one.process.poll() is None else start_driver(**settings) for one in drivers]
        if victim == "driver":
            driver = chance.choice(drivers)
            children.update(trials_of([driver]))
            driver.kill()
            driver.process.wait()
        else:
            trials = until(lambda drivers=drivers: trials_of(drivers), seconds=120)
            children.update(trials)
            chance.choice(trials).kill()
    assert start_driver(**settings).rest() == DONE
    for driver in drivers:
        driver.rest()
    require_accounted_for(study, total)
    for kind in ("finished", "died"):
        told = [number for number, _ in books.told(kind)]
        assert len(told) == len(set(told))
    repeated = {trial.user_attrs["retry_of"] for trial in study.get_trials() if "retry_of" in trial.user_attrs}
    # who is killed before it tells of a death has written it down
    assert repeated >= {number for number, again in books.told("died") if again}
    until(lambda: all(map(has_ended, children)), seconds=120)
