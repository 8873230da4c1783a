"""Where a training begins each epoch, decided once for a run: at a boundary of its trunk, or with the pictures."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from beauty_mlflow.cache.layout import disk_bytes
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches
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
_SAMPLE = 32  # pictures that are read to see what reading costs
_HEAD_SECONDS = 2e-4  # a picture through the thesis's head, forward and backward: two cores of a server, 2026


@dataclass(frozen=True)
class FeedPlan:
    """What the cache is to hold for a run.

    Attributes:
        boundary: Where the run's own training begins; empty for the pictures.
        store: All boundaries to keep, those for other depths and for the head included.
        nbytes: What is still to be written.
    """

    boundary: str
    store: tuple[str, ...]
    nbytes: int = 0

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


def make_plan(parameters: Finetune, settings: Settings, cache: Cache, trunk: Trunk, versions: Versions) -> FeedPlan:
    """Choose the boundaries that pay, for the run's own depth and for those that share its cache; say what and why.

    Args:
        parameters: The run's.
        settings: What was decided of them.
        cache: With its budget.
        trunk: The network's frozen part.
        versions: The pictures.
    """
    own = _own(parameters, trunk.network)
    trainings = [own, *_others(parameters, trunk.network)]
    if settings.warm_head and not any(training.limit == POOLED for training in trainings):
        trainings.append(Training("the head alone", POOLED))
    stages = measured_stages(cache, trunk)
    work = Workload(
        train_pictures=len(versions.train),
        val_pictures=len(versions.validation),
        epochs=parameters.epochs,
        views=versions.views,
        read_seconds=_read_seconds(versions.train, settings, parameters),
        head_seconds=_HEAD_SECONDS,
    )
    overhead = _overhead(trunk, versions)
    plans = [
        plan(stages, trainings, work, budget_bytes=max(0, room - overhead), stored=stored)
        for room, stored in _rooms(cache, trunk, versions)
    ]
    chosen = _with_pooled(min(plans, key=lambda made: made.seconds), versions.rows * trunk.rows(POOLED, 1).nbytes)
    for line in chosen.lines():
        click.echo(f"plan: {line}", err=True)
    boundary = chosen.choices[0].boundary or ""
    if settings.warm_head and POOLED not in (*chosen.store, *chosen.reuse):
        click.echo(f"plan: {POOLED} is kept for the head alone, which is trained first.", err=True)
    needed = {*chosen.store, boundary, POOLED if settings.warm_head else ""}
    return FeedPlan(boundary, tuple(name for name in boundaries(trunk.network) if name in needed), chosen.new_bytes)


def _with_pooled(chosen: Plan, nbytes: int) -> Plan:
    """Let a head that would read a cached boundary read the pooled rows instead: they are hardly larger than labels."""
    heads = [one for one in chosen.choices if one.training.limit == POOLED and one.boundary not in (None, POOLED)]
    if not heads:
        return chosen
    choices = [replace(one, boundary=POOLED, reason="") if one in heads else one for one in chosen.choices]
    return replace(chosen, store=(*chosen.store, POOLED), new_bytes=chosen.new_bytes + nbytes, choices=tuple(choices))


def _rooms(cache: Cache, trunk: Trunk, versions: Versions) -> list[tuple[int, list[str]]]:
    """Return the bytes left beside the boundaries that are stored, with these; then those left if they went."""
    with ExitStack() as held:
        stored = [name for name in boundaries(trunk.network) if is_stored(cache, trunk, name, versions, held)]
        beside = cache.usage().available
    return [(beside, stored), (cache.usage().available, [])]


def _overhead(trunk: Trunk, versions: Versions) -> int:
    """Return what files take beyond their rows, if every boundary were kept."""
    kept = [trunk.rows(name, len(pictures)) for name in boundaries(trunk.network) for pictures, _ in versions]
    return sum(disk_bytes(rows) - rows.nbytes for rows in kept)


def _own(parameters: Finetune, network: Network) -> Training:
    name = f"unfreeze={parameters.unfreeze}" if parameters.unfreeze else f"blocks={parameters.blocks}"
    return Training(name, limit(network, parameters.unfrozen))


def _others(parameters: Finetune, network: Network) -> list[Training]:
    own = None if parameters.unfreeze else parameters.blocks
    return [
        Training(f"blocks={depth}", limit(network, select_blocks(network, blocks=depth, unfreeze="")))
        for depth in parameters.depths
        if depth != own
    ]


def _read_seconds(pictures: Pictures, settings: Settings, parameters: Finetune) -> float:
    """Return what one of a few pictures costs to decode and augment, read as training reads them."""
    some = pictures.select(np.arange(min(_SAMPLE, len(pictures))))
    dataset = batches(
        some,
        size=settings.image_size,
        resize=parameters.resize,
        batch_size=len(some),
        augment=settings.augment,
        seed=parameters.seed,
    )
    begun = time.perf_counter()
    for _ in dataset:
        pass
    return (time.perf_counter() - begun) / len(some)
