"""gallery.png: the pictures worth a look, on one sheet."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.transforms import Bbox

from beauty_mlflow.data import images
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.errors import PictureError, UnreachableDataError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.plotting import DPI, name_style, new_figure, readable, save_figure
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.suspects import TORN, Suspects

FILE = "gallery.png"
LOOKS_AT_PICTURES = True
DRAWS = True
COLUMNS = 8
ROWS = 2  # of each kind
SIDE = 168  # of a thumbnail, in pixels, as all that follow
CELL_WIDTH, CELL_HEIGHT = 200, 236
LINE = 14
TITLE, HEADING, MARGIN = 56, 40, 8
GRAY = 225
LONGEST = 26  # letters of a name
MEANINGS = {
    "mislabelled": "Likely mislabelled: another class is surely more probable than the picture's own",
    "hardest": "Hardest: wrongly answered, with the least probability of their own class",
    "ambiguous": f"Ambiguous: the two most probable classes at most {TORN:g} apart",
}

Thumbnail = npt.NDArray[np.uint8] | str  # or why the picture can't be shown
UNREADABLE, UNFETCHED = "can't be read any more", "couldn't be fetched"


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write gallery.png: up to 16 pictures of each kind in suspects.csv, with the numbers that they have there.

    Under each stand its class, the predicted class with its probability (green where right, red where wrong), its own
    class's probability or, of the ambiguous, the second best class, and its file's name. What can't be read or
    fetched stays gray and is counted. Where the model was trained on these pictures none is called mislabelled.
    """
    suspects = evaluated.suspects
    shown = {kind: rows[: ROWS * COLUMNS].tolist() for kind, rows in suspects}
    every = [i for rows in shown.values() for i in rows]
    assert evaluated.data is not None
    found = map_threads(_thumbnail, evaluated.files(every), readers(evaluated.data))
    thumbnails = dict(zip(every, found, strict=True))
    heights = {kind: HEADING + -(-len(rows) // COLUMNS) * CELL_HEIGHT for kind, rows in shown.items()}
    sheet = _Sheet(COLUMNS * CELL_WIDTH + 2 * MARGIN, TITLE + sum(heights.values()) + MARGIN)
    sheet.write(_title(evaluated, thumbnails), MARGIN, 8, fontsize=11)
    top = TITLE
    for kind, rows in shown.items():
        sheet.write(_heading(kind, suspects, evaluated), MARGIN, top + 12, fontsize=10, fontweight="bold")
        for place, i in enumerate(rows):
            row, column = divmod(place, COLUMNS)
            left, upper = MARGIN + column * CELL_WIDTH, top + HEADING + row * CELL_HEIGHT
            _draw_cell(sheet, left, upper, thumbnails[i], _caption(evaluated.table, i, kind, place + 1))
        top += heights[kind]
    save_figure(sheet.figure, folder / FILE)


class _Sheet:
    """A figure whose places are pixels from the upper left."""

    def __init__(self, width: int, height: int) -> None:
        self.figure = new_figure(width / DPI, height / DPI, arranged=False)
        self._size = width, height

    def write(self, text: str, left: int, top: int, width: int | None = None, **style: Any) -> None:  # noqa: ANN401
        """Write text whose upper left corner is here, cut off at a width."""
        x, y = left / self._size[0], 1 - top / self._size[1]
        written = self.figure.text(x, y, text, va="top", **name_style(), **style)
        if width:
            written.set_clip_box(Bbox.from_bounds(left, 0, width, self._size[1]))
            written.set_clip_on(True)

    def paste(self, picture: npt.NDArray[np.uint8], left: int, top: int) -> None:
        """Put a picture, uint8 [height, width, 3], here, pixel by pixel."""
        self.figure.figimage(picture, left, self._size[1] - top - len(picture))


def _draw_cell(sheet: _Sheet, left: int, top: int, thumbnail: Thumbnail, caption: list[tuple[str, str]]) -> None:
    if isinstance(thumbnail, str):
        sheet.paste(np.full((SIDE, SIDE, 3), GRAY, np.uint8), left, top)
        sheet.write(thumbnail, left + SIDE // 2, top + SIDE // 2 - 6, fontsize=8, color="dimgray", ha="center")
    else:
        sheet.paste(thumbnail, left, top)
    for line, (text, colour) in enumerate(caption):
        sheet.write(text, left, top + SIDE + 3 + line * LINE, CELL_WIDTH - MARGIN, fontsize=7, color=colour)


def _thumbnail(file: Location) -> Thumbnail:
    try:
        return images.load(file, SIDE, "pad")
    except PictureError:
        return UNREADABLE
    except UnreachableDataError:
        return UNFETCHED


def _title(evaluated: Evaluated, thumbnails: dict[int, Thumbnail]) -> str:
    table = evaluated.table
    accuracy = float((table.predicted == table.true).mean())
    reasons = Counter(thumbnail for thumbnail in thumbnails.values() if isinstance(thumbnail, str))
    gray = (f"{count} of these {len(thumbnails)} pictures {reason} and stay gray." for reason, count in reasons.items())
    words = " ".join(gray) or "suspects.csv has more of them, with their paths; corrections.csv what could be done."
    return f"{len(table)} pictures, accuracy {accuracy:.3f}\n{words}"


def _heading(kind: str, suspects: Suspects, evaluated: Evaluated) -> str:
    total = len(getattr(suspects, kind))
    if kind == "mislabelled" and evaluated.trained_on:
        return "Likely mislabelled: not looked for, because the model was trained on these pictures and their labels"
    if not total:
        return f"{MEANINGS[kind]}: none"
    return f"{MEANINGS[kind]} ({min(total, ROWS * COLUMNS)} of {total} in suspects.csv)"


def _caption(table: PredictionTable, i: int, kind: str, place: int) -> list[tuple[str, str]]:
    """Return the lines under a picture, each with its colour."""
    probabilities, true = table.probabilities[i], table.true[i]
    best, *others = np.argsort(-probabilities, kind="stable").tolist()
    shown = partial(readable, longest=LONGEST)
    other = f"or {probabilities[others[0]]:.2f} {shown(table.classes[others[0]])}" if others else ""
    own = f"own class {probabilities[true]:.3f}"
    return [
        (f"{place}. {shown(table.classes[true])}", "black"),
        (f"→ {probabilities[best]:.2f} {shown(table.classes[best])}", "green" if best == true else "firebrick"),
        (other if kind == "ambiguous" else own, "black"),
        (shown(Path(table.paths[i]).name), "gray"),
    ]
