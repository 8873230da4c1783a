import json
import os
import resource
import subprocess
import sys
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
    options = result.stdout.partition("Options:")[2]
    assert "[default: " in options or "[required]" in options or name == "reference"  # which has none


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


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        *([name, "--help"] for name in JOBS),
        ["finetune", "--blocks", "99"],
        ["finetune", "--blocks", "x"],
        ["main", "--network", "vgg"],
        ["cache", "lst"],
    ],
    ids=" ".join,
)
def test_help_and_usage_errors_import_click_and_pydantic_alone(arguments):
    """Of other people's packages; so no TensorFlow, MLflow, pandas, matplotlib, NumPy or Pillow."""
    script = """
import sys
before = set(sys.modules)
from beauty_mlflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(name for name in loaded - sys.stdlib_module_names if not name.startswith("_")))
"""
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    theirs = {"annotated_types", "click", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
    assert set(result.stdout.splitlines()[-1].split()) <= {"beauty_mlflow", *theirs}


def test_bad_data_and_unknown_runs_load_no_tensorflow(tmp_path):
    """What is wrong with data, runs and models is found before TensorFlow is imported."""
    (tmp_path / "empty").mkdir()
    script = """
import json, sys
from beauty_mlflow.cli import main
for arguments in json.load(sys.stdin):
    try:
        main(arguments)
    except SystemExit as end:
        print("ended:", end.code, sorted({"tensorflow", "keras"} & set(sys.modules)))
"""
    run_id = "0123456789abcdef0123456789abcdef"
    commands = [
        ["finetune", "--data", str(tmp_path / "empty")],
        ["main", "--data", str(tmp_path / "empty")],
        ["train", "--resume", run_id],
        ["evaluate", "--model", run_id],
    ]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(commands),
        cwd=ROOT,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/m.db"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("ended:")] == ["ended: 2 []"] * len(commands)


def seconds_of(*commands):
    """The least processor time of three turns of each command, side by side."""
    seconds = [[] for _ in commands]
    for _ in range(3):
        for found, words in zip(seconds, commands, strict=True):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return [min(found) for found in seconds]


def test_help_and_usage_errors_answer_at_once():
    """Each takes less than twice the processor time of importing click and pydantic."""
    libraries = "import click, pydantic\nclass Parameters(pydantic.BaseModel): blocks: int = pydantic.Field(6, ge=0)"
    commands = ["-m", "beauty_mlflow", "--help"], ["-m", "beauty_mlflow", "finetune", "--blocks", "99"]
    *ours, imports = seconds_of(*commands, ["-c", libraries])
    assert max(ours) < 2 * imports


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


@pytest.mark.parametrize("hidden", ["click", "psutil"])
def test_a_python_without_the_packages_says_which_one_to_take(hidden, tmp_path):
    """As where `mlflow run --env-manager local` finds another Python first; MLflow itself ends its run."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{hidden!r}] = None\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "MLFLOW_RUN_ID": "0" * 32}
    command = [sys.executable, "-m", "beauty_mlflow", "doctor"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"has no Python package {hidden}, which this needs. Take the Python that `make setup`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("short", ["_print_summary", "sys.exit"])
def test_where_memory_is_too_short_to_say_so_or_to_leave_it_is_said_and_ends(short):
    """Nobody sees a traceback; the work has raised MemoryError, or has been refused and the exit raises it."""
    script = f"""
from beauty_mlflow import cli
def none(*_): raise MemoryError
cli._in_words = none
cli.{short} = none
cli.main(["cache", "list"] if {short!r} == "_print_summary" else ["cache", "nothing"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "The memory ran out. Lower batch_size" in done.stderr.splitlines()[-1]
