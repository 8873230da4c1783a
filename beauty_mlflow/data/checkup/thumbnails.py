"""Small copies of pictures inside a page, within a budget."""

import base64
import io
from collections.abc import Sequence
from functools import partial

from PIL import Image

from beauty_mlflow.data.images import open_picture
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.errors import PictureError, UnreachableDataError
from beauty_mlflow.progress import Progress

_SIDE = 112  # pixels
_QUALITY = 72


class Thumbnails:
    """Data URIs of pictures, until the budget is spent; a picture that is shown twice counts twice.

    Args:
        folder: The data folder.
        paths: The pictures, each once; they are read at once, on all cores.
        budget: How many bytes all that is shown may take.
        progress: Shows how far the reading is.

    Attributes:
        left_out: How many were asked for that had no room.
        outages: Of each picture that couldn't be fetched from where it lies, why.
    """

    def __init__(self, folder: Location, paths: Sequence[str], budget: int, progress: Progress) -> None:
        self.left_out, self._left = 0, budget
        self._made: dict[str, str] = {}
        self.outages: list[str] = []
        if not paths:
            return
        with progress("Making thumbnails", len(paths)) as bar:
            for path, (uri, outage) in zip(
                paths, map_threads(partial(_uri, folder), paths, readers(folder)), strict=True
            ):
                self._made[path] = uri
                self.outages.extend(filter(None, [outage]))
                bar.update()

    def of(self, path: str) -> str:
        """Return a picture's data URI, or an empty string: no room is left, or it can't be read or fetched any more."""
        uri = self._made[path]
        if len(uri) > self._left:
            self.left_out += 1
            self._left = 0
            return ""
        self._left -= len(uri)
        return uri


def _uri(folder: Location, path: str) -> tuple[str, str]:
    """Return a picture's data URI, or why it couldn't be fetched; neither of one that can't be read any more."""
    try:
        picture = open_picture(folder / path, _SIDE).picture
    except PictureError:
        return "", ""
    except UnreachableDataError as error:
        return "", str(error)
    longer = max(picture.size)
    if longer > _SIDE:
        width, height = (max(1, round(side * _SIDE / longer)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}", ""
