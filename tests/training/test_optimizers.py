import keras
import numpy as np
import pytest

from beauty_mlflow.errors import ParameterError
from beauty_mlflow.training.optimizers import build_optimizer
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
