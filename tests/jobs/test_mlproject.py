import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.projects._project_spec import load_project

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


MARK = "mark"  # what an injection makes in the folder that it runs in
INJECTIONS = [
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f"; touch {MARK}; #",
    f"' ; touch {MARK} ; '",
    f'" ; touch {MARK} ; "',
    f"x\ntouch {MARK}\n",
    f"a && touch {MARK} || touch {MARK}",
    f"| touch {MARK}",
    f"> {MARK}",
    "${HOME} ~ * ? [a-z] {1,2} !! \\",
    "--help",
    "-rf",
    "",
    " ",
]


@pytest.fixture(scope="session")
def words_of(tmp_path_factory):
    """What python would be given: MLflow's command for these parameters, in a real shell with another python."""
    folder = tmp_path_factory.mktemp("shell")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > words\n")
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    project = load_project(str(ROOT))

    def words_of(entry_point, values):
        command = project.get_entry_point(entry_point).compute_command(values, storage_dir=None)
        (folder / "words").unlink(missing_ok=True)
        subprocess.run(["bash", "-c", command], cwd=folder, env=environment, check=True)
        assert {path.name for path in folder.iterdir()} == {"bin", "words"}, command
        return (folder / "words").read_bytes().decode().split("\0")[:-1]

    return words_of


def expected_words(name, values):
    options = [word for key, value in values.items() for word in (f"--{key.replace('_', '-')}", value)]
    return ["-m", "beauty_mlflow", name, *options]


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("text", INJECTIONS)
def test_no_parameter_reaches_a_shell(words_of, name, text):
    """Each parameter of each entry point arrives as one word, as it was given, whatever stands in it."""
    values = dict.fromkeys(load_job(name).parameters.model_fields, text)
    assert words_of(name, values) == expected_words(name, values)


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_no_text_reaches_a_shell(words_of, text):
    """Whatever it is that somebody finds."""
    assert words_of("split", {"data": text, "out": text})[3:7] == ["--data", text, "--out", text]


@pytest.mark.parametrize("text", INJECTIONS[:9])
def test_nor_does_the_name_of_an_unknown_one(words_of, text):
    """MLflow appends it to the command, and we refuse it there."""
    assert words_of("reference", {text: text})[-2:] == [f"--{text}", text]
