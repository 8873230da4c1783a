"""A share of a split's training part, for learning curves: what more pictures bring."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from beauty_mlflow.data.duplicates.copies import units_of
from beauty_mlflow.data.splits.manifest import Split, sort_rows
from beauty_mlflow.data.splits.placing import Unit, seeded_key
from beauty_mlflow.errors import ParameterError


def thin_split(split: Split, fraction: float, seed: int) -> Split:
    """Return a split with a share of the training pictures; the other parts stay as they are.

    Every class keeps about this share, and at least one picture. For one seed a smaller share is part of every larger
    one, so that a learning curve compares sets that grow. Pictures that the split keeps together, copies and those of
    one product, stay or go together; large groups can make a class's share larger than wanted.

    The option ``fraction`` is the share of the first split, where a share is taken of a share.

    Args:
        split: With all training pictures.
        fraction: Above 0, at most 1; 1 is the split itself.
        seed: Decides which pictures.

    Raises:
        ParameterError: The fraction is outside its limits.
    """
    if not 0 < fraction <= 1:
        raise ParameterError(f"fraction is {fraction}; expected a share above 0, at most 1")
    if fraction == 1:
        return split
    train = split.rows("train").reset_index(drop=True)
    columns = ["product"] if split.options.get("duplicates") == "ignore" else ["duplicate_group", "product"]
    kept = _keep(train["class"].to_list(), _ordered(train, units_of(train, columns), seed), fraction)
    others = split.table[split.table["part"] != "train"]
    table = sort_rows(pd.concat([train.loc[sorted(kept)], others]))
    whole = fraction * _recorded(split)
    return replace(split, table=table, options={**split.options, "fraction": whole, "fraction_seed": seed})


def _recorded(split: Split) -> float:
    """Return the share that the split is of another one already."""
    share = split.options.get("fraction")
    return share if isinstance(share, float) and 0 < share < 1 else 1.0


def _ordered(train: pd.DataFrame, units: Sequence[Unit], seed: int) -> list[Unit]:
    # not the order in which the split itself was placed
    keys = [seeded_key(seed, f"fraction/{digest}") for digest in train["sha256"]]
    return sorted(units, key=lambda unit: min(keys[row] for row in unit))


def _keep(classes: Sequence[str], units: Sequence[Unit], fraction: float) -> set[int]:
    """Return the rows of the units that one of their classes needs.

    A class needs a unit as long as it would be nearer to its share with it than without, and its first in any case.
    Units come in the same order for every share: what a smaller one needs, a larger one does too.
    """
    totals, before, kept = Counter(classes), Counter[str](), set[int]()
    for unit in units:
        counts = Counter(classes[row] for row in unit)
        if any(not before[name] or before[name] + n / 2 <= fraction * totals[name] for name, n in counts.items()):
            kept.update(unit)
        before.update(counts)
    return kept
