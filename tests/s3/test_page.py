"""docs/s3.md: its commands do what the page says."""

import re
import shlex
from pathlib import Path

import pytest

from beauty_mlflow.jobs import load_job

PAGE = (Path(__file__).parents[2] / "docs" / "s3.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


@pytest.mark.slow
def test_the_commands_work(s3, pictures, beauty, tmp_path, monkeypatch):
    """In their order, against a bucket of that name; a training's is only looked at."""
    s3.client.create_bucket(Bucket="shop-pictures")
    for path in pictures.rglob("*.jpg"):
        s3.put("s3://shop-pictures/boxes", path.relative_to(pictures).as_posix(), path.read_bytes())
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        program, *words = shlex.split(command)
        if program == "beauty":
            if "--out" in words:
                words[words.index("--out") + 1] = str(tmp_path / "split.csv")
            done = beauty(*words)
            assert done.returncode == 0, done.stderr
        elif program == "mlflow":
            load_job(words[3]).parameters.parse(dict(word.split("=", 1) for word in words[5::2]))
        else:
            assert program == "export"
    assert (tmp_path / "split.csv").is_file()
    assert "1 entry" in done.stdout
    assert len(s3.files) == 24
