"""The findings of each class, counted."""

from collections import Counter

import numpy as np
import pandas as pd

from beauty_mlflow.data.checkup.checking import Checkup
from beauty_mlflow.data.checkup.kinds import BROKEN, KINDS
from beauty_mlflow.data.splits.manifest import PARTS

COLUMNS = ("class", "pictures", "share", *PARTS, "median_width", "median_height", *(kind.name for kind in KINDS))


def class_table(checkup: Checkup) -> pd.DataFrame:
    """Return one row a class, sorted by name, with the columns ``COLUMNS``.

    Classes without a usable picture are there, too; broken files of no known class stand in a last row of their own,
    whose name is empty.
    """
    table = checkup.table
    lost = [line.class_name for line in checkup.broken]
    names = sorted({*table["class"], *filter(None, lost)}) + ([""] if "" in lost else [])
    grouped = table.groupby("class")
    counts = grouped.size().reindex(names, fill_value=0)
    medians = grouped[["width", "height"]].median().reindex(names)
    columns: dict[str, object] = {"pictures": counts, "share": (counts / len(table)).round(4)}
    columns |= {part: _counted(table["class"][table["part"] == part], names) for part in PARTS}
    columns |= {"median_width": medians["width"], "median_height": medians["height"]}
    columns |= {each.kind.name: _counted(table["class"].iloc[each.rows], names) for each in checkup.found}
    columns[BROKEN.name] = _counted(pd.Series(lost, dtype=str), names)
    made = pd.DataFrame(columns, index=pd.Index(names, name="class")).reset_index()
    return made.replace({np.nan: ""}).loc[:, list(COLUMNS)]


def _counted(found: "pd.Series[str]", names: list[str]) -> list[int]:
    counts = Counter(found)
    return [counts[name] for name in names]
