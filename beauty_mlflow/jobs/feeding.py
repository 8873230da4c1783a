"""What a training reads each epoch: pictures, or the cached activations of its frozen trunk."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.cache.limits import open_cache
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.decoded import decoded_rows, keep_decoded
from beauty_mlflow.data.kept_rows import KeptRows
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches
from beauty_mlflow.data.row_batches import Order, row_batches
from beauty_mlflow.errors import NoRoomError
from beauty_mlflow.features.activations import Versions, is_stored, keep_versions
from beauty_mlflow.features.boundaries import POOLED, tail_above
from beauty_mlflow.features.trunk import Trunk
from beauty_mlflow.hardware import allow_open_files
from beauty_mlflow.jobs.feed_plans import PICTURES_ONLY, FeedPlan, make_plan
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.settings import Settings
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.progress import console_progress

VALIDATION_BATCH = 128  # the thesis's


@dataclass(frozen=True, eq=False)
class Feed:
    """A network, or the part of it that trains, with its datasets.

    Attributes:
        model: What is trained: the whole network, or its tail above a boundary; layers are shared with the whole.
        train: Gives the training dataset of a view, as ``training.loop.fit`` takes it.
        validation: The validation dataset, in the manifest's order.
        source: In words what is read: ``pictures``, or ``activations at mixed9, 4 views``.
    """

    model: keras.Model
    train: Callable[[int], tf.data.Dataset]
    validation: tf.data.Dataset
    source: str


@dataclass(frozen=True, eq=False)
class Feeds:
    """What a run reads.

    Attributes:
        training: For the training itself.
        head: For the head alone, before it; none where the head isn't trained first.
        head_content: What identifies the rows of ``head``.
        cache: Where these are kept.
    """

    training: Feed
    head: Feed | None = None
    head_content: tuple[str, ...] = ()
    cache: Cache | None = None


@contextmanager
def open_feeds(current: Session, settings: Settings, model: keras.Model) -> Iterator[Feeds]:
    """Yield what a training reads; what the cache lacks is made before, and said with what it takes and saves.

    Raises:
        DataError: A picture can't be read.
        CacheError: There is no room, or the disk fails.
    """
    allow_open_files()  # of each view and boundary that is kept, two
    with ExitStack() as opened:
        feeder = _Feeder(current, settings, model, opened)
        if settings.cache == "activations" and isinstance(current.parameters, Finetune):
            yield feeder.from_activations(current.parameters)
        else:
            yield Feeds(feeder.from_pictures())


class _Feeder:
    def __init__(self, current: Session, settings: Settings, model: keras.Model, opened: ExitStack) -> None:
        self._current, self._settings, self._model, self._opened = current, settings, model, opened
        self._parameters = current.parameters
        self._train, self._validation = current.split.part("train"), current.split.part("val")
        self._cache = None if settings.cache == "none" else open_cache(self._parameters.cache_gb)
        self._weights = class_weights(self._train) if self._parameters.class_weight == "balanced" else None

    def from_pictures(self) -> Feed:
        """Return the feed of the whole network."""
        parameters, settings = self._parameters, self._settings
        kept = [self._decoded(part, passes=parameters.epochs) for part in (self._train, self._validation)]

        def train(view: int) -> tf.data.Dataset:
            return batches(
                self._train,
                size=settings.image_size,
                resize=parameters.resize,
                batch_size=parameters.batch_size,
                augment=settings.augment,
                seed=parameters.seed,
                view=view,
                shuffle=True,
                class_weights=self._weights,
                kept=kept[0],
            )

        validation = batches(
            self._validation,
            size=settings.image_size,
            resize=parameters.resize,
            batch_size=VALIDATION_BATCH,
            kept=kept[1],
        )
        return Feed(self._model, train, validation, "pictures")

    def from_activations(self, parameters: Finetune) -> Feeds:
        """Return the feed of a tail, if the plan finds that it pays, and of the head where that comes first."""
        if self._cache is None:
            raise TypeError("activations need a cache")
        trunk = Trunk(
            self._model,
            get_network(parameters.network),
            self._settings.image_size,
            parameters.resize,
            self._settings.scaling,
            self._settings.precision,
        )
        versions = Versions(
            self._train, self._validation, self._settings.augment, parameters.seed, self._views(parameters)
        )
        plan = FeedPlan.recall(self._current.folder)
        if plan:
            entries = self._keep(self._cache, plan, trunk, versions)
        else:
            plan = make_plan(parameters, self._settings, self._cache, trunk, versions)
            try:
                entries = self._keep(self._cache, plan, trunk, versions)
            except NoRoomError as error:  # others have taken it since
                say_notes([f"{error} This training reads the pictures instead."])
                plan, entries = PICTURES_ONLY, {}
            plan.remember(self._current.folder)
        head = self._tail(POOLED, entries[POOLED]) if self._settings.warm_head and POOLED in entries else None
        training = self._tail(plan.boundary, entries[plan.boundary]) if plan.boundary else self.from_pictures()
        return Feeds(training, head, tuple(entry.key.name for entry in entries.get(POOLED, ())), self._cache)

    def _views(self, parameters: Finetune) -> int:
        return 1 if self._settings.augment == "none" else min(parameters.views, parameters.epochs)

    def _keep(self, cache: Cache, plan: FeedPlan, trunk: Trunk, versions: Versions) -> dict[str, list[KeptRows]]:
        with ExitStack() as held:
            missing = [name for name in plan.store if not is_stored(cache, trunk, name, versions, held)]
            planned = versions.rows * sum(trunk.rows(name, 1).nbytes for name in missing)
            decoded = self._decoded(self._train, passes=versions.views, planned=planned) if missing else None
            entries = keep_versions(cache, trunk, plan.store, versions, decoded=decoded, progress=console_progress)
        for entry in (entry for found in entries.values() for entry in found):
            self._opened.callback(entry.close)
        return entries

    def _tail(self, boundary: str, entries: Sequence[KeptRows]) -> Feed:
        *views, validation = entries
        parameters = self._parameters

        def train(view: int) -> tf.data.Dataset:
            order = Order(parameters.batch_size, True, parameters.seed, view, self._weights)
            return row_batches(views[view % len(views)], self._train, order, rows_a_call=parameters.batch_size)

        return Feed(
            tail_above(self._model, get_network(parameters.network), boundary),
            train,
            row_batches(validation, self._validation, Order(VALIDATION_BATCH), rows_a_call=VALIDATION_BATCH),
            f"activations at {boundary}, {len(views)} {'view' if len(views) == 1 else 'views'}",
        )

    def _decoded(self, pictures: Pictures, *, passes: int, planned: int = 0) -> KeptRows | None:
        """Keep decoded pictures that are read more than once, if they fit beside what is planned."""
        if self._cache is None or passes < 2:  # noqa: PLR2004 - read once, they may as well be decoded then
            return None
        size, resize = self._settings.image_size, self._parameters.resize
        needed, left = decoded_rows(pictures, size).nbytes, self._cache.usage().available - planned
        if needed > left:
            takes, has = size_text(needed), size_text(max(left, 0))
            say_notes([f"decoded pictures aren't kept: they take {takes}, the cache has {has} left"])
            return None
        entry = keep_decoded(self._cache, pictures, size, resize, console_progress)
        self._opened.callback(entry.close)
        return entry


def class_weights(pictures: Pictures) -> npt.NDArray[np.float32]:
    """Return a weight a class such that each class has the same total weight; float32 [classes], mean 1 a picture."""
    counts = np.bincount(pictures.labels, minlength=len(pictures.classes))
    return (len(pictures) / (len(pictures.classes) * counts)).astype(np.float32)
