"""The README's commands, run as a reader would run them, in a fresh copy of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
# What starts an environment, a server or this very suite has tests of its own, or is what runs them.
ELSEWHERE = {
    "git clone REPOSITORY beauty_mlflow && cd beauty_mlflow",
    "make demo",
    "make test",
    "make ui",
    "source .venv/bin/activate",
}
TRAINS = re.compile(r"mlflow run \. (-e (finetune|train) |-P )")
EXPORT = "export "


@pytest.fixture
def fresh_copy(tmp_path):
    """The project's tracked files in an empty folder, with the environments of this one."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "project" / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path / "project"


def test_every_command_is_known_to_the_tests():
    """Each command of the README is run below, or is one that has its own test."""
    assert COMMANDS
    assert set(COMMANDS) >= ELSEWHERE
    assert all(command.split()[0] in {"beauty", "export", "mlflow"} for command in COMMANDS if command not in ELSEWHERE)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_commands_work_in_the_readmes_order(fresh_copy):
    """One after the other, every command of the README ends well; RUN_ID is the last training's."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(fresh_copy),  # as a fresh clone's own environment would find it
    }
    run_id = ""
    for command in COMMANDS:
        if command in ELSEWHERE:
            continue
        if command.startswith(EXPORT):
            name, value = command.removeprefix(EXPORT).split("=", 1)
            environment[name] = value
            continue
        result = subprocess.run(
            command.replace("RUN_ID", run_id).split(),
            cwd=fresh_copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stderr[-3000:]}"
        found = re.findall(r"^run_id: ([0-9a-f]{32})$", result.stdout, re.MULTILINE)
        run_id = found[-1] if found and TRAINS.match(command) else run_id
    assert re.fullmatch("[0-9a-f]{32}", run_id)
    client = MlflowClient(tracking_uri=f"sqlite:///{fresh_copy / 'mlflow.db'}")
    assert client.get_experiment(client.get_run(run_id).info.experiment_id).name == "beauty", "which `make ui` shows"
    assert not client.search_runs(["0"])


def test_links_lead_somewhere():
    """Every relative link of the README and of docs/ names a file that is there."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_listed():
    """The list of decisions names every page of the folder."""
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}
