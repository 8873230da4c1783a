import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

from beauty_mlflow.errors import ParameterError
from beauty_mlflow.training.optimizers import build_optimizer, scale_loss
from beauty_mlflow.training.recipes import OPTIMIZERS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_moves_a_weight_against_its_gradient(name):
    optimizer = build_optimizer(name, 0.01)
    weight = keras.Variable([1.0, -1.0])
    optimizer.apply([np.array([0.5, -0.5], np.float32)], [weight])
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
    assert weight.numpy()[0] < 1.0
    assert weight.numpy()[1] > -1.0


@pytest.mark.parametrize("gradient", [1.0, 1e-3, 1e-5])
def test_rmsprop_steps_as_in_2018_for_small_gradients_too(gradient):
    """Three steps against the formula of Keras 2: v = 0.9 v + 0.1 g², w -= lr g / (sqrt(v) + 1e-7)."""
    optimizer = build_optimizer("rmsprop", 2e-4)
    weight = keras.Variable([0.0])
    velocity = expected = 0.0
    for _ in range(3):
        optimizer.apply([np.array([gradient], np.float32)], [weight])
        velocity = 0.9 * velocity + 0.1 * gradient**2
        expected -= 2e-4 * gradient / (np.sqrt(velocity) + 1e-7)
    assert weight.numpy()[0] == pytest.approx(expected, rel=0.03)


def test_sgd_has_momentum():
    """A second step under the same gradient is longer than the first by 0.9 of it."""
    optimizer = build_optimizer("sgd", 1.0)
    weight = keras.Variable([0.0])
    for _ in range(2):
        optimizer.apply([np.array([1.0], np.float32)], [weight])
    assert weight.numpy()[0] == pytest.approx(-2.9)


def test_an_unknown_optimizer_suggests_the_nearest():
    with pytest.raises(ParameterError, match=r"Unknown optimizer 'rmsprp'.*Did you mean 'rmsprop'\?"):
        build_optimizer("rmsprp", 0.1)


@pytest.mark.parametrize("nested", [False, True])
def test_gradients_too_small_for_float16_still_train(run, tmp_path, nested):
    """Weighted by 1e-7, they would all be 0 in float16; the weights move as those of a float32 network."""
    generator = np.random.default_rng(1)
    pictures = generator.uniform(size=(12, 2, 2, 3)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 12)]
    dataset = tf.data.Dataset.from_tensor_slices((pictures, labels))
    weighted = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensors(np.float32(1e-7)).repeat())
    moved = {}
    for dtype in ("float32", "mixed_float16"):
        dense = keras.layers.Dense(3, dtype=dtype, kernel_initializer="zeros")
        inner = keras.Sequential([keras.Input((12,)), dense]) if nested else dense
        layers = [keras.layers.Flatten(), inner, keras.layers.Softmax(dtype="float32")]
        run(
            keras.Sequential([keras.Input((2, 2, 3)), *layers]),
            train=lambda _: weighted.map(lambda pair, weight: (*pair, weight)).batch(4),
            validation=dataset.batch(4),
            folder=tmp_path / dtype,
            optimizer="sgd",
            learning_rate=1e6,
            epochs=1,
        )
        moved[dtype] = np.array(dense.kernel)
    assert np.abs(moved["float32"]).max() > 0.01
    np.testing.assert_allclose(moved["mixed_float16"], moved["float32"], rtol=0.02, atol=2e-4)


@pytest.mark.parametrize(("dtype", "scaled"), [("float32", False), ("mixed_bfloat16", False), ("mixed_float16", True)])
def test_the_loss_is_scaled_for_float16_alone(dtype, scaled):
    """And the learning rate is the wrapped optimizer's."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype=dtype)])
    optimizer = scale_loss(build_optimizer("adam", 0.25), model)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) is scaled
    assert float(optimizer.learning_rate) == 0.25


def test_a_training_leaves_no_graph_behind(make_network, run, tmp_path):
    """TensorFlow would keep the graph of each, by the gradient of Keras's sum over replicas, until the process ends."""

    def operations():
        gc.collect()
        return sum(isinstance(found, tf.Operation) for found in gc.get_objects())

    run(make_network(), epochs=1, folder=tmp_path / "0")
    before = operations()
    for turn in (1, 2):
        run(make_network(), epochs=1, folder=tmp_path / str(turn))
    assert operations() == before
