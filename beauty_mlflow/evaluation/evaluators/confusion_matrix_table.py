"""confusion_matrix.tsv: which class is taken for which, as numbers."""

from pathlib import Path

from beauty_mlflow.data.safe_tables import write_table
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated

FILE = "confusion_matrix.tsv"


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write confusion_matrix.tsv: a row a true class, a column a predicted one, class names as headers."""
    table = evaluated.table
    counts = count_confusions(table).tolist()
    rows = [[name, *row] for name, row in zip(table.classes, counts, strict=True)]
    write_table(folder / FILE, ["true \\ predicted", *table.classes], rows, delimiter="\t")
