import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.checkup.pixels import pixel_findings

SIDE = 96


@pytest.fixture(scope="module")
def find(look):
    """A function of pictures that gives {finding: [numbers, the worst first]}."""

    def found(pictures, kind="PNG"):
        listed = pixel_findings(look(pictures, kind))
        return {each.kind.name: each.rows.tolist() for each in listed if len(each)}

    return found


@pytest.fixture(scope="module")
def good(draw):
    return [draw(seed, SIDE) for seed in range(20)]


def test_each_picture_that_is_wrong_gives_its_finding_alone(find, good, wrong):
    found = find([*good, *wrong.values()])
    assert found == {name: [20 + number] for number, name in enumerate(wrong)}


def test_good_pictures_give_none(find, good):
    assert not find(good)
    assert not find(good[:1])


@pytest.mark.parametrize("value", [0, 128, 255])
def test_paper_of_one_colour_is_blank_even_with_the_noise_of_a_jpeg(find, good, value):
    page = Image.new("L", (200, 300), value)
    page.putpixel((100, 100), 255 - value)
    assert find([*good, page], "JPEG")["blank"] == [20]


def test_a_thin_line_on_paper_is_not_blank(find, good):
    page = Image.new("RGB", (800, 800), "white")
    page.paste((200, 0, 0), (0, 400, 800, 402))
    assert "blank" not in find([*good, page])


def test_the_worst_comes_first(find, good):
    pages = [Image.fromarray((np.asarray(good[0]) * share).astype(np.uint8)) for share in (0.25, 0.05, 0.15)]
    assert find([*good, *pages])["dark"] == [21, 22, 20]
    paper = np.random.default_rng(0).integers(0, 4, (SIDE, SIDE, 3))
    paper[:12, :12, 1] = -200
    pages = [Image.fromarray((base + paper).astype(np.uint8)) for base in (245, 251, 248)]
    assert find([*good, *pages])["bright"] == [21, 22, 20]


def test_a_size_that_is_usual_is_not_odd(find, good, draw):
    """One large picture among small ones is; where a sixth of them are large, none is."""
    assert find([*good, draw(50, 300)])["odd_size"] == [20]
    assert "odd_size" not in find([*good, *(draw(50 + seed, 300) for seed in range(4))])
    assert find([*good, draw(50, 30)])["odd_size"] == [20]


def test_a_shape_that_is_usual_is_not_odd(find, good):
    strips = [picture.resize((48, 192), Image.Resampling.NEAREST) for picture in good]
    assert find([*good, strips[0]])["odd_aspect_ratio"] == [20]
    assert not find(strips)


def test_grey_is_seen_in_the_pixels_whatever_the_mode(find, good):
    """A grey picture saved as RGB, and a coloured one with a palette."""
    assert find([*good, good[0].convert("L").convert("RGB")], "JPEG")["greyscale"] == [20]
    assert find([*good, good[0].convert("LA")])["greyscale"] == [20]
    assert "greyscale" not in find([*good, good[0].convert("P")])


def test_grey_is_no_finding_where_it_is_no_exception(find, good):
    assert "greyscale" not in find([*good, *(picture.convert("L") for picture in good[:3])])
    assert not find([picture.convert("L") for picture in good])


def test_no_pictures_no_findings(look):
    assert not [each for each in pixel_findings(look([])) if len(each)]
