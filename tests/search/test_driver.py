"""What becomes of trials, with trials that run in the driver's own threads; processes are killed in test_kill."""

import gc
import os
import re
import signal
import sqlite3
import threading
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from light_search import NAME, InThread, open_for, require_accounted_for, sweep_of, task_of
from waiting import until

from beauty_mlflow.errors import SearchError
from beauty_mlflow.search.attempts import State, Worker
from beauty_mlflow.search.driver import MOST_FAILURES, Driver
from beauty_mlflow.search.executors.base import Outcome

TWO = [{"metric": "best_val_accuracy", "direction": "maximize"}, {"metric": "seconds", "direction": "minimize"}]
# an epoch below a half is the last one
THRESHOLD = {"name": "ThresholdPruner", "arguments": {"lower": 0.5}}


@pytest.fixture
def kind():
    return "memory"


@pytest.fixture
def driver(opened, books):
    """Make a driver; ``work`` is what a trial does."""

    def call(work=None, *, slots=1, storage=None, **changed):
        sweep, storage = sweep_of(**changed), storage or opened()
        return Driver(open_for(storage, sweep), storage, sweep, InThread(work, slots), task_of, books)

    return call


@pytest.fixture
def search(driver):
    """Search, and return all trials."""

    def call(work=None, **options):
        made = driver(work, **options)
        made.run()
        return made.study.get_trials()

    return call


@pytest.fixture
def fails(driver):
    """Search in vain, and return all trials."""

    def call(match, work, **options):
        made = driver(work, **options)
        with pytest.raises(SearchError, match=match):
            made.run()
        return made.study.get_trials()

    return call


def outcome(end="complete", **metrics):
    return lambda *_: Outcome(end, metrics, "" if end == "complete" else "so it goes")


def states(trials):
    return [trial.state for trial in trials]


def in_thread(function):
    """Start a function in a thread; return the thread, and where its error will be."""
    errors = []

    def call():
        try:
            function()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, errors


def test_trials_complete(search, books):
    """Each is told of as it starts and ends; its worker and its value are in the study."""
    trials = search(trials=3)
    assert states(trials) == [State.COMPLETE] * 3
    assert [trial.value for trial in trials] == [trial.params["x"] for trial in trials]
    assert [trial.user_attrs["worker"] for trial in trials] == [asdict(Worker.this())] * 3
    assert books.told("started") == [(trial.number, trial.params) for trial in trials]
    assert books.told("finished") == [(number, "COMPLETE") for number in range(3)]


def test_a_study_that_has_its_trials_gets_no_more(search):
    """The same command again ends at once; one with more trials goes on."""
    assert len(search(trials=2)) == 2
    assert len(search(trials=2)) == 2
    assert len(search(trials=3)) == 3


def test_slots_work_at_once(search):
    """As many trials at a time as there are."""
    together = threading.Barrier(3, timeout=60)

    def work(task, listener):
        together.wait()
        return Outcome("complete", {"best_val_accuracy": 0.5})

    assert states(search(work, slots=3, trials=6)) == [State.COMPLETE] * 6


def test_the_pruner_decides(search, books):
    """The epoch is written down; a pruned trial counts."""
    answers = []

    def work(task, listener):
        for number, value in enumerate([0.75, 0.25, 0.875], start=1):
            answers.append(listener.epoch(number, {"val_accuracy": value, "loss": 9.0}))
            if not answers[-1]:
                return Outcome("pruned")
        return None

    (trial,) = search(work, trials=1, pruner=THRESHOLD)
    assert answers == [True, False]
    assert (trial.state, trial.value, trial.user_attrs["pruned_at"]) == (State.PRUNED, 0.25, 2)
    assert books.told("finished") == [(0, "PRUNED")]


def test_an_epoch_that_says_nothing_of_the_objective_prunes_nothing(search):
    """Only what the objective is made of is compared."""

    def work(task, listener):
        assert listener.epoch(1, {"val_loss": 0.25})
        return Outcome("complete", {"best_val_accuracy": 0.5})

    (trial,) = search(work, trials=1, pruner=THRESHOLD)
    assert trial.intermediate_values == {}


def test_a_loss_is_compared_by_the_loss(search):
    def work(task, listener):
        listener.epoch(1, {"val_loss": 0.75, "val_accuracy": 0.25})
        return Outcome("complete", {"best_val_loss": 0.75})

    (trial,) = search(work, trials=1, objective="best_val_loss")
    assert (trial.value, trial.intermediate_values) == (0.75, {1: 0.75})


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (outcome("failed"), "so it goes"),
        (outcome(seconds=3.0, loss=1.0), "the run has no figure best_val_accuracy; it has loss, seconds"),
        (outcome(best_val_accuracy=float("nan")), "best_val_accuracy is nan"),
        (outcome(best_val_accuracy=float("-inf")), "best_val_accuracy is -inf"),
    ],
)
def test_a_trial_fails_with_its_reason(ends, reason, fails, books):
    """It counts, and isn't tried again: it would fail again. A search that has nothing else fails as well."""
    trials = fails(f"^All 2 trials of the study failed; the last one: {re.escape(reason)}$", ends, trials=2)
    assert states(trials) == [State.FAIL] * 2
    assert trials[0].user_attrs["reason"] == reason
    assert books.told("finished") == [(0, reason), (1, reason)]
    require_accounted_for(trials, 2)


def test_several_objectives(search):
    """All of them are told, in the sweep's order; nothing is pruned."""

    def work(task, listener):
        assert listener.epoch(1, {"val_accuracy": 0.0})
        return Outcome("complete", {"seconds": 3.0, "best_val_accuracy": 0.5})

    (trial,) = search(work, trials=1, objective=TWO)
    assert trial.values == [0.5, 3.0]


def test_one_of_several_objectives_is_missing(fails):
    reason = "the run has no figure seconds; it has best_val_accuracy"
    fails(f"^The study's one trial failed: {reason}$", outcome(best_val_accuracy=0.5), trials=1, objective=TWO)


def test_models_of_the_best_so_far_are_kept(search):
    """One that isn't better than all before it isn't; what has no figure isn't, either."""
    kept, values = [], [0.5, 0.25, 0.5, 0.75]

    def work(task, listener):
        metrics = {"best_val_accuracy": values[task.number]}
        kept.append(listener.keeps_model(metrics))
        assert not listener.keeps_model({})
        return Outcome("complete", metrics)

    search(work, trials=4)
    assert kept == [True, False, True, True]


def test_the_run_of_a_trial_is_in_the_study_while_it_runs(search):
    """Whoever closes the run of a dead trial finds it, as does whoever goes on with it."""
    seen = []

    def work(task, listener):
        listener.started(f"run {task.number}")
        seen.append(task.content["continues"])
        if task.number == 0:
            return Outcome("died", reason="killed")
        return Outcome("complete", {"best_val_accuracy": 0.5})

    first, again = search(work, trials=1)
    assert (first.user_attrs["run"], again.user_attrs["run"]) == ("run 0", "run 1")
    assert seen == ["", "run 0"]


def test_what_dies_is_tried_again_with_the_same_values(search, books):
    """What is known of its death is written down."""
    deaths = iter([True, False, True, True, False])

    def work(task, listener):
        if next(deaths):
            return Outcome("died", reason="killed")
        return Outcome("complete", {"best_val_accuracy": 0.5})

    trials = search(work, trials=2, retries=2)
    assert states(trials) == [State.FAIL, State.COMPLETE, State.FAIL, State.FAIL, State.COMPLETE]
    assert trials[0].params == trials[1].params
    assert trials[2].params == trials[3].params == trials[4].params != trials[0].params
    assert trials[0].user_attrs["death"] == "killed"
    assert books.told("died") == [(0, True), (2, True), (3, True)]
    assert [number for number, _ in books.told("finished")] == [1, 4]
    require_accounted_for(trials, 2)


def test_what_dies_too_often_counts_as_it_is(fails, books):
    trials = fails("All 2 trials of the study failed; the last one: so it goes", outcome("died"), trials=2, retries=1)
    assert states(trials) == [State.FAIL] * 4
    assert books.told("died") == [(0, True), (1, False), (2, True), (3, False)]
    require_accounted_for(trials, 2, retries=1)


def test_a_trial_that_somebody_else_interrupts_has_died(fails, books):
    """A system short of memory may end processes politely, again and again."""
    trials = fails("its process was ended from outside", outcome("interrupted"), trials=1, retries=1)
    assert states(trials) == [State.FAIL] * 2
    assert trials[0].user_attrs["death"] == "its process was ended from outside"
    assert books.told("died") == [(0, True), (1, False)]


def test_no_trial_starts_after_the_timeout(search):
    """Those that run end well, and nothing waits for those that don't start; the same command goes on."""

    def work(task, listener):
        threading.Event().wait(0.3)
        return Outcome("complete", {"best_val_accuracy": 0.5})

    assert states(search(work, trials=3, timeout=0.2)) == [State.COMPLETE]
    assert states(search(work, trials=3, timeout=0)) == [State.COMPLETE] * 3


def test_what_dies_after_the_timeout_waits_for_the_next_command(search):
    def work(task, listener):
        threading.Event().wait(0.3)
        return Outcome("died", reason="killed")

    assert states(search(work, trials=1, timeout=0.2)) == [State.FAIL, State.WAITING]
    assert states(search(trials=1)) == [State.FAIL, State.COMPLETE]


def test_a_death_is_told_while_others_go_on(driver, books):
    """The tracker that is told of it may take minutes to say that it doesn't answer."""
    entered = threading.Event()

    class SlowBooks(type(books)):
        def died(self, trial, *, again):
            super().died(trial, again=again)
            in_thread(enter)
            assert entered.wait(60)

    def enter():
        with made.storage.alone_with(NAME):
            entered.set()

    made = driver(trials=1)
    made = replace(made, books=SlowBooks(books.path))
    made.study.tell(made.study.ask(), state=State.FAIL)
    made.run()
    assert books.told("died") == [(0, True)]


def test_ten_failures_in_a_row_stop_the_search(driver):
    """It says how many and why, and doesn't count those from before this start: what they failed by may be mended."""
    first = driver(outcome("failed"), trials=50)
    with pytest.raises(SearchError, match="10 trials failed one after the other; the last one: so it goes"):
        first.run()
    assert states(first.study.get_trials()) == [State.FAIL] * MOST_FAILURES
    second = driver(outcome("failed"), trials=15)
    with pytest.raises(SearchError, match="All 15 trials of the study failed; the last one: so it goes"):
        second.run()
    assert len(second.study.get_trials()) == 15
    third = driver(trials=16)
    third.run()
    assert states(third.study.get_trials()) == [*[State.FAIL] * 15, State.COMPLETE]


def test_failures_of_other_drivers_are_in_the_same_row(fails):
    """Several machines don't fail ten times each."""

    def work(task, listener):
        if task.number == 0:
            study = listener.study
            for _ in range(MOST_FAILURES - 1):
                theirs = study.ask()
                theirs.set_user_attr("reason", "out of luck")
                study.tell(theirs, state=State.FAIL)
        return Outcome("failed", reason="so it goes")

    assert len(fails("10 trials failed one after the other; the last one: so it goes", work, trials=50)) == 10


def test_deaths_are_failures_too(driver):
    """A machine without enough memory kills every trial."""
    made = driver(outcome("died"), trials=50, retries=2)
    with pytest.raises(SearchError, match="10 trials failed one after the other; the last one: so it goes"):
        made.run()


def test_a_success_in_between_starts_the_count_again(search):
    """Pruned is a success here: the trial worked."""

    def work(task, listener):
        return Outcome("pruned") if task.number % 10 == 9 else Outcome("failed", reason="so it goes")

    assert len(search(work, trials=30)) == 30


def test_what_runs_while_the_tenth_fails_is_tried_again(driver, books):
    """It is interrupted, which doesn't count as an attempt."""
    hangs = threading.Event()

    def work(task, listener):
        if task.number == 0:
            hangs.set()
            made.executor.stopped.wait()
            return Outcome("interrupted")
        hangs.wait()
        return Outcome("failed", reason="so it goes")

    made = driver(work, slots=2, trials=50, retries=0)
    with pytest.raises(SearchError, match="10 trials failed"):
        made.run()
    trials = made.study.get_trials()
    assert books.told("died") == [(0, True)]
    assert (trials[-1].state, trials[-1].params) == (State.WAITING, trials[0].params)


@pytest.mark.parametrize("retries", [0, 2])
def test_an_interrupted_search_goes_on(retries, driver, search, books):
    """What ran is told, and queued again without counting against the retries, however often that happens."""

    def work(task, listener):
        os.kill(os.getpid(), signal.SIGINT)
        made.executor.stopped.wait()
        return Outcome("interrupted")

    for _ in range(2):
        made = driver(work, trials=2, retries=retries)
        with pytest.raises(KeyboardInterrupt):
            made.run()
    trials = made.study.get_trials()
    assert states(trials) == [State.FAIL, State.FAIL, State.WAITING]
    assert trials[0].user_attrs["interrupted"] is True
    assert books.told("died") == [(0, True), (1, True)]
    trials = search(trials=2, retries=retries)
    assert states(trials) == [State.FAIL, State.FAIL, State.COMPLETE, State.COMPLETE]
    assert trials[2].params == trials[0].params
    require_accounted_for(trials, 2, retries)


@pytest.mark.parametrize("end", ["complete", "failed", "died", "pruned", "interrupted"])
@pytest.mark.parametrize("objective", ["best_val_accuracy", TWO])
def test_a_trial_that_somebody_took_over_is_theirs(end, objective, driver, books):
    """A driver that was taken for dead ends the trial at its next epoch, tells nothing of it, and goes on."""

    def work(task, listener):
        if task.number == 0:
            made.study.tell(0, state=State.FAIL)
            listener.started("a run")
            assert not listener.epoch(1, {"val_accuracy": 0.75})
            return Outcome(end, {"best_val_accuracy": 0.5, "seconds": 3.0}, "so it goes")
        return Outcome("complete", {"best_val_accuracy": 0.25, "seconds": 1.0})

    made = driver(work, trials=2, objective=objective)
    made.run()
    trials = made.study.get_trials()
    assert states(trials) == [State.FAIL, State.COMPLETE, State.COMPLETE]
    assert set(trials[0].user_attrs) == {"worker"}
    assert books.told("died") == [(0, True)]
    assert [number for number, _ in books.told("finished")] == [1, 2]
    require_accounted_for(trials, 2)


def lose_tables(place):
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("ALTER TABLE trials RENAME TO gone")


class BrokenError(Exception):
    """Nobody expected it."""


def test_an_error_of_ours_ends_the_search(driver):
    """What ran elsewhere is ended and the error is raised; no trial stays RUNNING, none loses an attempt."""
    hangs = threading.Event()

    def work(task, listener):
        if task.number == 0:
            hangs.wait()
            raise BrokenError
        hangs.set()
        made.executor.stopped.wait()
        return Outcome("interrupted")

    made = driver(work, slots=2, trials=2, retries=0)
    with pytest.raises(BrokenError):
        made.run()
    assert states(made.study.get_trials()) == [State.FAIL, State.FAIL, State.WAITING, State.WAITING]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_error_of_ours_isn_t_hidden_by_what_follows_from_it(driver, place):
    """The storage may be gone as well, so that nothing can be told."""

    def work(task, listener):
        lose_tables(place)
        raise BrokenError

    with pytest.raises(BrokenError):
        driver(work, trials=2).run()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_storage_that_doesn_t_answer_any_more(driver, place):
    """It is said in a sentence, and how to go on; the tables are as gone as after a disk's death."""

    def work(task, listener):
        lose_tables(place)
        return Outcome("complete", {"best_val_accuracy": 0.5})

    with pytest.raises(SearchError, match=r"SQLite file .* doesn't answer any more: .*no such table: trials.*goes on"):
        driver(work, trials=2).run()


def test_who_waits_looks_seldom(driver, monkeypatch):
    """One slot looks for all 64, in ever longer pauses, and without keeping others out."""
    made = driver(slots=64, trials=1)
    made.study.ask().set_user_attr("worker", asdict(Worker.this()))
    looks = []
    get_trials = made.study.get_trials

    def counting(*arguments, **options):
        looks.append(1)
        return get_trials(*arguments, **options)

    monkeypatch.setattr(made.study, "get_trials", counting)
    thread, errors = in_thread(made.run)
    until(lambda: len(looks) > 5, seconds=120)
    before = len(looks)
    with made.storage.alone_with(NAME):
        thread.join(1)
        assert 0 < len(looks) - before < 15
    made.study.tell(0, 0.5)
    thread.join()
    assert errors == []


@pytest.mark.parametrize("end", ["complete", "died"])
def test_who_has_nothing_to_do_waits_for_the_others(end, driver):
    """Until the last trial is over; if it dies, somebody repeats it before anybody leaves."""
    runs, over = threading.Event(), threading.Event()

    def work(task, listener):
        if task.number == 0:
            runs.set()
            over.wait()
            return Outcome(end, {"best_val_accuracy": 0.5}, "killed")
        return Outcome("complete", {"best_val_accuracy": 0.25})

    drivers = [driver(work, trials=1), driver(work, trials=1)]
    first, first_errors = in_thread(drivers[0].run)
    runs.wait()
    second, second_errors = in_thread(drivers[1].run)
    second.join(0.5)
    assert second.is_alive()
    over.set()
    second.join()
    trials = drivers[1].study.get_trials()
    first.join()
    assert first_errors == second_errors == []
    assert states(trials) == ([State.COMPLETE] if end == "complete" else [State.FAIL, State.COMPLETE])


def test_who_waits_tries_again_what_died_last(driver):
    """Whoever worked on it may have left by then."""
    made = driver(trials=1)
    made.study.ask().set_user_attr("worker", asdict(Worker.this()))
    thread, errors = in_thread(made.run)
    thread.join(0.3)
    made.study.tell(0, state=State.FAIL)
    thread.join()
    assert errors == []
    assert states(made.study.get_trials()) == [State.FAIL, State.COMPLETE]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_two_drivers_that_notice_the_same_death(driver, books):
    """It is told once and repeated once."""
    drivers = [driver(trials=1) for _ in range(4)]
    study = drivers[0].study
    for _ in range(5):
        study.tell(study.ask(), state=State.FAIL)
    together = threading.Barrier(4)

    def mend(one):
        together.wait()
        one._mend_alone()

    threads = [in_thread(lambda one=one: mend(one)) for one in drivers]
    for thread, errors in threads:
        thread.join()
        assert errors == []
    assert books.told("died") == [(number, True) for number in range(5)]
    assert [trial.user_attrs["retry_of"] for trial in study.get_trials(states=[State.WAITING])] == list(range(5))


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_trial_s_heart_beats_before_it_has_a_worker(driver, place, monkeypatch):
    """Who dies in between leaves a trial without a worker, not one of another machine that nobody ever misses."""

    def fail(kind):
        raise BrokenError

    monkeypatch.setattr(Worker, "this", classmethod(fail))
    made = driver()
    with pytest.raises(BrokenError):
        made.run()
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT count(*) FROM trial_heartbeats").fetchone() == (1,)
    assert states(made.study.get_trials()) == [State.FAIL, State.WAITING]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_long_trial_gives_signs_of_life(driver, opened):
    """Whoever asks for them, from another machine as well, never finds it without one for too long."""
    asks, stale = opened(heartbeat=1, grace=2), []

    def work(task, listener):
        for _ in range(10):
            threading.Event().wait(0.5)
            stale.extend(asks.trials._get_stale_trial_ids(drivers[0].study._study_id))
        return Outcome("complete", {"best_val_accuracy": 0.5})

    drivers = [driver(work, trials=1, storage=opened(heartbeat=1, grace=2)) for _ in range(2)]
    threads = [in_thread(one.run) for one in drivers]
    for thread, errors in threads:
        thread.join()
        assert errors == []
    assert states(drivers[0].study.get_trials()) == [State.COMPLETE]
    assert stale == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_nothing_is_left(driver, opened, books):
    """No thread, and no open file."""
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    made = driver(slots=3, trials=9)
    made.run()
    made.storage.close()
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before
