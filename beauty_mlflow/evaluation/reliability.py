"""Whether probabilities can be taken at their word: of the answers given with 80 %, are 80 % right?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable

BINS = 15  # as Guo et al. 2017


@dataclass(frozen=True, eq=False)
class Reliability:
    """The answers by their confidence, the probability of the predicted class, in bins of equal width.

    Bin i holds confidences above i / bins, up to (i + 1) / bins.

    Args:
        pictures: int64 [bins].
        confidence: float64 [bins], the mean in each bin; 0 where it is empty.
        accuracy: float64 [bins], the share of right answers; 0 where it is empty.
    """

    pictures: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """The bins' differences of confidence and accuracy, weighted by their pictures.

        Source: Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning.
        """
        return float(np.average(np.abs(self.accuracy - self.confidence), weights=self.pictures))


def bin_by_confidence(table: PredictionTable, bins: int = BINS) -> Reliability:
    """Sort a table's answers into bins of equal width.

    Args:
        table: Its probabilities are taken as they are: calibrated ones for a judgement of what is served.
        bins: How many.
    """
    confidence = table.probabilities.max(axis=1).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(np.int64)
    pictures = np.bincount(place, minlength=bins)
    divisor = np.maximum(pictures, 1)
    return Reliability(
        pictures,
        np.bincount(place, confidence, bins) / divisor,
        np.bincount(place, table.predicted == table.true, bins) / divisor,
    )


def expected_calibration_error(table: PredictionTable, bins: int = BINS) -> float:
    """Return by how much a table's confidence and accuracy differ on average: 0 is best, 1 worst."""
    return bin_by_confidence(table, bins).expected_calibration_error
