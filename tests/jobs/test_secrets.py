"""Passwords and tokens in every place that takes one; then all that was written and printed is searched for them."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.store import connect

sys.path.insert(0, str(Path(__file__).parent))
from git_server import git_server
from mlflow_server import server_command

ROOT = Path(__file__).parents[2]
GIT, STORE, DATABASE, PROXY, KEY = (f"{kind}5ecretOf1837" for kind in ("git", "store", "database", "proxy", "key"))
SECRETS = (GIT, STORE, DATABASE, PROXY, KEY, base64.b64encode(f"me:{STORE}".encode()).decode())
SWEEP = """
description = "One trial."
objective = "best_val_loss"
confirm = 0
trials = 1
parameters = { network = "tiny", epochs = 1, batch_size = 16, dense_units = 8, weights = "random" }
[space]
blocks = { type = "int", low = 0, high = 1 }
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def checkout_template(tmp_path_factory):
    """A copy of the project in a repository whose origin has a token."""
    folder = tmp_path_factory.mktemp("template") / "checkout"
    shutil.copytree(ROOT / "beauty_mlflow", folder / "beauty_mlflow", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "python_env.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    subprocess.run(["git", "remote", "add", "origin", f"https://me:{GIT}@example.org/r.git"], cwd=folder, check=True)
    return folder


@pytest.fixture
def checkout(tmp_path, checkout_template):
    """The test's own copy of it."""
    return Path(shutil.copytree(checkout_template, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def start(tmp_path, checkout):
    """Run a command in the checkout, with secrets in the environment, too; what it writes goes below ``seen``."""
    seen = tmp_path / "seen"
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(*words, status=0, **environment):
        given = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(temporary),
            "BEAUTY_CACHE_DIR": str(seen / "cache"),
            "BEAUTY_STATE_DIR": str(seen / "state"),
            "HTTPS_PROXY": f"http://me:{PROXY}@127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
            "AWS_SECRET_ACCESS_KEY": KEY,
            "PGPASSWORD": KEY,
            **environment,
        }
        done = subprocess.run(
            list(map(str, words)),
            cwd=checkout,
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr[-3000:]
        return done

    return start


def require_none(folder, *texts):
    """No secret stands in any file below the folder, but in git's own, nor in the texts."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert not [str(path) for path in files if any(map(holds_secret, contents(path)))]
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text], text


def contents(path):
    """Yield what a file holds, and, of an archive, what is packed in it."""
    yield path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from map(archive.read, archive.namelist())


def holds_secret(content):
    return any(secret.encode() in content for secret in SECRETS)


def everything_in(client):
    """Return what the store says of all its runs, models and versions: long texts lie in pieces in its file."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert runs
    said = [repr([run.to_dictionary() for run in runs])]
    said += [repr(dict(model)) for model in client.search_logged_models(experiments)]
    said += [repr(dict(model)) for model in client.search_registered_models()]
    said += [repr(dict(version)) for version in client.search_model_versions()]
    return said


def test_everything_that_follows_a_split(tmp_path, checkout, start, running, sqlite_template, pictures, monkeypatch):
    """Store, artifacts, state, cache, trials, logs, console: a password in the store's address, a token in git's.

    A model is trained, evaluated, promoted, exported and asked, and searched for; another training has no store, and
    what it logs is kept and then sent.
    """
    folder = tmp_path / "seen" / "server"
    folder.mkdir(parents=True)
    shutil.copy(sqlite_template, folder / "mlflow.db")
    (checkout / "gate.toml").write_text("minimum_accuracy = 0.0\nminimum_pictures = 1\n")
    (checkout / "one.toml").write_text(SWEEP)

    beauty = [sys.executable, "-m", "beauty_mlflow"]
    training = [
        "finetune",
        "--data",
        "split.csv",
        *["--network", "tiny", "--blocks", "1", "--epochs", "1", "--weights", "random"],
    ]
    with running(server_command(folder), folder, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false") as uri:
        store = {"MLFLOW_TRACKING_URI": uri.replace("://", f"://me:{STORE}@")}
        done = [
            start(*beauty, "split", "--data", pictures, "--out", "split.csv", **store),
            start(*beauty, *training, **store),
            start(*beauty, "sweep", "--config", "one.toml", "--data", "split.csv", **store),
        ]
        assert b"***@example.org" in (folder / "mlflow.db").read_bytes()
        model = re.search(r"^run_id: (\w+)", done[1].stdout, re.MULTILINE)[1]
        commands = [
            ["evaluate", "--model", "models:/none@champion"],
            ["evaluate", "--model", model],
            ["promote", "--candidate", model, "--gate", "gate.toml"],
            ["rollback", "--reason", "none was there before"],
            ["export", "--model", "models:/beauty@champion", "--out", "exported.keras"],
            ["predict", "--model", "models:/beauty@champion", "--data", str(pictures), "--out", "predictions.csv"],
            [*training, "--offline", "true"],
        ]
        done.append(start(sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(commands), **store))
        statuses = re.findall(r"^status: (.*)$", done[-1].stdout, re.MULTILINE)
        assert statuses == ["2", "0", "0", "2", "0", "0", "0"]
        spool = tmp_path / "seen" / "state" / "spool"
        assert any(path.is_file() for path in spool.rglob("*"))
        require_none(tmp_path)
        done.append(start(*beauty, "sync", **store))
        assert "sent: 1 runs" in done[-1].stdout
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        said = everything_in(connect().client)
    for name in ("exported.keras", "exported.keras.json", "predictions.csv"):
        assert (checkout / name).is_file()
    require_none(tmp_path, *said, *(text for one in done for text in (one.stdout, one.stderr)))


# runs each of the commands that it is given, in one process, and prints the status of each
ONE_AFTER_THE_OTHER = """
import json, sys
from beauty_mlflow.cli import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as end:
        print("status:", end.code)
"""
REFUSED = [
    ["finetune", "--weights", f"https://me:{KEY}@example.org/w.keras", "--network", "tiny"],
    ["split", "--data", f"https://me:{KEY}@example.org/boxes"],
    ["sweep", "--storage", f"postgresql://me:{DATABASE}@127.0.0.1:9/trials"],
    ["sweep", "--storage", f"postgresql:/me:{DATABASE}@127.0.0.1:9/trials"],
    ["sweep", "--storage", f"postgresql://127.0.0.1:9/trials?password={DATABASE}"],
    ["predict", "--data", "beauty_mlflow", "--model", f"https://me:{KEY}@example.org/m"],
]


def test_errors_name_no_password(tmp_path, start, sqlite_uri):
    """Each of these can't be, and the sentence that says so repeats the rest of it."""
    given = json.dumps(REFUSED)
    done = start(sys.executable, "-c", ONE_AFTER_THE_OTHER, given, MLFLOW_TRACKING_URI=sqlite_uri)
    assert done.stdout == "status: 2\n" * len(REFUSED)
    require_none(tmp_path, done.stdout, done.stderr)
    assert done.stderr.count("error: ") == len(REFUSED)
    assert "Traceback" not in done.stderr


def test_a_dead_store_is_named_without_its_password(tmp_path, start):
    address = f"http://me:{STORE}@127.0.0.1:9"
    for words in (["promotions"], ["finetune", "--network", "tiny", "--blocks", "1"]):
        done = start(sys.executable, "-m", "beauty_mlflow", *words, status=2, MLFLOW_TRACKING_URI=address)
        assert "http://***@127.0.0.1:9" in done.stderr
        require_none(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "status", "run_status"),
    [
        (["-e", "sample", "-P", "out=drawn", "-P", "classes=2", "-P", "images=3"], 0, "FINISHED"),
        (["-e", "finetune", "-P", "blocks=99"], 1, "FAILED"),
    ],
)
def test_a_token_in_mlflow_runs_address_is_taken_out(
    tmp_path, checkout, start, sqlite_uri, monkeypatch, words, status, run_status
):
    """Whether the command does its work or ends before it has begun; MLflow's own clone keeps it, in its .git."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    with git_server(tmp_path) as host:
        address = f"http://me:{GIT}@{host}/checkout/.git"
        done = start(
            "mlflow", "run", address, "--env-manager", "local", *words, status=status, MLFLOW_TRACKING_URI=sqlite_uri
        )
    (run,) = connect().client.search_runs(["0"])
    assert run.info.status == run_status
    assert run.data.tags[names.SOURCE_NAME] == f"http://***@{host}/checkout/.git"
    assert run.data.tags[names.GIT_REPOSITORY] in (f"http://***@{host}/checkout/.git", f"http://{host}/checkout/.git")
    require_none(tmp_path, done.stdout)


def test_a_password_that_mlflow_run_has_stored_is_said(start, sqlite_uri, checkout, monkeypatch):
    """MLflow's parameters can't be changed, so the user must know."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    storage = f"postgresql://me:{DATABASE}@127.0.0.1:9/trials"
    words = ["mlflow", "run", ".", "--env-manager", "local", "-e", "sweep", "-P", f"storage={storage}"]
    done = start(*words, status=1, MLFLOW_TRACKING_URI=sqlite_uri)
    (run,) = connect().client.search_runs(["0"])
    assert f"has stored the password in the parameter storage of the run {run.info.run_id}" in done.stderr
    assert f"mlflow runs delete --run-id {run.info.run_id}" in done.stderr
    assert run.info.status == "FAILED"
    assert not [value for value in run.data.tags.values() if DATABASE in value]
