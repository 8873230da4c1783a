"""How the learning rate goes over a training. Nothing heavy is imported here."""

from __future__ import annotations

import math
from typing import Literal, get_args

Schedule = Literal["constant", "cosine"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

WARM_UP_EPOCHS = 1.0
"""Epochs in which ``cosine`` rises linearly from 0; at most a tenth of the training where that is shorter."""


def factor(schedule: Schedule, epochs_done: float, epochs: int) -> float:
    """Return what the learning rate is multiplied by.

    ``constant`` is 1. ``cosine`` rises linearly, then falls along half a cosine to 0 at the last epoch's end
    (Loshchilov and Hutter 2017, SGDR, equation 5, without restarts; Goyal et al. 2017, section 2.2, for the rise).

    Args:
        schedule: One of ``SCHEDULES``.
        epochs_done: Epochs before this step, the current one's share included; from 0 to below ``epochs``.
        epochs: Of the whole training, if nothing stops it.
    """
    if schedule == "constant":
        return 1.0
    rise = min(WARM_UP_EPOCHS, epochs / 10)
    if epochs_done < rise:
        return epochs_done / rise
    return (1 + math.cos(math.pi * (epochs_done - rise) / (epochs - rise))) / 2
