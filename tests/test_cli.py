import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beauty_mlflow.jobs import JOBS

ROOT = Path(__file__).parents[1]


def beauty(*arguments, environment=None):
    command = [sys.executable, "-m", "beauty_mlflow", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("name", JOBS)
def test_help_names_every_option(name):
    """Each command's help comes with status 0."""
    result = beauty(name, "--help")
    assert result.returncode == 0
    assert "[default: " in result.stdout or "[required]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finetune", "--block", "6"], "No such option '--block'"),
        (
            ["finetune", "--epochs", "1", "--epochs", "2"],
            "--epochs is given 2 times (1, 2); expected it once.",
        ),
        (["finetune", "--network", "vgg"], "'vgg' is no network"),
        (["finetune", "--blocks", "99"], "0 to 11"),
        (["finetune", "--data", "nowhere"], "'nowhere' doesn't exist"),
        (["finetune", "--unfreeze", "mixed3..mixd6"], "mixed6"),
        (["evaluate"], "model is missing"),
        (["cache", "list", "prune"], "--action is given 2 times (list, prune); expected it once."),
        (["cache", "list", "--action", "list"], "--action is given 2 times"),
        (["cache", "lst"], "action: input should be 'list', 'verify' or 'prune', got 'lst'"),
        (["fintune"], "No such command 'fintune'"),
        (["split", "--data", ".", "--strict", "maybe"], "strict: expected true or false, got 'maybe'"),
    ],
)
def test_usage_errors(arguments, message):
    """Bad input ends with status 2, one sentence, no traceback, and nothing on stdout."""
    result = beauty(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_help_and_usage_errors_import_nothing_heavy():
    """Neither TensorFlow, MLflow, pandas nor NumPy is loaded for help or for a usage error."""
    script = """
import sys
from beauty_mlflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({"tensorflow", "keras", "mlflow", "pandas", "numpy", "matplotlib"} & set(sys.modules)))
"""
    for arguments in (
        ["finetune", "--help"],
        ["finetune", "--blocks", "99"],
        ["main", "--network", "vgg"],
        ["cache", "--help"],
        ["cache", "lst"],
    ):
        result = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert result.stdout.splitlines()[-1] == "[]"


def test_bad_data_and_unknown_runs_load_no_tensorflow(tmp_path):
    """What is wrong with data, runs and models is found before TensorFlow is imported."""
    (tmp_path / "empty").mkdir()
    script = """
import sys
from beauty_mlflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(end.code, sorted({"tensorflow", "keras"} & set(sys.modules)))
"""
    run_id = "0123456789abcdef0123456789abcdef"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/m.db"}
    for arguments in (
        ["finetune", "--data", str(tmp_path / "empty")],
        ["main", "--data", str(tmp_path / "empty")],
        ["train", "--resume", run_id],
        ["evaluate", "--model", run_id],
    ):
        command = [sys.executable, "-c", script, *arguments]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert result.stdout.splitlines()[-1] == "2 []", arguments


def test_usage_errors_answer_at_once():
    """A usage error costs little more than starting Python twice over with click and pydantic."""

    def best_of_three(command):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    assert best_of_three([sys.executable, "-m", "beauty_mlflow", "finetune", "--blocks", "99"]) < 1


def test_a_bare_switch_means_true(tmp_path):
    """--strict without a value is --strict true."""
    (tmp_path / "empty").mkdir()
    result = beauty("split", "--data", str(tmp_path / "empty"), "--strict", "--seed", "1")
    assert result.returncode == 2
    assert "strict" not in result.stderr
    assert "empty" in result.stderr


def test_version():
    """--version says the package's version."""
    from beauty_mlflow import __version__

    assert __version__ in beauty("--version").stdout


def test_no_command_shows_the_commands():
    """`beauty` alone is a question, not an error."""
    result = beauty()
    assert result.returncode == 0
    assert all(name in result.stdout for name in JOBS)
