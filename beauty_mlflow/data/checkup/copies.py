"""Pictures that are there more than once: in a class, in several classes, in several parts."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from beauty_mlflow.data.checkup.findings import Findings, Rows, Values
from beauty_mlflow.data.checkup.kinds import (
    EXACT_COPY,
    EXACT_OTHER_CLASS,
    EXACT_OTHER_PART,
    NEAR_COPY,
    NEAR_OTHER_CLASS,
    NEAR_OTHER_PART,
    PRODUCT_OTHER_PART,
    Kind,
)
from beauty_mlflow.data.duplicates.finding import DISTANCE
from beauty_mlflow.data.duplicates.inspecting import Inspection
from beauty_mlflow.data.duplicates.neighbours import Pairs, differences, similar_pairs

# [p, 2], pairs of units, both ways, and [p], how different they are
_Meeting = tuple[Pairs, Values]


def copy_findings(table: pd.DataFrame, seen: Inspection, blank: npt.NDArray[np.bool_], near: int) -> Iterator[Findings]:
    """Yield what is found of copies; blank pictures are no copies of each other.

    Args:
        table: Columns class, part, product and sha256, one picture a row.
        seen: What the pictures look like, row by row.
        blank: bool [n], which pictures are blank.
        near: How much a value of two near copies' thumbnails may differ, of 255.
    """
    rows = np.flatnonzero(~blank)
    first, files = np.unique(table["sha256"].to_numpy(dtype=str)[rows], return_index=True, return_inverse=True)[1:]
    seen = seen.select(rows[first].tolist())
    pairs = similar_pairs(seen.hashes, seen.thumbnails, distance=DISTANCE, tolerance=near)
    apart = differences(seen.thumbnails, pairs[:, 0], pairs[:, 1]).astype(np.float64)
    alike = np.concatenate([pairs, pairs[:, ::-1]]), np.concatenate([apart, apart])
    same = _with_itself(len(first))
    classes, parts = (_numbered(table[column].iloc[rows]) for column in ("class", "part"))
    placed = rows[parts >= 0]
    yield _crossing(EXACT_OTHER_CLASS, rows, files, classes, same)
    yield _crossing(NEAR_OTHER_CLASS, rows, files, classes, alike)
    yield _crossing(EXACT_OTHER_PART, placed, files[parts >= 0], parts[parts >= 0], same)
    yield _crossing(NEAR_OTHER_PART, placed, files[parts >= 0], parts[parts >= 0], alike)
    yield _exact_copies(rows, files)
    yield _crossing(NEAR_COPY, rows, files, files, alike)


def product_findings(table: pd.DataFrame) -> Findings:
    """Return the pictures whose product stands in another part, too."""
    products, parts = _numbered(table["product"]), _numbered(table["part"])
    rows = np.flatnonzero((products >= 0) & (parts >= 0))
    count = int(products.max(initial=-1)) + 1
    return _crossing(PRODUCT_OTHER_PART, rows, products[rows], parts[rows], _with_itself(count))


def _with_itself(units: int) -> _Meeting:
    return np.stack([np.arange(units)] * 2, axis=1), np.zeros(units)


def _numbered(names: "pd.Series[str]") -> Rows:
    """Return each name's number; -1 for an empty one."""
    numbers: Rows = pd.factorize(names.where(names != ""))[0].astype(np.int64)
    return numbers


def _exact_copies(rows: Rows, files: Rows) -> Findings:
    order = np.argsort(files, kind="stable")
    first, end = (np.searchsorted(files[order], files[order], side) for side in ("left", "right"))
    place = np.arange(len(order))
    another = np.where(place == first, place + 1, first)
    several = np.flatnonzero(end - first > 1)
    sizes = (end - first)[several].astype(np.float64)
    return Findings(EXACT_COPY, rows[order[several]], sizes, rows[order[another[several]]])


def _crossing(kind: Kind, rows: Rows, units: Rows, sides: Rows, meeting: _Meeting) -> Findings:
    """Find the pictures of which a paired unit has a picture on another side.

    Args:
        kind: What that is called.
        rows: [n], pictures.
        units: [n], the number of the unit (equal files, a product) that each is in.
        sides: [n], the number of the class or part that each is in.
        meeting: Which units belong together; of several, the least different is named.
    """
    pairs, apart = meeting
    width = int(sides.max(initial=0)) + 1
    keys, example, key = np.unique(units * width + sides, return_index=True, return_inverse=True)
    starts, ends = (np.searchsorted(keys // width, pairs[:, 0], side) for side in ("left", "right"))
    left, chosen = _ranges(starts, ends)
    starts, ends = (np.searchsorted(keys // width, pairs[chosen, 1], side) for side in ("left", "right"))
    right, again = _ranges(starts, ends)
    left, cost = left[again], apart[chosen[again]]
    crosses = keys[left] % width != keys[right] % width
    left, right, cost = left[crosses], right[crosses], cost[crosses]
    order = np.lexsort([right, cost, left])
    least = order[np.unique(left[order], return_index=True)[1]]
    partner = np.full(len(keys), -1)
    partner[left[least]] = example[right[least]]
    price = np.zeros(len(keys))
    price[left[least]] = cost[least]
    found = np.flatnonzero(partner[key] >= 0)
    found = found[np.lexsort([units[found], price[key[found]]])]
    return Findings(kind, rows[found], price[key[found]], rows[partner[key[found]]])


def _ranges(starts: Rows, ends: Rows) -> tuple[Rows, Rows]:
    """Return the numbers of all ranges one after the other, and for each the range that it is in."""
    sizes = ends - starts
    which = np.repeat(np.arange(len(starts)), sizes)
    within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return starts[which] + within, which
