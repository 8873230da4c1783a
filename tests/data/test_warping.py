import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.augmentation import transforms
from beauty_mlflow.data.warping import Warped, warp

SIZE = 41
COUNT = 12


@pytest.fixture(scope="module")
def pictures():
    """Noise: the hardest to interpolate alike."""
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)


@settings(max_examples=30)
@given(augment=st.sampled_from(["thesis", "light", "none"]), seed=st.integers(0, 2**31), view=st.integers(0, 100))
def test_pictures_are_what_tensorflows_own_operation_makes_of_them(pictures, augment, seed, view):
    """Within what float32 rounds away of a position: a thousandth of a pixel, of 255 levels."""
    rows = transforms(np.arange(COUNT, dtype=np.uint64), size=SIZE, augment=augment, seed=seed, view=view)
    expected = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.constant(pictures, tf.float32),
        transforms=rows,
        output_shape=[SIZE, SIZE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    assert np.abs(warp(pictures, rows) - expected.numpy()).max() < 0.1


def test_a_picture_that_is_read_is_moved_by_its_own_row(pictures):
    """Whichever are asked for, in any order; what they come from says their shape, and they are float32."""

    class Source:
        rows = type("Rows", (), {"count": COUNT, "shape": (SIZE, SIZE, 3), "dtype": "uint8"})

        def read(self, indices):
            return pictures[indices]

    rows = transforms(np.arange(COUNT, dtype=np.uint64), size=SIZE, augment="thesis", seed=1, view=0)
    moved = Warped(Source(), rows)
    asked = np.array([7, 0, 3])
    assert moved.rows.shape == (SIZE, SIZE, 3)
    assert np.dtype(moved.rows.dtype) == np.float32
    assert np.array_equal(moved.read(asked), warp(pictures, rows)[asked])
