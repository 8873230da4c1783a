"""Simulated trainings: learning curves as functions of depth and learning rate, from the thesis's recorded ones.

learning_curves.csv holds the 20 fine-tunings of InceptionV3 that the 2018 thesis printed: two datasets, ten depths, one
learning rate. From it come, for each depth: validation accuracy as a - b * u^-c over epochs u, validation loss as
l0 + l1 / u + l2 * u, the noise around both, and an epoch's seconds. How the learning rate acts was not recorded and is
assumed, differently in each task, so that nothing is tuned to one guess:

- the best rate is drawn between 3e-5 and 1e-3, and falls with depth by up to a factor of 1.3 a block;
- below it a training goes slower: an epoch counts as (rate / best)^p epochs, p from 0.5 to 1; above it by at most 1.5;
- above it accuracy also falls: by q * log10(rate / best)^2 of itself, q from 0.1 to 0.4, and the loss rises likewise;
- every training has an offset of its own (0.004) beside each epoch's noise, as another seed has.

A training stops when the validation loss hasn't improved for three epochs, and its value is the accuracy at the lowest
loss: the thesis's rule, and the jobs' default.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RECORDED = Path(__file__).with_name("learning_curves.csv")
DEPTHS = range(10)
RATE = 2e-4  # of all recorded trainings
SHAPE = 0.6  # c, for all curves: seven to nine epochs don't determine one for each
OFFSET = 0.004  # standard deviation of a training's own offset
PATIENCE = 3


@dataclass(frozen=True)
class Curve:
    """A recorded training, fitted."""

    accuracy: tuple[float, ...]  # a, b
    loss: tuple[float, ...]  # l0, l1, l2
    noise: tuple[float, float]  # standard deviations, of accuracy and of loss
    seconds: float  # an epoch's


@dataclass(frozen=True)
class Epoch:
    """What a simulated epoch reports."""

    number: int
    seconds: float
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Simulation:
    """One task: a dataset's curves, with a learning rate's effect that was drawn for it."""

    curves: Mapping[int, Curve]
    best_rate: float  # at depth 6
    falls: float  # the best rate's factor for each block more
    slowness: float  # p
    penalty: float  # q

    @classmethod
    def draw(cls, number: int) -> "Simulation":
        """Return the task of that number: always the same one."""
        generator = np.random.default_rng((5, number))
        datasets = recorded()
        return cls(
            curves=datasets[sorted(datasets)[number % len(datasets)]],
            best_rate=float(np.exp(generator.uniform(np.log(3e-5), np.log(1e-3)))),
            falls=float(generator.uniform(1, 1.3)),
            slowness=float(generator.uniform(0.5, 1)),
            penalty=float(generator.uniform(0.1, 0.4)),
        )

    def train(self, blocks: int, learning_rate: float, epochs: int, generator: np.random.Generator) -> Iterator[Epoch]:
        """Yield the epochs of one training, up to its early stop."""
        curve = self.curves[blocks]
        relative = learning_rate / (self.best_rate * self.falls ** (6 - blocks))
        speed = min(relative**self.slowness, 1.5)
        harm = self.penalty * max(np.log10(relative), 0) ** 2
        offset = generator.normal(0, OFFSET)
        lowest, waited = np.inf, 0
        for number in range(1, epochs + 1):
            (accuracy, loss), noise = at(curve, number * speed), generator.normal(0, curve.noise)
            accuracy = max(accuracy * (1 - harm) + offset + noise[0], 0.0)
            loss = loss * (1 + harm) + noise[1]
            yield Epoch(number, curve.seconds, float(accuracy), float(loss))
            lowest, waited = (loss, 0) if loss < lowest else (lowest, waited + 1)
            if waited >= PATIENCE:
                return


def recorded() -> Mapping[str, Mapping[int, Curve]]:
    """Return each dataset's curves by depth."""
    rows: defaultdict[tuple[str, int], list[list[float]]] = defaultdict(list)
    with RECORDED.open(newline="") as stream:
        for row in csv.DictReader(stream):
            columns = ("epoch", "val_accuracy", "val_loss", "seconds")
            rows[row["dataset"], int(row["blocks"])].append([float(row[name]) for name in columns])
    found: defaultdict[str, dict[int, Curve]] = defaultdict(dict)
    for (dataset, blocks), values in rows.items():
        found[dataset][blocks] = _fitted(np.array(values))
    return found


def at(curve: Curve, epoch: float) -> tuple[float, float]:
    """Return accuracy and loss after so many epochs, without noise."""
    a, b = curve.accuracy
    l0, l1, l2 = curve.loss
    # before the first recorded epoch the curves are not known; they are taken to come from nothing, in a line
    early = min(epoch, 1.0)
    late = max(epoch, 1.0)
    return (a - b * late**-SHAPE) * early, l0 + l1 / late + l2 * late + (1 - early)


def _fitted(values: np.ndarray) -> Curve:
    epochs, accuracy, loss, seconds = values.T
    ones = np.ones_like(epochs)
    of_accuracy = np.stack([ones, -(epochs**-SHAPE)], axis=1)
    of_loss = np.stack([ones, 1 / epochs, epochs], axis=1)
    accuracy_weights = np.linalg.lstsq(of_accuracy, accuracy, rcond=None)[0]
    loss_weights = np.linalg.lstsq(of_loss, loss, rcond=None)[0]
    accuracy_noise = (accuracy - of_accuracy @ accuracy_weights).std(ddof=2)
    loss_noise = (loss - of_loss @ loss_weights).std(ddof=3)
    return Curve(
        accuracy=tuple(map(float, accuracy_weights)),
        loss=tuple(map(float, loss_weights)),
        noise=(float(accuracy_noise), float(loss_noise)),
        seconds=float(seconds[1:].mean()),
    )
