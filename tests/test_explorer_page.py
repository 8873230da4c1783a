"""docs/explorer.md: its commands are ones that the program takes, and its numbers are the program's."""

import re
import shlex
from pathlib import Path

import pytest

from beauty_mlflow.evaluation.explorer import payload, thumbnails
from beauty_mlflow.jobs import load_job

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "explorer.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ beauty (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command, tmp_path, monkeypatch):
    (tmp_path / "boxes").mkdir()
    for name in ("split.csv", "corrections.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    if command.startswith("sample"):
        (tmp_path / "boxes").rmdir()
    job, *words = shlex.split(command.replace("OTHER_RUN_ID", "1" * 32).replace("RUN_ID", "0" * 32))
    given = {name[2:].replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert set(load_job(job).parameters.parse(given).changed()) <= set(given)


def test_its_numbers_are_the_programs():
    assert f"{thumbnails.LARGE} pixels ({thumbnails.SMALL} where" in PAGE
    assert f"more than {thumbnails.BUDGET // thumbnails.LARGE_ONE:,} pictures" in PAGE
    assert f"up to {thumbnails.BUDGET // 1_000_000} MB in all" in PAGE
    assert f"of files of up to {thumbnails.READABLE // 1_000_000_000} GB in all" in PAGE
    assert f"{payload.LISTED:,} pictures are listed" in PAGE
    assert f"paths are long ({payload.SPACE // 1_000_000} MB in all)" in PAGE


def test_its_picture_is_small():
    assert (DOCS / "images" / "explorer.png").stat().st_size < 400_000
