"""docs/check.md, its commands run in the page's order, and what it promises of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from beauty_mlflow.data.checkup import pixels
from beauty_mlflow.data.checkup.kinds import KINDS
from beauty_mlflow.data.checkup.page import BUDGET, SHOWN

PAGE = (Path(__file__).parents[1] / "docs" / "check.md").read_text("utf-8")
BLOCK = re.search(r"```console\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_table_lists_every_kind_of_finding_and_whether_strict_refuses_it():
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", PAGE, re.MULTILINE)
    assert rows == [(kind.name, "yes" if kind.serious else "no") for kind in KINDS]


def test_the_limits_are_those_of_the_code():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|", PAGE, re.MULTILINE))
    for name, limit in {
        "blank": f"by more than {pixels.PLAIN} of 255",
        "dark": f"below {pixels.DARKEST}",
        "bright": f"above {pixels.BRIGHTEST}",
        "low_information": f"below {pixels.ENTROPY:.0f} bits",
        "blurred": f"less than {pixels.SHARPNESS}",
        "odd_aspect_ratio": f"below {pixels.ASPECT_RATIO}",
    }.items():
        assert limit in rows[name]
    assert f"below {BUDGET / 1e6:.0f} MB" in PAGE
    assert f"up to {SHOWN} pictures" in PAGE


@pytest.mark.slow
def test_the_commands_say_what_the_page_shows(tmp_path):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in BLOCK.split("$ ")[1:]:
        command, *shown = block.splitlines()
        done = subprocess.run(
            command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        assert [line for line in shown if line not in done.stdout.splitlines()] == []
