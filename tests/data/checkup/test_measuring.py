import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from beauty_mlflow.data.checkup.measuring import Measuring
from beauty_mlflow.data.images import open_picture, squash


@pytest.fixture(scope="module")
def measure(encode):
    def measured(picture, kind="PNG", **options):
        opened = open_picture(encode(picture, kind, **options), 64)
        return dict(zip(Measuring.dtype.names, Measuring()(opened, squash(opened.picture, 64)), strict=True))

    return measured


def test_a_file_says_its_format_mode_and_size_before_any_shrinking(measure):
    found = measure(Image.new("L", (900, 600)), "JPEG")
    assert [found[name] for name in ("kind", "mode", "width", "height")] == ["JPEG", "L", 900, 600]


def test_brightness_is_cleanvisions(measure):
    """Half the pixels green, half black: √0.691 and 0."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, :, 1] = 255
    found = measure(Image.fromarray(pixels))
    assert found["bright_end"] == pytest.approx(0.691**0.5, abs=1e-3)
    assert found["dark_end"] == 0


def test_the_brightest_per_cent_and_the_darkest_twentieth_do_not_count(measure):
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[0, :40], pixels[1:3, :] = 255, 0  # 0.98 and 3.1 %
    found = measure(Image.fromarray(pixels))
    assert found["bright_end"] == pytest.approx(128 / 255, abs=1e-3)
    assert found["dark_end"] == pytest.approx(128 / 255, abs=1e-3)


def test_entropy_is_that_of_the_histogram(measure):
    assert measure(Image.new("L", (64, 64), 9))["entropy"] == pytest.approx(np.log2(3), abs=1e-3)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert measure(Image.fromarray(noise))["entropy"] > 9


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_blur_lowers_the_sharpness_whatever_the_paper_round_it(draw, measure, paper):
    page = Image.new("RGB", (300, 300), (paper,) * 3)
    page.paste(draw(7, 120), (90, 90))
    values = [measure(page.filter(ImageFilter.GaussianBlur(radius)))["sharpness"] for radius in (0, 4, 8, 16)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.4
    assert values[2] < 0.21


def test_contrast_does_not_change_the_sharpness(draw, measure):
    faint = Image.blend(Image.new("RGB", (96, 96), "grey"), draw(7, 96), 0.2)
    assert measure(faint)["sharpness"] == pytest.approx(measure(draw(7, 96))["sharpness"], abs=0.1)


def test_a_small_picture_is_not_enlarged_and_so_not_blurred(draw, measure):
    assert measure(draw(7, 24))["sharpness"] > 0.4
    assert measure(draw(7, 24).resize((24, 600), Image.Resampling.NEAREST))["sharpness"] > 0.4


@settings(max_examples=40)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    seed=st.integers(0, 99),
    mode=st.sampled_from(["RGB", "L", "1", "P", "RGBA", "CMYK"]),
)
def test_any_picture_has_measures_within_their_limits(measure, width, height, seed, mode):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = measure(Image.fromarray(noise).convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    assert (found["width"], found["height"], found["mode"]) == (width, height, mode)
    assert 0 <= found["dark_end"] <= found["bright_end"] <= 1.001
    assert 0 <= found["entropy"] <= np.log2(768) + 1e-6
    assert 0 <= found["sharpness"] <= 1
