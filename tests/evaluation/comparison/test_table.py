from beauty_mlflow.evaluation.comparison.compared import Accuracy
from beauty_mlflow.evaluation.comparison.table import HEADER, HEADINGS, best_of, exact_row, ordered, readable_row


def test_every_cell_stands_below_its_heading(training):
    one = training(6, 0.375, test=Accuracy(0.35, 0.3, 0.4))
    exact = dict(zip(HEADER, exact_row(one), strict=True))
    assert (exact["blocks"], exact["best_val_accuracy"], exact["best_val_accuracy_low"]) == (6, 0.375, 0.325)
    assert (exact["test_accuracy"], exact["test_accuracy_high"], exact["hours"]) == (0.35, 0.4, 1.5)
    shown = readable_row(one)
    assert len(shown) == len(HEADINGS)
    assert shown[3:13] == [
        "6",
        "100",
        "0.3750",
        "0.3250-0.4250",
        "2 of 5",
        "1.5",
        "22,889,321",
        "40.2",
        "0.3500",
        "0.3000-0.4000",
    ]


def test_what_isnt_known_is_empty(training):
    one = training(None, 0.5, parameters=None, pictures_per_second=None, train_pictures=None, test=None)
    exact = dict(zip(HEADER, exact_row(one), strict=True))
    assert [exact[name] for name in ("blocks", "parameters", "test_accuracy", "test_accuracy_low")] == ["", "", "", ""]
    assert readable_row(one)[3] == "all"
    assert readable_row(one)[9:13] == ["", "", "", ""]


def test_the_order_is_by_data_network_and_depth(training):
    """The whole network first, the best first of one depth."""
    mixed = [training(1, 0.2), training(1, 0.9), training(0), training(None), training(3, data="a")]
    assert [(one.data[0], one.blocks, one.val_accuracy.value) for one in ordered(mixed)] == [
        ("a", 3, 0.5),
        ("b", None, 0.5),
        ("b", 0, 0.5),
        ("b", 1, 0.9),
        ("b", 1, 0.2),
    ]


def test_the_best_are_kept_in_their_order(training):
    """Of equal ones the first; all of them where there are no more."""
    mixed = [training(0, 0.2), training(1, 0.9), training(2, 0.3), training(3, 0.3), training(4, 0.5)]
    assert [one.blocks for one in best_of(mixed, 3)] == [1, 2, 4]
    assert best_of(mixed, 5) == mixed
