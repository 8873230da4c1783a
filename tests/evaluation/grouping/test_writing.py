import numpy as np
import pytest

from beauty_mlflow.data.splits.grouping import read_groups
from beauty_mlflow.evaluation.grouping.finding import find_groups
from beauty_mlflow.evaluation.grouping.writing import is_groups_file, write_groups


@pytest.fixture
def write(tmp_path, table_of):
    """Write the groups of some counts; return them and the file."""

    def found(counts, classes, names=None):
        grouping = find_groups(table_of(counts, names), np.zeros(counts.shape, np.bool_), classes)
        write_groups(grouping, "run 1234", tmp_path / "groups.yaml")
        return grouping, tmp_path / "groups.yaml"

    return found


def confused(n, *cells):
    counts = 9 * np.eye(n, dtype=np.int64)
    for true, predicted, pictures in cells:
        counts[true, predicted] = pictures
    return counts


def test_each_group_stands_below_its_reasons(write):
    counts = confused(5, (0, 1, 6), (1, 0, 1), (2, 0, 4), (0, 2, 5))
    grouping, path = write(counts, 2, ["Body_Arm", "Body_Leg", "Hair_Comb", "Hair_Dye", "other"])
    text = path.read_text()
    assert read_groups(str(path)) == grouping.groups
    assert "# The model: run 1234; its answers for the 61 validation pictures." in text
    assert "# 5 classes -> 2. Accuracy there: 0.7377 -> 1.0000, probabilities summed;" in text
    assert "(4 left, 0.8852) 5 of 20 (25%) of Body_Arm taken for Hair_Comb, 4 of 13 (31%) back" in text
    assert "2. (3 left, 1.0000) 6 of 33 (18%) of Body_Arm + Hair_Comb taken for Body_Leg, 1 of 10 (10%) back" in text
    assert "# 3. (2 left, 1.0000) Hair_Dye and other: not confused; merged because fewer classes were asked for" in text


def test_names_are_data(write, hostile_names):
    """Nothing in a name ends its comment or changes what is read."""
    n = len(hostile_names)
    cells = [(label, label + 1, 5) for label in range(0, n - 1, 2)]
    grouping, path = write(confused(n, *cells), n // 2 + 1, hostile_names)
    assert read_groups(str(path)) == grouping.groups
    assert {name for members in grouping.groups.values() for name in members} == set(hostile_names[: n - n % 2])


@pytest.mark.parametrize("change", [lambda text: b"\xff\n" + text, lambda text: text + b"# mine\n", lambda _: b""])
def test_a_file_of_ones_own_is_known_from_ours(write, change):
    """One that was edited is one's own."""
    _, path = write(confused(4, (0, 1, 5)), 3)
    assert is_groups_file(path)
    path.write_bytes(change(path.read_bytes()))
    assert not is_groups_file(path)


def test_the_same_counts_give_the_same_file(write, sample_confusions):
    counts = sample_confusions([label // 3 for label in range(30)], pictures=40)
    _, path = write(counts, 10)
    first = path.read_bytes()
    write(counts, 10)
    assert path.read_bytes() == first
