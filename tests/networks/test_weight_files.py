import keras
import pytest

from beauty_mlflow.errors import ModelError, WeightsError
from beauty_mlflow.networks.building import build_scratch, trunk_of
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.weight_files import load_file

TINY = get_network("tiny")


@pytest.fixture(params=[".keras", ".weights.h5"])
def save(request, tmp_path):
    """Make a function that saves a network in each of the two formats."""

    def save(model):
        path = tmp_path / f"saved{request.param}"
        model.save(path) if request.param == ".keras" else model.save_weights(path)
        return path

    return save


@pytest.fixture
def trunks_equal(equal_weights):
    """Make a function that compares two networks' trunks."""

    def trunks_equal(left, right):
        return equal_weights(trunk_of(left, TINY).get_weights(), trunk_of(right, TINY).get_weights())

    return trunks_equal


def head(model):
    return [weight for name in ("head_dense", "head_predictions") for weight in model.get_layer(name).get_weights()]


def test_trunk_and_head_come_from_the_file(build, save, equal_weights):
    source, model = build(seed=1), build(seed=2)
    assert load_file(model, TINY, save(source), keep_head=True).head_kept
    assert equal_weights(model.get_weights(), source.get_weights())


def test_the_head_stays_new_where_it_is_not_to_be_kept(build, save, equal_weights, trunks_equal):
    source, model = build(seed=1), build(seed=2)
    assert not load_file(model, TINY, save(source), keep_head=False).head_kept
    assert trunks_equal(model, source)
    assert equal_weights(head(model), head(build(seed=2)))


@pytest.mark.parametrize("change", [{"classes": 5}, {"dense_units": 9}, {"dense_units": 0}])
def test_a_head_of_other_sizes_stays_new_as_a_whole(build, save, equal_weights, trunks_equal, change):
    """Not even the layers that would fit are taken over."""
    source, model = build(seed=1, **change), build(seed=2)
    assert not load_file(model, TINY, save(source), keep_head=True).head_kept
    assert trunks_equal(model, source)
    assert equal_weights(head(model), head(build(seed=2)))


def test_a_network_trained_from_scratch_gives_its_trunk(build, save, trunks_equal):
    source = build_scratch(TINY, classes=3, image_size=32, scaling="unit", precision="float32", seed=1)
    model = build()
    assert not load_file(model, TINY, save(source), keep_head=True).head_kept
    assert trunks_equal(model, source)


def test_precision_of_the_file_does_not_matter(build, save, equal_weights):
    source, model = build(seed=1, precision="bfloat16"), build(seed=2)
    load_file(model, TINY, save(source), keep_head=True)
    assert equal_weights(model.get_weights(), source.get_weights())


def test_a_nested_trunk_is_found(build, tmp_path, trunks_equal):
    """Keras' users put the trunk into the network as one layer."""
    source, model = build(seed=1), build(seed=2)
    pictures = keras.Input((32, 32, 3))
    features = trunk_of(source, TINY)(pictures)
    path = tmp_path / "nested.keras"
    keras.Model(pictures, keras.layers.Dense(7)(keras.layers.Flatten()(features))).save(path)
    assert not load_file(model, TINY, path, keep_head=True).head_kept
    assert trunks_equal(model, source)


def test_another_networks_file_is_refused(build, save):
    with pytest.raises(WeightsError, match=r"saved.* doesn't fit tiny"):
        load_file(build(), TINY, save(build("simplenet")), keep_head=True)


def test_the_layer_that_does_not_fit_is_named(build, tmp_path):
    path = tmp_path / "other.keras"
    build("simplenet").save(path)
    expected = r"layer 'conv1' is Conv2D \(3, 3, 3, 8\), the file has Conv2D \(3, 3, 3, 64\)\. Use a file of the same"
    with pytest.raises(WeightsError, match=expected):
        load_file(build(), TINY, path, keep_head=True)


def test_a_network_that_ends_too_early_is_refused(build, tmp_path):
    model = build()
    path = tmp_path / "short.keras"
    keras.Model(model.input, model.get_layer("conv3").output).save(path)
    with pytest.raises(WeightsError, match=r"layer 'conv3_bn' is BatchNormalization .*, the file has nothing"):
        load_file(model, TINY, path, keep_head=True)


@pytest.mark.parametrize("length", [0, 10, 3000])
def test_a_file_cut_short_is_refused(build, save, length):
    path = save(build())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises((ModelError, WeightsError), match=r"can't be loaded|doesn't fit tiny, or is damaged"):
        load_file(build(), TINY, path, keep_head=True)


def test_a_missing_file_is_named(build, tmp_path):
    with pytest.raises(WeightsError, match=r"There is no weights file .*gone\.keras"):
        load_file(build(), TINY, tmp_path / "gone.keras", keep_head=True)


@pytest.mark.parametrize(("name", "hint"), [("imagnet", r"Did you mean 'imagenet'\?"), ("model.pt", "")])
def test_anything_else_is_answered_with_what_is_known(build, tmp_path, monkeypatch, name, hint):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    expected = rf"weights='{name}' isn't known: expected auto, imagenet, random, or a path .*\.weights\.h5\.( {hint})?"
    with pytest.raises(WeightsError, match=expected):
        load_file(build(), TINY, Path(name), keep_head=True)


def test_another_scaling_is_said(build, tmp_path):
    """Weights trained on pixels 0..1 do badly on pixels -1..1."""
    path = tmp_path / "saved.keras"
    build(scaling="symmetric").save(path)
    assert load_file(build(scaling="symmetric"), TINY, path, keep_head=True).other_scaling == ""
    assert load_file(build(), TINY, path, keep_head=True).other_scaling == "x * 0.007843 + -1.0"
