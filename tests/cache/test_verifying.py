import os

import pytest
from cache_rows import files, key_of


@pytest.fixture
def four(cache, make):
    for number in range(4):
        make(number)[0][0].close()
    return [cache.folder / key_of(number).name for number in range(4)]


def test_all_is_well(cache, four):
    """Everything is read, nothing is found."""
    whole, problems = cache.verify()
    assert len(whole) == len(four)
    assert problems == []


def test_verifying_is_no_use(cache, four):
    """Who needs room takes it from what has not been read for longest, whatever was verified since."""
    for age, folder in enumerate(four):
        os.utime(folder / "entry.json", (1000 - age, 1000 - age))
    cache.verify()
    assert [(folder / "entry.json").stat().st_mtime for folder in four] == [1000, 999, 998, 997]


def test_damaged_entries_are_named_and_removed(cache, four):
    """A flipped byte in a row, in a checksum, in the description: each is found, and only the good one stays."""
    for folder, name, position in zip(four, ("array.npy", "checksums.npy", "entry.json"), (-30, -30, 3), strict=False):
        content = bytearray((folder / name).read_bytes())
        content[position] ^= 4
        (folder / name).write_bytes(content)
    whole, problems = cache.verify()
    assert len(whole) == 4
    for folder, problem in zip(four, ("row 8 has a wrong", "row 2 has a wrong", "entry.json"), strict=False):
        assert sum(folder.name in said and problem in said for said in problems) == 1
    assert files(cache.folder) == [four[3].name]


def test_only_one_kind(cache, four):
    """Other kinds aren't read."""
    assert cache.verify("pictures") == ([], [])


def test_partial_entries_are_left_alone(cache, make):
    """They are checked when they are gone on with."""
    with pytest.raises(KeyboardInterrupt):
        make(7, stop_at=5)
    assert cache.verify() == ([], [])
    assert make(7)[1] == [3]
