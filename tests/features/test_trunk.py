from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.data import augmentation
from beauty_mlflow.features import trunk as trunks
from beauty_mlflow.features.boundaries import boundaries
from beauty_mlflow.features.trunk import View
from beauty_mlflow.networks.table import NETWORKS, get_network

TINY = get_network("tiny")
AUGMENTED = View("thesis", 0, 0)


def key(trunk, pictures, view=AUGMENTED, boundary="conv2"):
    return trunk.key(boundary, pictures, view)


@pytest.mark.parametrize(
    "changed",
    [{"resize": "pad"}, {"scaling": "lite"}, {"precision": "bfloat16"}],
    ids=lambda changed: next(iter(changed)),
)
def test_another_way_to_the_trunk_is_another_key(make_trunk, make_pictures, build, changed):
    """The weights are the same, but not what comes in or how exactly it is computed."""
    model, pictures = build(image_size=16), make_pictures(4)
    assert key(make_trunk(model), pictures) != key(make_trunk(model, **changed), pictures)


def test_another_size_is_another_key(make_trunk, make_pictures, build):
    """The same weights in a network for larger pictures."""
    small, large = build(image_size=16), build(image_size=24)
    large.set_weights(small.get_weights())
    pictures = make_pictures(4)
    assert make_trunk(small).digest("conv2") == make_trunk(large, size=24).digest("conv2")
    assert key(make_trunk(small), pictures) != key(make_trunk(large, size=24), pictures)


@pytest.mark.parametrize("view", [View("light", 0, 0), View("thesis", 1, 0), View("thesis", 0, 1), View()])
def test_another_view_is_another_key(make_trunk, make_pictures, view):
    """Another augmentation, seed or number; without augmentation."""
    trunk, pictures = make_trunk(), make_pictures(4)
    assert key(trunk, pictures, view) != key(trunk, pictures)


def test_without_augmentation_seed_and_number_do_not_matter(make_trunk, make_pictures):
    """Validation pictures are the same for every seed."""
    trunk, pictures = make_trunk(), make_pictures(4)
    assert key(trunk, pictures, View("none", 3, 2)) == key(trunk, pictures, View())


def test_another_picture_is_another_key(make_trunk, make_pictures):
    """One picture's content changes, one is missing, one is there twice."""
    trunk, pictures = make_trunk(), make_pictures(4)
    other = replace(pictures, keys=pictures.keys + np.array([0, 0, 1, 0], np.uint64))
    kept = {
        key(trunk, some) for some in (pictures, other, pictures.select([0, 1, 2]), pictures.select([0, 1, 2, 3, 3]))
    }
    assert len(kept) == 4


def test_what_changes_the_pictures_changes_the_key(make_trunk, make_pictures, monkeypatch):
    """Another decoder, other ranges of the augmentation, another resampling: what was kept before isn't read."""
    trunk, pictures = make_trunk(), make_pictures(4)
    before = key(trunk, pictures)
    changes = [
        (trunks, "DECODER", 99),
        (augmentation, "_RESAMPLING", 99),
        (augmentation, "RANGES", {"thesis": replace(augmentation.RANGES["thesis"], rotation=39)}),
    ]
    for module, name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert key(trunk, pictures) != before, name
    assert key(trunk, pictures) == before


def test_names_classes_and_order_do_not_matter(make_trunk, make_pictures):
    """Pictures that are renamed, moved, or merged into groups, which sorts them anew, are the same pictures."""
    trunk, pictures = make_trunk(), make_pictures(4)
    renamed = replace(pictures, paths=("x/1", "x/2", "y/3", "y/4"), folder=Path("elsewhere"))
    grouped = replace(pictures.select([2, 0, 3, 1]), classes=("all",), labels=np.zeros(4, np.int32))
    assert key(trunk, pictures) == key(trunk, renamed) == key(trunk, grouped)


def test_each_weight_below_the_boundary_matters_and_none_above(make_trunk, make_pictures, build):
    """A change by a hundredth in any one weight, batch normalisation's statistics included."""
    pictures = make_pictures(4)
    model = build(image_size=16)
    expected = {name: key(make_trunk(model), pictures, boundary=name) for name in boundaries(TINY)}
    for weight in model.weights:
        before = np.array(weight)
        weight.assign(before + np.float32(0.01))
        changed = {name for name in expected if key(make_trunk(model), pictures, boundary=name) != expected[name]}
        weight.assign(before)
        layer = weight.path.split("/")[0]
        above = () if layer.startswith("head") else boundaries(TINY)[int(layer[4]) - 1 :]
        assert changed == set(above), weight.path


@pytest.mark.parametrize("name", ["tiny", *(pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS if n != "tiny")])
def test_a_network_built_again_has_the_same_digests(build, built, make_trunk, name):
    """Keras counts its layers' names over a process; the digest doesn't."""
    network = get_network(name)
    first, second = built(name), build(name)
    second.set_weights(first.get_weights())
    trunks = [make_trunk(model, network=network) for model in (first, second)]
    digests = [[trunk.digest(boundary) for boundary in boundaries(network)] for trunk in trunks]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == len(digests[0]) - 1, "all but the pooling, which has no weights, add weights"


def test_several_boundaries_are_computed_in_one_graph(make_trunk, noise):
    """For every batch size the same graph, and the same function for whoever asks again."""
    trunk = make_trunk()
    run = trunk.compute(["conv2", "pooled"])
    rows, finite = run(noise(5, 16))
    run(noise(2, 16))
    assert [row.shape for row in rows] == [(5, 4, 4, 16), (5, 32)]
    assert [row.dtype for row in rows] == ["float16", "float16"]
    assert all(finite)
    assert trunk.compute(["conv2", "pooled"]) is run
    assert run.experimental_get_tracing_count() == 1


def test_rows_say_what_is_stored(make_trunk):
    """Shape and bytes at each boundary, in float16 whatever the precision."""
    trunk = make_trunk(precision="bfloat16")
    assert (trunk.rows("conv1", 10).shape, trunk.rows("conv1", 10).nbytes) == ((8, 8, 8), 10 * 8 * 8 * 8 * 2)
    assert (trunk.rows("pooled", 10).shape, trunk.rows("pooled", 10).row_bytes) == ((32,), 64)
