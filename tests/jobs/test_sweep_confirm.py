"""How the best trials are confirmed, with runs that are real and take no time; test_sweep trains them."""

import time
from dataclasses import dataclass, field, replace

import optuna
import pytest
from waiting import until

from beauty_mlflow.jobs.sweep import Sweep as SweepParameters
from beauty_mlflow.jobs.sweep_confirm import confirm, confirmed
from beauty_mlflow.jobs.sweep_report import _confirmed_table
from beauty_mlflow.jobs.sweep_search import Search
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.search.sweep_file import Sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

BLOCKS = {"type": "int", "low": 0, "high": 9}
SIZES = {names.PARAMETERS_TOTAL: "1", names.PARAMETERS_TRAINABLE: "1"}


@dataclass
class Trains:
    """Makes a run for each task, in the thread that asks for it; it ends as ``work`` says.

    ``work`` is given the trial, the seed and how often it was tried before; it returns the accuracy, or another end.
    """

    work: object
    slots: int = 1
    tried: list = field(default_factory=list)
    logs: list = field(default_factory=list)

    def run(self, task, listener, slot):
        del slot
        content, seed = task.content, int(task.content["parameters"]["seed"])
        attempt = sum(one[:2] == (task.number, seed) for one in self.tried)
        run = begin(content["name"], content["tags"], seed)
        self.tried.append((task.number, seed, content["continues"], run))
        self.logs.append(task.part)
        listener.started(run.run_id)
        end = self.work(task.number, seed, attempt)
        if not isinstance(end, str):
            finish(run, end)
            return Outcome("complete", {names.BEST_VAL_ACCURACY: end})
        if end in ("failed", "interrupted"):
            run.finish("FAILED" if end == "failed" else "KILLED")
        return Outcome(end, reason="" if end == "interrupted" else "so it goes")

    def stop(self):
        pass


def begin(name, tags, seed):
    run = Run.create(connect(), name, tags)
    run.log_parameters({"seed": str(seed), **SIZES})
    return run


def finish(run, accuracy):
    run.log_metrics({names.BEST_VAL_ACCURACY: accuracy, names.EPOCHS_TRAINED: 1, names.SECONDS: 1})
    run.set_tags({names.TRIAL_STATE: "COMPLETE"})
    run.finish("FINISHED")


@pytest.fixture
def search(local_store):
    """Make a search that has two trials, the first of them the better one, on the seed 0 unless others are given."""

    def make(work, *, seeds=(0, 0), **changed):
        store, storage = connect(), open_storage("memory")
        study = optuna.create_study(storage=storage.trials, direction="maximize")
        parent = Run.create(store, "the sweep")
        sweep = Sweep.model_validate({"space": {"blocks": BLOCKS}, "confirm": 2, "confirm_seeds": 2, **changed})
        for blocks, (seed, accuracy) in enumerate(zip(seeds, (0.9, 0.8), strict=True)):
            study.enqueue_trial({"blocks": blocks})
            trial = study.ask()
            trial.suggest_int("blocks", 0, 9)
            study.tell(trial, accuracy)
            number = {names.PARENT: parent.run_id, names.TRIAL_NUMBER: str(trial.number)}
            finish(begin(f"trial {trial.number}", number, seed), accuracy)
        given = SweepParameters.parse({})
        return Search(
            given, sweep, None, store, storage, study, parent, parent.experiment_id, Trains(work), "split.csv"
        )

    return make


def statuses(search):
    return [run.status for *_, run in search.executor.tried]


def by_seed(trial, seed, attempt):
    return {0: 0.5, 1: 0.75}[trial] + seed / 100


def test_the_best_mean_is_first(search, capsys):
    """Each seed's run has a log of its own; a second time nothing is left to do, and the result is the same."""
    made = search(by_seed)
    found = confirm(made)
    assert [(one.trial, one.values) for one in found] == [(1, {1: 0.76, 2: 0.77}), (0, {1: 0.51, 2: 0.52})]
    assert sorted(made.executor.logs) == ["seed-1", "seed-1", "seed-2", "seed-2"]
    assert "confirming the best 2 trials: 4 runs on the seeds 1, 2" in capsys.readouterr().err
    assert confirm(made) == found
    assert len(made.executor.tried) == 4


def test_what_was_confirmed_stays_so_when_the_search_goes_on_and_is_interrupted(search):
    """As the report of the interrupted one has it; nothing is run for it."""
    made = search(by_seed)
    done = confirm(made)
    assert confirmed(made) == done
    assert len(made.executor.tried) == 4


def test_a_point_that_was_tried_twice_is_confirmed_once(search):
    made = search(by_seed)
    made.study.add_trial(made.study.trials[0])
    assert sorted(one.trial for one in confirm(made)) == [0, 1]


def test_a_run_whose_process_dies_is_closed_and_run_again_from_where_it_was(search, capsys):
    made = search(lambda trial, seed, attempt: "died" if (trial, seed, attempt) == (0, 1, 0) else 0.5)
    found = confirm(made)
    (dead, again) = [one for one in made.executor.tried if one[:2] == (0, 1)]
    assert dead[3].status == "FAILED"
    assert dead[3].tags[names.ERROR] == "so it goes; it is run again"
    assert again[2] == dead[3].run_id
    assert again[3].status == "FINISHED"
    assert "trial 0 on seed 1: so it goes; it is run again" in capsys.readouterr().err
    assert [len(one.values) for one in found] == [2, 2]


def test_a_process_that_somebody_else_ends_has_died(search):
    """A system short of memory may ask politely. Its run has been closed by itself, and is gone on with."""
    made = search(lambda trial, seed, attempt: "interrupted" if (trial, seed, attempt) == (0, 1, 0) else 0.5)
    assert [len(one.values) for one in confirm(made)] == [2, 2]
    (dead, again) = [one for one in made.executor.tried if one[:2] == (0, 1)]
    assert (dead[3].status, again[2]) == ("KILLED", dead[3].run_id)


@pytest.mark.parametrize(("end", "tried"), [("died", 3), ("failed", 1)])
def test_one_lucky_seed_does_not_win(end, tried, search, capsys):
    """What dies is tried as often as a trial, what fails would fail again; fewer seeds come after more."""
    made = search(lambda trial, seed, _: end if (trial, seed) == (0, 1) else {0: 0.9, 1: 0.1}[trial], retries=2)
    found = confirm(made)
    assert [(one.trial, one.values) for one in found] == [(1, {1: 0.1, 2: 0.1}), (0, {2: 0.9})]
    assert sorted(statuses(made)) == [*["FAILED"] * tried, *["FINISHED"] * 3]
    assert "WARNING: trial 0: 1 of 2 confirming runs came to an end" in capsys.readouterr().err
    assert [row["seeds"] for row in _confirmed_table(found)] == [2, 1]


def test_a_run_that_finished_before_its_process_died_counts(search):
    """It only didn't come to say so."""

    def work(trial, seed, attempt):
        if trial == 0:
            finish(made.executor.tried[-1][3], 0.75)
            return "died"
        return 0.5

    made = search(work, retries=0)
    assert confirm(made)[0].values == {1: 0.75, 2: 0.75}
    assert statuses(made) == ["FINISHED"] * 4


def test_no_seed_that_a_trial_was_searched_with(search):
    """The file's seed may have changed between two commands of one study; earlier confirming runs stay as they are."""
    made = search(by_seed, seeds=(1, 3))
    confirm(made)
    assert {seed for _, seed, *_ in made.executor.tried} == {0, 2}
    confirm(made)
    assert len(made.executor.tried) == 4


def test_fewer_seeds_than_before(search):
    """Only those that all have are compared; the best of all the runs has the model."""
    made = search(by_seed)
    confirm(made)
    fewer = replace(made, sweep=made.sweep.model_copy(update={"confirm_seeds": 1}))
    best = next(run for trial, seed, _, run in made.executor.tried if (trial, seed) == (1, 2))
    (first, _) = confirm(fewer)
    assert (first.values, first.best_run) == ({1: 0.76}, best.run_id)


def test_the_timeout_begins_no_further_run(search, capsys):
    """What runs is finished, what has died waits for the next command, and it is said."""

    def work(trial, seed, attempt):
        until(lambda: made.is_over, seconds=60)
        return 0.5

    made = search(work, timeout=1)
    made = replace(made, begun=time.monotonic())
    (found,) = confirm(made)
    assert (found.trial, found.values) == (0, {1: 0.5})
    assert "the timeout is over: 3 of 4 confirming runs didn't begin; the same" in capsys.readouterr().err
    made = replace(made, executor=Trains(lambda *_: "died"))
    assert len(confirm(made)) == 1
    assert made.executor.tried == []
    made = replace(made, begun=time.monotonic(), executor=Trains(lambda *_: until(lambda: made.is_over) and "died"))
    confirm(made)
    assert statuses(made) == ["FAILED"]
