import random
import subprocess
import sys

import keras
import numpy as np
import pytest

from beauty_mlflow.errors import NetworkError
from beauty_mlflow.networks.building import TRUNKS, build_scratch, trunk_of
from beauty_mlflow.networks.table import NETWORKS, get_network

LOAD_WITHOUT_US = """
import sys
import keras
import numpy as np
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
given = np.load(sys.argv[2], allow_pickle=False)
assert not [name for name in sys.modules if name.startswith("beauty_mlflow")]
np.save(sys.argv[3], model(given, training=False).numpy())
"""


@pytest.fixture
def scaled(build):
    """Make a function that returns what the trunk sees of a pixel."""

    def scaled(scaling, pixel):
        model = build("tiny", scaling=scaling, image_size=8)
        trunk = keras.Model(model.input, model.get_layer("scaling").output)
        return trunk(np.tile(np.float32(pixel), (1, 8, 8, 1))).numpy()[0, 0, 0]

    return scaled


def load_in_another_process(model, given, folder):
    model.save(folder / "model.keras")
    np.save(folder / "given.npy", given)
    paths = [str(folder / name) for name in ("model.keras", "given.npy", "answer.npy")]
    script = folder / "load.py"
    script.write_text(LOAD_WITHOUT_US)
    subprocess.run([sys.executable, "-I", str(script), *paths], check=True, capture_output=True)
    return np.load(folder / "answer.npy", allow_pickle=False)


def test_every_network_has_a_builder():
    assert list(TRUNKS) == list(NETWORKS)


def test_network_is_flat_and_named(build):
    model = build()
    names = [layer.name for layer in model.layers]
    assert names[:3] == ["image", "scaling", "conv1"]
    assert names[-4:] == ["head_pooling", "head_dropout", "head_dense", "head_predictions"]
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model)]


def test_dense_units_of_zero_leave_the_dense_layer_out(build):
    assert "head_dense" not in [layer.name for layer in build(dense_units=0).layers]


def test_probabilities_are_float32_and_sum_to_one(build, pictures):
    for dtype in (np.uint8, np.float32):
        answer = build()(pictures().astype(dtype), training=False)
        assert (answer.dtype.name, answer.shape) == ("float32", (4, 3))
        np.testing.assert_allclose(np.sum(answer, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("unit", [0, 100 / 255, 1]),
        ("symmetric", [-1, 100 / 127.5 - 1, 1]),
        ("lite", [-127 / 128, -27 / 128, 1]),
        ("caffe", [255 - 103.939, 100 - 116.779, -123.68]),
    ],
)
def test_pixels_are_scaled_as_named(scaled, scaling, expected):
    np.testing.assert_allclose(scaled(scaling, [0, 100, 255]), expected, rtol=1e-5, atol=1e-6)


def test_same_seed_same_weights(build, equal_weights):
    first = build(seed=1).get_weights()
    assert equal_weights(first, build(seed=1).get_weights())
    assert not equal_weights(first, build(seed=2).get_weights())


def test_building_leaves_no_trace(build):
    """Neither the generator of random numbers nor Keras' precision is changed."""
    state, policy = random.getstate(), keras.config.dtype_policy()
    build(precision="bfloat16")
    assert random.getstate() == state
    assert keras.config.dtype_policy() == policy


def test_precision_is_restored_after_an_error(build, monkeypatch):
    def fail(_):
        raise RuntimeError("no trunk")

    monkeypatch.setitem(TRUNKS, "tiny", fail)
    with pytest.raises(RuntimeError, match="no trunk"):
        build(precision="float16")
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_computes_the_trunk_only(build, pictures, precision):
    """Scaling, head and all weights stay float32; the answers are nearly the same."""
    low, full = build(precision=precision), build()
    dtypes = {layer.name: layer.compute_dtype for layer in low.layers}
    assert (dtypes["scaling"], dtypes["conv1"], dtypes["head_dense"]) == ("float32", precision, "float32")
    assert {weight.dtype for weight in low.weights} == {"float32"}
    np.testing.assert_allclose(low(pictures()), full(pictures()), atol=0.02)


def test_too_small_pictures_are_refused(build):
    with pytest.raises(NetworkError, match="image_size=7 is too small for tiny: expected 8 or more"):
        build(image_size=7)


def test_unknown_precision_is_refused(build):
    with pytest.raises(NetworkError, match="Unknown precision 'double': expected one of float32, bfloat16, float16"):
        build(precision="double")


def test_trunk_dropout_is_off_in_transfer_and_on_from_scratch(build):
    """Only so is a frozen trunk a fixed function of the picture."""
    transfer = build("simplenet")
    scratch = build_scratch(
        get_network("simplenet"), classes=3, image_size=32, scaling="unit", precision="float32", seed=0
    )
    rates = [
        {layer.rate for layer in model.layers if layer.name.endswith("_dropout") and layer.name[0] == "c"}
        for model in (transfer, scratch)
    ]
    assert rates == [{0.0}, {0.1}]


def test_simplenet_from_scratch_ends_in_global_max_pooling(build):
    model = build_scratch(
        get_network("simplenet"), classes=73, image_size=32, scaling="unit", precision="float32", seed=0
    )
    assert isinstance(model.get_layer("head_pooling"), keras.layers.GlobalMaxPooling2D)
    assert model.get_layer("head_dropout").rate == 0.1
    assert model.count_params() == 5_500_352 + 257 * 73


def test_trunk_shares_the_models_layers(build):
    model = build()
    trunk = trunk_of(model, get_network("tiny"))
    assert trunk.layers[-1] is model.get_layer("conv3_relu")
    with pytest.raises(NetworkError, match="The model isn't a resnet50: it has no layer 'conv5_block3_out'"):
        trunk_of(model, get_network("resnet50"))


@pytest.mark.parametrize("name", ["tiny", *(pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS if n != "tiny")])
def test_each_row_says_the_truth(build, pictures, tmp_path, name):
    """Parameters, order of blocks, shapes; saved, it loads without this package and answers the same."""
    network = get_network(name)
    model = build(name)
    names = [layer.name for layer in model.layers]
    ends = [names.index(end) for end in (*filter(None, [network.stem]), *(b.boundary for b in network.blocks))]
    assert ends == sorted(set(ends))
    assert trunk_of(model, network).count_params() == network.parameters
    given = pictures(2, model.input_shape[1])
    answer = model(given, training=False).numpy()
    assert answer.shape == (2, 3)
    np.testing.assert_allclose(load_in_another_process(model, given, tmp_path), answer, atol=1e-6)


@pytest.mark.slow
def test_caffe_scaling_loads_without_this_package(build, pictures, tmp_path):
    """The flip of the channels is an operation, not a layer."""
    model = build("tiny", scaling="caffe")
    answer = model(pictures(), training=False).numpy()
    np.testing.assert_allclose(load_in_another_process(model, pictures(), tmp_path), answer, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters"), [("inception_v3", 21_952_361), ("resnet50", 23_737_289)])
def test_scratch_networks_have_their_own_top(name, parameters):
    """Global average pooling and one softmax, as keras.applications has it: trunk + 2049 x 73."""
    model = build_scratch(get_network(name), classes=73, image_size=75, scaling="unit", precision="float32", seed=0)
    assert model.count_params() == parameters
    assert [layer.name for layer in model.layers][-2:] == ["head_pooling", "head_predictions"]
