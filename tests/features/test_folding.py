import keras
import numpy as np
import pytest

from beauty_mlflow.features.boundaries import boundaries, trunk_below
from beauty_mlflow.features.folding import fold
from beauty_mlflow.networks.table import NETWORKS, get_network

ALL = ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS if name != "tiny")]
NORMALISATIONS = {
    "inception_v3": 94,
    "resnet50": 53,
    "simplenet": 13,
    "mobilenet_v2": 52,
    "efficientnet_b0": 49,
    "efficientnet_lite0": 49,
    "tiny": 3,
}


def count(model):
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def as_arrays(outputs):
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


def weights_of(model):
    return [weight.copy() for weight in model.get_weights()]


@pytest.mark.parametrize("name", ALL)
def test_a_folded_trunk_computes_the_same_at_every_boundary(built, noise, name):
    """Within 1e-3 of the range, with no batch normalisation left; the original stays as it is."""
    network = get_network(name)
    model = built(name)
    trunk = trunk_below(model, network, *boundaries(network))
    given = noise(4, model.input_shape[1], seed=5)
    before, expected = weights_of(model), trunk(given, training=False)
    trainable = [layer.trainable for layer in model.layers]

    folded = fold(trunk)
    pairs = zip(as_arrays(expected), as_arrays(folded(given, training=False)), strict=True)
    for boundary, (wanted, found) in zip(boundaries(network), pairs, strict=True):
        assert np.ptp(wanted) > 0.01, f"{boundary} is trivial"
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * np.ptp(wanted), err_msg=boundary)

    assert (count(trunk), count(folded)) == (NORMALISATIONS[name], 0)
    assert not folded.trainable_weights
    assert [layer.trainable for layer in model.layers] == trainable
    assert all(np.array_equal(*pair) for pair in zip(before, weights_of(model), strict=True))
    assert all(np.array_equal(*pair) for pair in zip(expected, trunk(given, training=False), strict=True))


@pytest.mark.parametrize(
    ("bias", "center", "scale"), [(True, True, True), (True, False, True), (False, True, False), (False, False, False)]
)
@pytest.mark.parametrize("depthwise", [False, True])
def test_biases_and_missing_factors_are_minded(noise, depthwise, bias, center, scale):
    """A convolution with a bias of its own, several channels out of each, and normalisations without gamma or beta."""
    image = keras.Input((8, 8, 3))
    options = {"use_bias": bias, "bias_initializer": "random_normal"}
    convolution = (
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, **options)
        if depthwise
        else keras.layers.Conv2D(6, 3, **options)
    )
    normalisation = keras.layers.BatchNormalization(center=center, scale=scale, epsilon=0.1)
    model = keras.Model(image, normalisation(convolution(image)))
    random = np.random.default_rng(0)
    normalisation.set_weights([random.uniform(0.5, 2, weight.shape) for weight in normalisation.get_weights()])
    folded = fold(model)
    assert count(folded) == 0
    np.testing.assert_allclose(folded(noise(2, 8)), model(noise(2, 8), training=False), rtol=1e-4, atol=1e-3)


def stays(layers):
    """Fold what a function makes of an image and return how many normalisations stay."""
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers(image))
    for layer in model.layers:
        layer.set_weights([np.linspace(0.5, 1.5, weight.size).reshape(weight.shape) for weight in layer.get_weights()])
    folded = fold(model)
    given = np.linspace(-1, 1, 8 * 8 * 3, dtype=np.float32).reshape(1, 8, 8, 3)
    for wanted, found in zip(as_arrays(model(given, training=False)), as_arrays(folded(given)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    return count(folded)


def test_what_cannot_be_folded_stays_and_computes_the_same():
    """Nothing below it, an activation in between, another reader, or the output itself is what comes before it."""
    from keras.layers import Add, BatchNormalization, Conv2D, ReLU

    def read_twice(image):
        x = Conv2D(3, 1)(image)
        return Add()([x, BatchNormalization()(x)])

    def given_out(image):
        x = Conv2D(3, 1)(image)
        return [x, BatchNormalization()(x)]

    assert stays(BatchNormalization()) == 1
    assert stays(lambda image: BatchNormalization()(ReLU()(Conv2D(3, 1)(image)))) == 1
    assert stays(lambda image: BatchNormalization()(Conv2D(3, 1, activation="relu")(image))) == 1
    assert stays(read_twice) == 1
    assert stays(given_out) == 1
    assert stays(lambda image: BatchNormalization()(BatchNormalization()(Conv2D(3, 1)(image)))) == 1


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_is_kept(build, noise, precision):
    """The folded layers compute in what the model's did, near to what float32 gives."""
    network = get_network("tiny")
    model = build(precision=precision)
    folded = fold(trunk_below(model, network, "conv3"))
    assert {layer.compute_dtype for layer in folded.layers if layer.name.startswith("conv")} == {precision}
    assert {str(weight.dtype) for weight in folded.weights} == {"float32"}
    full = build()
    wanted = np.asarray(trunk_below(full, network, "conv3")(noise(4, 32), training=False))
    found = np.asarray(folded(noise(4, 32), training=False), np.float32)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.05 * np.ptp(wanted))
