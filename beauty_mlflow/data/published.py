"""The 23 trainings of the master's thesis of 2018, as it printed them: every epoch, and what came out."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

TRAIN_PICTURES, VAL_PICTURES, TEST_PICTURES = 58_304, 7_288, 7_288
CLASSES: Mapping[str, int] = {"full": 73, "grouped": 42}

_NETWORKS = {"InceptionV3": "inception_v3", "ResNet50": "resnet50", "SimpleNet": "simplenet"}

Data = Literal["full", "grouped"]


@dataclass(frozen=True)
class PublishedEpoch:
    """One epoch as printed: loss in nats, accuracy as a share, seconds of training and validation together."""

    seconds: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class PublishedRun:
    """One training.

    Attributes:
        data: ``full``, all classes, or ``grouped``, the same pictures in groups of classes.
        network: Our name of it.
        blocks: How many blocks were trained; None where the whole network was, from random weights.
        epochs: In order.
        best_val_accuracy: The kept model's, measured once more after the training.
        test_accuracy: The kept model's; None where it wasn't computed.
    """

    data: Data
    network: str
    blocks: int | None
    epochs: tuple[PublishedEpoch, ...]
    best_val_accuracy: float
    test_accuracy: float | None

    @property
    def key(self) -> str:
        """What no other of them is called, such as ``full/inception_v3/6``."""
        return f"{self.data}/{self.network}/{'all' if self.blocks is None else self.blocks}"

    @property
    def best_epoch(self) -> int:
        """The kept epoch, counted from 1: the one with the lowest val_loss."""
        return 1 + min(range(len(self.epochs)), key=lambda number: self.epochs[number].val_loss)

    @cached_property
    def ends(self) -> tuple[float, ...]:
        """When each epoch ended, in seconds after the beginning."""
        return tuple(sum(one.seconds for one in self.epochs[: number + 1]) for number in range(len(self.epochs)))


@cache
def published_runs() -> tuple[PublishedRun, ...]:
    """Return them in the order in which the thesis lists them."""
    histories: dict[tuple[str, ...], list[PublishedEpoch]] = {}
    for row in _rows("histories.csv"):
        histories.setdefault(_key(row), []).append(_epoch(row))
    return tuple(_run(row, tuple(histories[_key(row)])) for row in _rows("results.csv"))


def _run(row: Mapping[str, str], epochs: tuple[PublishedEpoch, ...]) -> PublishedRun:
    return PublishedRun(
        data="grouped" if row["dataset"] == "grouped" else "full",
        network=_NETWORKS[row["backbone"]],
        blocks=int(row["blocks"]) if row["blocks"] else None,
        epochs=epochs,
        best_val_accuracy=float(row["best_val_accuracy"]),
        test_accuracy=float(row["test_accuracy"]) if row["test_accuracy"] else None,
    )


def _epoch(row: Mapping[str, str]) -> PublishedEpoch:
    names = ("seconds", "loss", "accuracy", "val_loss", "val_accuracy")
    return PublishedEpoch(**{name: float(row[name]) for name in names})


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["dataset"], row["backbone"], row["weights"], row["blocks"]


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("beauty_mlflow") / "data" / "thesis" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
