import numpy as np
import pytest

from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.calibrating import Calibration, fit_calibration

NAMES = ("ece_before", "ece_after", "coverage", "precision")


def table_of(confidences, right):
    """Return a table of two classes whose answers have these confidences, right or wrong as said."""
    confidences = np.array(confidences, np.float32)
    rows = np.stack([confidences, 1 - confidences], axis=1)
    true = np.array([0 if hit else 1 for hit in right], np.int32)
    return PredictionTable(tuple(map(str, range(len(true)))), true, rows, ("a", "b"))


@pytest.fixture
def boastful():
    """Of the answers with 0.99, 80 % are right; of those with 0.9, 60 %."""
    return table_of([0.99] * 100 + [0.9] * 100, ([True] * 80 + [False] * 20) + ([True] * 60 + [False] * 40))


def test_without_a_target_there_is_a_temperature_alone(boastful):
    found = fit_calibration(boastful, 0)
    assert found.temperature > 1
    assert found.threshold is None
    figures = found.measure(boastful).figures(*NAMES)
    assert set(figures) == {"ece_before", "ece_after"}
    assert figures["ece_before"] == pytest.approx((0.19 + 0.3) / 2, abs=1e-6)
    assert figures["ece_after"] < 0.05


def test_the_threshold_is_on_the_calibrated_probability(boastful):
    found = fit_calibration(boastful, 0.75)
    surer, unsure = (found.served(boastful).probabilities.max(axis=1)[i] for i in (0, 150))
    assert unsure < found.threshold < surer < 0.9
    figures = found.measure(boastful).figures(*NAMES)
    assert (figures["coverage"], figures["precision"]) == (0.5, 0.8)


def test_what_cannot_be_reached_is_said_and_nothing_is_answered(boastful, capsys):
    found = fit_calibration(boastful, 0.9)
    assert found.threshold == 1
    assert "has 80 of 100 answers right" in capsys.readouterr().err
    measured = found.measure(boastful)
    assert measured.figures(*NAMES)["coverage"] == 0
    assert "precision" not in measured.figures(*NAMES)
    assert dict(measured.summary("ece", "coverage"))["coverage"] == "0.0000 answered at threshold 1.0000"


def test_a_model_without_a_temperature_changes_nothing(boastful):
    assert Calibration().served(boastful).probabilities is boastful.probabilities
    figures = Calibration().measure(boastful).figures(*NAMES)
    assert figures["ece_before"] == figures["ece_after"]
