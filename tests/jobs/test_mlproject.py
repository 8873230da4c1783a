import re
from pathlib import Path

import pytest
import yaml

from beauty_mlflow.jobs import JOBS, load_job
from beauty_mlflow.jobs.mlproject import render
from beauty_mlflow.jobs.parameters import to_text

ROOT = Path(__file__).parents[2]


def test_mlproject_is_made_from_the_jobs():
    """The file in the repository is what the jobs' parameters give; `make mlproject` renews it."""
    assert (ROOT / "MLproject").read_text() == render()


@pytest.mark.parametrize("name", JOBS)
def test_every_parameter_is_declared_and_passed_on(name):
    """Each entry point declares each parameter with its default and hands it to the command."""
    entry = yaml.safe_load(render())["entry_points"][name]
    fields = load_job(name).parameters.model_fields
    assert list(entry["parameters"]) == list(fields)
    for key, field in fields.items():
        assert f"--{key.replace('_', '-')} {{{key}}}" in entry["command"]
        if not field.is_required():
            assert entry["parameters"][key]["default"] == to_text(field.default)


def test_no_quotes_round_placeholders_and_no_paths():
    """Quotes would open the shell to a value's content; types path and uri would let MLflow refuse before we speak."""
    for entry in yaml.safe_load(render())["entry_points"].values():
        assert not re.search(r"[\"']\{|\}[\"']", entry["command"])
        assert {parameter["type"] for parameter in entry["parameters"].values()} <= {"string", "int", "float"}


def test_learning_rate_default_reads_as_python_prints_it():
    """Defaults are written as Python prints them."""
    project = yaml.safe_load(render())["entry_points"]
    assert project["split"]["parameters"]["train"]["default"] == "0.8"
    assert project["split"]["parameters"]["strict"]["default"] == "false"
    assert project["finetune"]["parameters"]["learning_rate"]["default"] == "auto"
