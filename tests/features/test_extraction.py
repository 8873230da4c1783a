import numpy as np
import pytest

from beauty_mlflow.errors import WorkError
from beauty_mlflow.features.extraction import keep_activations
from beauty_mlflow.features.trunk import View

VIEW = View("thesis")


@pytest.fixture
def given(noise):
    """What the pictures look like: picture i is row i."""
    return noise(40, 16)


@pytest.fixture
def keep(cache, given):
    """Make a function that keeps activations; it returns them, and the pictures' numbers in each batch computed."""

    def keep(trunk, names, pictures, size=16):
        computed, counted = [], []

        def images(numbers):
            for start in range(0, len(numbers), size):
                computed.append(numbers[start : start + size].tolist())
                yield given[computed[-1]]

        class Bar:
            def update(self, n=1):
                counted.append(n)

        kept = keep_activations(cache, trunk, names, pictures, VIEW, images=images, bar=Bar())
        rows = {name: found.read(np.arange(len(pictures))) for name, found in kept.items()}
        for found in kept.values():
            found.close()
        assert sum(counted) == len(pictures)
        return rows, computed

    return keep


def test_every_picture_goes_through_once_and_gets_its_own_row(make_trunk, make_pictures, keep, given):
    """In the order of their keys, whatever their order in the part; a smaller last batch among them."""
    trunk, pictures = make_trunk(), make_pictures()
    rows, computed = keep(trunk, ["conv2", "pooled"], pictures)
    assert sum(computed, []) == np.argsort(pictures.keys).tolist()  # noqa: RUF017 - three lists
    assert [len(batch) for batch in computed] == [16, 16, 8]
    expected, _ = trunk.compute(["conv2", "pooled"])(given)
    for found, wanted in zip(rows.values(), expected, strict=True):
        assert found.dtype == np.float16
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=1e-3)


def test_one_pass_fills_all_boundaries_that_are_missing(make_trunk, make_pictures, keep):
    """However many there are; what is there isn't computed again."""
    trunk, pictures = make_trunk(), make_pictures()
    passes = [
        sum(map(len, keep(trunk, names, pictures)[1]))
        for names in (["conv1", "conv2", "pooled"], ["conv1", "pooled"], ["conv1", "conv3"], ["conv3"])
    ]
    assert passes == [40, 0, 40, 0]


def test_activations_that_float16_cannot_hold_are_an_error(make_trunk, make_pictures, build, keep, cache):
    """The message says where and what to do; what was computed so far isn't taken for whole."""
    model, pictures = build(image_size=16), make_pictures()
    model.get_layer("conv2_bn").gamma.assign(np.full(16, 1e6))
    trunk = make_trunk(model)
    keep(trunk, ["conv1"], pictures)
    with pytest.raises(WorkError, match=r"at conv2 are too large for float16.*cache=pictures or cache=none"):
        keep(trunk, ["conv1", "conv2"], pictures)
    assert cache.find(trunk.key("conv2", pictures, VIEW)) is None


def test_a_pass_that_was_stopped_goes_on_where_it_was(make_trunk, make_pictures, keep, given):
    """A picture that spoils everything in the second batch; mended, the rest is computed and nothing twice."""
    trunk, pictures = make_trunk(), make_pictures()
    bad = np.argsort(pictures.keys)[20]
    good = given[bad].copy()
    given[bad] = 1e9
    with pytest.raises(WorkError, match="too large for float16"):
        keep(trunk, ["conv2"], pictures)
    given[bad] = good
    rows, computed = keep(trunk, ["conv2"], pictures)
    assert sum(map(len, computed)) == 24
    expected, _ = trunk.compute(["conv2"])(given)
    np.testing.assert_allclose(rows["conv2"], expected[0], rtol=2e-3, atol=1e-3)
