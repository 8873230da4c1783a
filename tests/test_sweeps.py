"""The sweep files that are shipped, and what docs/sweeps.md says of such files."""

import re
import shlex
from pathlib import Path

import pytest

from beauty_mlflow.errors import SweepError
from beauty_mlflow.jobs import load_job
from beauty_mlflow.jobs.parameters import to_text
from beauty_mlflow.jobs.sweep import Sweep as SweepParameters
from beauty_mlflow.jobs.sweeping import check_against_job
from beauty_mlflow.search.dimensions import Dimension, Range
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.search.strategies import PRUNER_DEFAULTS, PRUNERS, SAMPLER_DEFAULTS, SAMPLERS
from beauty_mlflow.search.studies import open_study, total
from beauty_mlflow.search.sweep_file import Objective, Strategy, Sweep, read_sweep
from beauty_mlflow.tracking import names

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "sweeps").glob("*.toml"))
PAGE = (ROOT / "docs" / "sweeps.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def shipped(name):
    return read_sweep(ROOT / "sweeps" / f"{name}.toml")


def changed(folder, name, before, after):
    """Write a shipped file with something else in it; return its path."""
    text = (ROOT / "sweeps" / f"{name}.toml").read_text()
    assert before in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(before, after))
    return path


def check(path):
    return check_against_job(read_sweep(path), path, "")


def test_the_shipped_files():
    assert {path.stem for path in FILES} >= {"depth", "depth_lr", "optimizers", "networks", "smoke"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_is_good_for_its_job(path):
    """At all ends of everything that it searches; what is searched is described."""
    sweep = read_sweep(path)
    default = load_job(sweep.job).parameters.model_fields["epochs"].default
    assert check(path) == sweep.parameters.get("epochs", default)
    assert sweep.description
    assert all(dimension.description for dimension in sweep.space.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_on_top_of_a_file_are_its_command_its_cost_and_what_to_expect(path):
    top = path.read_text().partition("\n\n")[0]
    assert all(line.startswith("#") for line in top.splitlines())
    (command,) = re.findall(r"^#   (mlflow run .*)$", top, re.MULTILINE)
    given = dict(word.split("=", 1) for word in shlex.split(command) if "=" in word)
    assert command.startswith("mlflow run . -e sweep -P ")
    assert given.pop("config") == f"sweeps/{path.name}"
    assert given.pop("data", "FOLDER") == "FOLDER"
    SweepParameters.parse(given)
    assert f"# Cost: {read_sweep(path).trials} trials of" in top
    assert "# Expect " in top


def test_the_thesis_s_search_tries_every_depth_once_in_order():
    sweep = shipped("depth")
    study = open_study(open_storage("memory"), "depth", sweep, fingerprint="f", epochs=100, seed=0)
    assert [trial.system_attrs["fixed_params"] for trial in study.trials] == [{"blocks": depth} for depth in range(10)]
    assert total(sweep) == 10
    assert (sweep.parameters["network"], sweep.parameters["recipe"], sweep.confirm) == ("inception_v3", "thesis", 0)


def test_depth_and_rate_begin_with_the_thesis_s_best():
    sweep = shipped("depth_lr")
    assert sweep.start[0] == {"blocks": 6, "learning_rate": 2e-4}
    assert (sweep.space["blocks"].low, sweep.space["blocks"].high) == (0, 9)
    assert sweep.space["learning_rate"].log


def test_each_optimizer_has_learning_rates_of_its_own():
    sweep = shipped("optimizers")
    for values in sweep.examples():
        limits = (1e-3, 1.0) if values["optimizer"] == "sgd" else (1e-5, 1e-2)
        assert limits[0] <= values["learning_rate"] <= limits[1]


def test_networks_are_compared_by_accuracy_and_size():
    sweep = shipped("networks")
    assert sweep.metrics == ("best_val_accuracy", "parameters_trainable")
    assert sweep.directions == ("maximize", "minimize")


def test_a_depth_beyond_the_network_is_refused(tmp_path):
    path = changed(tmp_path, "depth", "high = 9", "high = 12")
    with pytest.raises(
        SweepError, match=r"depth\.toml: blocks=12 doesn't fit inception_v3: expected 0 to 11"
    ) as caught:
        check(path)
    assert caught.value.exit_status == 2


def test_a_depth_beyond_one_of_several_networks_is_refused(tmp_path):
    """Wherever that network stands in the list."""
    path = changed(tmp_path, "networks", '"inception_v3"]', '"inception_v3", "tiny"]')
    with pytest.raises(SweepError, match=r"networks\.toml: blocks=9 doesn't fit tiny: expected 0 to 3"):
        check(path)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("epochs = 3", "epoch = 3", "finetune has no parameter epoch. Did you mean 'epochs'?"),
        ("epochs = 3", "epochs = 0", "epochs: input should be greater than or equal to 1"),
        ("low = 1e-4", "low = -1e-4\n#", "log needs low above 0"),
        ("[space.learning_rate]", "[space.lerning_rate]", "Did you mean 'learning_rate'?"),
        (
            '"best_val_accuracy"',
            '"val_acuracy"',
            "objective: a run has no figure val_acuracy. Did you mean 'val_accuracy'?",
        ),
        ("epochs = 3", "epochs = 3\ndata = 'x'", "data is what the sweep gives its trials"),
        ("epochs = 3", "epochs = 3\nresume = 'x'", "resume is what the sweep gives its trials"),
    ],
)
def test_what_the_job_does_not_take_is_refused(tmp_path, before, after, problem):
    path = changed(tmp_path, "smoke", before, after)
    with pytest.raises(SweepError) as caught:
        check(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def rows(heading):
    """Return the cells of the tables under a heading of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [(name.strip("`"), *rest) for name, *rest in lines]


def test_the_page_names_every_key():
    """Each key of a sweep file stands in the page's tables, and no other."""
    top = [field.alias or name for name, field in Sweep.model_fields.items()]
    nested = [name for table in (Dimension, Objective, Strategy) for name in table.model_fields]
    assert [name for name, *_ in rows("Keys")] == [*top, *nested]
    for name in (*Range.model_fields, *names.OBJECTIVES):
        assert f"`{name}`" in PAGE


def test_the_page_says_the_defaults():
    said = {name: default for name, default, _ in rows("Keys")}
    for name in ("job", "trials", "timeout", "seed", "confirm", "confirm_seeds", "retries"):
        assert said[name] == str(Sweep.model_fields[name].default)
    least = Sweep.model_validate({"space": {"blocks": {"type": "int", "low": 0, "high": 1}}})
    assert (said["sampler"], said["pruner"], said["objective"]) == (
        least.sampler.name,
        least.pruner.name,
        *least.metrics,
    )


@pytest.mark.parametrize(
    ("heading", "known", "defaults"),
    [("Samplers", SAMPLERS, SAMPLER_DEFAULTS), ("Pruners", PRUNERS, PRUNER_DEFAULTS)],
)
def test_the_page_says_our_samplers_and_pruners_and_their_arguments(heading, known, defaults):
    said = {name: arguments for name, arguments, _ in rows(heading)}
    assert tuple(said) == known
    for name in known:
        ours = ", ".join(f"{argument}={to_text(value)}" for argument, value in defaults.get(name, {}).items())
        assert said[name] == (ours or "none")


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.strip().splitlines()[0])
def test_the_page_s_examples_are_good(tmp_path, text):
    """A part of a file is completed with a dimension."""
    path = tmp_path / "example.toml"
    path.write_text(text if "[space." in text else f'{text}\n[space.blocks]\ntype = "int"\nlow = 0\nhigh = 3\n')
    check(path)


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 3
