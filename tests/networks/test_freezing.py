import keras
import numpy as np
import pytest

from beauty_mlflow.errors import NetworkError
from beauty_mlflow.networks.freezing import (
    claim_layers,
    count_parameters,
    describe,
    first_trainable_index,
    freeze,
)
from beauty_mlflow.networks.table import NETWORKS, get_network, select_blocks

TINY = get_network("tiny")
HEAD = {"head_dense", "head_predictions"}
# blocks: index of the first trainable layer among InceptionV3's 311 (the thesis, network and training)
THESIS_INDICES = {0: 311, 1: 280, 2: 249, 3: 229, 4: 197, 5: 165, 6: 133, 7: 101, 8: 87, 9: 64, 10: 41, 11: 18}


@pytest.fixture
def trainable():
    """Make a function that names the layers whose weights train."""

    def trainable(model):
        return {layer.name for layer in model.layers if layer.trainable_weights}

    return trainable


@pytest.fixture
def fit_once(pictures):
    """Make a function that trains for one step."""

    def fit_once(model):
        model.compile(optimizer="sgd", loss="categorical_crossentropy")
        model.fit(pictures(6), np.eye(3, dtype=np.float32)[[0, 1, 2] * 2], verbose=0)

    return fit_once


def test_zero_blocks_train_the_head_only(build, trainable):
    model = build()
    freeze(model, TINY, (), batch_norm="train")
    assert trainable(model) == HEAD


def test_blocks_train_with_their_batch_norm(build, trainable):
    model = build()
    freeze(model, TINY, ("conv2", "conv3"), batch_norm="train")
    assert trainable(model) == HEAD | {"conv2", "conv2_bn", "conv3", "conv3_bn"}


def test_an_inner_range_leaves_what_is_above_it_frozen(build, trainable):
    model = build()
    freeze(model, TINY, ("conv2",), batch_norm="train")
    assert trainable(model) == HEAD | {"conv2", "conv2_bn"}


def test_frozen_batch_norm_stays_out_of_unfrozen_blocks(build, trainable):
    model = build()
    freeze(model, TINY, ("conv3",), batch_norm="frozen")
    assert trainable(model) == HEAD | {"conv3"}


def test_freezing_again_forgets_what_was_before(build, trainable):
    model = build()
    freeze(model, TINY, TINY.block_names, batch_norm="frozen")
    freeze(model, TINY, ("conv3",), batch_norm="train")
    assert trainable(model) == HEAD | {"conv3", "conv3_bn"}


@pytest.mark.parametrize("batch_norm", ["train", "frozen"])
def test_training_changes_the_thawed_layers_and_no_others(build, fit_once, equal_weights, batch_norm):
    """Above all, frozen batch normalisation keeps its statistics."""
    model = build()
    freeze(model, TINY, ("conv3",), batch_norm=batch_norm)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    fit_once(model)
    after = {name: model.get_layer(name).get_weights() for name in before}
    changed = {name for name in before if not equal_weights(before[name], after[name])}
    assert changed == HEAD | {"conv3"} | ({"conv3_bn"} if batch_norm == "train" else set())


def test_unknown_block_is_an_error(build):
    with pytest.raises(NetworkError, match=r"tiny has no block 'conv9': expected some of conv1, conv2, conv3\."):
        freeze(build(), TINY, ("conv9",), batch_norm="train")


def test_every_layer_is_claimed_once(build):
    model = build()
    parts = claim_layers(model, TINY)
    assert list(parts) == ["scaling", "stem", "conv1", "conv2", "conv3", "head"]
    claimed = [layer.name for layers in parts.values() for layer in layers]
    assert sorted(claimed) == sorted(layer.name for layer in model.layers)


def test_a_layer_of_no_block_is_an_error(build):
    model = build()
    extra = keras.layers.ReLU(name="extra")(model.get_layer("conv3_relu").output)
    with pytest.raises(NetworkError, match="its layer 'extra' is of no block"):
        claim_layers(keras.Model(model.input, extra), TINY)


def test_a_missing_boundary_is_an_error(build):
    model = build()
    cut = keras.Model(model.input, model.get_layer("conv2_relu").output)
    with pytest.raises(NetworkError, match="The model isn't a tiny: 'conv3' doesn't end in 'conv3_relu'"):
        claim_layers(cut, TINY)


def test_nothing_is_frozen_where_claiming_fails(build):
    model = build()
    with pytest.raises(NetworkError, match="The model isn't a resnet50"):
        freeze(model, get_network("resnet50"), (), batch_norm="train")
    assert all(layer.trainable for layer in model.layers)


def test_description_names_every_layer_and_the_sums(build):
    model = build()
    freeze(model, TINY, ("conv3",), batch_norm="frozen")
    lines = describe(model).splitlines()
    assert lines[0].split() == ["index", "name", "type", "output", "shape", "parameters", "trainable"]
    assert [line.split()[1] for line in lines[1:-1]] == [layer.name for layer in model.layers]
    assert lines[3].split() == ["2", "conv1", "Conv2D", "16", "x", "16", "x", "8", "216", "no"]
    assert lines[9].split()[-2:] == ["4,608", "yes"]
    assert lines[-1] == "6,491 parameters, 4,899 of them trainable"
    assert count_parameters(model) == (6_491, 4_899)


def test_inception_v3_freezes_where_the_thesis_did(build):
    """22,889,321 parameters with 73 classes; the scaling layer doesn't count among the 311."""
    network = get_network("inception_v3")
    model = build("inception_v3", classes=73, dense_units=512)
    found = {}
    for blocks in THESIS_INDICES:
        freeze(model, network, select_blocks(network, blocks=blocks, unfreeze=""), batch_norm="train")
        found[blocks] = first_trainable_index(model, network)
    assert found == THESIS_INDICES
    assert count_parameters(model)[0] == 22_889_321


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_is_claimed_and_a_deeper_cut_trains_more(build, name):
    """Each block has layers, the top layers thaw with the last block, and the stem never does."""
    network = get_network(name)
    model = build(name)
    parts = claim_layers(model, network)
    assert all(parts[block] for block in network.block_names)
    assert bool(parts["stem"]) == bool(network.stem)
    trained = []
    for blocks in range(len(network.blocks) + 1):
        freeze(model, network, select_blocks(network, blocks=blocks, unfreeze=""), batch_norm="train")
        trained.append(count_parameters(model)[1])
        assert not [layer for layer in parts["stem"] if layer.trainable]
        assert model.get_layer(network.last_layer).trainable == (blocks > 0)
    assert trained == sorted(set(trained))
