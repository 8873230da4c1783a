"""What an entry is: its content says which one, its rows how it is stored."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.kinds import KINDS

FORMAT = 1  # of the files; part of every name, so that entries of another format are never read


@dataclass(frozen=True, eq=False)
class Key:
    """An entry's identity: two keys are the same entry exactly if kind and content are equal.

    Args:
        kind: One of KINDS.
        content: All that decides the entry's numbers, as JSON: names must be text, and 1, 1.0 and true differ.

    Raises:
        ValueError: The kind is unknown, or the content is no JSON.
    """

    kind: str
    content: Mapping[str, Any]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"'{self.kind}' is no kind of entry; expected one of {', '.join(KINDS)}")
        content = _checked(self.content)
        text = _canonical({"kind": self.kind, "content": content, "format": FORMAT})
        object.__setattr__(self, "content", content)
        object.__setattr__(self, "name", f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}")

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Rows:
    """The array of an entry: ``count`` rows of one shape, without objects in them."""

    count: int
    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(map(int, self.shape)))
        object.__setattr__(self, "dtype", np.dtype(self.dtype).str)
        if self.count < 0 or min(self.shape, default=1) < 1 or np.dtype(self.dtype).hasobject:
            raise ValueError(f"{self} can't be stored; expected rows of plain numbers, none of them empty")

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.count * self.row_bytes


def arrays_digest(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return what identifies arrays' numbers in a key: 32 hex digits of a sha256."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _checked(value: object) -> object:
    """Return the value with mappings as dicts; JSON itself would turn names that are numbers into text."""
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ValueError(f"a key's content must be JSON with text as names, got {value!r}")
        return {name: _checked(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_checked(item) for item in value]
    return value


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a key's content must be JSON: {error}") from None
