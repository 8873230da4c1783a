import numpy as np
import pytest

from beauty_mlflow.features.boundaries import POOLED, boundaries, limit, tail_above, trunk_below
from beauty_mlflow.networks.freezing import HEAD, SCALING, claim_layers
from beauty_mlflow.networks.table import NETWORKS, get_network, select_blocks

ALL = ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS if name != "tiny")]


def test_names_go_from_the_bottom_to_the_top():
    """A stem where there is one, each block, the pooling."""
    inception = boundaries(get_network("inception_v3"))
    assert inception == ("stem", *(f"mixed{number}" for number in range(11)), "pooled")
    assert boundaries(get_network("tiny")) == ("conv1", "conv2", "conv3", "pooled")


@pytest.mark.parametrize(
    ("network", "blocks", "unfreeze", "expected"),
    [
        ("inception_v3", 0, "", "pooled"),
        ("inception_v3", 1, "", "mixed9"),
        ("inception_v3", 10, "", "mixed0"),
        ("inception_v3", 11, "", "stem"),
        ("inception_v3", 6, "mixed3..mixed6", "mixed2"),
        ("inception_v3", 6, "mixed0", "stem"),
        ("tiny", 1, "", "conv2"),
        ("tiny", 3, "", ""),
        ("tiny", 1, "conv1..conv2", ""),
    ],
)
def test_the_limit_lies_below_the_lowest_block_that_trains(network, blocks, unfreeze, expected):
    """Also of an inner range; without a stem nothing lies below the lowest block."""
    known = get_network(network)
    assert limit(known, select_blocks(known, blocks=blocks, unfreeze=unfreeze)) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_each_depth_has_a_limit_of_its_own(name):
    """One more block trained, one boundary further down; the whole network trains only where there is no stem."""
    network = get_network(name)
    depths = range(len(network.blocks) + 1)
    limits = [limit(network, select_blocks(network, blocks=depth, unfreeze="")) for depth in depths]
    bottom = "stem" if network.stem else ""
    assert limits[::-1] == [bottom, *network.block_names[:-1], POOLED]


@pytest.mark.parametrize("name", ALL)
def test_the_tail_of_the_trunk_is_the_network(built, noise, name):
    """At every boundary, in inference mode; both are made of the network's own layers, each in one of them."""
    network = get_network(name)
    model = built(name)
    parts = claim_layers(model, network)
    given = noise(2, model.input_shape[1], seed=3)
    expected = model(given, training=False).numpy()
    assert np.ptp(expected) > 1e-3
    weighted = [layer for layer in model.layers if layer.weights]
    for boundary in boundaries(network):
        trunk, tail = trunk_below(model, network, boundary), tail_above(model, network, boundary)
        activations = trunk(given, training=False)
        np.testing.assert_allclose(tail(activations, training=False), expected, rtol=1e-4, atol=1e-6, err_msg=boundary)
        below, above = ([layer for layer in half.layers if layer.weights] for half in (trunk, tail))
        assert {id(layer) for layer in below} | {id(layer) for layer in above} == {id(layer) for layer in weighted}
        assert not {id(layer) for layer in below} & {id(layer) for layer in above}
    assert [layer.name for layer in parts[HEAD] if layer.weights] == [layer.name for layer in above]
    assert not [layer for layer in parts[SCALING] if layer.weights]


def test_training_a_tail_trains_the_network(build, noise):
    """What the tail learns is the whole network's, and what lies below it stays."""
    network = get_network("tiny")
    model = build()
    tail = tail_above(model, network, "conv2")
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    tail.compile(optimizer="sgd", loss="categorical_crossentropy")
    activations = trunk_below(model, network, "conv2")(noise(6, 32), training=False)
    tail.fit(activations, np.eye(3, dtype=np.float32)[[0, 1, 2] * 2], verbose=0)
    changed = {
        name
        for name, weights in before.items()
        if not all(map(np.array_equal, weights, model.get_layer(name).get_weights()))
    }
    assert changed == {"conv3", "conv3_bn", "head_dense", "head_predictions"}
    np.testing.assert_allclose(tail(activations, training=False), model(noise(6, 32), training=False), rtol=1e-4)
