"""grouping.png: the accuracy against the number of classes left."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from beauty_mlflow.evaluation.grouping.accuracy import REPETITIONS
from beauty_mlflow.evaluation.grouping.finding import Grouping
from beauty_mlflow.evaluation.plotting import new_figure, save_figure

FILE = "grouping.png"


def draw_grouping(grouping: Grouping, path: Path) -> None:
    """Draw the accuracy on the validation pictures at every number of classes, and what merging at random gives.

    Beneath, the description's length, of which classes=0 takes the smallest.
    """
    pictures = len(grouping.table)
    left = len(grouping.table.classes) - np.arange(len(grouping.steps) + 1)
    at_random = grouping.at_random / pictures
    low, high = np.quantile(at_random, (0.025, 0.975), axis=0)
    figure = new_figure(9, 6.5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot(left, grouping.hits / pictures, color="tab:blue", label="groups from confusion")
    upper.plot(left, at_random.mean(axis=0), color="dimgray", label="random groups of the same sizes")
    upper.fill_between(left, low, high, color="dimgray", alpha=0.25, label=f"95 % of {REPETITIONS} such")
    accuracy = grouping.hits[grouping.taken] / pictures
    upper.plot(grouping.classes, accuracy, "o", color="black", label=f"{grouping.classes} classes: {accuracy:.1%}")
    if grouping.halves is not None:
        halves = grouping.halves / pictures
        upper.plot(
            grouping.classes, halves, "x", color="black", label=f"as many, found by other pictures: {halves:.1%}"
        )
    upper.set_ylabel("accuracy, probabilities summed")
    upper.set_title(f"The present model on its {pictures} validation pictures, with fewer classes")
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    upper.legend(loc="upper left")
    lower.plot(left, grouping.lengths, color="tab:orange")
    lower.axvline(grouping.classes, color="black", linewidth=1, linestyle="--")
    lower.set_ylabel("description\nof the errors, nats")
    lower.set_xlabel("classes left")
    lower.invert_xaxis()
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    save_figure(figure, path)
