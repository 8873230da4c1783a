"""Augmentation: its matrices against Keras's composition, its ranges, and that it is a pure function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from beauty_mlflow.data.augmentation import RANGES, Parameters, draw, rows_of, transforms
from beauty_mlflow.data.warping import warp
from beauty_mlflow.errors import ParameterError

SIZE = 48
KEYS = np.arange(3000, dtype=np.uint64) * np.uint64(2**40 + 7)


def keras_matrix(values, size):
    """Multiply the matrices one by one as Keras's apply_affine_transform does; angles in radians."""
    theta, tx, ty, shear, zx, zy = values
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([zx, zy, 1])
    centre = size / 2 - 0.5
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = centre, -centre
    return there @ rotation @ shift @ shearing @ zoom @ back


@pytest.fixture(scope="module")
def picture():
    """A smooth picture without any symmetry; float32 [48, 48, 3]."""
    blocks = np.random.default_rng(5).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(blocks).resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float32)


@pytest.fixture
def one():
    """A function that makes the parameters of one picture."""

    def make(*, shift_x=0.0, flipped=False):
        values = (0.0, shift_x, 0.0, 0.0, 1.0, 1.0)
        return Parameters(*(np.array([value]) for value in values), np.array([flipped]))

    return make


angles, shifts, zooms = st.floats(-3, 3), st.floats(-20, 20), st.floats(0.5, 2)


@settings(max_examples=25)
@given(values=st.tuples(angles, shifts, shifts, angles, zooms, zooms))
def test_rows_are_keras_matrices(values):
    """A large shear too, though the recipe's is tiny: a wrong sign must not hide."""
    drawn = Parameters(*(np.array([value]) for value in values), np.array([False]))
    matrix = keras_matrix(values, SIZE)
    assert rows_of(drawn, SIZE)[0] == pytest.approx([*matrix[0], *matrix[1], 0, 0], abs=1e-4)


@pytest.mark.parametrize("flipped", [False, True])
def test_pictures_are_what_scipy_makes_of_keras_matrices(picture, flipped):
    """Keras swaps the axes for scipy, transforms each channel, and mirrors afterwards."""
    values = (0.5, 4.0, -7.0, 0.3, 0.85, 1.15)
    drawn = Parameters(*(np.array([value]) for value in values), np.array([flipped]))
    matrix = keras_matrix(values, SIZE)[[1, 0, 2]][:, [1, 0, 2]]
    channels = [
        ndimage.affine_transform(picture[..., channel], matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest")
        for channel in range(3)
    ]
    expected = np.stack(channels, axis=-1)
    expected = expected[:, ::-1] if flipped else expected
    ours = warp(picture[None], rows_of(drawn, SIZE))[0]
    assert np.abs(ours - expected).max() < 0.1


def test_a_flip_mirrors_left_to_right_exactly(picture, one):
    ours = warp(picture[None], rows_of(one(flipped=True), SIZE))[0]
    assert np.array_equal(ours, picture[:, ::-1])


def test_a_shift_moves_the_picture_and_repeats_its_border(picture, one):
    moved = warp(picture[None], rows_of(one(shift_x=5.0), SIZE))[0]
    assert np.allclose(moved[:, :-5], picture[:, 5:])
    assert np.allclose(moved[:, -5:], picture[:, -1:])


def test_the_thesis_recipe_is_drawn_from_its_ranges():
    """3,000 pictures fill each range and never leave it."""
    drawn = draw(KEYS, RANGES["thesis"], size=100, seed=1, view=0)
    for values, low, high in [
        (np.rad2deg(drawn.rotation), -40, 40),
        (drawn.shift_x, -20, 20),
        (drawn.shift_y, -20, 20),
        (np.rad2deg(drawn.shear), -0.2, 0.2),
        (drawn.zoom_x, 0.8, 1.2),
        (drawn.zoom_y, 0.8, 1.2),
    ]:
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert drawn.flipped.mean() == pytest.approx(0.5, abs=0.05)


def test_parameters_are_drawn_independently_of_each_other():
    drawn = draw(KEYS, RANGES["thesis"], size=100, seed=1, view=0)
    columns = np.stack(
        [drawn.rotation, drawn.shift_x, drawn.shift_y, drawn.shear, drawn.zoom_x, drawn.zoom_y, drawn.flipped]
    )
    assert np.abs(np.corrcoef(columns) - np.eye(7)).max() < 0.1


def test_light_is_milder_and_keeps_the_aspect_ratio():
    drawn = draw(KEYS, RANGES["light"], size=100, seed=1, view=0)
    assert np.abs(np.rad2deg(drawn.rotation)).max() <= 10
    assert np.abs(drawn.shift_x).max() <= 5
    assert np.array_equal(drawn.zoom_x, drawn.zoom_y)
    assert (drawn.zoom_x.min(), drawn.zoom_x.max()) == pytest.approx((0.9, 1.1), abs=0.01)


def test_none_changes_nothing(picture):
    rows = transforms(KEYS[:2], size=SIZE, augment="none", seed=0, view=3)
    images = np.stack([picture, picture[::-1]])
    assert np.array_equal(warp(images, rows), images)


@settings(max_examples=25)
@given(
    keys=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12, unique=True),
    seed=st.integers(0, 2**32),
    view=st.integers(0, 1000),
    augment=st.sampled_from(["thesis", "light"]),
    data=st.data(),
)
def test_a_view_is_a_pure_function_of_picture_seed_and_view(keys, seed, view, augment, data):
    """Whatever else is in the batch, and in whatever order."""
    rows = transforms(np.array(keys, np.uint64), size=SIZE, augment=augment, seed=seed, view=view)
    order = data.draw(st.permutations(range(len(keys))))
    chosen = order[: data.draw(st.integers(1, len(keys)))]
    again = transforms(
        np.array([keys[row] for row in chosen], np.uint64), size=SIZE, augment=augment, seed=seed, view=view
    )
    assert np.array_equal(again, rows[chosen])
    for other in ({"seed": seed + 1, "view": view}, {"seed": seed, "view": view + 1}):
        assert not np.array_equal(transforms(np.array(keys, np.uint64), size=SIZE, augment=augment, **other), rows)


def test_an_unknown_augmentation_is_an_error():
    with pytest.raises(ParameterError, match=r"unknown augmentation 'thesys': expected .* Did you mean 'thesis'"):
        transforms(KEYS, size=SIZE, augment="thesys", seed=0, view=0)
