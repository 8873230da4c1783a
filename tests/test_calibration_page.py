"""docs/calibration.md, its commands run in the page's order, and what it promises of them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"
COMMANDS = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_commands_do_what_the_page_says(tmp_path, forking_path):
    environment = {**os.environ, **forking_path}
    results, run_id = [], ""
    for command in COMMANDS:
        done = subprocess.run(
            command.replace("RUN_ID", run_id).split(),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr[-3000:]}"
        found = re.findall(r"^run_id: (\w+)$", done.stdout, re.MULTILINE)
        run_id = found[-1] if found else run_id
        results.append(done)
    *_, trained, evaluated, ignorant = results
    after, before = numbers(trained, "calibration.ece_after")
    assert after < before
    assert 0.3 < numbers(trained, "calibration.temperature")[0] < 1, "label smoothing makes a network say too little"
    assert numbers(trained, "calibration.coverage")[2] >= 0.95
    after, before = numbers(evaluated, "test_ece")
    assert after < before
    assert numbers(evaluated, "test_coverage")[1] == numbers(trained, "calibration.coverage")[1]
    assert "WARNING: no threshold reaches precision_target=0.999" in ignorant.stderr
    assert numbers(ignorant, "calibration.coverage") == [0, 1]


def numbers(done, name):
    """Return the numbers on one line of a summary."""
    (line,) = re.findall(rf"^{re.escape(name)}: (.*)$", done.stdout, re.MULTILINE)
    return [float(number) for number in re.findall(r"\d+\.\d+", line)]
