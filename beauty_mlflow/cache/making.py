"""Making entries: room for them, their rows from wherever an interrupted process has stopped, and their end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy.typing as npt

from beauty_mlflow.cache.building import Partial
from beauty_mlflow.cache.failures import FullDiskError, explained
from beauty_mlflow.cache.inventory import Stored
from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.layout import Place, disk_bytes
from beauty_mlflow.cache.room import make_room
from beauty_mlflow.cache.shelf import Shelf
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.progress import Progress

Produce = Callable[[Sequence[Key], int], Iterator[Sequence[npt.NDArray[Any]]]]


def make(shelf: Shelf, budget: int | None, wanted: Mapping[Key, Rows], produce: Produce, progress: Progress) -> None:
    """Make entries whose locks are ours, in one pass; arguments and errors are those of ``Cache.ensure``.

    What an interrupted process has made is kept, and the next one goes on from there. But where the disk is full it is
    removed: there was room when the work began, so somebody else needs it now, and be it MLflow's store and
    the run's checkpoint, which have to record this very failure.
    """
    places = {key: Place(shelf.folder, key.name) for key in wanted}
    partials = [Partial(places[key], key, rows) for key, rows in wanted.items()]
    with ExitStack() as stack:
        for partial in partials:
            stack.callback(partial.close)
        try:
            with shelf.alone():
                sizes = {places[key]: disk_bytes(rows) for key, rows in wanted.items()}
                _say_removed(shelf, make_room(shelf.folder, sizes, budget))
                for partial in partials:
                    partial.reserve()
            with explained(shelf.folder):
                for partial in partials:
                    partial.resume(progress)
            _fill(shelf, partials, list(wanted), produce, progress)
        except FullDiskError:
            for partial in partials:
                partial.discard()
            raise


def _fill(shelf: Shelf, partials: Sequence[Partial], keys: Sequence[Key], produce: Produce, progress: Progress) -> None:
    row, count, what = min(partial.done for partial in partials), partials[0].rows.count, keys[0].kind
    if row:
        shelf.note(f"going on with an interrupted pass for {what}, at row {row} of {count}")
    with progress(f"Caching {what}", count) as bar:
        bar.update(row)
        for blocks in produce(keys, row) if row < count else ():
            with explained(shelf.folder):
                for partial, block in zip(partials, blocks, strict=True):
                    partial.append(row, block)
            bar.update(len(blocks[0]))
            row += len(blocks[0])
    if row != count:
        raise ValueError(f"{keys[0].name} takes {count} rows, got {row}")
    with explained(shelf.folder):
        for partial in partials:
            partial.finish()


def _say_removed(shelf: Shelf, removed: Sequence[Stored]) -> None:
    if removed:
        size = size_text(sum(one.size for one in removed))
        shelf.note(f"removed from the cache to make room: {len(removed)} of its entries, {size}")
