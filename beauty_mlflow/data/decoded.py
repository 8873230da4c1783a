"""Decoded, resized pictures as rows: decoded each time, or kept on disk so that repeated epochs decode nothing."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.images import Array, Resize, load
from beauty_mlflow.data.images import resize as resize_picture
from beauty_mlflow.data.kept_rows import KeptRows
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.errors import DataError, PictureError
from beauty_mlflow.progress import Progress, silent_progress

DECODER = 1  # raise it whenever the decoder's results change: what is kept is then made anew
_ROWS_AT_ONCE = 64


class Decoder:
    """Decodes the pictures of a part when they are read; row i, uint8 [size, size, 3], is picture i.

    Raises:
        ParameterError: The size is below 1, or the way to resize is unknown.
    """

    def __init__(self, pictures: Pictures, size: int, resize: Resize) -> None:
        resize_picture(np.zeros((1, 1, 3), np.uint8), size, resize)  # refuses a wrong size or way here, not in a thread
        self._pictures, self._size, self._resize = pictures, size, resize
        self.folder = pictures.folder
        self.rows = decoded_rows(pictures, size)

    def read(self, indices: npt.NDArray[np.int64]) -> Array:
        """Decode the pictures of these numbers; uint8 [m, size, size, 3].

        Raises:
            DataError: A picture has vanished or can't be decoded; the message names it and says why.
        """
        images = np.empty((len(indices), self._size, self._size, 3), np.uint8)
        threads, numbers = readers(self.folder), indices.tolist()
        decoded = map(self.one, numbers) if threads is None else map_threads(self.one, numbers, threads)
        for image, picture in zip(images, decoded, strict=True):
            image[:] = picture
        return images

    def one(self, index: int) -> Array:
        """Decode one picture; uint8 [size, size, 3]. DataError as for ``read``."""
        return _load(self.folder / self._pictures.paths[index], self._size, self._resize)


def keep_decoded(
    cache: Cache, pictures: Pictures, size: int, resize: Resize, progress: Progress = silent_progress
) -> KeptRows:
    """Return the decoded pictures from the cache; what isn't there yet is decoded now, on all cores.

    Raises:
        DataError: A picture can't be read.
        CacheError: There is no room, or the disk fails.
    """
    key = Key("pictures", {"pictures": pictures.digest, "size": size, "resize": resize, "decoder": DECODER})
    found = cache.find(key)
    if found:
        return KeptRows(found, pictures)
    decoder = Decoder(pictures.select(pictures.by_key), size, resize)
    with progress("Decoding", len(pictures)) as bar:
        entry = cache.ensure({key: decoder.rows}, partial(_decode_from, decoder, len(pictures), bar))[key]
    return KeptRows(entry, pictures)


def decoded_rows(pictures: Pictures, size: int) -> Rows:
    """Return the array that the decoded pictures are."""
    return Rows(len(pictures), (size, size, 3), "uint8")


def _decode_from(decoder: Decoder, count: int, bar: Any, _: Sequence[Key], start: int) -> Iterator[Sequence[Array]]:  # noqa: ANN401 - tqdm's bar
    bar.update(start)
    waiting: list[Array] = []
    for image in map_threads(decoder.one, range(start, count), readers(decoder.folder)):
        waiting.append(image)
        if len(waiting) == _ROWS_AT_ONCE:
            yield [np.stack(waiting)]
            bar.update(len(waiting))
            waiting = []
    if waiting:
        yield [np.stack(waiting)]
        bar.update(len(waiting))


def _load(path: Location, size: int, resize: Resize) -> Array:
    try:
        return load(path, size, resize)
    except PictureError as error:
        raise DataError(
            f"The picture '{path}' can't be used: {error}. Restore it, or split the data again without it."
        ) from None
