"""What the explorer's page is told: one document that JSON can hold. Nothing is read and nothing drawn here."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.clustering import Counts
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.explorer.choosing import Rows, by_worth, order_by_cell
from beauty_mlflow.evaluation.explorer.ordering import levels, orders
from beauty_mlflow.evaluation.explorer.page import to_json
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import BEST, PredictionTable

LISTED = 60_000  # pictures at most; those beyond are counted only
SPACE = 6_000_000  # bytes that they may take in the page
EACH = 60  # bytes of a picture besides its path

Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Payload:
    """The page's document, and what it lists.

    Args:
        document: What JSON can hold; see ``describe``.
        listed: int64 [m], the table's row of each picture of the document.
        priority: int64 [m], positions of the document's pictures, those most worth a look first.
    """

    document: Document
    listed: Rows
    priority: Rows


def describe(evaluated: Evaluated, most: int = LISTED, space: int = SPACE) -> Payload:
    """Return the document.

    Its pictures stand cell by cell, the most probable answer of a cell first, so that a cell is a run of them and
    each picture is in exactly one:

    classes, orders and levels (see ``ordering``); cells: true class, predicted class, number of pictures and how many
    of them are listed, of each cell that isn't empty, one after the other; paths, truth (probability of the true
    class), top (labels and probabilities of the best classes, ``width`` a picture) and beside, a second model's best
    class; made_of: the classes that a grouped class was made of; finds and summary. Long columns are packed: base64
    of little-endian numbers of 16 bits (labels) or 32 bits (float32).

    Args:
        evaluated: The predictions.
        most: How many pictures are listed; the rest is counted only.
        space: Bytes that the listed ones may take, so that long paths make them fewer.
    """
    table, counts = evaluated.table, count_confusions(evaluated.table)
    finds = dict(evaluated.suspects)
    wanted = _fitting(by_worth(table, finds)[:most], table, space)
    listed = _kept(order_by_cell(table), wanted)
    position = np.full(len(table), -1)
    position[listed] = np.arange(len(listed))
    gathered = levels(table.classes, evaluated.groups)
    best = table.top(BEST)[listed]
    document = {
        "classes": list(table.classes),
        "orders": orders(counts, table.classes, gathered),
        "levels": [{"name": level.name, "nodes": list(level.nodes), "of": level.of.tolist()} for level in gathered],
        "made_of": _made_of(evaluated),
        "pictures": len(table),
        "cells": _cells(counts, table, listed),
        "paths": [table.paths[row] for row in listed],
        "truth": pack_numbers(table.probabilities[listed, table.true[listed]]),
        "width": best.shape[1],
        "top": {
            "labels": pack_labels(best),
            "probabilities": pack_numbers(np.take_along_axis(table.probabilities[listed], best, axis=1)),
        },
        "beside": None if evaluated.beside is None else _beside(evaluated.beside, listed),
        "finds": {name: position[_kept(rows, wanted)].tolist() for name, rows in finds.items()},
        "trained_on": evaluated.trained_on,
        "summary": summarize(table),
    }
    return Payload(document, listed, position[wanted])


def pack_labels(labels: npt.NDArray[Any]) -> str:
    """Return labels as base64 of little-endian unsigned 16 bits."""
    return base64.b64encode(labels.astype("<u2").tobytes()).decode("ascii")


def pack_numbers(numbers: npt.NDArray[np.float32]) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode("ascii")


def _fitting(rows: Rows, table: PredictionTable, space: int) -> Rows:
    sizes = [EACH + len(to_json(table.paths[row]).encode()) for row in rows]
    return rows[: int(np.searchsorted(np.cumsum(sizes), space, side="right"))]


def _kept(rows: Rows, wanted: Rows) -> Rows:
    return rows[np.isin(rows, wanted)]


def _cells(counts: Counts, table: PredictionTable, listed: Rows) -> list[int]:
    seen = np.zeros_like(counts)
    np.add.at(seen, (table.true[listed], table.predicted[listed]), 1)
    row, column = np.nonzero(counts)
    flat: list[int] = np.stack([row, column, counts[row, column], seen[row, column]], axis=1).ravel().tolist()
    return flat


def _beside(table: PredictionTable, listed: Rows) -> Document:
    counts = count_confusions(table)
    row, column = np.nonzero(counts)
    return {
        "cells": np.stack([row, column, counts[row, column]], axis=1).ravel().tolist(),
        "labels": pack_labels(table.predicted[listed]),
        "probabilities": pack_numbers(table.probabilities[listed].max(axis=1)),
        "accuracy": float((table.predicted == table.true).mean()),
    }


def _made_of(evaluated: Evaluated) -> dict[str, list[str]]:
    """Return what each class that is itself a group was made of, but those made of themselves alone."""
    known = set(evaluated.table.classes)
    made_of = {group: list(members) for group, members in evaluated.made_of.items() if group in known}
    return {group: members for group, members in made_of.items() if members != [group]}
