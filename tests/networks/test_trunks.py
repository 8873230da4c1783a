import keras
import numpy as np
import pytest

from beauty_mlflow.networks.trunks import IMAGENET_DEVIATION, IMAGENET_MEAN


@pytest.mark.slow
def test_layer_names_do_not_depend_on_what_was_built_before(build):
    """network.txt of a sweep's tenth trial reads like that of its first."""
    first, second = build("inception_v3"), build("inception_v3")
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    names = {layer.name for layer in second.layers}
    assert {"conv2d", "conv2d_93", "max_pooling2d_1", "mixed9_0", "concatenate_1"} <= names
    assert len(names) == len(second.layers)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_efficientnet_b0_standardises_its_pictures_itself(build, pictures, precision):
    """In float32, whatever the precision: bfloat16 would round the pixels."""
    model = build("efficientnet_b0", precision=precision)
    scaled = keras.Model(model.input, model.get_layer("normalization").output)(pictures())
    expected = (pictures() / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_DEVIATION)
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_stochastic_depth_is_off(build):
    rates = [layer.rate for layer in build("efficientnet_b0").layers if layer.name.endswith("_drop")]
    assert rates == [0.0] * 9
