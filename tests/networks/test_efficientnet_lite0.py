import keras
import pytest

from beauty_mlflow.networks.efficientnet_lite0 import efficientnet_lite0


@pytest.fixture(scope="module")
def model():
    pictures = keras.Input((224, 224, 3))
    return keras.Model(pictures, efficientnet_lite0(pictures))


def test_it_has_the_published_parameters(model):
    """4.65 million with the classifier of 1000 classes (Liu 2020); batch-norm statistics are 42,016 more."""
    assert model.count_params() == 3_413_024
    statistics = sum(weight.shape[0] for weight in model.non_trainable_weights)
    assert model.count_params() - statistics + 1281 * 1000 == pytest.approx(4.65e6, rel=0.001)


def test_stages_halve_the_side_where_published(model):
    sides = [model.get_layer(f"block{stage}a_project_bn").output.shape[1] for stage in range(1, 8)]
    assert sides == [112, 56, 28, 14, 14, 7, 7]


def test_it_has_relu6_and_no_squeeze_and_excitation(model):
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add"}
    assert {layer.max_value for layer in model.layers if isinstance(layer, keras.layers.ReLU)} == {6}


def test_shortcuts_are_where_a_stage_repeats(model):
    shortcuts = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert shortcuts == [f"block{unit}_add" for unit in ("2b", "3b", "4b", "4c", "5b", "5c", "6b", "6c", "6d")]
