"""Opening what the parameter ``data`` names, and saying what was found there."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beauty_mlflow.data.sample import cached_sample
from beauty_mlflow.data.sources.locations import Location, locate
from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.data.splits.splitting import SplitOptions, Splitting, open_data
from beauty_mlflow.data.wording import printable
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.progress import console_progress

if TYPE_CHECKING:
    from beauty_mlflow.jobs.split import Split as SplitParameters


def data_folder(data: str, cache_gb: float = 0) -> Location:
    """Return what ``data`` names, a path or S3; empty means the embedded sample, made once in the user's cache."""
    return locate(data, cache_gb) if data else cached_sample(console_progress)


def open_named(data: str, *, check_pictures: bool = True, cache_gb: float = 0) -> Splitting:
    """Open a manifest, or split anything else with the defaults, and print what must be read about it.

    ``cache_gb`` is as for ``read_split``.
    """
    location = data_folder(data, cache_gb)
    splitting = open_data(location, console_progress, check_pictures=check_pictures, cache_gb=cache_gb)
    say_notes(splitting.notes)
    return splitting


def split_options(parameters: "SplitParameters") -> SplitOptions:
    """Return the split's options as the data room takes them."""
    return SplitOptions(
        strategy=parameters.strategy,
        train=parameters.train,
        val=parameters.val,
        test=parameters.test,
        duplicates=parameters.duplicates,
        group_by=parameters.group_by,
        extend=Path(parameters.extend) if parameters.extend else None,
        corrections=read_corrections(Path(parameters.corrections)) if parameters.corrections else None,
        seed=parameters.seed,
        strict=parameters.strict,
    )


def say_notes(notes: Iterable[str]) -> None:
    """Print each note on a line of its own, on stderr."""
    for note in notes:
        click.echo(printable(note if note.startswith("WARNING") else f"note: {note}"), err=True)


def pictures_line(split: Split) -> str:
    """Return how many pictures each part holds, in words."""
    return ", ".join(f"{size} {part}" for part, size in split.sizes.items())


def split_counts(split: Split) -> Summary:
    """Return the lines of a summary that say what a split holds."""
    return [
        ("pictures", pictures_line(split)),
        ("fingerprint", split.fingerprint),
    ]


def split_summary(splitting: Splitting) -> Summary:
    """Return the lines of a summary that say what splitting gave."""
    split = splitting.split
    return [
        ("classes", len(split.classes)),
        *split_counts(split),
        *([("corrections", splitting.corrected)] if splitting.corrected else []),
        ("quarantined", len(splitting.quarantine)),
        *([("dropped copies", len(split.dropped))] if split.options.get("duplicates") == "drop" else []),
    ]
