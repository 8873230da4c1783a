import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.evaluation.grouping.figure import draw_grouping
from beauty_mlflow.evaluation.grouping.finding import find_groups


@pytest.mark.parametrize(("n", "classes"), [(3, 2), (73, 42), (73, 0)])
def test_a_figure_of_few_and_of_many_classes(sample_confusions, table_of, tmp_path, n, classes):
    table = table_of(sample_confusions([label // 3 for label in range(n)], pictures=20))
    draw_grouping(find_groups(table, np.zeros((n, n), np.bool_), classes), tmp_path / "grouping.png")
    with Image.open(tmp_path / "grouping.png") as picture:
        assert picture.size == (900, 650)
        assert len(picture.convert("RGB").getcolors(2**20)) > 20
