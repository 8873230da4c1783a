"""What tests and workers of the cache put into it. Imported by both, so that they mean the same entries."""

import hashlib

import numpy as np

from beauty_mlflow.cache.keys import Key

SHAPE = (4, 3)
DTYPE = "float16"


def key_of(number):
    return Key("activations", {"boundary": f"mixed{number}", "view": 0})


def array_of(number, count):
    """The rows that every test and worker makes for an entry of this number."""
    rows = np.arange(count)[:, None] * 7 + np.arange(12)[None] * 3 + number
    return (rows % 251).astype(DTYPE).reshape(count, *SHAPE)


class Source:
    """Produces the rows of ``array_of`` in chunks of any sizes, remembers its calls, and stops where it is told."""

    def __init__(self, count, chunks=(3,), stop_at=None):
        self.count, self.chunks, self.stop_at = count, list(chunks), stop_at
        self.starts = []

    def __call__(self, keys, start):
        self.starts.append(start)
        arrays = [array_of(int(key.content["boundary"][5:]), self.count) for key in keys]
        for size in self._sizes(start):
            if self.stop_at is not None and start + size > self.stop_at:
                raise KeyboardInterrupt
            yield [array[start : start + size] for array in arrays]
            start += size

    def _sizes(self, start):
        turn = 0
        while start < self.count:
            size = min(self.chunks[turn % len(self.chunks)], self.count - start)
            yield size
            start, turn = start + size, turn + 1


def digest(entry):
    return hashlib.sha256(entry.read(np.arange(entry.rows.count)).tobytes()).hexdigest()


def files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))
