import keras
import numpy as np
import pytest

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.freezing import freeze
from beauty_mlflow.networks.statistics import set_batch_norm_statistics
from beauty_mlflow.networks.table import get_network


@pytest.fixture
def outputs_of():
    """Make a function that returns a layer's output in inference mode."""

    def outputs_of(model, name, given):
        return keras.Model(model.input, model.get_layer(name).output)(given, training=False).numpy()

    return outputs_of


def test_batch_norm_standardises_the_pictures_it_saw(build, pictures, outputs_of):
    model = build()
    set_batch_norm_statistics(model, [pictures(16)])
    for name in ("conv1_bn", "conv2_bn", "conv3_bn"):
        values = outputs_of(model, name, pictures(16))
        np.testing.assert_allclose(values.mean((0, 1, 2)), 0, atol=1e-3)
        np.testing.assert_allclose(values.std((0, 1, 2)), 1, atol=0.05)


def test_several_batches_count_the_same(build, pictures, equal_weights):
    """The statistics are the plain mean over batches, whatever was there before."""
    each = []
    for seed in range(3):
        model = build()
        set_batch_norm_statistics(model, [pictures(seed=seed)])
        each.append(model.get_layer("conv1_bn").moving_mean.numpy())
    set_batch_norm_statistics(model, [pictures(seed=seed) for seed in range(3)])
    np.testing.assert_allclose(model.get_layer("conv1_bn").moving_mean, np.mean(each, axis=0), atol=1e-5)


def test_nothing_else_changes(build, pictures, equal_weights):
    """Neither other weights, nor what trains, nor the momentum, nor dropout's random state."""
    model = build()
    freeze(model, get_network("tiny"), ("conv3",), batch_norm="frozen")
    statistics = {id(w) for layer in model.layers if hasattr(layer, "momentum") for w in layer.weights[2:]}
    rest = [variable for variable in model.variables if id(variable) not in statistics]
    flags = [(layer.trainable, getattr(layer, "momentum", None)) for layer in model.layers]
    before = [variable.numpy() for variable in rest]
    set_batch_norm_statistics(model, [pictures(), pictures(seed=1)])
    assert len(statistics) == 6
    assert equal_weights(before, [variable.numpy() for variable in rest])
    assert flags == [(layer.trainable, getattr(layer, "momentum", None)) for layer in model.layers]


def test_flags_come_back_after_an_error(build, pictures):
    model = build()
    freeze(model, get_network("tiny"), (), batch_norm="train")

    def batches():
        yield pictures()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        set_batch_norm_statistics(model, batches())
    assert not model.get_layer("conv1_bn").trainable
    assert model.get_layer("conv1_bn").momentum == 0.99


def test_no_batch_is_an_error(build):
    with pytest.raises(WeightsError, match="expected at least one batch of pictures"):
        set_batch_norm_statistics(build(), [])


@pytest.mark.slow
def test_a_random_inception_v3_comes_alive(build, pictures, outputs_of):
    """Its features hardly vary between pictures before, and do after."""
    model = build("inception_v3")
    given = pictures(8, 75)
    before = outputs_of(model, "head_pooling", given).std(axis=0).mean()
    set_batch_norm_statistics(model, [given])
    after = outputs_of(model, "head_pooling", given).std(axis=0).mean()
    assert before < 1e-2
    assert after > 30 * before
    assert after > 0.1
