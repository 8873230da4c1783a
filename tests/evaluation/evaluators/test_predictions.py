import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.predictions import FILE, evaluate, read_predictions

names = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=6),
    min_size=2,
    max_size=7,
    unique=True,
)


@settings(max_examples=25)
@given(classes=names, seed=st.integers(0, 1000))
def test_it_comes_back_exactly_whatever_the_names(tmp_path_factory, make_table, classes, seed):
    table = make_table(classes=classes, n=9, seed=seed)
    folder = tmp_path_factory.mktemp("predictions")
    evaluate(Evaluated(table), folder)
    frame = read_predictions(folder / FILE)
    assert frame["path"].tolist() == list(table.paths)
    assert frame["true"].tolist() == [classes[label] for label in table.true]
    assert frame["predicted"].tolist() == [classes[label] for label in table.predicted]
    np.testing.assert_array_equal(frame["probability"].to_numpy(np.float32), table.probabilities.max(axis=1))
    for place, column in enumerate(table.top(5).T, start=1):
        assert frame[f"top{place}"].tolist() == [classes[label] for label in column]
        probabilities = frame[f"top{place}_probability"].to_numpy(np.float32)
        np.testing.assert_array_equal(probabilities, table.probabilities[np.arange(9), column])


@pytest.mark.parametrize(("classes", "best"), [(2, 2), (5, 5), (9, 5)])
def test_it_lists_five_classes_or_all_there_are(tmp_path, make_table, classes, best):
    evaluate(Evaluated(make_table(classes=classes)), tmp_path)
    columns = ["path", "true", "predicted", "probability"]
    columns += [f"top{i}{end}" for i in range(1, best + 1) for end in ("", "_probability")]
    assert pd.read_csv(tmp_path / FILE).columns.tolist() == columns


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no table of predictions: its first columns are a, b"),
        ("path,true,predicted,probability\nx,a,b,high\n", "a probability that is no number"),
    ],
)
def test_another_file_is_named(tmp_path, content, message):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path / FILE)
