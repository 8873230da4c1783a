"""Small copies of pictures inside a page, within a budget."""

import base64
import io
from pathlib import Path

from PIL import Image

from beauty_mlflow.data.images import open_picture
from beauty_mlflow.errors import PictureError

_SIDE = 112  # pixels
_QUALITY = 72


class Thumbnails:
    """Makes data URIs until the budget is spent; the same picture twice is made once, but counts each time.

    Args:
        folder: The data folder.
        budget: How many bytes all of them may take in the page.

    Attributes:
        left_out: How many were wanted that had no room.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder, self._left = folder, budget
        self._made: dict[str, str] = {}
        self.left_out = 0

    def of(self, path: str) -> str:
        """Return a picture's data URI, or an empty string: no room is left, or it can't be read any more."""
        uri = self._made.get(path)
        if uri is None:
            uri = self._made[path] = _uri(self._folder / path) if self._left > 0 else ""
        if len(uri) > self._left or self._left <= 0:
            self.left_out += 1
            self._left = 0
            return ""
        self._left -= len(uri)
        return uri


def _uri(path: Path) -> str:
    try:
        picture = open_picture(path, _SIDE).picture
    except PictureError:
        return ""
    longer = max(picture.size)
    if longer > _SIDE:
        width, height = (max(1, round(side * _SIDE / longer)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
