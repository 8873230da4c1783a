import keras
import pytest

from beauty_mlflow.networks.simplenet import simplenet


@pytest.fixture
def model():
    pictures = keras.Input((64, 64, 3))
    return keras.Model(pictures, simplenet(pictures))


def test_it_has_the_papers_5_48_million_weights_in_13_convolutions(model):
    """Hasanpour et al. 2016, table 1: 5.48 M."""
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 13
    assert sum(layer.count_params() for layer in convolutions) == 5_482_176


def test_five_poolings_divide_the_side_by_32(model):
    assert model.output_shape == (None, 2, 2, 256)
