"""Sentences on stderr about a tracking store, whose answers may hold anything."""

import sys

from beauty_mlflow.data.wording import printable


def say(sentence: str) -> None:
    """Print a note, between whatever else is shown there."""
    sys.stderr.write(printable(f"note: {sentence}\n"))


def warn(sentence: str) -> None:
    """Print a warning, beside an error perhaps that is on its way already."""
    sys.stderr.write(printable(f"WARNING: {sentence}\n"))
