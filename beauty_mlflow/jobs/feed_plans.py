"""Where a training begins each epoch, decided once for a run: at a boundary of its trunk, or with the pictures."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.layout import disk_bytes
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.decoded import Decoder, decoded_rows
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches
from beauty_mlflow.errors import ParameterError
from beauty_mlflow.features.activations import Versions, is_stored
from beauty_mlflow.features.boundaries import POOLED, boundaries, limit
from beauty_mlflow.features.costs import measured_stages
from beauty_mlflow.features.estimates import Workload
from beauty_mlflow.features.planning import plan
from beauty_mlflow.features.plans import Plan, Training
from beauty_mlflow.features.trunk import Trunk
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.networks.table import Network, select_blocks

_FILE = "feed.json"
_SAMPLE, _SAMPLE_BYTES = 160, 100_000_000  # pictures that are read to see what reading costs, at most so many bytes
_BATCH = 32
_HEAD_SECONDS = 2e-4  # a picture through the thesis's head, forward and backward: two cores of a server, 2026
_DISK_BYTES_A_SECOND = 1e9  # a middling solid-state disk, 2026

Rooms = list[tuple[int, list[str]]]
"""Bytes that may be filled, and the boundaries that are stored beside them; each another way to use the cache."""


@dataclass(frozen=True)
class FeedPlan:
    """What the cache is to hold for a run.

    Attributes:
        boundary: Where the run's own training begins; empty for the pictures.
        store: All boundaries to keep, those for other depths and for the head included.
    """

    boundary: str
    store: tuple[str, ...]

    def remember(self, folder: Path) -> None:
        """Write it into a run's state, so that a resumed run begins in the same place."""
        write_text(folder / _FILE, json.dumps({"boundary": self.boundary, "store": self.store}))

    @classmethod
    def recall(cls, folder: Path) -> "FeedPlan | None":
        """Return a resumed run's plan; none where the run hadn't come so far."""
        path = folder / _FILE
        if not path.is_file():
            return None
        known = json.loads(path.read_text("utf-8"))
        return cls(known["boundary"], tuple(known["store"]))


PICTURES_ONLY = FeedPlan("", ())


def make_plan(parameters: Finetune, settings: Settings, cache: Cache, trunk: Trunk, versions: Versions) -> FeedPlan:
    """Choose the boundaries that pay, for the run's own depth and for those that share its cache; say what and why.

    A head that is trained first reads pooled rows, which are kept for it whether they save time or not. Where not even
    they fit, no head is trained first, which is said.

    Args:
        parameters: The run's.
        settings: What was decided of them.
        cache: With its budget.
        trunk: The network's frozen part.
        versions: The pictures.

    Raises:
        ParameterError: The head has to be trained first, but the cache has no room for what it reads.
    """
    depths = [_own(parameters, trunk.network), *_others(parameters, trunk.network)]
    times = max(1, round(parameters.cache_trainings / len(depths)))
    trainings = [Training(name, limit, times) for name, limit in depths]
    rooms = _rooms(cache, trunk, versions)
    with_head = _with_room_for_head(parameters, trunk, versions, rooms) if settings.warm_head else []
    required = [POOLED] if with_head else []
    stages = measured_stages(cache, trunk)
    work = _workload(parameters, settings, cache, versions)
    plans = [
        plan(stages, trainings, work, budget_bytes=room, stored=stored, required=required)
        for room, stored in with_head or rooms
    ]
    chosen: Plan = min(plans, key=lambda made: made.seconds)
    for line in chosen.lines():
        click.echo(f"plan: {line}", err=True)
    if with_head:
        click.echo(f"plan: {POOLED} is kept for the head alone, which is trained first.", err=True)
    boundary = chosen.choices[0].boundary or ""
    needed = {*chosen.store, boundary, *required}
    return FeedPlan(boundary, tuple(name for name in boundaries(trunk.network) if name in needed))


def _rooms(cache: Cache, trunk: Trunk, versions: Versions) -> Rooms:
    """Return the bytes left beside the boundaries that are stored, with these; then those left if they went."""
    with ExitStack() as held:
        stored = [name for name in boundaries(trunk.network) if is_stored(cache, trunk, name, versions, held)]
        beside = cache.usage().available
    overhead = _overhead(trunk, versions)
    return [(max(0, beside - overhead), stored), (max(0, cache.usage().available - overhead), [])]


def _overhead(trunk: Trunk, versions: Versions) -> int:
    """Return what files take beyond their rows, if every boundary were kept."""
    kept = [trunk.rows(name, len(pictures)) for name in boundaries(trunk.network) for pictures, _ in versions]
    return sum(disk_bytes(rows) - rows.nbytes for rows in kept)


def _with_room_for_head(parameters: Finetune, trunk: Trunk, versions: Versions, rooms: Rooms) -> Rooms:
    """Return those of the rooms in which the rows are or fit that the head reads; that there are none is said."""
    needed = versions.rows * trunk.rows(POOLED, 1).nbytes
    good = [(room, stored) for room, stored in rooms if POOLED in stored or needed <= room]
    if good:
        return good
    left = max(room for room, _ in rooms)
    words = f"the activations that it reads take {size_text(needed)}, the cache has {size_text(left)} left"
    if parameters.warm_head == "true":
        raise ParameterError(f"warm_head=true: {words}. Raise cache_gb, make room, or leave warm_head out.")
    click.echo(f"plan: The head isn't trained first: {words}.", err=True)
    return []


def _own(parameters: Finetune, network: Network) -> tuple[str, str]:
    name = f"unfreeze={parameters.unfreeze}" if parameters.unfreeze else f"blocks={parameters.blocks}"
    return name, limit(network, parameters.unfrozen)


def _others(parameters: Finetune, network: Network) -> list[tuple[str, str]]:
    own = None if parameters.unfreeze else parameters.blocks
    return [
        (f"blocks={depth}", limit(network, select_blocks(network, blocks=depth, unfreeze="")))
        for depth in parameters.depths
        if depth != own
    ]


def _workload(parameters: Finetune, settings: Settings, cache: Cache, versions: Versions) -> Workload:
    pictures = (versions.train, versions.validation)
    kept = sum(decoded_rows(part, settings.image_size).nbytes for part in pictures) <= cache.usage().available
    return Workload(
        train_pictures=len(versions.train),
        val_pictures=len(versions.validation),
        epochs=parameters.epochs,
        views=versions.views,
        read_seconds=_read_seconds(versions.train, settings, parameters, kept=kept),
        head_seconds=_HEAD_SECONDS,
        disk_bytes_a_second=_DISK_BYTES_A_SECOND,
    )


def _read_seconds(pictures: Pictures, settings: Settings, parameters: Finetune, *, kept: bool) -> float:
    """Return what one picture costs to read as training reads it: augmented, and decoded where it isn't kept so."""
    most = _SAMPLE_BYTES // decoded_rows(pictures.select(np.arange(1)), settings.image_size).nbytes
    some = pictures.select(np.arange(min(len(pictures), max(2 * _BATCH, min(_SAMPLE, most)))))
    decoder = Decoder(some, settings.image_size, parameters.resize)
    dataset = batches(
        some,
        size=settings.image_size,
        resize=parameters.resize,
        batch_size=_BATCH,
        augment=settings.augment,
        seed=parameters.seed,
        kept=_InMemory(decoder.read(np.arange(len(some)))) if kept else None,
    )
    begun, count = 0.0, 0
    started = time.perf_counter()
    for images, _ in dataset:
        if begun:
            count += len(images)
        else:  # the first batch pays for what is done once
            begun = time.perf_counter()
    if not count:
        return (time.perf_counter() - started) / len(some)
    return (time.perf_counter() - begun) / count


class _InMemory:
    def __init__(self, images: npt.NDArray[Any]) -> None:
        self._images = images
        self.rows = Rows(len(images), images.shape[1:], str(images.dtype))

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return self._images[indices]
