"""What the explorer's page is told: one document that JSON can hold. Nothing is read and nothing drawn here."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.explorer.ordering import levels, orders
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import BEST, PredictionTable
from beauty_mlflow.evaluation.suspects import find_suspects

Document = dict[str, Any]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Payload:
    """The page's document and what chooses its thumbnails.

    Args:
        document: What JSON can hold; see ``describe``.
        order: int64 [n], the table's row of each picture of the document.
        finds: Pictures worth a look, by the name of their list: positions in the document, the first one first.
    """

    document: Document
    order: Rows
    finds: Mapping[str, Rows]


def describe(evaluated: Evaluated) -> Payload:
    """Return the document.

    Its pictures stand cell by cell, the most probable answer of a cell first, so that a cell is a run of them and
    each picture is in exactly one:

    classes, orders and levels (see ``ordering``); cells: true class, predicted class and number of pictures of each
    cell that isn't empty, one after the other; paths, truth (probability of the true class), top (labels and
    probabilities of the best classes, ``width`` a picture) and beside, the same for a second model's best class;
    made_of: the classes that a grouped class was made of; finds and summary. Long columns are packed: base64 of
    little-endian numbers of 16 bits (labels) or 32 bits (float32).
    """
    table = evaluated.table
    order = order_by_cell(table)
    counts = count_confusions(table)
    gathered = levels(table.classes, evaluated.groups)
    finds = find_pictures(evaluated, order)
    best = table.top(BEST)[order]
    probabilities = np.take_along_axis(table.probabilities[order], best, axis=1)
    document = {
        "classes": list(table.classes),
        "orders": orders(counts, table.classes, gathered),
        "levels": [{"name": level.name, "nodes": list(level.nodes), "of": level.of.tolist()} for level in gathered],
        "made_of": _made_of(table.classes, evaluated.groups),
        "cells": cells(table, order),
        "paths": [table.paths[row] for row in order],
        "truth": pack_numbers(table.probabilities[order, table.true[order]]),
        "width": best.shape[1],
        "top": {"labels": pack_labels(best), "probabilities": pack_numbers(probabilities)},
        "beside": None if evaluated.beside is None else _beside(evaluated.beside, order),
        "finds": {name: found.tolist() for name, found in finds.items()},
        "trained_on": evaluated.trained_on,
        "summary": summarize(table),
    }
    return Payload(document, order, finds)


def order_by_cell(table: PredictionTable) -> Rows:
    """Return the table's rows by true class, predicted class and falling probability of the latter."""
    confidence = table.probabilities.max(axis=1)
    return np.lexsort((-confidence, table.predicted, table.true)).astype(np.int64)


def cells(table: PredictionTable, order: Rows) -> list[int]:
    """Return (true, predicted, pictures) of each cell that has pictures, flat, in the order of the pictures."""
    size = len(table.classes)
    cell = table.true[order].astype(np.int64) * size + table.predicted[order]
    found, pictures = np.unique(cell, return_counts=True)
    flat: list[int] = np.stack([found // size, found % size, pictures], axis=1).ravel().tolist()
    return flat


def find_pictures(evaluated: Evaluated, order: Rows) -> dict[str, Rows]:
    """Return the pictures worth a look (see ``evaluation.suspects``), as positions in ``order``."""
    position = np.argsort(order)
    found = find_suspects(evaluated.table, trained_on=evaluated.trained_on)
    return {name: position[rows] for name, rows in found}


def pack_labels(labels: npt.NDArray[Any]) -> str:
    """Return labels as base64 of little-endian unsigned 16 bits."""
    return base64.b64encode(labels.astype("<u2").tobytes()).decode("ascii")


def pack_numbers(numbers: npt.NDArray[np.float32]) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode("ascii")


def _beside(table: PredictionTable, order: Rows) -> Document:
    return {
        "labels": pack_labels(table.predicted[order]),
        "probabilities": pack_numbers(table.probabilities[order].max(axis=1)),
        "accuracy": float((table.predicted == table.true).mean()),
    }


def _made_of(classes: tuple[str, ...], groups: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what each class that is itself a group was made of."""
    known = set(classes)
    parts: dict[str, list[str]] = {}
    for name, group in groups.items():
        if name not in known and group in known:
            parts.setdefault(group, []).append(name)
    return parts
