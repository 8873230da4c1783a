"""From probabilities to answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt


class Guess(TypedDict):
    """One class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What is said about one picture.

    Args:
        label: The most probable class; None where there is an error.
        probability: Its probability, calibrated; None where there is an error.
        top: The most probable classes, best first; empty where there is an error.
        abstained: Whether the probability is below the model's threshold; label and top are given even so.
        error: Why this picture has no answer; None where it has one.
        model_version: Which model answered.
    """

    label: str | None
    probability: float | None
    top: list[Guess]
    abstained: bool
    error: str | None
    model_version: str


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
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny).astype(np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softened: npt.NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return softened


def answer(
    probabilities: npt.NDArray[np.float32],
    classes: Sequence[str],
    *,
    top: int,
    threshold: float | None,
    model_version: str,
) -> Answer:
    """Put one picture's probabilities [classes] into words; equal ones come in the order of the classes."""
    if not np.isfinite(probabilities).all():
        return no_answer("the network's probabilities aren't finite numbers", model_version)
    order = np.argsort(-probabilities, kind="stable")[:top]
    guesses = [Guess(label=classes[i], probability=float(probabilities[i])) for i in order]
    label, probability = guesses[0]["label"], guesses[0]["probability"]
    abstained = threshold is not None and probability < threshold
    return Answer(label, probability, guesses, abstained, None, model_version)


def no_answer(reason: str, model_version: str) -> Answer:
    """Say why a picture has no answer."""
    return Answer(None, None, [], abstained=False, error=reason, model_version=model_version)
