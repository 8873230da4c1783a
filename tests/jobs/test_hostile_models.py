"""Models that attack whoever asks them, in runs that look like trainings: refused, and nothing of them is run."""

import pickle
import shutil
from pathlib import Path

import keras
import pytest
import yaml
from pickles import Touch

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import ModelError, TrackingError
from beauty_mlflow.jobs import load_job
from beauty_mlflow.jobs.artifacts import log_split
from beauty_mlflow.jobs.comparing_pairs import _ask
from beauty_mlflow.serving.package import MODEL_FILE, read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import fetch_any, fetch_model, locate_model
from beauty_mlflow.tracking.packaging import DATA
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

TOUCH = "import pathlib; pathlib.Path({mark!r}).touch()\n"


def tamper(folder, **flavor):
    """Change what the MLmodel file says of the pyfunc flavor."""
    record = yaml.safe_load((folder / "MLmodel").read_text())
    record["flavors"]["python_function"].update(flavor)
    (folder / "MLmodel").write_text(yaml.safe_dump(record))


def with_loader(folder, mark):
    """Its own loader comes along."""
    (folder / "code" / "evil.py").write_text(TOUCH.format(mark=str(mark)))
    tamper(folder, loader_module="evil")


def with_pickle(folder, mark):
    """A pickled Python model of MLflow's own flavor."""
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Touch(mark)))
    tamper(folder, loader_module="mlflow.pyfunc.model", python_model="python_model.pkl", cloudpickle_version="3.1.1")


def with_script(folder, mark):
    """A model from code, which no setting of MLflow's stops."""
    (folder / "model.py").write_text(TOUCH.format(mark=str(mark)))
    tamper(folder, loader_module="mlflow.pyfunc.model", model_code_path="model.py")


def with_way_out(folder, mark):
    """A good package, but one that lies elsewhere on the machine of whoever asks."""
    outside = mark.parent / "outside"
    shutil.copytree(folder / DATA, outside, dirs_exist_ok=True)
    tamper(folder, data=f"../../../../../../../../../../..{outside}")


def with_other_place(folder, mark):
    """The same, as an absolute path."""
    with_way_out(folder, mark)
    tamper(folder, data=str(mark.parent / "outside"))


def with_lambda(folder, mark):
    """Code in the network itself."""
    about = read_description(folder / DATA)
    layers = [
        keras.Input((about.image_size, about.image_size, 3)),
        keras.layers.Lambda(eval(f"lambda x: (open({str(mark)!r}, 'w').close(), x)[1]")),  # noqa: S307 - ours
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(about.classes), activation="softmax"),
    ]
    keras.Sequential(layers).save(folder / DATA / MODEL_FILE)
    mark.unlink()


NOT_OURS = r"isn't (one|a model) that this package logged"
ATTACKS = {
    with_loader: NOT_OURS,
    with_pickle: NOT_OURS,
    with_script: NOT_OURS,
    with_way_out: NOT_OURS,
    with_other_place: NOT_OURS,
    with_lambda: r"model\.keras can't be loaded .*holds code",
}


def log_folder(run, folder):
    """Log a model's folder as the run's model, as it is."""
    client = run.store.client
    logged = client.create_logged_model(run.experiment_id, names.MODEL, source_run_id=run.run_id)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def training(split, folder):
    """Make a finished run with a manifest and a model; return its id and the model's."""
    run = Run.create(connect(), "a training", {names.FINGERPRINT: split.fingerprint})
    with tracked(run, sample=False):
        run.log_parameters({"network": "tiny", "blocks": "0", "weights": "random"})
        run.log_metrics({names.BEST_VAL_ACCURACY: 0.5})
        log_split(run, split)
        model_id = log_folder(run, folder)
    return run.run_id, model_id


@pytest.fixture(scope="session")
def hostile(tmp_path_factory, lasting_store, shared_model, shared_manifest):
    """A store with a good training and one for each attack; what an attack makes is ``mark``."""
    folder = tmp_path_factory.mktemp("hostile")
    mark = folder / "attacked"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", shared_model[0])
        store = connect()
        good = fetch_any(store, locate_model(store, shared_model[1]), "the good one")
    split = read_split(shared_manifest)
    with lasting_store("hostile-store") as uri:
        runs = {"good": training(split, good)}
        for attack in ATTACKS:
            bad = shutil.copytree(good, folder / attack.__name__)
            attack(bad, mark)
            runs[attack] = training(split, bad)
        client = connect().client
        for attack, (run_id, model_id) in runs.items():
            name = attack if attack == "good" else attack.__name__
            client.create_registered_model(name)
            client.create_model_version(name, f"models:/{model_id}", run_id, model_id=model_id)
            client.set_registered_model_alias(name, "champion", "1")
    assert not mark.exists()
    return uri, runs, mark


@pytest.fixture
def place(hostile, monkeypatch):
    uri, runs, mark = hostile
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    yield {name: run_id for name, (run_id, _) in runs.items()}, mark
    assert not mark.exists()
    store = connect()
    assert not store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'")


def command(name, attack, runs, pictures, manifest, out):
    """Return a call of a command that meets the attack's model."""
    bad, good = runs[attack], runs["good"]
    given = {
        "predict": {"model": bad, "data": pictures, "out": out / "p.csv"},
        "evaluate": {"model": bad},
        "evaluate beside": {"model": good, "beside": bad},
        "export": {"model": bad, "out": out / "x.keras"},
        "group": {"groups": "auto", "model": bad, "classes": 2, "out": out / "g.csv"},
        "finetune": {"weights": bad, "data": manifest, "network": "tiny", "blocks": 1, "epochs": 1, "dense_units": 8},
        "promote a candidate": {"name": "good", "candidate": bad, "data": manifest},
        "promote over a champion": {"name": attack.__name__, "candidate": good, "data": manifest},
    }[name]
    job = load_job(name.split()[0])
    return lambda: job.run(job.parameters.parse({key: str(value) for key, value in given.items()}))


COMMANDS = [
    "predict",
    "evaluate",
    "evaluate beside",
    "export",
    "group",
    "finetune",
    "promote a candidate",
    "promote over a champion",
]
EVERYWHERE = [with_loader, with_lambda]  # all commands fetch models in one way; one knows of foreign ones, too
IN_BOTH_WAYS = ["predict", "promote a candidate"]


@pytest.mark.parametrize(
    ("name", "attack"),
    [(name, attack) for name in COMMANDS for attack in ATTACKS if attack in EVERYWHERE or name in IN_BOTH_WAYS],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_command_refuses_it(place, attack, name, pictures, manifest, tmp_path):
    """With a sentence; nothing that came with the model is run, no table or file is left, no run RUNNING."""
    runs, _ = place
    before = set(tmp_path.iterdir())
    with pytest.raises((TrackingError, ModelError), match=ATTACKS[attack]):
        command(name, attack, runs, pictures, manifest, tmp_path)()
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("attack", EVERYWHERE, ids=lambda attack: attack.__name__)
def test_a_comparison_refuses_it(place, attack):
    """Its control asks the models of all classes."""
    runs, _ = place
    with pytest.raises((TrackingError, ModelError), match=ATTACKS[attack]):
        _ask(connect(), runs[attack])


def test_what_mlflow_alone_would_run_isnt_run_here(place, pictures, tmp_path, shared_manifest):
    """The code that comes with a good model, a changed one too, and pickles for another flavor are left alone."""
    runs, mark = place
    folder = Path(shutil.copytree(fetch_model(connect(), runs["good"]).parents[1], tmp_path / "changed"))
    for module in (folder / "code").rglob("*.py"):
        module.write_text(TOUCH.format(mark=str(mark)) + module.read_text())
    (folder / "custom_objects.cloudpickle").write_bytes(pickle.dumps(Touch(mark)))
    record = yaml.safe_load((folder / "MLmodel").read_text())
    record["flavors"]["tensorflow"] = {
        "data": DATA,
        "model_type": "keras",
        "custom_objects": "custom_objects.cloudpickle",
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(record))
    run_id, _ = training(read_split(shared_manifest), folder)
    predict = load_job("predict")
    given = {"model": run_id, "data": str(pictures), "out": str(tmp_path / "p.csv")}
    assert dict(predict.run(predict.parameters.parse(given)))["errors"] == 0


def test_a_record_that_fills_the_memory_is_no_model(place, tmp_path):
    """A few lines of YAML whose text would have 10^10 characters, and lists in lists beyond any depth."""
    from beauty_mlflow.serving.versions import find_model_version
    from beauty_mlflow.tracking.model_folders import package_in

    laughs = ["a0: &a0 x", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11))]
    for text in ("\n".join([*laughs, "flavors: {python_function: {loader_module: *a10, data: *a10}}"]), "[" * 100_000):
        (tmp_path / "MLmodel").write_text(text)
        (tmp_path / "registered_model_meta").write_text(
            text.replace("flavors", "model_name: *a10\nmodel_version: 1\nx")
        )
        with pytest.raises(ModelError, match="isn't one that this package logged: its loader is ''"):
            package_in(tmp_path, "models:/x/1")
        assert find_model_version(tmp_path) == ""
