import pandas as pd
import pytest
from sklearn.metrics import classification_report

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.report import FILE, evaluate
from beauty_mlflow.evaluation.metrics import summarize


def test_it_is_scikit_learns_report_with_a_row_a_class(tmp_path, make_table):
    table = make_table(classes=5, n=60)
    evaluate(Evaluated(table), tmp_path)
    frame = pd.read_csv(tmp_path / FILE, index_col="class")
    expected = classification_report(
        table.true, table.predicted, target_names=table.classes, output_dict=True, zero_division=0.0
    )
    assert frame.index.tolist() == [*table.classes, "macro average", "weighted average"]
    for name in (*table.classes, "macro average", "weighted average"):
        row = expected[name.replace("average", "avg")]
        assert frame.loc[name].tolist() == pytest.approx(
            [row["precision"], row["recall"], row["f1-score"], row["support"]], abs=1e-6
        )


def test_classes_without_a_picture_have_a_row_and_stay_out_of_the_averages(tmp_path, make_table):
    table = make_table(classes=6, true=[0, 1] * 20)
    evaluate(Evaluated(table), tmp_path)
    frame = pd.read_csv(tmp_path / FILE, index_col="class")
    assert frame.loc["class5", ["recall", "f1", "support"]].tolist() == [0, 0, 0]
    assert frame.loc["macro average", "f1"] == pytest.approx(summarize(table)["macro_f1"], abs=1e-6)
    assert frame.loc["macro average", "recall"] == pytest.approx(summarize(table)["balanced_accuracy"], abs=1e-6)
    assert frame.loc["weighted average", "support"] == 40
