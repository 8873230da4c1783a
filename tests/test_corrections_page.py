"""docs/corrections.md: its commands are ones that the program takes, and its tables are what the program writes."""

import re
import shlex
from pathlib import Path

import pytest

from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.evaluation.evaluators import suspects
from beauty_mlflow.jobs import load_job

PAGE = (Path(__file__).parents[1] / "docs" / "corrections.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ beauty (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command, tmp_path, monkeypatch):
    (tmp_path / "boxes").mkdir()
    for name in ("before.csv", "after.csv", "corrections.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    job, *words = shlex.split(command.replace("RUN_ID", "0" * 32))
    given = {name[2:].replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert set(load_job(job).parameters.parse(given).changed()) <= set(given)


def test_the_corrections_are_some(tmp_path):
    (block,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "corrections.csv").write_text(block, encoding="utf-8")
    found = read_corrections(tmp_path / "corrections.csv")
    assert len(found) == 5
    assert found["boxes_Fragrances_Fragrances_1195/handsmakeup_nailpolish_0015.jpg"] == "Handsmakeup_Nailpolish"


def test_the_columns_of_suspects_are_named():
    sentence = PAGE[PAGE.index("`suspects.csv` has the columns") :].split("\n\n")[0]
    assert all(re.search(rf"\b{column}\b", sentence) for column in suspects.HEADER)
