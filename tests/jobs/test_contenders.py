"""How a promotion's pictures get to a model that is asked."""

import hashlib
from itertools import chain

import pandas as pd
import pytest

from beauty_mlflow.data.splits.manifest import COLUMNS, Split
from beauty_mlflow.errors import DataError
from beauty_mlflow.jobs.contenders import BATCH, _batches


@pytest.fixture
def split_of(tmp_path):
    """Make a split of files that have so many bytes, all zero, which take no room on the disk."""

    def make(sizes):
        rows = []
        for number, size in enumerate(sizes):
            path = tmp_path / f"{number:03d}.jpg"
            with path.open("wb") as stream:
                stream.truncate(size)
            digest = hashlib.sha256(bytes(size)).hexdigest()
            rows.append((path.name, "a", "test", digest, "", ""))
        return Split(tmp_path, pd.DataFrame(rows, columns=list(COLUMNS), dtype=str), ("a",), {})

    return make


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * (2 * BATCH + 2), [BATCH, BATCH, 2]),
        ([30_000_000, 30_000_000, 30_000_000, 70_000_000, 1, 1], [2, 1, 1, 2]),
    ],
    ids=["many", "large"],
)
def test_files_are_read_a_batch_at_a_time_of_bounded_size(split_of, sizes, expected):
    """A batch of 64 files of 200 MB would be 13 GB."""
    split = split_of(sizes)
    read = [[len(content) for content in batch] for batch in _batches(split, split.table)]
    assert [len(batch) for batch in read] == expected
    assert [*chain.from_iterable(read)] == sizes


def test_a_file_that_is_no_picture_by_its_size_is_an_error(split_of):
    split = split_of([10])
    with (split.folder / "000.jpg").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(DataError, match=r"000\.jpg can't be read: the file has 1,000,000,000,000 bytes; expected at"):
        next(_batches(split, split.table))
