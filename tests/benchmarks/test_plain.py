"""The opponent does what it says: a toy sweep, its MLflow runs, and the same frozen layers as ours."""

import json

import keras
import mlflow
import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.freezing import freeze
from beauty_mlflow.networks.table import get_network, select_blocks

# MLflow says so of its own types when it is first asked for a model
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")
CLASSES = ("blue", "red")
COLOURS = {"blue": (0, 0, 255), "red": (255, 0, 0)}
TINY = get_network("tiny")
SHAPE = {"image_size": 16, "scaling": "unit", "dropout": 0.2, "dense_units": 16}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """24 pictures of two colours with noise, in the columns that a manifest has."""
    folder = tmp_path_factory.mktemp("toy")
    rows = ["path,class,part,sha256,duplicate_group,product"]
    for number in range(24):
        label = CLASSES[number % 2]
        noise = np.random.default_rng(number).integers(0, 60, (20, 20, 3))
        picture = np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.jpg")
        rows.append(f"{number}.jpg,{label},{'val' if number >= 16 else 'train'},,,")
    (folder / "split.csv").write_text("\n".join(rows) + "\n")
    (folder / "split.json").write_text(json.dumps({"folder": str(folder), "classes": CLASSES}))
    return folder / "split.csv"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """First weights of the toy's network."""
    path = tmp_path_factory.mktemp("weights") / "first.weights.h5"
    build_transfer(TINY, classes=2, precision="float32", seed=7, **SHAPE).save_weights(path)
    return path


@pytest.fixture
def settings(manifest, weights, sqlite_uri):
    """A sweep over three depths, of three epochs."""
    from plain import Settings

    def build(**changed):
        common = {"network": "tiny", "depths": (0, 1, 3), "epochs": 3, "batch_size": 5, "tracking": sqlite_uri}
        return Settings(**{"manifest": manifest, "weights": weights, **SHAPE, **common, **changed})

    return build


def test_a_toy_sweep(settings, sqlite_uri):
    """Every depth has its figures, those of the epoch of lowest val_loss; MLflow has a parent and a run a depth."""
    from plain import sweep

    result = sweep(settings())
    assert [trial["blocks"] for trial in result["trials"]] == [0, 1, 3]
    for trial in result["trials"]:
        best = min(trial["history"], key=lambda epoch: epoch["val_loss"])
        assert (trial["best_val_loss"], trial["best_val_accuracy"]) == (best["val_loss"], best["val_accuracy"])
        assert trial["epochs"] == len(trial["history"]) == 3
        assert 0 < trial["seconds"] < result["seconds"]
    store = mlflow.MlflowClient(sqlite_uri)
    runs = store.search_runs([store.get_experiment_by_name("plain").experiment_id])
    parent = next(run for run in runs if run.info.run_name == "sweep")
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.data.params["blocks"] for run in children} == {"0", "1", "3"}
    assert all(len(store.get_metric_history(run.info.run_id, "val_loss")) == 3 for run in children)
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_best_model_is_logged(settings, manifest, sqlite_uri):
    """The logged network gives the lowest val_loss that any trial had."""
    from plain import sweep

    result = sweep(settings(depths=(1, 3)))
    store = mlflow.MlflowClient(sqlite_uri)
    experiment = store.get_experiment_by_name("plain")
    logged = mlflow.search_logged_models([experiment.experiment_id], output_format="list")
    model = mlflow.keras.load_model(logged[0].model_uri)
    files = [manifest.parent / f"{number}.jpg" for number in range(16, 24)]
    pictures = np.stack([np.asarray(Image.open(path).resize((16, 16)), np.float32) for path in files])
    loss = keras.losses.SparseCategoricalCrossentropy()(np.arange(8) % 2, model.predict(pictures, verbose=0))
    assert float(loss) == pytest.approx(min(trial["best_val_loss"] for trial in result["trials"]), abs=0.02)


def test_the_strong_one_trains_the_head_on_features(settings):
    """With features_once, depth 0 learns the same task from one pass over the pictures as they are."""
    from plain import sweep

    changed = {"features_once": True, "epochs": 30, "learning_rate": 0.01, "optimizer": "adam", "depths": (0,)}
    (trial,) = sweep(settings(**changed))["trials"]
    assert trial["best_val_accuracy"] == 1.0


def test_patience_stops_a_trial(settings):
    """With a patience of 1 and a rate that leads nowhere, a trial ends before its epochs are done."""
    from plain import sweep

    (trial,) = sweep(settings(depths=(3,), epochs=30, patience=1, learning_rate=10.0, optimizer="sgd"))["trials"]
    assert trial["epochs"] < 30


@pytest.mark.parametrize("network", ["tiny", "mobilenet_v2"])
@pytest.mark.parametrize("batch_norm", ["train", "frozen"])
def test_the_same_layers_are_frozen(settings, network, batch_norm):
    """At each depth exactly those layers train that train in our own finetune."""
    from plain_training import thaw

    row = get_network(network)
    model = build_transfer(row, classes=2, precision="float32", seed=0, **{**SHAPE, "image_size": 32})

    def trainable():
        return [layer.name for layer in model.layers if layer.trainable and layer.weights]

    for blocks in range(len(row.blocks) + 1):
        thaw(model, settings(network=network, batch_norm=batch_norm), blocks)
        theirs = trainable()
        freeze(model, row, select_blocks(row, blocks=blocks, unfreeze=""), batch_norm=batch_norm)
        assert theirs == trainable(), blocks


def test_pictures_are_those_of_the_manifest(settings, manifest):
    """Each training picture appears once an epoch, in another order the next; labels are the sidecar's ids."""
    from plain_pictures import Pictures

    pictures = Pictures(settings(augment="none"))
    assert pictures.in_memory
    train = pictures.train(seed=0)
    epochs = [
        [
            (image.mean(), label)
            for images, labels in train.as_numpy_iterator()
            for image, label in zip(images, labels, strict=True)
        ]
        for _ in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]
    assert [label for _, label in epochs[0]].count(0) == 8
    first = next(iter(pictures.plain("val")))
    shown = np.asarray(Image.open(manifest.parent / "16.jpg").resize((16, 16)), np.float32)
    assert np.abs(first[0][0] - shown).mean() < 12
    assert first[1].numpy().tolist() == [0, 1, 0, 1, 0]


def test_pictures_that_do_not_fit_are_decoded_each_epoch(settings, monkeypatch):
    """The same pictures come, as often."""
    import plain_pictures

    kept = plain_pictures.Pictures(settings(augment="none"))
    monkeypatch.setattr(plain_pictures, "SHARE_OF_MEMORY", 0)
    streamed = plain_pictures.Pictures(settings(augment="none"))
    assert not streamed.in_memory

    def sums(pictures):
        return sorted(float(image.sum()) for images, _ in pictures.train(0).as_numpy_iterator() for image in images)

    assert sums(streamed) == sums(kept)


def test_augmented_pictures_differ_every_epoch(settings):
    """They keep their range and are no two times the same."""
    from plain_pictures import Pictures

    train = Pictures(settings(batch_size=16)).train(seed=0)
    first, second = (next(iter(train.as_numpy_iterator()))[0] for _ in range(2))
    assert first.shape == second.shape == (16, 16, 16, 3)
    assert first.min() >= 0
    assert first.max() <= 255
    assert sorted(first.sum((1, 2, 3))) != sorted(second.sum((1, 2, 3)))


def test_depths_are_read():
    """Sorted, each once."""
    from plain import _depths

    assert _depths("3,0,1,3") == (0, 1, 3)
