import numpy as np

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.most_confused import FILE, HEADER, evaluate
from beauty_mlflow.evaluation.predictions import PredictionTable


def test_pairs_by_number_of_pictures_with_the_most_confident_example(tmp_path):
    """Class a is taken for b three times, b for a once; c for a once, which is a larger share of c."""
    true = np.array([0, 0, 0, 0, 1, 1, 2], np.int32)
    rows = np.array(
        [[0.1, 0.7, 0.2], [0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [1, 0, 0], [0.6, 0.4, 0], [0, 1, 0], [0.5, 0.3, 0.2]],
        np.float32,
    )
    table = PredictionTable(tuple(f"{i}.jpg" for i in range(7)), true, rows, ("a", "b", "c"))
    evaluate(Evaluated(table), tmp_path)
    header, found = read_table(tmp_path / FILE)
    assert tuple(header) == HEADER
    assert found == [
        ["a", "b", "3", "0.75", "4", "0.8", "1.jpg", "0.899999976"],
        ["c", "a", "1", "1.0", "1", "0.5", "6.jpg", "0.5"],
        ["b", "a", "1", "0.5", "4", "0.6", "4.jpg", "0.600000024"],
    ]


def test_every_confused_picture_is_counted_once(tmp_path, make_table):
    table = make_table(classes=9, n=300)
    evaluate(Evaluated(table), tmp_path)
    _, found = read_table(tmp_path / FILE)
    counts = count_confusions(table)
    names = {name: label for label, name in enumerate(table.classes)}
    assert {(names[row[0]], names[row[1]]): int(row[2]) for row in found} == {
        (i, j): counts[i, j] for i in range(9) for j in range(9) if i != j and counts[i, j]
    }
    assert [int(row[2]) for row in found] == sorted((int(row[2]) for row in found), reverse=True)


def test_nothing_confused_gives_a_header_alone(tmp_path):
    table = PredictionTable(("a", "b"), np.array([0, 1], np.int32), np.eye(2, dtype=np.float32), ("a", "b"))
    evaluate(Evaluated(table), tmp_path)
    assert read_table(tmp_path / FILE) == (list(HEADER), [])
