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
