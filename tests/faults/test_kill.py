"""kill -9 at random moments: nothing half-written is taken for whole, and the work is finished as if nothing had been.

KILLS is how many kills each kind of work gets, KILL_SEED repeats the moments of an earlier run.
"""

import os
import random
import signal
import time
from contextlib import suppress
from functools import partial

import psutil
import pytest
from forks import PATIENCE
from waiting import until
from works import WORKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("KILL_SEED") or time.time_ns() % 2**32)
MOST_IN_A_ROW = 3  # kills before the work is finished


def kill_all(number):
    """Kill a command and what it has started, all at one moment, as a power cut does."""
    everybody = [psutil.Process(number), *psutil.Process(number).children(recursive=True)]
    for one in everybody:
        one.kill()


def wait_for_beginning(work, place, process):
    """Return once the part of the work that is looked at has begun, or the command has ended."""
    begun = partial(work.has_begun, place)
    until(lambda: begun() or not psutil.pid_exists(process.number), seconds=PATIENCE, pause=0.001)


def undisturbed(work, place):
    """Return what the work comes to, and for how many seconds it lasts once it has begun."""
    with place.started(work.arguments(place)) as (process, ended):
        wait_for_beginning(work, place, process)
        begun = time.monotonic()
        ended().require()
        return work.result(place), time.monotonic() - begun


def killed(work, place, command, wait):
    """Run a command and kill it after a while; return what it said, and whether the kill came in time."""
    with place.started(command) as (process, ended):
        wait_for_beginning(work, place, process)
        time.sleep(wait)
        with suppress(psutil.NoSuchProcess):
            kill_all(process.number)
        done = ended()
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stderr, done.returncode != 0


@pytest.mark.parametrize("name", WORKS)
def test_killed_at_random_moments(name, place):
    """What goes on is killed as well, up to three times; then it is left in peace, and comes to the same."""
    work, moments, kills = WORKS[name], random.Random(f"{SEED} {name}"), 0
    print(f"KILL_SEED={SEED}")  # noqa: T201 - pytest shows it where the test fails
    place.prepare(work)
    (exact, numbers), seconds = undisturbed(work, place)
    while kills < KILLS:
        place.put_back(work)
        command, said = work.arguments(place), ""
        for _ in range(moments.randint(1, min(MOST_IN_A_ROW, KILLS - kills))):
            wait = moments.uniform(0, seconds)
            print(f"killed after {wait:.3f} s of {seconds:.3f}: {' '.join(map(str, command))}")  # noqa: T201 - as above
            words, in_time = killed(work, place, command, wait)
            kills, said = kills + in_time, said + words
            work.look(place)
            command = work.goes_on(place, said) if in_time else []
            if not command:
                break
        if command:
            place.run(command).require()
        work.look(place)
        if place.needless_states:  # of a training that was killed when all was done but this
            assert "its run is finished" in place.run(["doctor", "--fix"]).require().stdout
        now_exact, now_numbers = work.result(place)
        assert now_exact == exact
        assert now_numbers == pytest.approx(numbers, rel=1e-6)


# the calls by which a promotion changes the registry, in their order
CALLS = [
    ("create_model_version", 1),
    ("set_model_version_tag", 1),
    ("set_model_version_tag", 4),
    ("update_model_version", 1),
    ("set_registered_model_tag", 1),
    ("set_registered_model_alias", 1),
    ("set_registered_model_alias", 2),
    ("set_terminated", 1),
    ("delete_registered_model_tag", 1),
    ("set_terminated", 2),
]


def test_killed_between_any_two_steps_of_a_promotion(place):
    """Windows that a random moment hardly ever hits: aliases, version and audit agree after the next start."""
    work = WORKS["promotion"]
    place.prepare(work)
    place.run(work.arguments(place)).require()
    exact, numbers = work.result(place)
    for call in CALLS:
        place.put_back(work)
        assert place.run(work.arguments(place), dies_before=call).returncode == -signal.SIGKILL, call
        work.look(place)
        place.run(work.arguments(place)).require()
        now_exact, now_numbers = work.result(place)
        assert now_exact == exact, call
        assert now_numbers == pytest.approx(numbers, rel=1e-6), call
