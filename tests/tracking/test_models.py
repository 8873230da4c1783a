import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from PIL import Image

from beauty_mlflow.errors import MissingError, ModelError, TrackingError, UnreachableError
from beauty_mlflow.serving.classifier import Classifier
from beauty_mlflow.serving.package import save_package
from beauty_mlflow.serving.pyfunc import ANSWER_COLUMNS, COLUMN
from beauty_mlflow.tracking import packaging
from beauty_mlflow.tracking.arrival import halves
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import download, fetch_model, is_ours, locate_model, training_run_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

CLASSES = ("Tubes", "Boxes, flat", "Größe 5")
SIZE = 16


@pytest.fixture(scope="session")
def network():
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((SIZE, SIZE, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(CLASSES), activation="softmax"),
    ]
    return keras.Sequential(layers)


@pytest.fixture(scope="session")
def package(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    save_package(folder, network, classes=CLASSES, image_size=SIZE, resize="squash", network="tiny")
    return folder


@pytest.fixture
def logged(run, package, picture_file):
    """A finished run with a model, and the model's id."""
    with tracked(run):
        model_id = run.log_model(package, example=picture_file)
    mlflow.set_tracking_uri(run.store.uri)
    yield model_id
    mlflow.set_tracking_uri(None)


@pytest.fixture
def pixels(picture_file):
    picture = Image.open(io.BytesIO(picture_file)).resize((SIZE, SIZE))
    return np.asarray(picture, np.float32)[None]


def test_the_model_is_ready_and_the_runs_own(run, logged):
    model = run.store.client.get_logged_model(logged)
    assert (str(model.status), model.name, model.source_run_id) == ("READY", "model", run.run_id)
    assert run.model_id() == logged
    outputs = run.store.client.get_run(run.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [logged]


def test_it_loads_as_a_classifier_and_as_a_network(run, logged, network, picture_file, pixels):
    for uri in (f"models:/{logged}", f"runs:/{run.run_id}/model"):
        answers = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({COLUMN: [picture_file, b"no picture"]}))
        assert tuple(answers.columns) == ANSWER_COLUMNS
        assert answers["label"][0] in CLASSES
        assert answers["error"][1] is not None
        loaded = mlflow.keras.load_model(uri)
        np.testing.assert_allclose(loaded(pixels), network(pixels), atol=1e-6)


def test_whatever_names_the_model_fetches_the_same_package(run, logged, package):
    client = run.store.client
    name = f"shelf {logged[-6:]}"
    client.create_registered_model(name)
    client.create_model_version(name, source=f"models:/{logged}", run_id=run.run_id, model_id=logged)
    client.set_registered_model_alias(name, "champion", "1")
    uris = [run.run_id, f"runs:/{run.run_id}", f"runs:/{run.run_id}/model", f"models:/{logged}"]
    registered = [f"models:/{name}/1", f"models:/{name}@champion"]
    for uri in [*uris, *registered]:
        folder = fetch_model(run.store, uri)
        assert (folder / "model.keras").read_bytes() == (package / "model.keras").read_bytes()
        assert json.loads((folder / "serving.json").read_text("utf-8"))["classes"] == list(CLASSES)
        assert training_run_of(run.store, uri).run_id == run.run_id
        assert locate_model(run.store, uri).model_id == logged
    assert locate_model(run.store, registered[1]).version == (name, "1")


def test_figures_are_linked_to_model_and_dataset(run, logged, tmp_path):
    dataset = Dataset("boxes/test", "d" * 32, "test", tmp_path, pictures=9, classes=3)
    evaluation = Run.create(run.store, "evaluate")
    evaluation.log_inputs([dataset])
    evaluation.use_model(logged)
    evaluation.log_metrics({"test_accuracy": 0.75}, model_id=logged, dataset=dataset)
    (metric,) = run.store.client.get_logged_model(logged).metrics
    assert (metric.key, metric.value, metric.run_id) == ("test_accuracy", 0.75, evaluation.run_id)
    assert (metric.dataset_name, metric.dataset_digest) == ("boxes/test", "d" * 32)
    assert evaluation.metrics() == {"test_accuracy": 0.75}
    inputs = run.store.client.get_run(evaluation.run_id).inputs
    assert [entry.model_id for entry in inputs.model_inputs] == [logged]
    assert len(inputs.dataset_inputs) == 1


def test_an_attempt_that_broke_off_leaves_nothing_in_the_way(run, package, picture_file):
    broken = run.store.client.create_logged_model(run.experiment_id, "model", source_run_id=run.run_id)
    assert run.model_id() == ""
    model_id = run.log_model(package, example=picture_file)
    assert run.model_id() == model_id
    assert broken.model_id not in [model.model_id for model in run.models()]


def test_what_was_killed_within_a_file_leaves_no_half_of_it(local_run, package, picture_file, tmp_path):
    """The next upload goes on with the same model, which has the files of an undisturbed one at its end."""
    script = """
        import os, pathlib, signal, sys
        from beauty_mlflow.tracking.runs import Run
        from beauty_mlflow.tracking.store import connect

        run_id, package, picture = sys.argv[1:]
        # a file is written and not yet in its place
        os.replace = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        Run(connect(), run_id).log_model(pathlib.Path(package), example=pathlib.Path(picture).read_bytes())
    """
    (tmp_path / "picture.png").write_bytes(picture_file)
    command = [sys.executable, "-c", textwrap.dedent(script), local_run.run_id, package, tmp_path / "picture.png"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (begun,) = local_run.models()
    folder = Path(urlsplit(begun.artifact_location).path)
    assert len(list(halves(folder))) == 1
    assert local_run.log_model(package, example=picture_file) == begun.model_id
    assert not list(halves(folder))
    assert (folder / "data" / "package" / "model.keras").is_file()


def test_a_model_that_cannot_be_written_is_marked_failed(run, tmp_path, picture_file):
    with pytest.raises(Exception, match=r"model\.keras"):
        run.log_model(tmp_path / "no package", example=picture_file)
    assert [str(model.status) for model in run.models()] == ["FAILED"]
    assert run.model_id() == ""
    with pytest.raises(TrackingError, match=r"is FAILED: it wasn't logged whole"):
        fetch_model(run.store, f"models:/{run.models()[0].model_id}")


def test_a_run_without_a_model_is_an_error(run):
    with pytest.raises(MissingError, match=rf"The run {run.run_id} \(RUNNING\) has no model"):
        fetch_model(run.store, run.run_id)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("0" * 32, "Can't find the run"),
        (f"models:/m-{'0' * 32}", "Can't find the model"),
        ("models:/no shelf/1", "Can't find the registered model no shelf"),
        ("models:/no shelf@champion", "Can't find the registered model no shelf"),
        ("models:/shelf", "names no model; expected a run id, runs:/"),
        ("models:/shelf/latest", "names no model; expected"),
        ("weights.keras", "names no model; expected"),
        ("", "names no model; expected"),
    ],
)
def test_what_does_not_exist_is_an_error_that_names_it(store, uri, message):
    with pytest.raises(TrackingError, match=message):
        fetch_model(store, uri)


def test_a_model_of_another_kind_is_an_error(local_run, tmp_path):
    client = local_run.store.client
    model = client.create_logged_model(local_run.experiment_id, "model", source_run_id=local_run.run_id)
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {data: data}}")
    client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))
    client.finalize_logged_model(model.model_id, "READY")
    with pytest.raises(ModelError, match=r"isn't one that this package logged: its loader is ''"):
        fetch_model(local_run.store, f"models:/{model.model_id}")


def test_artifacts_come_back(run, tmp_path):
    (tmp_path / "manifest.csv").write_text("path,class\n")
    run.log_file(tmp_path / "manifest.csv", "split")
    assert download(run, "split/manifest.csv", tmp_path / "a").read_text() == "path,class\n"
    assert (download(run, "split", tmp_path / "b") / "manifest.csv").is_file()
    for nothing in ("split/nothing.csv", "nothing/at/all.csv", "nothing"):
        with pytest.raises(MissingError, match=f"Can't fetch {nothing} of the run {run.run_id}"):
            download(run, nothing, tmp_path / "c")


def test_missing_refused_and_silent_are_three_things(faults, tmp_path):
    """Of an artifact on a server: MLflow has one code for a missing file and a dead network."""
    run = Run.create(connect(), "a run")
    (tmp_path / "manifest.csv").write_text("path,class\n")
    run.log_file(tmp_path / "manifest.csv", "split")

    def fetch(name):
        return download(run, f"split/{name}", tmp_path / "fetched")

    with pytest.raises(MissingError, match="it isn't there"):
        fetch("other.csv")
    faults.only = lambda _, path: "mlflow-artifacts" in path
    faults.status = 403
    with pytest.raises(TrackingError, match="403") as refused:
        fetch("manifest.csv")
    assert not isinstance(refused.value, MissingError | UnreachableError)
    for name in ("manifest.csv", "other.csv"):
        faults.status, faults.refuse = 0, True
        with pytest.raises(UnreachableError, match=f"Can't fetch split/{name}"):
            fetch(name)
        faults.status, faults.refuse = 503, False
        with pytest.raises(UnreachableError, match=f"Can't fetch split/{name}"):
            fetch(name)
    faults.only = lambda _, path: path.endswith("/split/manifest.csv")  # the folder can be listed
    with pytest.raises(UnreachableError, match=r"Can't fetch split/manifest\.csv"):
        fetch("manifest.csv")
    faults.heal()
    assert fetch("manifest.csv").is_file()


def test_a_model_whose_files_are_gone(run, logged):
    """Whoever asks for it hears that, on each kind of store, and not that it is somebody else's."""
    located = locate_model(run.store, run.run_id)
    repository = get_artifact_repository(located.location, tracking_uri=run.store.uri)
    repository.delete_artifacts()
    with pytest.raises(MissingError, match=f"The model {run.run_id} has no MLmodel in .*: its files are gone"):
        fetch_model(run.store, run.run_id)
    with pytest.raises(MissingError, match=f"Can't fetch the MLmodel file of the model {run.run_id}"):
        is_ours(run.store, located, run.run_id)


def test_a_run_or_a_model_that_was_deleted_is_missing(run, logged):
    run.store.client.delete_logged_model(logged)
    with pytest.raises(MissingError, match=f"Can't find the model {logged}"):
        locate_model(run.store, f"models:/{logged}")
    run.store.client.delete_run(run.run_id)
    with pytest.raises(MissingError, match=f"The run {run.run_id} is deleted"):
        locate_model(run.store, run.run_id)


def test_an_alias_that_was_removed_is_missing(run, logged):
    """MLflow calls it an invalid value."""
    name = f"bare {logged[-6:]}"
    run.store.client.create_registered_model(name)
    with pytest.raises(MissingError, match=f"Can't find the registered model {name}: .*champion not found"):
        locate_model(run.store, f"models:/{name}@champion")


def test_why_an_artifact_does_not_come(local_run, tmp_path):
    """Not only that it doesn't, which is all that MLflow's client says."""
    (tmp_path / "manifest.csv").write_text("path,class\n")
    local_run.log_file(tmp_path / "manifest.csv", "split")
    stored = Path(urlsplit(local_run.entity().info.artifact_uri).path) / "split" / "manifest.csv"
    stored.unlink()
    os.mkfifo(stored)
    with pytest.raises(TrackingError, match=r"Can't fetch split of the run .* is a named pipe"):
        download(local_run, "split", tmp_path / "a")


def test_there_is_no_pickle_inside_and_requirements_are_pinned(local_run, package, picture_file):
    model_id = local_run.log_model(package, example=picture_file)
    root = fetch_model(local_run.store, f"models:/{model_id}").parents[1]
    names = {path.name for path in root.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".pyc"))]
    requirements = (root / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in requirements)
    assert {"mlflow-skinny", "keras", "pillow"} <= {line.partition("==")[0] for line in requirements}
    example = json.loads((root / "input_example.json").read_text())
    assert base64.b64decode(example["data"][0][0]) == picture_file


def test_the_signature_has_the_answers_columns():
    signature = packaging.signature()
    assert signature.inputs.input_names() == [COLUMN]
    assert tuple(signature.outputs.input_names()) == ANSWER_COLUMNS


@pytest.mark.slow
def test_it_answers_where_this_package_is_not_installed(local_run, package, picture_file, python, tmp_path):
    """In isolated mode and without the checkout, only the code in the model can be found."""
    model_id = local_run.log_model(package, example=picture_file)
    root = fetch_model(local_run.store, f"models:/{model_id}").parents[1]
    alone = tmp_path / "alone"
    shutil.copytree(root, alone / "model")
    (alone / "picture.png").write_bytes(picture_file)
    script = """
        import sys
        checkout = sys.argv[1]
        # stands for a machine without this package: what an editable installation put here is dropped
        sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
        sys.path = [place for place in sys.path if place != checkout]
        try:
            import beauty_mlflow
        except ImportError:
            pass
        else:
            sys.exit(f"found {beauty_mlflow.__file__}")
        import mlflow, pandas
        model = mlflow.pyfunc.load_model("model")
        answers = model.predict(pandas.DataFrame({"image": [open("picture.png", "rb").read()]}))
        import beauty_mlflow
        print(beauty_mlflow.__file__)
        print(answers["label"][0], answers["error"][0])
    """
    import beauty_mlflow

    checkout = str(Path(beauty_mlflow.__file__).parents[1])
    found, answer = python(script, checkout, folder=alone, options=["-I"]).splitlines()[-2:]
    assert Path(found).is_relative_to(alone)
    label, _, error = answer.rpartition(" ")
    assert label in CLASSES
    assert error == "None"


def test_the_package_is_what_the_classifier_loads(local_run, package, picture_file):
    model_id = local_run.log_model(package, example=picture_file)
    classifier = Classifier.load(fetch_model(local_run.store, f"models:/{model_id}"))
    assert classifier.classify([picture_file])[0].label in CLASSES
