"""The pictures of one part of a split."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.sources.locations import Location


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one part, in the manifest's order.

    Attributes:
        folder: The data folder.
        paths: Relative to the folder, with slashes.
        labels: int32 [n], class ids.
        keys: uint64 [n], the first 16 hex digits of each file's sha256: identifies a picture for augmentation.
        classes: Class names; the id is the position.
    """

    folder: Location
    paths: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digest(self) -> str:
        """What the pictures are, whatever they are called and whichever class they are in: 32 hex digits of sha256."""
        return hashlib.sha256(np.sort(self.keys).astype("<u8").tobytes()).hexdigest()[:32]

    @property
    def by_key(self) -> npt.NDArray[np.int64]:
        """The pictures' numbers in the order of their keys, in which caches keep them; int64 [n]."""
        return np.argsort(self.keys, kind="stable")

    def select(self, numbers: npt.NDArray[np.int64]) -> "Pictures":
        """Return the pictures of these numbers, in this order."""
        paths = tuple(self.paths[number] for number in numbers)
        return Pictures(self.folder, paths, self.labels[numbers], self.keys[numbers], self.classes)
