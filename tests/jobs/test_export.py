import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.images import load
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import DataError, ParameterError, TrackingError, WorkError
from beauty_mlflow.jobs.export import Export, run
from beauty_mlflow.jobs.export_formats import FORMATS, as_float32, run_keras
from beauty_mlflow.jobs.exporting import Difference
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.keras_file import load_keras_file
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.serving.classifier import Classifier
from beauty_mlflow.serving.package import MODEL_FILE
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.store import connect

ROOT = Path(__file__).parents[2]
NAMES = {"keras": "model.keras", "saved_model": "saved_model", "onnx": "model.onnx"}


def export(model, **given):
    return dict(run(Export.parse({"model": model, **{name: str(value) for name, value in given.items()}})))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_another_program_gets_the_same_probabilities(logged_model, shared_manifest, tmp_path, name):
    """Loaded without this package, with nothing but what <out>.json says, it answers as the original does."""
    out = tmp_path / "new" / NAMES[name]
    summary = export(logged_model, format=name, out=out)
    about = json.loads((tmp_path / "new" / f"{NAMES[name]}.json").read_text())
    split = read_split(shared_manifest)
    pictures = split.part("test")
    assert (about["image_size"], about["classes"], about["resize"]) == (32, list(split.classes), "squash")
    assert about["temperature"] > 0
    assert about["input"]["shape"] == [None, 32, 32, 3]
    assert summary["equal answers"] == f"{len(pictures)} of {len(pictures)}"
    assert about["checked"]["equal_answers"] == about["checked"]["pictures"] == len(pictures)
    batch = np.stack([load(split.folder / path, about["image_size"], about["resize"]) for path in pictures.paths])
    np.save(tmp_path / "batch.npy", batch.astype(np.float32))
    script = Path(__file__).with_name("use_export.py")
    command = [sys.executable, script, out, tmp_path / "batch.npy", tmp_path / "found.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    original = load_keras_file(fetch_model(connect(), logged_model) / MODEL_FILE)
    expected = np.asarray(original(batch.astype(np.float32), training=False))
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-5)
    assert {path.name for path in out.parent.iterdir()} == {out.name, f"{out.name}.json"}


@pytest.mark.slow
def test_the_lines_of_the_page_answer_as_the_model_does(logged_model, pictures, tmp_path):
    """docs/exporting.md: ONNX, <out>.json and Pillow give the served probability, temperature included."""
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "exporting.md").read_text(), re.DOTALL)
    export(logged_model, format="onnx", out=tmp_path / "model.onnx")
    classifier = Classifier.load(fetch_model(connect(), logged_model))
    assert classifier.description.temperature != 1
    picture = min(pictures.rglob("*.jpg"))
    small = tmp_path / "small.png"  # larger ones are shrunk in two steps when served
    Image.open(picture).resize((60, 50)).save(small)
    command = [sys.executable, "-c", lines, small]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    label, probability = done.stdout.split()
    (expected,) = classifier.classify([small.read_bytes()])
    assert label == expected.label
    assert float(probability) == pytest.approx(expected.probability, abs=1e-5)


@pytest.mark.slow
def test_a_difference_beyond_the_tolerance_leaves_nothing(logged_model, tmp_path):
    """ONNX Runtime rounds otherwise than TensorFlow: that much is an error with a tolerance as small."""
    with pytest.raises(WorkError, match=r"answers otherwise than the original: up to .*e-\d+, 12 of 12 answers equal"):
        export(logged_model, format="onnx", out=tmp_path / "m.onnx", tolerance=1e-12)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("there", ["model.keras", "model.keras.json"])
def test_what_is_there_is_not_replaced(logged_model, tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(DataError, match=f"{there}' exists and isn't replaced"):
        export(logged_model, out=tmp_path / "model.keras")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.slow
def test_other_data_for_the_check(logged_model, pictures, tmp_path):
    """A folder is split as everywhere, and its test part is what is compared."""
    summary = export(logged_model, out=tmp_path / "model.keras", data=pictures)
    assert summary["largest difference"] == "0 (at most 0.001)"


def test_bad_input_is_said_first(local_store, tmp_path):
    with pytest.raises(ParameterError, match=r"'m\.h5' is no name for format=keras; expected one that ends in \.keras"):
        export("models:/nobody@champion", out="m.h5")
    with pytest.raises(ParameterError, match=r"'m\.keras' is no name for format=onnx"):
        export("models:/nobody@champion", out="m.keras", format="onnx")
    with pytest.raises(ParameterError, match="tolerance"):
        export("models:/nobody@champion", tolerance=0)
    with pytest.raises(TrackingError, match="nobody"):
        export("models:/nobody@champion", out=tmp_path / "m.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_defaults_are_in_the_current_folder():
    assert {name: str(Export.parse({"format": name}).path) for name in NAMES} == NAMES


@pytest.mark.slow
def test_without_the_extra_the_command_says_how_to_install_it(local_store, tmp_path):
    """Where tf2onnx isn't installed: the same interpreter with a path that leaves it out."""
    site = tmp_path / "site"
    site.mkdir()
    for place in map(Path, (path for path in sys.path if path.endswith("site-packages"))):
        for entry in place.iterdir():
            if not entry.name.startswith(("onnx", "tf2onnx")):
                (site / entry.name).symlink_to(entry)
    script = (
        "import sys; sys.path = [path for path in sys.path if not path.endswith('site-packages')];"
        f"sys.path += [{str(site)!r}, {str(ROOT)!r}];"
        "from beauty_mlflow.cli import main; main(['export', '--format', 'onnx'])"
    )
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 2
    assert "format=onnx needs onnx, onnxruntime, tf2onnx, not installed here: pip install 'beauty-mlflow[onnx]'" in (
        done.stderr
    )


@pytest.mark.slow
def test_a_network_in_bfloat16_is_written_in_float32(tmp_path):
    """ONNX Runtime has no bfloat16: the same weights, the same answers as the network in float32."""
    network = build_transfer(
        get_network("tiny"),
        classes=3,
        image_size=32,
        scaling="unit",
        dropout=0.2,
        dense_units=4,
        precision="bfloat16",
        seed=1,
    )
    twin = as_float32(network)
    assert as_float32(twin) is twin
    assert {layer.compute_dtype for layer in twin.layers} == {"float32"}
    FORMATS["onnx"].write(twin, tmp_path / "unused", tmp_path / "m.onnx")
    runtime = FORMATS["onnx"].load(tmp_path / "m.onnx")
    batch = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(runtime.run(batch), run_keras(twin)(batch), atol=1e-5)
    apart = np.abs(run_keras(network)(batch) - run_keras(twin)(batch)).max()
    assert 0 < apart < 0.05


@pytest.mark.slow
def test_an_export_of_another_precision_says_how_far_it_is_from_the_original(local_store, tiny, tmp_path, capsys):
    model = dict(finetune(Finetune.parse({**tiny, "epochs": "1", "precision": "bfloat16"})))["run_id"]
    export(model, format="onnx", out=tmp_path / "m.onnx")
    checked = json.loads((tmp_path / "m.onnx.json").read_text())["checked"]
    assert "note: the original computes in bfloat16, this in float32; apart: up to" in capsys.readouterr().err
    assert checked["original"]["computes_in"] == "bfloat16"
    assert checked["original"]["largest_difference"] > checked["largest_difference"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "efficientnet_lite0"])
def test_larger_networks_become_onnx(tmp_path, name):
    """Channels flipped for ImageNet's weights, ReLU6, depthwise convolutions: all of it has a counterpart."""
    network = build_transfer(
        get_network(name),
        classes=3,
        image_size=64,
        scaling=get_network(name).scaling,
        dropout=0.2,
        dense_units=0,
        precision="float32",
        seed=1,
    )
    network.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    FORMATS["onnx"].write(loaded, tmp_path / "m.keras", tmp_path / "m.onnx")
    batch = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(FORMATS["onnx"].load(tmp_path / "m.onnx").run(batch), network(batch), atol=1e-4)


def test_what_is_no_number_is_infinitely_different():
    """A nan compares false with everything, so a damaged export could pass for a good one."""
    difference = Difference()
    difference.add(np.array([[0.5, 0.5]], np.float32), np.array([[np.nan, 0.5]], np.float32))
    assert difference.largest == np.inf
    difference.add(np.array([[0.4, 0.6]], np.float32), np.array([[0.5, 0.5]], np.float32))
    assert (difference.pictures, difference.largest, difference.equal) == (2, np.inf, 1)
