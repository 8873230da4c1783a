import pandas as pd
import pytest

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.coverage_table import FILE, evaluate


def test_the_table_has_a_row_a_hundredth(tmp_path, make_table):
    table = make_table(n=60)
    evaluate(Evaluated(table), tmp_path)
    frame = pd.read_csv(tmp_path / FILE)
    confidence, right = table.probabilities.max(axis=1), table.predicted == table.true
    assert frame["threshold"].tolist() == [step / 100 for step in range(101)]
    for row in frame.itertuples():
        kept = confidence >= row.threshold
        assert row.answered == kept.sum()
        assert row.coverage == pytest.approx(kept.mean(), abs=1e-6)
        if kept.any():
            assert row.accuracy == pytest.approx(right[kept].mean(), abs=1e-6)
        else:
            assert pd.isna(row.accuracy)
    assert frame["answered"][0] == 60
    assert frame["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)
