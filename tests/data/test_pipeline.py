"""From pictures on disk to batches: what is in them, in which order, and what happens to a broken picture."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from beauty_mlflow.data.augmentation import transforms
from beauty_mlflow.data.images import load
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches, translate_errors
from beauty_mlflow.data.warping import warp
from beauty_mlflow.errors import DataError, ParameterError

CLASSES = ("red", "green", "blue")
COUNT, SIZE = 75, 16  # more than two chunks of the pipeline


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """75 pictures: the class is the channel that is bright, the number is in another one; not square."""
    folder = tmp_path_factory.mktemp("coloured")
    labels = np.arange(COUNT, dtype=np.int32) * 7 % 3
    for number, label in enumerate(labels):
        colour = [0, 0, 0]
        colour[label], colour[(label + 1) % 3] = 255, number
        Image.new("RGB", (24, 40), tuple(colour)).save(folder / f"{number}.png")
    keys = np.arange(COUNT, dtype=np.uint64) * np.uint64(12345678901)
    return Pictures(folder, tuple(f"{number}.png" for number in range(COUNT)), labels, keys, CLASSES)


@pytest.fixture
def numbers():
    """A function of (images, one-hot labels) that reads each picture's number, having checked its colour."""

    def read(images, labels):
        middle = np.asarray(images)[:, SIZE // 2, SIZE // 2]
        label = np.asarray(labels).argmax(axis=1)
        rows = np.arange(len(middle))
        assert (middle[rows, label] == 255).all()
        assert (middle[rows, (label + 2) % 3] == 0).all()
        return middle[rows, (label + 1) % 3].astype(int).tolist()

    return read


@pytest.fixture
def everything():
    """A function that makes one array of each component of a dataset."""

    def gather(dataset):
        return [np.concatenate(parts) for parts in zip(*([*batch] for batch in dataset), strict=True)]

    return gather


def test_batches_hold_every_picture_once_in_order_with_its_own_label(coloured, numbers):
    dataset = batches(coloured, size=SIZE, resize="squash", batch_size=20)
    assert int(dataset.cardinality()) == 4
    seen = []
    for images, labels in dataset:
        assert images.dtype == labels.dtype == tf.float32
        assert images.shape == (len(labels), SIZE, SIZE, 3)
        seen += [numbers(images, labels)]
    assert [len(batch) for batch in seen] == [20, 20, 20, 15]
    assert [number for batch in seen for number in batch] == list(range(COUNT))


def test_pictures_keep_their_labels_when_shuffled_and_augmented(coloured, numbers, everything):
    """Colours tell: decoded twice, in parallel, in mixed order, each is still in its own class."""
    seen = []
    for view in range(3):
        dataset = batches(
            coloured, size=SIZE, resize="pad", batch_size=8, shuffle=True, seed=4, view=view, augment="light"
        )
        images, labels = everything(dataset)
        seen.append(numbers(np.rint(images), labels))
        assert sorted(seen[-1]) == list(range(COUNT))
        assert seen[-1] != list(range(COUNT))
    assert seen[0] != seen[1] != seen[2]


def test_pictures_are_the_decoders(coloured, draw, encode, tmp_path, everything):
    """Width and height aren't swapped: the pictures aren't square."""
    (tmp_path / "a.png").write_bytes(encode(draw(3).resize((50, 20))))
    pictures = Pictures(tmp_path, ("a.png",), np.zeros(1, np.int32), np.zeros(1, np.uint64), ("a", "b"))
    for resize in ("squash", "pad", "crop"):
        images, labels = everything(batches(pictures, size=SIZE, resize=resize, batch_size=4))
        assert np.array_equal(images[0], load(tmp_path / "a.png", SIZE, resize))
        assert labels.tolist() == [[1, 0]]


def test_the_same_arguments_give_the_same_batches(coloured, everything):
    options = {"size": SIZE, "resize": "crop", "batch_size": 32, "augment": "thesis", "shuffle": True, "view": 2}
    first, again = (everything(batches(coloured, seed=9, **options)) for _ in range(2))
    other = everything(batches(coloured, seed=10, **options))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_a_dataset_can_be_read_twice(coloured, everything):
    dataset = batches(coloured, size=SIZE, resize="crop", batch_size=32, augment="thesis", shuffle=True)
    assert np.array_equal(everything(dataset)[0], everything(dataset)[0])


def test_augmented_pictures_are_their_views(coloured, everything):
    """Whatever the order and the batch size, picture i is transformed by row i."""
    rows = transforms(coloured.keys, size=SIZE, augment="thesis", seed=1, view=5)
    plain, _ = everything(batches(coloured, size=SIZE, resize="squash", batch_size=COUNT))
    augmented, _ = everything(
        batches(coloured, size=SIZE, resize="squash", batch_size=7, augment="thesis", seed=1, view=5)
    )
    assert np.allclose(augmented, warp(plain, rows), atol=1e-3)


def test_class_weights_become_the_pictures_weights(coloured, everything):
    weights = np.array([0.5, 2, 3], np.float32)
    dataset = batches(coloured, size=SIZE, resize="squash", batch_size=10, shuffle=True, class_weights=weights)
    _, labels, given = everything(dataset)
    assert np.array_equal(given, weights[labels.argmax(axis=1)])


@pytest.fixture
def broken(coloured, tmp_path):
    """A function of a reason that gives pictures of which one, far in, can't be read."""

    def make(reason):
        for name in coloured.paths:
            (tmp_path / name).write_bytes((coloured.folder / name).read_bytes())
        if reason == "vanished":
            (tmp_path / "70.png").unlink()
        else:
            (tmp_path / "70.png").write_bytes((tmp_path / "70.png").read_bytes()[:60])
        return Pictures(tmp_path, coloured.paths, coloured.labels, coloured.keys, coloured.classes)

    return make


@pytest.mark.parametrize(("reason", "words"), [("vanished", "no such file"), ("truncated", "can't be decoded")])
def test_a_picture_that_cannot_be_read_is_named(broken, reason, words):
    with pytest.raises(DataError, match=rf"/70\.png' can't be used: .*{words}.*Restore it"), translate_errors():
        for _ in batches(broken(reason), size=SIZE, resize="squash", batch_size=10):
            pass


def test_a_picture_that_cannot_be_read_is_named_in_keras_fit(broken):
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile(loss="mse")
    dataset = batches(broken("vanished"), size=SIZE, resize="squash", batch_size=10, augment="thesis")
    with pytest.raises(DataError, match=r"/70\.png' can't be used"), translate_errors():
        model.fit(dataset, verbose=0, shuffle=False)


def test_other_errors_of_tensorflow_pass_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError, match="ncompatible"), translate_errors():
        tf.raw_ops.MatMul(a=tf.ones((2, 3)), b=tf.ones((2, 3)))


def test_a_program_ends_though_somebody_still_holds_an_iterator(coloured):
    """TensorFlow's threads wait for Python's lock for ever when they call it while it is torn down."""
    script = (
        "import sys, numpy as np; from pathlib import Path;"
        "from beauty_mlflow.data.pictures import Pictures; from beauty_mlflow.data.pipeline import batches;"
        f"paths = [f'{{number % {COUNT}}}.png' for number in range(5000)];"
        "labels, keys = np.zeros(5000, np.int32), np.arange(5000, dtype=np.uint64);"
        "pictures = Pictures(Path(sys.argv[1]), tuple(paths), labels, keys, ('a', 'b'));"
        "held = iter(batches(pictures, size=64, resize='squash', batch_size=64, augment='thesis'));"
        "next(held); print('read', flush=True); raise SystemExit(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, coloured.folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (3, "read\n"), done.stderr


def test_no_pictures_are_an_error(tmp_path):
    nothing = Pictures(tmp_path, (), np.zeros(0, np.int32), np.zeros(0, np.uint64), CLASSES)
    with pytest.raises(DataError, match="there are no pictures in this part"):
        batches(nothing, size=SIZE, resize="squash", batch_size=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch size is 0; expected 1 or more"),
        ({"size": 0}, "size of a picture is 0"),
        ({"resize": "fit"}, "unknown resize 'fit'"),
        ({"augment": "heavy"}, "unknown augmentation 'heavy'"),
        ({"class_weights": np.ones(2, np.float32)}, r"shape \(2,\); expected one for each of 3 classes"),
    ],
)
def test_wrong_arguments_are_errors_at_once(coloured, wrong, message):
    with pytest.raises(ParameterError, match=message):
        batches(coloured, **({"size": SIZE, "resize": "squash", "batch_size": 4} | wrong))
