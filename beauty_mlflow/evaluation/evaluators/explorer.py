"""explorer.html: the confusion matrix to walk about in, down to the pictures."""

from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.explorer.choosing import by_worth
from beauty_mlflow.evaluation.explorer.page import render
from beauty_mlflow.evaluation.explorer.payload import describe
from beauty_mlflow.evaluation.explorer.thumbnails import BUDGET, Thumbnails, make_thumbnails
from beauty_mlflow.files import write_text

FILE = "explorer.html"


def evaluate(evaluated: Evaluated, folder: Path, budget: int = BUDGET) -> None:
    """Write explorer.html, one file that needs neither network nor server.

    Args:
        evaluated: The predictions; without the folder of the pictures, or where files are gone, the page says so.
        folder: Where.
        budget: Characters that the thumbnails may take in all.
    """
    payload = describe(evaluated)
    if evaluated.data is None:
        thumbnails = Thumbnails([], [-1] * len(payload.order), 0, 0)
    else:
        paths = [evaluated.data / path for path in payload.document["paths"]]
        thumbnails = make_thumbnails(paths, by_worth(evaluated.table, payload.order, payload.finds), budget)
    document = {
        **payload.document,
        "thumbnails": thumbnails.of,
        "notes": _notes(thumbnails, shown=evaluated.data is not None),
    }
    write_text(folder / FILE, render(document, thumbnails.images))


def _notes(thumbnails: Thumbnails, *, shown: bool) -> list[str]:
    pictures = f"{len(thumbnails.of):,} pictures"
    if not shown:
        return ["There was no folder to take the pictures from, so this page has none."]
    notes = []
    if thumbnails.broken:
        notes.append(f"{thumbnails.broken:,} of {pictures} are missing or can't be decoded, so they have no thumbnail.")
    if thumbnails.left_out:
        notes.append(
            f"{thumbnails.left_out:,} of {pictures} have no thumbnail, to keep this file small: those of the lists, three "
            "right ones of each class and the most confused ones came first."
        )
    return notes
