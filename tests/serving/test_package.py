import json
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from beauty_mlflow.errors import ModelError
from beauty_mlflow.serving.package import (
    DESCRIPTION_FILE,
    MODEL_FILE,
    Description,
    read_description,
    requirements,
    save_package,
    write_description,
)


def test_what_is_saved_comes_back(package, about):
    description = read_description(package)
    assert description == Description(**about)
    assert sorted(path.name for path in package.iterdir()) == [MODEL_FILE, DESCRIPTION_FILE]


def test_the_network_loads_with_keras_alone(package, network):
    picture = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    loaded = keras.saving.load_model(package / MODEL_FILE)
    np.testing.assert_array_equal(loaded(picture), network(picture))


def test_the_optimizers_state_stays_behind(tmp_path, network, about):
    trained = keras.models.clone_model(network)
    trained.compile("adam", "categorical_crossentropy")
    pictures = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)
    trained.fit(pictures, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]], verbose=0)
    save_package(tmp_path, trained, **about)
    loaded = keras.saving.load_model(tmp_path / MODEL_FILE)
    assert getattr(loaded, "optimizer", None) is None
    np.testing.assert_array_equal(loaded(pictures), trained(pictures))
    with zipfile.ZipFile(tmp_path / MODEL_FILE) as archive:
        assert b"adam" not in archive.read("config.json").lower()
    assert trained.optimizer is not None


def test_saving_again_replaces_the_files_and_leaves_nothing_else(package, network, about):
    save_package(package, network, **{**about, "temperature": 2.5, "threshold": 0.4, "fingerprint": "ab" * 32})
    description = read_description(package)
    assert (description.temperature, description.threshold) == (2.5, 0.4)
    assert len(list(package.iterdir())) == 2


def test_a_temperature_can_be_set_later(package):
    write_description(package, replace(read_description(package), temperature=1.7))
    assert read_description(package).temperature == 1.7


@pytest.mark.parametrize("change", [{"image_size": 17}, {"classes": ("a", "b")}])
def test_a_network_that_does_not_fit_is_refused_before_anything_is_written(tmp_path, network, about, change):
    with pytest.raises(ModelError, match="don't belong together"):
        save_package(tmp_path / "new", network, **{**about, **change})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("classes", ["a", "a"], "at least two different names"),
        ("classes", ["a"], "at least two different names"),
        ("classes", [1, 2], "at least two different names"),
        ("image_size", 0, "a whole number of pixels above 0"),
        ("image_size", True, "a whole number of pixels above 0"),
        ("resize", "stretch", "one of squash, pad, crop"),
        ("temperature", 0, "a number above 0"),
        ("temperature", float("nan"), "a number above 0"),
        ("threshold", 1.5, "null or a number from 0 to 1"),
        ("network", None, "text"),
    ],
)
def test_each_wrong_field_is_named(package, field, value, expected):
    record = json.loads((package / DESCRIPTION_FILE).read_text("utf-8"))
    (package / DESCRIPTION_FILE).write_text(json.dumps({**record, field: value}), "utf-8")
    with pytest.raises(ModelError, match=f"damaged .*'{field}' must be {expected}"):
        read_description(package)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": 1}', '{"format": 1, "classes": 3}', "\x00"])
def test_a_damaged_description_is_named(package, text):
    (package / DESCRIPTION_FILE).write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"serving\.json is damaged"):
        read_description(package)


def test_an_unknown_field_is_no_silent_loss(package):
    record = json.loads((package / DESCRIPTION_FILE).read_text("utf-8"))
    (package / DESCRIPTION_FILE).write_text(json.dumps({**record, "crop_share": 0.9}), "utf-8")
    with pytest.raises(ModelError, match="crop_share"):
        read_description(package)


def test_a_later_format_says_which_version_wrote_it(package):
    (package / DESCRIPTION_FILE).write_text('{"format": 2, "package_version": "9.1"}', "utf-8")
    with pytest.raises(ModelError, match=r"format 2, .* reads 1; install the version that wrote it \(9\.1\)"):
        read_description(package)


def test_a_folder_without_package_says_what_to_give(tmp_path):
    with pytest.raises(ModelError, match="no model of this package; give a run"):
        read_description(tmp_path)


def test_requirements_are_pinned_and_few():
    names = [requirement.split("==")[0] for requirement in requirements()]
    assert names[0] in {"tensorflow-cpu", "tensorflow"}
    assert names[1:] == ["keras", "h5py", "numpy", "pandas", "pillow", "platformdirs", "pyyaml"]
    assert f"keras=={keras.__version__}" in requirements()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make a function after which only these distributions are installed, each with its top-level module."""

    def install(distributions):
        for name, module in distributions.items():
            folder = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
            (folder / "top_level.txt").write_text(f"{module}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])

    return install


OTHERS = {name: name for name in ("keras", "h5py", "numpy", "pandas", "pillow", "platformdirs", "pyyaml")}


@pytest.mark.parametrize("name", ["tensorflow-cpu", "tensorflow", "tensorflow-rocm"])
def test_tensorflow_is_pinned_under_the_name_that_is_installed(installed, name):
    """A vendor's build too."""
    installed({**OTHERS, name: "tensorflow"})
    assert requirements()[0] == f"{name}==1.2"


def test_a_tensorflow_that_no_distribution_holds_cannot_be_pinned(installed):
    installed(OTHERS)
    with pytest.raises(ModelError, match="No installed distribution says that it holds TensorFlow"):
        requirements()
