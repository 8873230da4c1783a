"""docs/groups.md: its commands are ones that the program takes, and its YAML means what the page says."""

import re
import shlex
from pathlib import Path

import pytest

from beauty_mlflow.evaluation.grouping.constraints import read_constraints
from beauty_mlflow.jobs import load_job

PAGE = (Path(__file__).parents[1] / "docs" / "groups.md").read_text()
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files that the page's commands name."""
    (tmp_path / "emoji").mkdir()
    for name in ("split.csv", "grouped.csv", "constraints.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command):
    program, *words = shlex.split(command.replace("RUN_ID", "0" * 32))
    if program == "mlflow":
        job, given = words[3], dict(word.split("=", 1) for word in words[5::2])
    else:
        job, given = (
            words[0],
            {
                name.removeprefix("--").replace("-", "_"): value
                for name, value in zip(words[1::2], words[2::2], strict=True)
            },
        )
    parameters = load_job(job).parameters.parse(given)
    assert parameters.changed().keys() <= given.keys()


def test_the_constraints_are_some(tmp_path):
    (tmp_path / "constraints.yaml").write_text(BLOCKS[1])
    constraints = read_constraints(str(tmp_path / "constraints.yaml"))
    assert constraints.within_family
    assert constraints.keep_apart == [["SmileysEmotion_FaceSmiling", "SmileysEmotion_FaceUnwell"]]
