"""Files that attack whoever loads them: each is refused with a sentence, and what it was to do isn't done."""

import base64
import json
import marshal
import math
import os
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import pytest
from pickles import Touch

from beauty_mlflow.errors import ModelError, WeightsError
from beauty_mlflow.networks.keras_file import load_keras_file
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.weight_files import load_file


@pytest.fixture
def mark(tmp_path):
    """What an attack makes where it succeeds."""
    return tmp_path / "attacked"


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "saved.keras"
    layers = [keras.Input((4,)), keras.layers.Activation("relu"), keras.layers.Dense(3, name="dense")]
    keras.Sequential(layers).save(path)
    return path


def rewrite(path, change, compression=zipfile.ZIP_STORED):
    """Change the members of a .keras file, which are given as a dictionary of bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def with_layer(path, layer):
    def change(members):
        config = json.loads(members["config.json"])
        config["config"]["layers"][1] = {"registered_name": None, "build_config": None, **layer}
        members["config.json"] = json.dumps(config).encode()

    rewrite(path, change)


def code_layers(mark):
    """Layers that run code as they are made, each in another way."""
    touching = compile(f"open({str(mark)!r}, 'w')", "attack", "eval")
    marshalled = base64.b64encode(marshal.dumps(touching)).decode()
    pickled = base64.b64encode(pickle.dumps(Touch(mark))).decode()
    code = {"class_name": "__lambda__", "config": {"value": [marshalled, None, None]}}
    function = {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}
    origin = f"file://{__file__}"
    fetch = {"fname": "x", "origin": origin, "cache_dir": str(mark), "cache_subdir": ""}
    return {
        "a class of another module": {"module": "os", "class_name": "system", "config": {"command": f"touch {mark}"}},
        "a class of a module of Keras's": {
            "module": "keras.src.utils.file_utils.os",
            "class_name": "system",
            "config": {"command": f"touch {mark}"},
        },
        "a marshalled lambda": {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {"name": "x", "function": code},
        },
        "a lambda for an activation": {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {"name": "x", "activation": code},
        },
        "a function of Python's": {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {"name": "x", "activation": function},
        },
        "a download": {"module": "keras.utils", "class_name": "get_file", "config": fetch},
        "a pickled module": {
            "module": "keras.layers",
            "class_name": "TorchModuleWrapper",
            "config": {"name": "x", "module": pickled},
        },
        "a SavedModel": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": str(mark.parent)}},
        "switched off": {
            "module": "keras.config",
            "class_name": "enable_unsafe_deserialization",
            "config": {},
        },
    }


@pytest.mark.parametrize("attack", sorted(code_layers(Path("x"))))
def test_code_is_refused_and_not_run(saved, mark, attack):
    """Whatever a layer's configuration names, only Keras's own layers are made of it."""
    with_layer(saved, code_layers(mark)[attack])
    with pytest.raises(ModelError, match=r"saved\.keras can't be loaded .*holds code"):
        load_keras_file(saved)
    assert not mark.exists()
    assert keras.src.saving.serialization_lib.in_safe_mode() is not False


def test_a_lambda_layer_as_keras_saves_it_is_refused(tmp_path, mark):
    layer = keras.layers.Lambda(eval(f"lambda x: (open({str(mark)!r}, 'w').close(), x)[1]"))  # noqa: S307 - ours
    keras.Sequential([keras.Input((4,)), layer]).save(tmp_path / "lambda.keras")
    mark.unlink()
    with pytest.raises(ModelError, match="Requested the deserialization of a `Lambda` layer"):
        load_keras_file(tmp_path / "lambda.keras")
    assert not mark.exists()


def test_a_weights_file_is_loaded_no_otherwise(build, tmp_path, saved, mark):
    """The parameter `weights` goes through the same door."""
    with_layer(saved, code_layers(mark)["a marshalled lambda"])
    with pytest.raises(ModelError, match=r"saved\.keras can't be loaded .*holds code"):
        load_file(build(), get_network("tiny"), saved, keep_head=True)
    assert not mark.exists()


def test_another_file_isnt_read_as_a_vocabulary(saved, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("a\nb\n")
    with_layer(
        saved,
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "x", "vocabulary": str(secret)}},
    )
    with pytest.raises(ModelError, match="vocabulary file outside of the model archive"):
        load_keras_file(saved)


@pytest.mark.parametrize("name", ["../outside", "assets/../../outside", "/tmp/outside", "assets/layers/x/words.txt"])  # noqa: S108
def test_members_that_no_network_has_are_refused(saved, tmp_path, name):
    """So none of them is ever written to a disk."""
    rewrite(saved, lambda members: members.update({name: b"x"}))
    with pytest.raises(
        ModelError, match=rf"it holds '{name}', expected config\.json, metadata\.json, model\.weights\.h5"
    ):
        load_keras_file(saved)
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_decompression_bomb_is_refused_before_it_is_read(saved, member):
    """80 million spaces, or zeros, in a file of 100 kB."""
    filling = b" " if member == "config.json" else b"\0"

    def change(members):
        members[member] += filling * 80_000_000

    rewrite(saved, change, zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 200_000
    with pytest.raises(ModelError, match=r"unpack to 80\d+, which is a decompression bomb"):
        load_keras_file(saved)


def test_a_compressed_file_is_no_bomb(saved):
    """Somebody may have packed it anew."""
    rewrite(saved, lambda _: None, zipfile.ZIP_DEFLATED)
    assert load_keras_file(saved).output_shape == (None, 3)


def claim(weights, name, shape, chunks=None):
    """Let a variable say that it has this shape; nothing of it is in the file."""
    with h5py.File(weights, "a") as file:
        del file[name]
        file.create_dataset(name, shape, "f4", chunks=chunks, maxshape=(None,) * len(shape), compression="gzip")


@pytest.mark.parametrize(("shape", "chunks"), [((900_000, 1000), (1000, 1000)), ((4, 3), (30_000, 30_000))])
def test_an_array_that_unpacks_to_gigabytes_is_refused_before_it_is_read(build, saved, tmp_path, shape, chunks):
    """In a .keras file and in a .weights.h5 file of some kilobytes; a chunk alone may be as large."""
    weights = tmp_path / "x.weights.h5"

    def change(members):
        weights.write_bytes(members["model.weights.h5"])
        claim(weights, "layers/dense/vars/0", shape, chunks)
        members["model.weights.h5"] = weights.read_bytes()

    rewrite(saved, change)
    with pytest.raises(ModelError, match=r"bytes of weights unpack to 36\d+, which is a decompression bomb"):
        load_keras_file(saved)

    model = build()
    model.save_weights(weights)
    claim(weights, "layers/conv2d/vars/0", shape, chunks)
    with pytest.raises(WeightsError, match=r"doesn't fit tiny, or is damaged: .* decompression bomb"):
        load_file(model, get_network("tiny"), weights, keep_head=True)


def test_an_array_as_large_as_its_file_is_refused_if_no_network_has_such(build, tmp_path):
    """A file may say that it is large, and take no room on the disk."""
    model, weights = build(), tmp_path / "x.weights.h5"
    model.save_weights(weights)
    claim(weights, "layers/conv2d/vars/0", (300_000, 1000), (1000, 1000))
    os.truncate(weights, 10**9)
    with pytest.raises(WeightsError, match="it holds an array of 1200000000 bytes, expected at most 1073741824"):
        load_file(model, get_network("tiny"), weights, keep_head=True)


def move_out(weights, name, secret, how):
    """Let a variable's numbers be another file's."""
    with h5py.File(weights, "a") as file:
        shape = file[name].shape
        secret.write_bytes(bytes(4 * math.prod(shape)))
        del file[name]
        if how == "external storage":
            file.create_dataset(name, shape, "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
        elif how == "external link":
            file[name] = h5py.ExternalLink(str(secret), "/x")
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(str(secret), "x", shape)
            file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("how", ["external storage", "external link", "virtual dataset"])
def test_weights_that_lie_in_another_file_are_refused(build, saved, tmp_path, how):
    """Else a model could carry off whatever its user may read; in a .keras file and in a .weights.h5 file."""
    weights = tmp_path / "x.weights.h5"

    def change(members):
        weights.write_bytes(members["model.weights.h5"])
        move_out(weights, "layers/dense/vars/0", tmp_path / "secret", how)
        members["model.weights.h5"] = weights.read_bytes()

    rewrite(saved, change)
    with pytest.raises(ModelError, match="can't be loaded"):
        load_keras_file(saved)

    model = build()
    model.save_weights(weights)
    move_out(weights, "layers/conv2d/vars/0", tmp_path / "secret", how)
    with pytest.raises(WeightsError, match="doesn't fit tiny, or is damaged"):
        load_file(model, get_network("tiny"), weights, keep_head=True)
