"""What the pictures are as a whole, in numbers and sentences."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pandas as pd

from beauty_mlflow.data.splits.notes import class_notes
from beauty_mlflow.data.wording import name_some

_UNEVEN = 10  # times: the largest class against the smallest
_FEW = 10  # pictures: with fewer, a class's test figure is a matter of chance
_LISTED = 4


def data_notes(table: pd.DataFrame, grey: npt.NDArray[np.bool_]) -> list[str]:
    """Return sentences about classes that are uneven or small or have nearly the same name, and about colours."""
    counts = table["class"].value_counts().sort_index()
    small = [str(name) for name in counts.index[counts < _FEW]]
    notes = class_notes(counts.index)
    if counts.max() >= _UNEVEN * counts.min():
        notes.append(
            f"WARNING: the classes are uneven. '{counts.idxmax()}' has {counts.max()} pictures, '{counts.idxmin()}' "
            f"{counts.min()}: a model can be right often without knowing the small classes. Look at balanced accuracy."
        )
    if small:
        notes.append(f"WARNING: {len(small)} of {len(counts)} classes have fewer than {_FEW}: {name_some(small)}.")
    if len(counts) == 1:
        notes.append(f"WARNING: there is one class alone, '{counts.index[0]}'; a split needs at least two.")
    if 0 < grey.sum() < len(grey):
        notes.append(f"{grey.sum()} of {len(grey)} pictures have no colour.")
    return notes


def formats(table: pd.DataFrame) -> str:
    """Return how many pictures there are of each format and mode, in words."""
    return _counted([f"{kind} {mode}" for kind, mode in zip(table["kind"], table["mode"], strict=True)])


def sizes(table: pd.DataFrame) -> str:
    """Return the smallest, middle and largest size, and the most frequent ones, in words."""
    areas = (table["width"].astype("int64") * table["height"]).to_numpy()
    order = np.argsort(areas, kind="stable")
    named = [f"{width} x {height}" for width, height in zip(table["width"], table["height"], strict=True)]
    small, middle, large = (named[row] for row in order[[0, len(order) // 2, -1]])
    common = _counted([f"of {name}" for name in named])
    return common if small == large else f"{small} to {large}, the middle one {middle}; {common}"


def class_sizes(table: pd.DataFrame) -> str:
    """Return how many pictures the smallest, the middle and the largest class have, in words."""
    counts = table["class"].value_counts().sort_index()
    if counts.min() == counts.max():
        return f"{counts.min()} each"
    return (
        f"{counts.min()} ({counts.idxmin()}) to {counts.max()} ({counts.idxmax()}), the middle one {counts.median():g}"
    )


def _counted(names: list[str]) -> str:
    counts = Counter(names).most_common()
    rest = sum(count for _, count in counts[_LISTED:])
    words = ", ".join(f"{count} {name}" for name, count in counts[:_LISTED])
    return f"{words}, {rest} others" if rest else words
