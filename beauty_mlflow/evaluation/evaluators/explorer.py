"""explorer.html: the confusion matrix to walk about in, down to the pictures."""

from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.explorer.page import render
from beauty_mlflow.evaluation.explorer.payload import LISTED, Payload, describe
from beauty_mlflow.evaluation.explorer.thumbnails import BUDGET, Thumbnails, make_thumbnails
from beauty_mlflow.files import write_text

FILE = "explorer.html"
LOOKS_AT_PICTURES = True


def evaluate(evaluated: Evaluated, folder: Path, budget: int = BUDGET, most: int = LISTED) -> None:
    """Write explorer.html, one file that needs neither network nor server.

    Args:
        evaluated: The predictions, and the folder of the pictures; of what is gone or out of reach the page says so.
        folder: Where.
        budget: Characters that the thumbnails may take in all.
        most: How many pictures may be listed.
    """
    payload = describe(evaluated, most)
    files, priority = evaluated.files(payload.listed.tolist()), payload.priority.tolist()
    thumbnails = make_thumbnails(files, priority, budget, progress=evaluated.progress)
    document = {**payload.document, "thumbnails": thumbnails.of, "notes": _notes(payload, thumbnails)}
    write_text(folder / FILE, render(document, thumbnails.images))


def _notes(payload: Payload, thumbnails: Thumbnails) -> list[str]:
    every, listed = payload.document["pictures"], len(payload.listed)
    first = "those of these lists, three right ones of each class and the most confused ones came first"
    notes = []
    if listed < every:
        notes.append(f"{every - listed:,} of {every:,} pictures are counted but not listed; {first}.")
    if thumbnails.broken:
        missing = f"{thumbnails.broken:,} of {listed:,} pictures are missing or can't be decoded"
        notes.append(f"{missing}, so they have no thumbnail.")
    if thumbnails.unfetched:
        notes.append(
            f"{thumbnails.unfetched:,} of {listed:,} pictures couldn't be fetched, so they have no thumbnail: "
            f"{thumbnails.outage}"
        )
    if thumbnails.left_out:
        without = f"{thumbnails.left_out:,} of {listed:,} pictures have no thumbnail"
        notes.append(f"{without}, to keep this file small and quick to make; {first}.")
    return notes
