from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.comparison.series import by_data, by_depth, by_pictures


def test_depths_are_one_series(depths):
    (series,) = by_depth(reversed(depths))
    assert list(series.points) == [0, 1, 2, 3]
    assert series.best == (2, depths[2])
    assert series.passed_over == 0


def test_the_best_of_a_depth_stands_for_it(depths, training):
    """As in a search, where several learning rates meet at a depth; the others are counted."""
    (series,) = by_depth([*depths, training(2, 0.1), training(3, 0.9)])
    assert [one.val_accuracy.value for one in series.points.values()] == [0.3, 0.4, 0.6, 0.9]
    assert series.passed_over == 2


def test_what_differs_otherwise_is_another_series(depths, training):
    """Other pictures, another network, another recipe, a share of the training pictures."""
    others = [
        training(blocks, **change)
        for blocks in (0, 1)
        for change in (
            {"pictures": "b"},
            {"network": "b"},
            {"recipe": "b"},
            {"train": "b"},
            {"weights": "b"},
            {"image_size": 9},
        )
    ]
    found = by_depth([*depths, *others])
    assert [len(series.points) for series in found] == [4, 2, 2, 2, 2, 2, 2]
    assert len(by_data(found)) == 2


def test_labels_say_what_differs_alone(depths, training):
    """Weights and picture sizes are named where otherwise equal series differ in them, and nowhere else."""
    random = [training(blocks, weights="random") for blocks in (0, 1)]
    other = [training(blocks, pictures="other", weights="random") for blocks in (0, 1)]
    imagenet = [training(blocks, weights="imagenet") for blocks in (0, 1, 2)]
    assert [series.label for series in by_depth([*imagenet, *random, *other])] == [
        "tiny, recipe fast, weights imagenet",
        "tiny, recipe fast, weights random",
        "tiny, recipe fast",
    ]
    large = [training(blocks, image_size=96) for blocks in (0, 1)]
    assert {series.label for series in by_depth([*depths, *large])} == {
        "tiny, recipe fast, unknown pixels",
        "tiny, recipe fast, 96 pixels",
    }


def test_whole_networks_and_inner_ranges_share_no_learning_curve(training):
    """Neither has a depth; from scratch and from other weights are two curves, too."""
    kinds = ({"weights": "random"}, {"weights": "imagenet"}, {"weights": "imagenet", "unfreeze": "a..b"})
    shares = [training(None, 0.1 * n, train=str(n), train_pictures=100 * n, **kind) for n in (1, 2) for kind in kinds]
    assert [list(series.points) for series in by_pictures(shares)] == [[100, 200]] * 3
    assert [series.label for series in by_pictures(shares)] == [
        "tiny, recipe fast, weights random",
        "tiny, recipe fast, weights imagenet",
        "tiny, recipe fast, weights imagenet, unfreeze a..b",
    ]


def test_one_depth_and_no_depth_are_no_series(training):
    assert by_depth([training(1), training(1, 0.7), training(None), training(None, 0.2)]) == []
    assert len(by_depth([training(1)], least=1)) == 1


def test_a_learning_curve_needs_several_numbers_of_pictures(training):
    """The same validation pictures, network, recipe and depth; only the training pictures differ."""
    shares = [training(1, 0.1 * n, train=str(n), train_pictures=100 * n) for n in (3, 1, 2)]
    other_depth, unknown = training(2, train_pictures=100), training(1, train_pictures=None)
    (series,) = by_pictures([*shares, other_depth, unknown])
    assert list(series.points) == [100, 200, 300]


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.sampled_from(["a", "b"]), st.floats(0, 1)), max_size=30
    )
)
def test_every_training_is_drawn_counted_or_alone(training, drawn):
    """No training is lost silently, and every point is its number's best."""
    compared = [training(blocks, accuracy, network=network) for blocks, network, accuracy in drawn]
    found = by_depth(compared, least=1)
    without = sum(one.blocks is None for one in compared)
    assert sum(len(series.points) + series.passed_over for series in found) + without == len(compared)
    for series in found:
        for blocks, point in series.points.items():
            rivals = [one for one in compared if (one.blocks, one.network) == (blocks, series.any.network)]
            assert point.val_accuracy.value == max(one.val_accuracy.value for one in rivals)
