"""What travels in a logged model is enough where nothing else of ours is, and no more than that."""

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import requests
from packaging.utils import canonicalize_name

import beauty_mlflow
from beauty_mlflow.serving.versions import find_model_version
from beauty_mlflow.tracking import packaging
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.store import connect

HEAVY = {"beauty-mlflow", "mlflow", "optuna", "ray", "scikit-learn", "scipy", "matplotlib", "opencv-python-headless"}
WHILE_TRAINING = {("calibration.py", "scipy")}  # a temperature is fitted in a training alone
ORIGIN = Path(beauty_mlflow.__file__).parent


@pytest.fixture
def code(tmp_path):
    """The code that travels, as a folder."""
    return packaging._copy_code(tmp_path)


def _imports(code):
    """Yield (file, module or name in it) for each import in the code, those inside functions too."""
    for path in sorted(code.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path.name, node.module
                yield from ((path.name, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_code_imports_only_what_the_requirements_bring(code):
    """A library that is imported anywhere in it, even inside a function, is among the requirements."""
    wanted = {line.partition("==")[0] for line in packaging.requirements()}
    brought = {
        name
        for name, holders in packages_distributions().items()
        if wanted & {canonicalize_name(one) for one in holders}
    }
    known = brought | set(sys.stdlib_module_names) | {ORIGIN.name}
    foreign = {(file, name.partition(".")[0]) for file, name in _imports(code)}
    assert {found for found in foreign if found[1] not in known} == WHILE_TRAINING


def test_the_code_is_whole(code):
    """A module of ours that is imported anywhere in it travels as well."""
    ours = {name.replace(".", "/") for _, name in _imports(code) if name.startswith(f"{ORIGIN.name}.")}
    modules = {name for name in ours if _is_module(ORIGIN.parent / name)}
    assert len(modules) > 5
    assert [name for name in sorted(modules) if not _is_module(code.parent / name)] == []


def _is_module(path):
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_requirements_are_pinned_and_few():
    names = [line.partition("==")[0] for line in packaging.requirements()]
    assert names[0] == "mlflow-skinny"
    assert len(names) == 9
    assert not HEAVY & set(names)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_requirements_are_enough_to_load_and_to_serve_it(registered, picture_file, running, tmp_path, monkeypatch):
    """In a new environment with the model's requirements and nothing else, neither this package nor its others."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered[0])
    model = tmp_path / "model"
    shutil.copytree(fetch_model(connect(), "models:/shelf@champion").parents[1], model)
    (tmp_path / "picture.png").write_bytes(picture_file)
    binaries = tmp_path / "environment" / "bin"
    uv = Path(sys.executable).with_name("uv")
    for words in (
        ["venv", "--python", sys.executable, binaries.parent],
        ["pip", "install", "--python", binaries / "python", "-r", model / "requirements.txt"],
    ):
        subprocess.run([uv, *words], check=True, capture_output=True)
    installed = _installed(uv, binaries / "python")
    assert "mlflow-skinny" in installed
    assert not HEAVY & installed
    script = """
        import mlflow, pandas
        model = mlflow.pyfunc.load_model("model")
        pictures = pandas.DataFrame({"image": [open("picture.png", "rb").read(), b"broken"]})
        print(model.predict(pictures).to_json(orient="records"))
    """
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    command = [binaries / "python", "-I", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    fine, broken = json.loads(done.stdout.splitlines()[-1])
    assert (fine["error"], fine["model_version"], len(fine["top"])) == (None, "shelf/1", 5)
    assert "no picture of a known format" in broken["error"]

    def serve(port):
        return [binaries / "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port", port]

    with running(serve, tmp_path, PATH=f"{binaries}:{os.environ['PATH']}") as uri:
        body = (model / "serving_input_example.json").read_text()
        reply = requests.post(f"{uri}/invocations", body, headers={"Content-Type": "application/json"}, timeout=300)
    assert reply.status_code == 200, reply.text
    assert reply.json()["predictions"][0]["label"] == fine["label"]


def _installed(uv, python):
    listed = subprocess.run(
        [uv, "pip", "list", "--python", python, "--format", "json"], check=True, capture_output=True
    )
    return {entry["name"] for entry in json.loads(listed.stdout)}


@pytest.mark.slow
def test_an_image_for_docker_takes_the_models_own_python_and_files(registered, tmp_path, monkeypatch):
    """What `mlflow models build-docker` would build; answers from there say which version they are from."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered[0])
    program = Path(sys.executable).with_name("mlflow")
    words = ["models", "generate-dockerfile", "-m", "models:/shelf@champion", "-d", tmp_path / "image"]
    subprocess.run([program, *words], cwd=tmp_path, check=True, capture_output=True)
    lines = (tmp_path / "image" / "Dockerfile").read_text().splitlines()
    assert f"FROM python:{platform.python_version()}-slim" in lines
    assert "COPY model_dir /opt/ml/model" in lines
    model = tmp_path / "image" / "model_dir"
    assert (model / "requirements.txt").read_text().splitlines() == packaging.requirements()
    assert (model / "code" / "beauty_mlflow" / "tracking" / "loader.py").is_file()
    assert find_model_version(model / "data" / "package") == "shelf/1"
