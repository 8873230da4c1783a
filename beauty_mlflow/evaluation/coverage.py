"""Answering less often, but more often rightly: what a threshold on the probability brings.

Source: El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification; Geifman and El-Yaniv
2017, Selective Classification for Deep Neural Networks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable


@dataclass(frozen=True)
class Answered:
    """What is left where the answers below a threshold are held back.

    Args:
        threshold: The smallest probability that counts as an answer.
        number: Pictures answered.
        right: Of those, the pictures whose predicted class is the true one.
        pictures: All of them.
    """

    threshold: float
    number: int
    right: int
    pictures: int

    @property
    def coverage(self) -> float:
        """The share of the pictures that is answered."""
        return self.number / self.pictures

    @property
    def precision(self) -> float | None:
        """The share of the answered pictures that is right; None where none is answered."""
        return self.right / self.number if self.number else None


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """What every threshold brings; all from one confidence to the next do the same.

    Args:
        thresholds: float64 [m], the confidences that occur, rising.
        answered: int64 [m], pictures at or above each.
        right: int64 [m], of those, the ones whose predicted class is the true one.
    """

    thresholds: npt.NDArray[np.float64]
    answered: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """The share of the pictures that is answered, [m]."""
        shares: npt.NDArray[np.float64] = self.answered / self.answered[0]
        return shares

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """The share of the answered pictures that is right, [m]."""
        shares: npt.NDArray[np.float64] = self.right / self.answered
        return shares

    def at(self, threshold: float) -> Answered:
        """Return what one threshold brings."""
        place = int(np.searchsorted(self.thresholds, threshold))
        pictures = int(self.answered[0])
        if place == len(self.thresholds):
            return Answered(threshold, 0, 0, pictures)
        return Answered(threshold, int(self.answered[place]), int(self.right[place]), pictures)

    def best(self) -> Answered:
        """Return the most precise one; of several, the one that answers most."""
        return self.at(float(self.thresholds[self.precision.argmax()]))

    def smallest(self, precision: float) -> float | None:
        """Return the smallest threshold that has at least this precision, None where none has.

        It lies halfway between the least confident answer that is given and the next below, so that rounding doesn't
        decide about either; it is 0 where everything may be answered.
        """
        enough = np.flatnonzero(self.precision >= precision)
        if not enough.size:
            return None
        first = int(enough[0])
        return float(self.thresholds[first - 1 : first + 1].mean()) if first else 0.0


def coverage_curve(table: PredictionTable) -> CoverageCurve:
    """Compute what every threshold on the probability of the predicted class brings.

    Args:
        table: Its probabilities are taken as they are: a model's threshold means calibrated ones.
    """
    confidence = table.probabilities.max(axis=1).astype(np.float64)
    thresholds, place = np.unique(confidence, return_inverse=True)
    right = np.bincount(place[table.predicted == table.true], minlength=len(thresholds))
    return CoverageCurve(thresholds, _from_the_top(np.bincount(place)), _from_the_top(right))


def _from_the_top(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return counts[::-1].cumsum()[::-1]
