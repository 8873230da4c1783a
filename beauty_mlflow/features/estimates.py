"""How long trainings take with the activation cache and without, from what one picture costs in each stage."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

PICTURES = -1
"""Where a training begins that reads no activations: below the lowest boundary."""

LEAST_GAIN = 0.05
"""A cache must save this share of the time: it costs disk and a pass before the first epoch."""


@dataclass(frozen=True)
class Stage:
    """What lies between two neighbouring boundaries; stages come bottom to top.

    Attributes:
        boundary: The boundary at its top: ``stem``, a block's name, or ``pooled``.
        row_bytes: One picture's activations there, as stored.
        extract_seconds: A picture through the folded, frozen stage.
        forward_seconds: A picture through the frozen stage inside the training graph, where nothing is folded.
        train_seconds: A picture forward and backward through the stage.
    """

    boundary: str
    row_bytes: int
    extract_seconds: float
    forward_seconds: float
    train_seconds: float


@dataclass(frozen=True)
class Workload:
    """What every training does.

    Attributes:
        train_pictures: Pictures to train with, an epoch.
        val_pictures: Pictures to validate with, after each epoch; they have one version only.
        epochs: The most there will be.
        views: Versions of each training picture that are kept, if there are as many epochs.
        read_seconds: To decode a picture, or read it decoded, and augment it.
        head_seconds: A picture through the head, forward and backward.
        disk_bytes_a_second: What rows are written and read with.
    """

    train_pictures: int
    val_pictures: int
    epochs: int
    views: int
    read_seconds: float
    head_seconds: float
    disk_bytes_a_second: float = math.inf

    @property
    def views_used(self) -> int:
        """Views that some epoch gets to see."""
        return min(self.views, self.epochs)

    @property
    def rows(self) -> int:
        """Rows that one boundary keeps: each view of each training picture, and the validation pictures."""
        return self.views_used * self.train_pictures + self.val_pictures


class Estimates:
    """Seconds and bytes. A boundary is given by its place from the bottom, ``PICTURES`` or 0 to n - 1.

    A training's *limit* is the highest boundary below all that trains. Every stage above it counts as trained, also
    where an inner range is: the gradient passes through those on top.
    """

    def __init__(self, stages: Sequence[Stage], workload: Workload) -> None:
        self._row_bytes = [stage.row_bytes for stage in stages]
        self._workload = workload
        # [n + 1], all stages below: a boundary's own place is one further
        self._extract = list(accumulate((stage.extract_seconds for stage in stages), initial=0.0))
        self._forward = list(accumulate((stage.forward_seconds for stage in stages), initial=0.0))
        self._train = list(accumulate((stage.train_seconds for stage in stages), initial=0.0))

    def size(self, boundary: int) -> int:
        """Return the bytes of all rows of a boundary."""
        return self._row_bytes[boundary] * self._workload.rows

    def extraction(self, top: int) -> float:
        """Return the seconds of one pass over the pictures that fills boundaries up to ``top``."""
        if top == PICTURES:
            return 0.0
        written = self._disk_seconds(top)
        return self._workload.rows * (self._workload.read_seconds + self._extract[top + 1] + written)

    def seconds(self, limit: int, start: int) -> float:
        """Return the seconds of a training that begins every epoch at a boundary up to its limit, or with pictures."""
        work = self._workload
        read = work.read_seconds if start == PICTURES else self._disk_seconds(start)
        frozen = self._forward[limit + 1] - self._forward[start + 1]
        trained = self._train[-1] - self._train[limit + 1]
        validated = self._forward[-1] - self._forward[start + 1]
        training = work.train_pictures * (read + frozen + trained + work.head_seconds)
        return work.epochs * (training + work.val_pictures * (read + validated))

    def _disk_seconds(self, boundary: int) -> float:
        return self._row_bytes[boundary] / self._workload.disk_bytes_a_second

    def gain(self, limit: int, start: int) -> float:
        """Return the share of a training's time that beginning at a boundary saves it."""
        plain = self.seconds(limit, PICTURES)
        return (plain - self.seconds(limit, start)) / plain if plain else 0.0

    def settle(self, limit: int, nearest: int) -> int:
        """Return where a training begins: at the nearest boundary kept if that gains enough, else with pictures."""
        return nearest if self.gain(limit, nearest) >= LEAST_GAIN else PICTURES
