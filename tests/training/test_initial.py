import keras
import numpy as np
import pytest

from beauty_mlflow.errors import CheckpointError
from beauty_mlflow.training.initial import restore_initial, save_initial


def weights_of(model):
    return [np.array(weight) for weight in model.weights]


def test_nothing_kept_changes_nothing(make_network, tmp_path):
    """A run that wasn't interrupted keeps the weights it was given."""
    model = make_network()
    before = weights_of(model)
    assert restore_initial(tmp_path, model) is None
    assert all(np.array_equal(*pair) for pair in zip(before, weights_of(model), strict=True))


def test_weights_and_their_source_come_back(make_network, tmp_path):
    """Bit by bit, batch normalisation's statistics included; the source is any text."""
    model = make_network()
    model.set_weights([np.random.default_rng(3).normal(size=weight.shape) for weight in model.get_weights()])
    save_initial(tmp_path, model, "file:Größe 5.keras")
    again = make_network()
    assert restore_initial(tmp_path, again) == "file:Größe 5.keras"
    assert all(np.array_equal(*pair) for pair in zip(weights_of(model), weights_of(again), strict=True))


def test_another_networks_weights_are_refused(make_network, tmp_path):
    """The message says that the file is another network's, and nothing is set."""
    save_initial(tmp_path, make_network(), "random")
    with pytest.raises(CheckpointError, match=r"initial\.npz holds another network: expected 12 model variables"):
        restore_initial(tmp_path, make_network(keras.layers.Conv2D(3, 1), keras.layers.Conv2D(3, 1)))


def test_a_damaged_file_is_named(make_network, tmp_path):
    """One flipped byte among the weights."""
    save_initial(tmp_path, make_network(), "random")
    octets = bytearray((tmp_path / "initial.npz").read_bytes())
    octets[len(octets) // 2] ^= 1
    (tmp_path / "initial.npz").write_bytes(octets)
    with pytest.raises(CheckpointError, match=r"initial\.npz is damaged"):
        restore_initial(tmp_path, make_network())
