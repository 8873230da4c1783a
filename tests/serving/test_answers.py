import numpy as np
import pytest

from beauty_mlflow.serving.answers import answer

CLASSES = ("a", "b", "c", "d")


@pytest.mark.parametrize(("threshold", "abstained"), [(None, False), (0.5, False), (0.51, True)])
def test_an_answer_abstains_below_the_threshold_and_gives_its_guesses_even_so(threshold, abstained):
    row = np.array([0.25, 0.5, 0.125, 0.125], np.float32)
    reply = answer(row, CLASSES, top=3, threshold=threshold, model_version="m")
    assert reply.abstained is abstained
    assert (reply.label, reply.probability) == ("b", 0.5)
    assert [guess["label"] for guess in reply.top] == ["b", "a", "c"]


def test_equal_probabilities_come_in_the_order_of_the_classes():
    reply = answer(np.full(4, 0.25, np.float32), CLASSES, top=9, threshold=None, model_version="")
    assert [guess["label"] for guess in reply.top] == list(CLASSES)


def test_probabilities_that_are_not_finite_are_an_error_and_no_answer():
    reply = answer(np.array([np.nan, 1, 0, 0], np.float32), CLASSES, top=5, threshold=None, model_version="m")
    assert (reply.label, reply.probability, reply.top) == (None, None, [])
    assert "aren't finite" in reply.error
