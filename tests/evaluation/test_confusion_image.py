import numpy as np
import pytest

from beauty_mlflow.evaluation.confusion_image import SIDE, confusion_image


@pytest.mark.parametrize("classes", [1, 2, 73, 700])
def test_each_cell_is_a_square_of_one_colour(classes):
    counts = np.random.default_rng(0).integers(0, 9, (classes, classes))
    image = confusion_image(counts)
    cell = max(1, SIDE // classes)
    assert image.shape == (cell * classes, cell * classes, 3)
    assert image.dtype == np.uint8
    assert (np.kron(image[::cell, ::cell], np.ones((cell, cell, 1), np.uint8)) == image).all()


def test_more_is_brighter_and_a_class_without_pictures_is_dark():
    cells = confusion_image(np.array([[10, 0, 0], [3, 7, 0], [0, 0, 0]]))[:: SIDE // 3, :: SIDE // 3].sum(axis=2)
    assert cells[0, 0] > cells[1, 1] > cells[1, 0] > cells[0, 1] == cells[2, 2]
