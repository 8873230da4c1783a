import re

import matplotlib as mpl
import optuna
import pytest
from PIL import Image

from beauty_mlflow.search.figures import draw_figures

BLOCKS = optuna.distributions.IntDistribution(0, 9)
RATE = optuna.distributions.FloatDistribution(1e-5, 1e-2, log=True)
OPTIMIZER = optuna.distributions.CategoricalDistribution(("adam", "sgd"))
ALL = {
    "history.png",
    "which_parameter_matters.png",
    "each_parameter.png",
    "pairs_of_parameters.png",
    "all_parameters_at_once.png",
    "every_epoch_of_every_trial.png",
    "when_each_trial_ran.png",
}


def study_of(trials, directions=("maximize",), name="a study"):
    study = optuna.create_study(study_name=name, directions=directions)
    study.add_trials(trials)
    return study


def trial(values, number, *, distributions=None, pruned=False, **params):
    known = {"blocks": BLOCKS, "learning_rate": RATE, "optimizer": OPTIMIZER, **(distributions or {})}
    values = values if isinstance(values, tuple) else (values,)
    state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        values=None if pruned else list(values),
        params=params,
        distributions={one: known[one] for one in params},
        intermediate_values={} if len(values) > 1 else {epoch: values[0] * epoch / 3 for epoch in (1, 2, 3)},
    )


@pytest.fixture
def usual():
    """Eight trials of two parameters, one of them pruned."""
    found = [trial(0.5 + 0.04 * n, n, blocks=n, learning_rate=10.0 ** -(2 + n % 3)) for n in range(7)]
    return [*found, trial(0.1, 7, pruned=True, blocks=9, learning_rate=1e-3)]


def test_every_figure_is_drawn_twice(usual, tmp_path):
    """As a picture of its own, and in the page."""
    assert draw_figures(study_of(usual), ["best_val_accuracy"], tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == ALL | {"search.html"}
    for name in ALL:
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert min(picture.size) > 300
    page = (tmp_path / "search.html").read_text()
    assert page.count('class="plotly-graph-div"') == len(ALL)
    assert '"best_val_accuracy"' in page
    assert "Objective Value" not in re.sub(r"<script[^>]*>/\*\*.*?</script>", "", page, flags=re.DOTALL)


def test_the_page_needs_no_network(usual, tmp_path):
    """Its scripts stand in it, once, and no element refers to anything else."""
    draw_figures(study_of(usual), ["best_val_accuracy"], tmp_path)
    page = (tmp_path / "search.html").read_text()
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.findall(r"(?:src|href)\s*=|@import|url\(", markup)
    assert 3_000_000 < len(page) < 10_000_000


@pytest.mark.system
@pytest.mark.slow
def test_in_a_browser(usual, new_page, tmp_path):
    """Each figure is drawn under the page's policy, which lets no other script run."""
    draw_figures(study_of(usual), ["best_val_accuracy"], tmp_path)
    page = new_page()
    page.goto((tmp_path / "search.html").as_uri())
    page.wait_for_function(f"() => document.querySelectorAll('.plotly-graph-div .main-svg .bg').length >= {len(ALL)}")
    assert page.locator(".js-plotly-plot").count() == len(ALL)
    assert page.said == []
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 1\">')")
    page.wait_for_function("() => document.querySelector('body > img').complete")
    assert page.evaluate("window.hacked") is None


def test_a_name_is_text(usual, tmp_path):
    """A study called like an element is none."""
    draw_figures(study_of(usual, name="<script>alert(1)</script>"), ["best_val_accuracy"], tmp_path)
    page = (tmp_path / "search.html").read_text()
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_what_cannot_be_drawn_is_said(tmp_path):
    """No trial, trials without an end, a single parameter: each figure that is left out has its reason."""
    nothing = draw_figures(study_of([]), ["best_val_accuracy"], tmp_path / "nothing")
    assert len(nothing) == len(ALL)
    assert "When each trial ran: there is no trial" in nothing
    assert "Left out" in (tmp_path / "nothing/search.html").read_text()

    pruned = [trial(0.1, n, pruned=True, blocks=n) for n in range(3)]
    left_out = draw_figures(study_of(pruned), ["best_val_accuracy"], tmp_path / "pruned")
    assert "History: no trial is complete" in left_out
    assert {path.name for path in (tmp_path / "pruned").glob("*.png")} == {
        "every_epoch_of_every_trial.png",
        "when_each_trial_ran.png",
    }

    depths = [trial(0.1 * n, n, blocks=n) for n in range(5)]
    left_out = draw_figures(study_of(depths), ["best_val_accuracy"], tmp_path / "depths")
    assert left_out == ["Pairs of parameters: fewer than two parameters have several values"]
    assert (tmp_path / "depths/which_parameter_matters.png").is_file()


def test_conditional_parameters_and_choices(tmp_path):
    """Trials that don't have all parameters are drawn with those that they have."""
    trials = [
        trial(0.1 * n, n, optimizer="sgd", blocks=n)
        if n % 2
        else trial(0.1 * n, n, optimizer="adam", blocks=n, learning_rate=10.0 ** -(2 + n % 3))
        for n in range(8)
    ]
    assert draw_figures(study_of(trials), ["best_val_accuracy"], tmp_path) == []


def test_many_parameters_leave_the_pairs_readable(tmp_path):
    """Of eight parameters the five that matter most are paired."""
    distributions = {f"p{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(8)}
    trials = [
        trial(0.1 * (n % 7), n, distributions=distributions, **{f"p{i}": (n * (i + 3) % 11) / 11 for i in range(8)})
        for n in range(12)
    ]
    assert draw_figures(study_of(trials), ["best_val_accuracy"], tmp_path) == []
    with Image.open(tmp_path / "pairs_of_parameters.png") as picture:
        assert max(picture.size) < 2000
    page = (tmp_path / "search.html").read_text()
    assert '"xaxis25"' in page
    assert '"xaxis26"' not in page


def test_each_objective_has_figures_of_its_own(tmp_path):
    """A front of both, and for each its own history, whose best goes the objective's own way."""
    trials = [trial((0.5 + 0.04 * n, 1000.0 * n), n, blocks=n, learning_rate=10.0 ** -(2 + n % 3)) for n in range(7)]
    study = study_of(trials, directions=("maximize", "minimize"))
    assert draw_figures(study, ["best_val_accuracy", "parameters_trainable"], tmp_path) == []
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    assert {"pareto_front", "history_best_val_accuracy", "history_parameters_trainable"} <= drawn
    assert "every_epoch_of_every_trial" not in drawn
    page = (tmp_path / "search.html").read_text()
    assert page.count('"name":"Best Value"') == 2
    assert len(study.trials) == len(trials)


def test_other_figures_keep_their_style(usual, tmp_path):
    """Optuna's style for its pictures doesn't stay for those that the process draws later."""
    before = dict(mpl.rcParams)
    draw_figures(study_of(usual), ["best_val_accuracy"], tmp_path)
    after = dict(mpl.rcParams)
    assert {name for name in before if before[name] != after[name]} <= {"backend"}
