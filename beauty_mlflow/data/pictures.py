"""The pictures of one part of a split."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


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

    folder: Path
    paths: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digest(self) -> str:
        """What the pictures are, in their order, whatever they are called: 32 hex digits of sha256 over the keys."""
        return hashlib.sha256(self.keys.astype("<u8").tobytes()).hexdigest()[:32]

    def since(self, start: int) -> "Pictures":
        """Return the pictures from a number on."""
        return Pictures(self.folder, self.paths[start:], self.labels[start:], self.keys[start:], self.classes)
