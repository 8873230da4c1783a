import numpy as np
import pandas as pd

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.confusion_matrix_table import FILE, evaluate


def test_rows_are_true_columns_predicted_with_the_classes_as_headers(tmp_path, make_table):
    table = make_table(classes=6, n=80)
    evaluate(Evaluated(table), tmp_path)
    frame = pd.read_csv(tmp_path / FILE, sep="\t", index_col=0)
    assert frame.index.tolist() == frame.columns.tolist() == list(table.classes)
    np.testing.assert_array_equal(frame.to_numpy(), count_confusions(table))
    assert frame.to_numpy().sum() == 80


def test_hostile_names_come_back(tmp_path, make_table, hostile_names):
    evaluate(Evaluated(make_table(classes=hostile_names)), tmp_path)
    header, rows = read_table(tmp_path / FILE, delimiter="\t")
    assert header[1:] == [row[0] for row in rows] == list(hostile_names)
