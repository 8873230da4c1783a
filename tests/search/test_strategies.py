import importlib.util
import threading

import optuna
import pytest

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.dimensions import Dimension
from beauty_mlflow.search.space import draw
from beauty_mlflow.search.strategies import (
    PRUNER_DEFAULTS,
    PRUNERS,
    SAMPLER_DEFAULTS,
    build_pruner,
    build_sampler,
    check_strategies,
    try_out,
)

SPACE = {
    "blocks": Dimension(type="int", low=0, high=9),
    "rate": Dimension(type="float", low=1e-5, high=1e-2, log=True),
    "kind": Dimension(type="choice", values=["a", "b", "c"]),
}
CONDITIONAL = {**SPACE, "momentum": Dimension(type="float", low=0, high=1, when={"kind": ["a", "b"]})}
WITHOUT_RATE = {"blocks": SPACE["blocks"], "kind": SPACE["kind"]}
ONE, TWO = ("maximize",), ("maximize", "minimize")
NONE = optuna.pruners.NopPruner()


def drawn(sampler, count, space=SPACE):
    study = optuna.create_study(direction="maximize", sampler=sampler)
    values = []
    for _ in range(count):
        trial = study.ask()
        values.append(draw(trial, space))
        study.tell(trial, float(values[-1]["blocks"]))
    return values


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("tpe", optuna.samplers.TPESampler),
        ("random", optuna.samplers.RandomSampler),
        ("grid", optuna.samplers.RandomSampler),
        ("NSGAIISampler", optuna.samplers.NSGAIISampler),
        ("QMCSampler", optuna.samplers.QMCSampler),
    ],
)
def test_samplers_by_our_names_and_by_optuna_s(name, made):
    assert type(build_sampler(name, {}, seed=0)) is made


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("median", optuna.pruners.MedianPruner),
        ("hyperband", optuna.pruners.HyperbandPruner),
        ("successive_halving", optuna.pruners.SuccessiveHalvingPruner),
        ("none", optuna.pruners.NopPruner),
        ("WilcoxonPruner", optuna.pruners.WilcoxonPruner),
    ],
)
def test_pruners_by_our_names_and_by_optuna_s(name, made):
    assert type(build_pruner(name, {}, epochs=10)) is made


@pytest.mark.parametrize("name", SAMPLER_DEFAULTS)
def test_our_defaults_reach_the_sampler(name):
    sampler = build_sampler(name, {}, seed=0)
    assert {argument: getattr(sampler, f"_{argument}") for argument in SAMPLER_DEFAULTS[name]} == SAMPLER_DEFAULTS[name]


@pytest.mark.parametrize("name", PRUNER_DEFAULTS)
def test_our_defaults_reach_the_pruner(name):
    pruner = build_pruner(name, {}, epochs=17)
    assert {argument: getattr(pruner, f"_{argument}") for argument in PRUNER_DEFAULTS[name]} == PRUNER_DEFAULTS[name]


@pytest.mark.parametrize(("epochs", "most"), [(17, 17), (1, 2)])
def test_hyperband_s_longest_trials_have_all_epochs(epochs, most):
    assert build_pruner("hyperband", {}, epochs=epochs)._max_resource == most


def test_arguments_go_over_our_defaults():
    sampler = build_sampler("tpe", {"n_startup_trials": 20, "multivariate": False, "group": False}, seed=0)
    assert (sampler._n_startup_trials, sampler._multivariate, sampler._constant_liar) == (20, False, True)
    pruner = build_pruner("median", {"n_warmup_steps": 50}, epochs=10)
    assert (pruner._n_startup_trials, pruner._n_warmup_steps) == (PRUNER_DEFAULTS["median"]["n_startup_trials"], 50)
    assert build_pruner("hyperband", {"max_resource": 30}, epochs=10)._max_resource == 30


def test_arguments_reach_any_other_class():
    pruner = build_pruner("PercentilePruner", {"percentile": 75.0, "n_startup_trials": 3}, epochs=10)
    assert (pruner._percentile, pruner._n_startup_trials) == (75.0, 3)
    assert build_sampler("QMCSampler", {"qmc_type": "halton"}, seed=0)._qmc_type == "halton"
    check_strategies(("QMCSampler", {}), ("PercentilePruner", {"percentile": 75.0}), SPACE, ONE)


def test_a_pruner_may_wrap_another():
    """PatientPruner's argument is a pruner; in a file that is its name."""
    pruner = build_pruner("PatientPruner", {"wrapped_pruner": "hyperband", "patience": 2}, epochs=17)
    assert pruner._patience == 2
    assert pruner._wrapped_pruner._max_resource == 17
    check_strategies(("tpe", {}), ("PatientPruner", {"wrapped_pruner": "median", "patience": 2}), SPACE, ONE)
    with pytest.raises(SweepError, match=r"no pruner 'medain'.* Did you mean 'median'\?"):
        build_pruner("PatientPruner", {"wrapped_pruner": "medain", "patience": 2}, epochs=17)


@pytest.mark.parametrize("name", ["tpe", "random", "NSGAIISampler"])
def test_the_seed_and_how_often_a_study_was_opened_decide_the_numbers(name):
    """The same search gives the same numbers; whoever opens the study next draws others."""
    first = drawn(build_sampler(name, {}, seed=5), 12)
    assert drawn(build_sampler(name, {}, seed=5), 12) == first
    assert drawn(build_sampler(name, {}, seed=6), 12) != first
    again = drawn(build_sampler(name, {}, seed=5, opened=1), 12)
    assert not [values for values in again if values in first]


def test_a_scrambled_sequence_is_gone_on_with():
    """QMC's numbers are good together only: whoever opens the study next takes the next ones of the same sequence."""

    def opened_twice(after):
        study = optuna.create_study(direction="maximize")
        values = []
        for count in range(16):
            study.sampler = build_sampler("QMCSampler", {"scramble": True}, seed=3, opened=int(count >= after))
            trial = study.ask()
            values.append(draw(trial, {"rate": SPACE["rate"]}))
            study.tell(trial, 0.0)
        return values[1:]  # the first trial only shows Optuna the space

    assert opened_twice(after=8) == opened_twice(after=16)


def test_several_workers_don_t_try_the_same_place():
    """Trials that run count: TPE, asked eight times before any answer, goes to eight places."""
    study = optuna.create_study(direction="maximize", sampler=build_sampler("tpe", {}, seed=0))
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, float(draw(trial, SPACE)["blocks"]))
    running = [draw(study.ask(), WITHOUT_RATE) for _ in range(8)]
    assert len({tuple(values.items()) for values in running}) >= 5


@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
@pytest.mark.parametrize("sampler", ["tpe", "random", "NSGAIISampler", "QMCSampler"])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_tested_pair_works_on_one_objective(sampler, pruner, space):
    check_strategies((sampler, {}), (pruner, {}), space, ONE)


@pytest.mark.parametrize("sampler", ["tpe", "random", "NSGAIISampler"])
def test_samplers_work_on_several_objectives(sampler):
    check_strategies((sampler, {}), ("none", {}), CONDITIONAL, TWO)


@pytest.mark.parametrize(
    ("sampler", "arguments", "problem"),
    [
        (
            "gird",
            {},
            "there is no sampler 'gird': expected tpe, grid, random or a class of optuna.samplers. Did you mean",
        ),
        ("BaseSampler", {}, "there is no sampler 'BaseSampler'"),
        ("nsgaii", {}, "there is no sampler 'nsgaii'"),
        ("grid", {"search_space": {}}, "the sampler grid takes no arguments"),
        ("GridSampler", {"search_space": {}}, 'GridSampler can\'t be used here; expected sampler = "grid"'),
        ("CmaEsSampler", {}, "CmaEsSampler can't be used here: it keeps pickles with the trials"),
        ("BruteForceSampler", {}, 'BruteForceSampler can\'t be used here; expected sampler = "grid"'),
        ("tpe", {"seed": 3}, "the sampler's seed is the sweep's own: expected seed = … at the top of the file"),
        ("random", {"n": 3}, "the sampler random has no argument n; it takes none."),
        ("NSGAIISampler", {"populationsize": 3}, "has no argument populationsize; it takes population_size, "),
        ("NSGAIISampler", {"population_size": 1}, "the sampler NSGAIISampler can't be made: `population_size` must be"),
        ("tpe", {"n_startup_trials": "x"}, "the sampler TPESampler can't be used: '<' not supported between"),
        (
            "QMCSampler",
            {"qmc_type": "sobl"},
            "the sampler QMCSampler can't be made: The `qmc_type='sobl'` is invalid",
        ),
    ],
)
def test_a_sampler_that_can_not_be_is_refused(sampler, arguments, problem):
    """Before anything starts, in our words or Optuna's."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        check_strategies((sampler, arguments), ("none", {}), WITHOUT_RATE, ONE)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("pruner", "arguments", "problem"),
    [
        (
            "medain",
            {},
            "expected successive_halving, hyperband, median, none or a class of optuna.pruners. Did you mean",
        ),
        ("BasePruner", {}, "there is no pruner 'BasePruner'"),
        ("none", {"patience": 3}, "the pruner none has no argument patience; it takes none"),
        ("median", {"n_startup": 3}, "n_min_trials. Did you mean 'n_startup_trials'?"),
        ("PercentilePruner", {}, "PercentilePruner can't be made: PercentilePruner.__init__() missing 1 required"),
        ("PercentilePruner", {"percentile": 200}, "can't be made: Percentile must be between 0 and 100 inclusive"),
        ("hyperband", {"max_resource": "long"}, "the pruner hyperband can't be made: The 'max_resource' should be"),
        ("PatientPruner", {"wrapped_pruner": {}, "patience": 1}, "the pruner PatientPruner can't be used: "),
    ],
)
def test_a_pruner_that_can_not_be_is_refused(pruner, arguments, problem):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        check_strategies(("tpe", {}), (pruner, arguments), SPACE, ONE)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("sampler", "package"), [("GPSampler", "torch")])
def test_a_sampler_whose_package_is_missing_names_it(sampler, package):
    """Optuna itself would say so only at a later trial."""
    if importlib.util.find_spec(package):
        check_strategies((sampler, {}), ("none", {}), SPACE, ONE)
        return
    reason = f"^the sampler {sampler} needs the Python package {package}, which isn't installed$"
    with pytest.raises(ValueError, match=reason):
        check_strategies((sampler, {}), ("none", {}), SPACE, ONE)


def test_a_sampler_that_does_not_suit_the_objectives_is_refused():
    class OneOnly(optuna.samplers.RandomSampler):
        def sample_relative(self, study, trial, search_space):
            self._raise_error_if_multi_objective(study)
            return super().sample_relative(study, trial, search_space)

    try_out(OneOnly(), NONE, SPACE, ONE)
    with pytest.raises(SweepError, match=r"the sampler OneOnly can't be used: .*multi-objective"):
        try_out(OneOnly(), NONE, SPACE, TWO)


def test_a_grid_is_checked_against_the_space():
    check_strategies(("grid", {}), ("none", {}), WITHOUT_RATE, ONE)
    with pytest.raises(ValueError, match=r"^space\.rate is a float without steps"):
        check_strategies(("grid", {}), ("none", {}), SPACE, ONE)


def test_optuna_warns_of_real_trials_only():
    """What it would log while a sampler is tried out names trials that nobody sees."""
    heard = []

    class Listening(optuna.samplers.RandomSampler):
        def sample_relative(self, study, trial, search_space):
            heard.append(optuna.logging.get_verbosity())
            return super().sample_relative(study, trial, search_space)

    before = optuna.logging.get_verbosity()
    try_out(Listening(), NONE, SPACE, ONE)
    assert heard == [optuna.logging.ERROR]
    assert optuna.logging.get_verbosity() == before == optuna.logging.WARNING


def test_threads_that_try_samplers_out_leave_the_verbosity_as_it_was():
    """It is the whole process's: who puts back what another thread had set would silence Optuna for good."""
    together = threading.Barrier(4)

    def check():
        together.wait()
        for _ in range(5):
            check_strategies(("random", {}), ("none", {}), SPACE, ONE)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
