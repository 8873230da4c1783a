"""What a comparison shows of a training's epochs: logged as the training ends, read from its epochs where it isn't."""

import sys
from collections.abc import Mapping
from typing import Any

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run

HISTORIES = ("accuracy", "loss", names.EPOCH_SECONDS, names.SPEED)


def sums(histories: Mapping[str, Mapping[int, float]], best_epoch: int) -> dict[str, float]:
    """Return it under the names that a training logs it by; what isn't known isn't there.

    Args:
        histories: Of ``HISTORIES``, the values by epoch.
        best_epoch: The kept one.
    """
    seconds, speeds = (histories.get(name, {}) for name in (names.EPOCH_SECONDS, names.SPEED))
    kept = {names.BEST_ACCURACY: histories.get("accuracy", {}), names.BEST_LOSS: histories.get("loss", {})}
    return {
        names.EPOCHS_TRAINED: len(seconds),
        names.SECONDS: sum(seconds.values()),
        **({names.MEDIAN_SPEED: sorted(speeds.values())[len(speeds) // 2]} if speeds else {}),
        **{name: history[best_epoch] for name, history in kept.items() if best_epoch in history},
    }


def sums_of(run: Run, metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return a run's from its metrics, or by a request a history: of an imported run, or an earlier version's."""
    if names.EPOCHS_TRAINED in metrics:
        return metrics
    histories = {name: finite(run.metric_history(name)) for name in HISTORIES if name in metrics}
    return sums(histories, int(metrics.get(names.BEST_EPOCH, 0)))


def finite(values: Mapping[Any, float]) -> dict[Any, float]:
    """Leave nan out, and infinity, for which an SQL store has the largest number that there is."""
    return {key: value for key, value in values.items() if abs(value) < sys.float_info.max}
