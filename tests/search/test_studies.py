import itertools
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.space import draw
from beauty_mlflow.search.studies import best_points, best_trials, is_among_the_best, open_study, ranked, total
from beauty_mlflow.search.sweep_file import Sweep

NAME = "a study"
BLOCKS = {"type": "int", "low": 0, "high": 3}
RATES = {"type": "choice", "values": [0.1, 0.2]}
LINE = {"type": "float", "low": 0, "high": 1}
POINTS = [{"blocks": blocks, "rate": rate} for blocks, rate in itertools.product(range(4), (0.1, 0.2))]
ACCURATE = {"metric": "best_val_accuracy", "direction": "maximize"}
SMALL = {"metric": "parameters_trainable", "direction": "minimize"}


def random_search(**changed):
    return Sweep(**{"sampler": "random", "pruner": "none", "space": {"x": LINE}, **changed})


def grid_search(**changed):
    return Sweep(**{"sampler": "grid", "pruner": "none", "space": {"blocks": BLOCKS, "rate": RATES}, **changed})


def open_as(storage, sweep, **changed):
    return open_study(storage, NAME, sweep, **{"fingerprint": "f", "epochs": 10, "seed": 0, **changed})


def tried(study, sweep, count):
    """Ask for values and answer, so many times; return the values."""
    values = []
    for _ in range(count):
        trial = study.ask()
        values.append(draw(trial, sweep.space))
        study.tell(trial, [0.5] * len(study.directions))
    return values


def queued(study):
    return [trial.system_attrs["fixed_params"] for trial in study.get_trials() if not trial.state.is_finished()]


@pytest.fixture(params=["memory", "sqlite"])
def kind(request):
    return request.param


def test_a_study_is_made_once_and_gone_on_with(opened):
    study = open_as(opened(), random_search())
    tried(study, random_search(), 3)
    again = open_as(opened(), random_search())
    assert again.study_name == NAME
    assert [trial.params for trial in again.trials] == [trial.params for trial in study.trials]
    assert len(again.trials) == 3


def test_directions_sampler_and_pruner_are_the_sweep_s(opened):
    two = Sweep(space={"x": LINE}, objective=[ACCURATE, SMALL], sampler="NSGAIISampler", pruner="none")
    study = open_as(opened(), two)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert isinstance(study.sampler, optuna.samplers.NSGAIISampler)
    assert isinstance(study.pruner, optuna.pruners.NopPruner)
    hyperband = Sweep(space={"x": LINE}, pruner="hyperband")
    other = open_study(opened(), "another", hyperband, fingerprint="f", epochs=27, seed=0)
    assert isinstance(other.sampler, optuna.samplers.TPESampler)
    assert other.pruner._max_resource == 27


def test_what_to_start_with_is_tried_first_and_once(opened):
    """Also where two are the same, and where the study is opened again, before or after they were tried."""
    sweep = random_search(start=[{"x": 0.25}, {"x": 0.75}, {"x": 0.25}])
    study = open_as(opened(), sweep)
    assert queued(study) == [{"x": 0.25}, {"x": 0.75}]
    assert tried(study, sweep, 1) == [{"x": 0.25}]
    study = open_as(opened(), sweep)
    values = tried(study, sweep, 4)
    assert values[0] == {"x": 0.75}
    assert all(one["x"] not in (0.25, 0.75) for one in values[1:])


def test_what_to_start_with_may_leave_the_rest_to_the_sampler(opened):
    sweep = random_search(space={"x": LINE, "blocks": BLOCKS}, start=[{"blocks": 2}])
    values = tried(open_as(opened(), sweep), sweep, 1)[0]
    assert values["blocks"] == 2
    assert 0 <= values["x"] <= 1


def test_all_points_of_a_grid_are_queued_in_order(opened):
    study = open_as(opened(), grid_search())
    assert queued(study) == POINTS
    assert tried(study, grid_search(), 8) == POINTS
    assert queued(open_as(opened(), grid_search())) == []


def test_points_to_start_with_come_first_even_if_half_given(opened):
    study = open_as(opened(), grid_search(start=[{"blocks": 2}]))
    first = [point for point in POINTS if point["blocks"] == 2]
    assert queued(study) == [*first, *(point for point in POINTS if point not in first)]


def test_a_grid_takes_another_value_of_what_is_slowest_last(opened):
    """By the job's parameter, whatever the dimension is called; a trial then follows one that it shares most with."""
    space = {"blocks": BLOCKS, "rate": {**RATES, "parameter": "image_size"}}
    sweep = grid_search(space=space)
    points = [{"blocks": blocks, "rate": rate} for rate, blocks in itertools.product((0.1, 0.2), range(4))]
    assert queued(open_as(opened(), sweep, slowest={"image_size", "network"})) == points
    assert queued(open_as(opened(), sweep)) == points


def test_an_interrupted_opening_queues_the_rest_of_the_grid_in_order(opened, monkeypatch):
    enqueue = optuna.Study.enqueue_trial

    def interrupted(study, params):
        if params == POINTS[3]:
            raise KeyboardInterrupt
        enqueue(study, params)

    with monkeypatch.context() as context:
        context.setattr(optuna.Study, "enqueue_trial", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_as(opened(), grid_search())
    study = open_as(opened(), grid_search())
    assert queued(study) == POINTS
    assert tried(study, grid_search(), 8) == POINTS


def test_more_trials_later_queue_more_of_the_grid(opened):
    study = open_as(opened(), grid_search(trials=3))
    assert queued(study) == POINTS[:3]
    tried(study, grid_search(trials=3), 3)
    assert queued(open_as(opened(), grid_search(trials=5))) == POINTS[3:5]
    assert queued(open_as(opened(), grid_search(trials=100))) == POINTS[3:]


def test_who_opens_a_grid_at_the_same_time_queues_nothing_twice(opened):
    storage = opened()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: open_as(storage, grid_search()), range(4)))
    assert queued(open_as(storage, grid_search())) == POINTS


@pytest.mark.parametrize(
    ("sweep", "trials"),
    [
        (grid_search(), 8),
        (grid_search(trials=3), 3),
        (grid_search(trials=100), 8),
        (random_search(trials=100), 100),
    ],
)
def test_a_grid_has_no_more_trials_than_points(sweep, trials):
    assert total(sweep) == trials


def test_a_search_that_goes_on_draws_other_numbers(opened):
    """Else a restarted random search would try the same values again, and so would a second machine."""
    sweep = random_search()
    values = tried(open_as(opened(), sweep), sweep, 10)
    first, second = open_as(opened(), sweep), open_as(opened(), sweep)
    values += tried(first, sweep, 10) + tried(second, sweep, 10)
    assert len({one["x"] for one in values}) == 30


def test_two_machines_that_begin_together_draw_different_numbers(opened):
    first, second = (open_as(opened(), random_search()) for _ in range(2))
    assert tried(first, random_search(), 1) != tried(second, random_search(), 1)


def test_the_same_search_on_another_study_draws_the_same_numbers(opened):
    sweep = random_search()
    values = [
        tried(open_study(opened(), name, sweep, fingerprint="f", epochs=10, seed=3), sweep, 5) for name in ("a", "b")
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"space": {"x": {**LINE, "high": 2}}}, "space.x.high was 1.0, now 2.0"),
        ({"space": {"x": LINE, "blocks": BLOCKS}}, "space.blocks was absent, now {'type': 'int', 'low': 0.0"),
        ({"parameters": {"epochs": 4}}, "parameters.epochs was 3, now 4"),
        ({"parameters": {}}, "parameters.epochs was 3, now absent"),
        ({"job": "train"}, "job was 'finetune', now 'train'"),
        (
            {"objective": "best_val_loss"},
            "objective was [{'metric': 'best_val_accuracy', 'direction': 'maximize'}], now",
        ),
    ],
)
def test_another_search_under_an_existing_study_is_refused_and_says_what_differs(opened, changed, words):
    parameters = {"epochs": 3}
    open_as(opened(), random_search(parameters=parameters))
    with pytest.raises(SweepError) as caught:
        open_as(opened(), random_search(**{"parameters": parameters, **changed}))
    assert f"The study '{NAME}' searches something else: {words}" in str(caught.value)
    assert "Give another name as study, or undo the change" in str(caught.value)
    assert open_as(opened(), random_search(parameters=parameters)).trials == []


def test_other_pictures_under_an_existing_study_are_refused(opened):
    open_as(opened(), random_search())
    with pytest.raises(SweepError, match="searches something else: fingerprint was 'f', now 'g'"):
        open_as(opened(), random_search(), fingerprint="g")


def test_how_it_is_searched_may_change(opened):
    """Trials stay comparable if the sampler, the pruner, the number or the words change."""
    open_as(opened(), random_search())
    study = open_as(
        opened(),
        random_search(sampler="tpe", pruner="median", trials=50, seed=4, space={"x": {**LINE, "description": "New."}}),
    )
    assert isinstance(study.sampler, optuna.samplers.TPESampler)


@pytest.mark.parametrize("before", [grid_search, lambda: random_search(space={"blocks": BLOCKS, "rate": RATES})])
def test_a_grid_stays_a_grid_and_no_other_becomes_one(opened, before):
    """Its points are queued all at once: among trials that a sampler chose they would be too few, or come first."""
    other = random_search if before is grid_search else grid_search
    open_as(opened(), before())
    with pytest.raises(SweepError, match=r"searches something else: sampler was '(grid|any but grid)', now"):
        open_as(opened(), other(space={"blocks": BLOCKS, "rate": RATES}))


def test_an_opening_interrupted_before_the_study_had_its_identity_is_gone_on_with(opened, monkeypatch):
    """Then the study is there, empty and without a word of what it searches."""

    def interrupted(study, key, value):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(optuna.Study, "set_user_attr", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_as(opened(), grid_search())
    assert optuna.get_all_study_names(opened().trials) == [NAME]
    assert queued(open_as(opened(), grid_search())) == POINTS
    with pytest.raises(SweepError, match="searches something else"):
        open_as(opened(), random_search())


@pytest.mark.parametrize("trials", [0, 1])
def test_a_study_of_somebody_else_s_is_left_alone(opened, trials):
    """One with trials, and an empty one whose better values lie the other way."""
    study = optuna.create_study(
        storage=opened().trials, study_name=NAME, direction="maximize" if trials else "minimize"
    )
    for _ in range(trials):
        study.tell(study.ask(), 1.0)
    with pytest.raises(SweepError, match=f"The study '{NAME}' wasn't made by a sweep; give another name as study"):
        open_as(opened(), random_search())
    assert study.user_attrs == {}
    assert len(study.trials) == trials


def finished(directions, *values):
    study = optuna.create_study(directions=directions)
    for one in values:
        trial = study.ask()
        if one is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, one)
    pruned = study.ask()
    pruned.report(1.0, 1) if len(directions) == 1 else None
    study.tell(pruned, state=optuna.trial.TrialState.PRUNED)
    study.ask()
    return study


def numbers(trials):
    return [trial.number for trial in trials]


def test_ranking_leaves_out_what_has_no_value_and_keeps_the_order_of_equals():
    assert numbers(ranked(finished(["maximize"], 0.5, None, 0.7, 0.5))) == [2, 0, 3]
    assert numbers(ranked(finished(["minimize"], 0.5, None, 0.7, 0.5))) == [0, 3, 2]
    assert ranked(finished(["maximize"], None)) == []


def test_the_best_points_are_distinct():
    """Each stands for itself by the trial that tried it first, ranked by its best value."""
    study = optuna.create_study(direction="maximize")
    for x, value in ((1, 0.5), (2, 0.8), (2, 0.9), (3, 0.1)):
        trial = study.ask({"x": optuna.distributions.IntDistribution(x, x)})
        study.tell(trial, value)
    assert numbers(best_points(study, 2)) == [1, 0]
    assert numbers(best_points(study, 9)) == [1, 0, 3]


def test_the_best_of_one_objective_and_of_several():
    assert numbers(best_trials(finished(["minimize"], 0.5, 0.2, 0.7))) == [1]
    assert numbers(best_trials(finished(["maximize", "minimize"], [0.5, 5], [0.9, 9], [0.4, 6]))) == [0, 1]
    assert best_trials(finished(["maximize"], None)) == []
    assert best_trials(finished(["maximize", "minimize"], None)) == []


@pytest.mark.parametrize(
    ("directions", "before", "values", "among"),
    [
        (["maximize"], [], [0.1], True),
        (["maximize"], [0.5], [0.6], True),
        (["maximize"], [0.5], [0.5], True),
        (["maximize"], [0.5], [0.4], False),
        (["minimize"], [0.5], [0.6], False),
        (["minimize"], [0.5, 0.3], [0.4], False),
        (["minimize"], [None], [0.4], True),
        (["maximize", "minimize"], [[0.5, 5]], [0.4, 4], True),
        (["maximize", "minimize"], [[0.5, 5]], [0.5, 6], False),
        (["maximize", "minimize"], [[0.5, 5]], [0.5, 5], True),
        (["maximize", "minimize"], [[0.5, 5], [0.9, 9]], [0.8, 9], False),
        (["maximize", "minimize"], [[0.5, 5], [0.9, 9]], [0.8, 8], True),
    ],
)
def test_only_who_is_not_beaten_is_among_the_best(directions, before, values, among):
    """Of several objectives one has to be beaten in none and be worse in one."""
    assert is_among_the_best(finished(directions, *before), values) is among
