"""Probabilities that can be taken at their word: a temperature, fitted on pictures that weren't trained on."""

import math

import numpy as np
import numpy.typing as npt

LIMIT = math.log(20)  # of the fitted temperature's logarithm: from 0.05 to 20
_PRECISION = 1e-4  # of the same


def calibrate(probabilities: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Soften (temperature > 1) or sharpen (< 1) probabilities: softmax(log p / temperature).

    The order of the classes stays. Source: Guo et al. 2017, On Calibration of Modern Neural Networks,
    section 4.2.

    Args:
        probabilities: [n, classes], rows sum to 1.
        temperature: Above 0; 1 returns the probabilities as they are.
    """
    if temperature == 1:
        return probabilities
    logits = _logits(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softened: npt.NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return softened


def fit_temperature(probabilities: npt.NDArray[np.float32], true: npt.NDArray[np.int32]) -> float:
    """Find the temperature at which probabilities explain the true classes best.

    It minimises the negative log-likelihood (Guo et al. 2017, section 4.2) summed over the pictures, plus
    log(temperature)² / 2, a prior as heavy as a picture or two. With hundreds of pictures it doesn't show. With a few
    it keeps the temperature near 1; and where every answer is right, for which the likelihood alone would sharpen
    without end, it keeps probabilities from becoming certainties. The likelihood is never lower than at 1.

    Args:
        probabilities: [n, classes], rows sum to 1.
        true: [n], the labels.

    Returns:
        From 0.05 to 20; exactly 1 where no other explains the labels better, as when a network always says the same.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(probabilities)
    above_truth = logits - np.take_along_axis(logits, true[:, None], axis=1)

    def cost(logarithm: float) -> float:
        return float(logsumexp(above_truth / math.exp(logarithm), axis=1).sum()) + logarithm**2 / 2

    found = minimize_scalar(cost, bounds=(-LIMIT, LIMIT), method="bounded", options={"xatol": _PRECISION})
    return math.exp(found.x) if found.fun < cost(0.0) else 1.0


def _logits(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny).astype(np.float64))
