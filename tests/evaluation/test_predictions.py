import tracemalloc

import keras
import numpy as np
import pytest

from beauty_mlflow.errors import DataError, WorkError
from beauty_mlflow.evaluation.predictions import PredictionTable, predict
from beauty_mlflow.progress import silent_progress


@pytest.fixture(scope="module")
def network():
    """A network that answers with the mean red of a picture, so that each row shows whose it is."""
    image = keras.layers.Input((8, 8, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(image, keras.layers.Dropout(0.9)(dense(mean)))
    dense.set_weights([np.array([[-4, 0, 4], [0, 0, 0], [0, 0, 0]], np.float32), np.array([1, 0, -3], np.float32)])
    return model


def run(network, pictures, batch_size=4, progress=silent_progress):
    return predict(network, pictures, size=8, resize="squash", batch_size=batch_size, progress=progress)


def test_every_picture_is_predicted_once_and_in_order(network, make_pictures):
    pictures = make_pictures(classes=3, each=3)
    table = run(network, pictures)
    assert table.paths == pictures.paths
    np.testing.assert_array_equal(table.true, pictures.labels)
    np.testing.assert_array_equal(table.predicted, pictures.labels)
    assert table.probabilities.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 2, 9, 100])
def test_the_batch_size_changes_nothing(network, make_pictures, batch_size):
    """Also the smaller last batch counts, and dropout is off."""
    pictures = make_pictures(classes=3, each=3)
    expected = run(network, pictures).probabilities
    np.testing.assert_allclose(run(network, pictures, batch_size).probabilities, expected, atol=1e-6)


def test_a_smaller_last_batch_traces_no_second_graph(make_pictures):
    traces = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    model = keras.Sequential(
        [keras.layers.Input((8, 8, 3)), Counting(), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    traces.clear()
    run(model, make_pictures(classes=3, each=3))
    assert traces == [(None, 8, 8, 3)]


def test_progress_counts_the_pictures(network, make_pictures):
    told = []

    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            told.append("end")

        def update(self, n=1):
            told.append(n)

    def progress(description, total):
        told.append((description, total))
        return Bar()

    run(network, make_pictures(classes=3, each=3), progress=progress)
    assert told == [("Predicting", 9), 4, 4, 1, "end"]


def test_a_part_without_pictures_is_an_error(network, make_pictures):
    with pytest.raises(DataError, match="no pictures in this part"):
        run(network, make_pictures(classes=3, each=1, empty=(0, 1, 2)))


def test_a_picture_that_broke_meanwhile_is_named(network, make_pictures):
    pictures = make_pictures(classes=3, each=2)
    (pictures.folder / pictures.paths[4]).write_bytes(b"gone bad")
    with pytest.raises(DataError, match=pictures.paths[4]):
        run(network, pictures)


def test_a_network_that_gives_nan_names_the_first_picture(network, make_pictures):
    broken = keras.models.clone_model(network)
    broken.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    with pytest.raises(WorkError, match=r"aren't finite for 3 of 3 pictures, the first 0/0\.png"):
        run(broken, make_pictures(classes=3, each=1))


def test_a_network_of_other_classes_is_an_error(network, make_pictures):
    with pytest.raises(WorkError, match=r"4 pictures of 4 classes got .* probabilities of shape \(4, 3\)"):
        run(network, make_pictures(classes=4, each=1))


def test_the_five_best_come_best_first_and_are_cut_to_the_classes(make_table):
    table = make_table(classes=7)
    best = table.top(5)
    assert best.shape == (40, 5)
    np.testing.assert_array_equal(best[:, 0], table.predicted)
    sorted_rows = np.take_along_axis(table.probabilities, best, axis=1)
    assert (np.diff(sorted_rows, axis=1) <= 0).all()
    np.testing.assert_array_equal(table.probabilities.max(axis=1), sorted_rows[:, 0])
    assert make_table(classes=2).top(5).shape == (40, 2)


def test_equal_probabilities_come_in_the_order_of_the_classes():
    table = PredictionTable(("a",), np.zeros(1, np.int32), np.full((1, 3), 1 / 3, np.float32), ("a", "b", "c"))
    assert table.top(3).tolist() == [[0, 1, 2]]
    assert table.predicted.tolist() == [0]


@pytest.mark.parametrize(
    ("paths", "true", "error", "message"),
    [
        (("a",), [0, 1], WorkError, "exactly once"),
        (("a", "b", "c"), [0, 1], WorkError, "exactly once"),
        (("a", "b"), [0, 2], DataError, "Labels must be 0 to 1, got 0 to 2"),
        ((), [], DataError, "no picture to evaluate"),
        (("a", "b"), [-1, 0], DataError, "Labels must be 0 to 1, got -1 to 0"),
    ],
)
def test_a_table_that_does_not_add_up_is_refused(paths, true, error, message):
    with pytest.raises(error, match=message):
        PredictionTable(paths, np.array(true, np.int32), np.full((len(true), 2), 0.5, np.float32), ("x", "y"))


def test_the_best_classes_of_many_pictures_take_little_memory(make_table):
    table = make_table(classes=50, n=40_000)
    tracemalloc.start()
    try:
        best = table.top(5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert best[[0, -1], 0].tolist() == table.predicted[[0, -1]].tolist()
    assert len(best) == len(table)
    assert peak < table.probabilities.nbytes
