from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.decoded import Decoder, decoded_rows, keep_decoded
from beauty_mlflow.data.images import load
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches, translate_errors
from beauty_mlflow.errors import CacheError, DataError, ParameterError

COUNT, SIZE = 150, 16  # more than two blocks of rows


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "entries")


@pytest.fixture
def pictures(tmp_path, draw, encode):
    """150 pictures whose keys come in another order than their names."""
    (tmp_path / "data").mkdir()
    names = tuple(f"{number}.png" for number in range(COUNT))
    for number, name in enumerate(names):
        (tmp_path / "data" / name).write_bytes(encode(draw(number).resize((20, 30))))
    keys = np.random.default_rng(0).integers(0, 2**63, COUNT).astype(np.uint64)
    return Pictures(tmp_path / "data", names, np.arange(COUNT, dtype=np.int32) % 3, keys, ("a", "b", "c"))


@pytest.fixture
def keep(cache):
    """Make a function that keeps decoded pictures; they are closed when the test ends."""
    opened = []

    def keep(pictures, size=SIZE, resize="squash"):
        opened.append(keep_decoded(cache, pictures, size, resize))
        return opened[-1]

    yield keep
    for rows in opened:
        rows.close()


def remove(pictures):
    for path in pictures.paths:
        (pictures.folder / path).unlink()


def test_each_row_is_its_picture(pictures, keep):
    """Whatever order the cache has them in, and read in any order."""
    rows = keep(pictures)
    assert rows.rows == decoded_rows(pictures, SIZE)
    for number in (0, 149, 64, 3):
        wanted = load(pictures.folder / pictures.paths[number], SIZE, "squash")
        assert np.array_equal(rows.read(np.array([number]))[0], wanted)
    some = np.array([5, 149, 5, 6])
    assert np.array_equal(rows.read(some), Decoder(pictures, SIZE, "squash").read(some))


@pytest.mark.parametrize("augment", ["none", "thesis"])
def test_kept_pictures_give_the_same_batches_bit_by_bit(pictures, keep, augment):
    """Shuffled, augmented and weighted, epoch by epoch; then also without the files."""
    options = {
        "size": SIZE,
        "resize": "squash",
        "batch_size": 20,
        "augment": augment,
        "shuffle": True,
        "class_weights": np.array([1, 2, 3], np.float32),
    }
    fresh = [list(batches(pictures, view=view, **options)) for view in range(2)]
    kept = keep(pictures)
    remove(pictures)
    for view, wanted in enumerate(fresh):
        dataset = batches(pictures, view=view, kept=kept, **options)
        assert int(dataset.cardinality()) == len(wanted) == 8
        for found, expected in zip(dataset, wanted, strict=True):
            assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_what_is_kept_is_decoded_once(pictures, keep):
    """The files can go; renamed pictures, and such in other classes and another order, are the same ones."""
    before = keep(pictures).read(np.arange(COUNT))
    remove(pictures)
    order = np.random.default_rng(1).permutation(COUNT)
    grouped = replace(pictures.select(order), folder=Path("gone"), labels=np.zeros(COUNT, np.int32))
    assert np.array_equal(keep(grouped).read(np.arange(COUNT)), before[order])


@pytest.mark.parametrize(("size", "resize"), [(17, "squash"), (SIZE, "pad")])
def test_another_size_or_way_is_another_entry(pictures, keep, size, resize):
    """Pictures are resized before they are kept."""
    first, other = keep(pictures), keep(pictures, size, resize)
    assert first.key != other.key
    wanted = load(pictures.folder / "0.png", size, resize)
    assert np.array_equal(other.read(np.array([0]))[0], wanted)


@pytest.mark.parametrize(("reason", "words"), [("vanished", "no such file"), ("truncated", "can't be decoded")])
def test_a_picture_that_cannot_be_read_is_named_while_decoding(pictures, keep, cache, reason, words):
    """Nothing half made is found afterwards; once the picture is restored, decoding goes on."""
    path = pictures.folder / "70.png"
    good = path.read_bytes()
    if reason == "vanished":
        path.unlink()
    else:
        path.write_bytes(good[:60])
    with pytest.raises(DataError, match=rf"/70\.png' can't be used: .*{words}.*Restore it"):
        keep(pictures)
    assert not [one for one, _ in cache.stored("pictures") if one.whole]
    path.write_bytes(good)
    assert np.array_equal(keep(pictures).read(np.array([70]))[0], load(path, SIZE, "squash"))


def test_damage_on_the_disk_is_named_while_training_reads(pictures, keep, cache):
    """A flipped byte: the error of the cache comes out of TensorFlow, the entry goes, and the next time it is whole."""
    kept = keep(pictures)
    array = cache.folder / kept.key.name / "array.npy"
    octets = bytearray(array.read_bytes())
    octets[-100] ^= 1
    array.write_bytes(octets)
    dataset = batches(pictures, size=SIZE, resize="squash", batch_size=20, kept=kept)
    with (
        pytest.raises(CacheError, match=f"{kept.key.name} .*is damaged.*run the same command again"),
        translate_errors(),
    ):
        list(dataset)
    assert cache.find(kept.key) is None
    assert np.array_equal(keep(pictures).read(np.array([0]))[0], load(pictures.folder / "0.png", SIZE, "squash"))


@pytest.mark.parametrize(("size", "resize"), [(0, "squash"), (8, "stretch")])
def test_wrong_sizes_and_ways_are_refused_before_anything_is_decoded(pictures, size, resize):
    """In the caller's thread, not in one of TensorFlow's."""
    remove(pictures)
    with pytest.raises(ParameterError, match=str(size) if size < 1 else resize):
        Decoder(pictures, size, resize)
