"""What a model's probabilities are worth: fitted on the validation part, measured on any."""

from dataclasses import dataclass, replace

from beauty_mlflow.evaluation.coverage import Answered, coverage_curve
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.reliability import expected_calibration_error
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.serving.calibration import calibrate, fit_temperature
from beauty_mlflow.serving.package import Description


@dataclass(frozen=True)
class Calibration:
    """What a served model does with the network's probabilities.

    Args:
        temperature: See serving.calibration.calibrate.
        threshold: An answer less probable than this is abstained from; None never abstains.
    """

    temperature: float = 1.0
    threshold: float | None = None

    @classmethod
    def of(cls, description: Description) -> "Calibration":
        """Return that of a logged model."""
        return cls(description.temperature, description.threshold)

    def served(self, raw: PredictionTable) -> PredictionTable:
        """Return the network's predictions as the model serves them."""
        return replace(raw, probabilities=calibrate(raw.probabilities, self.temperature))

    def measure(self, raw: PredictionTable) -> "Measured":
        """Measure it on the network's predictions for a part."""
        served = self.served(raw)
        answered = None if self.threshold is None else coverage_curve(served).at(self.threshold)
        return Measured(expected_calibration_error(raw), expected_calibration_error(served), answered)


@dataclass(frozen=True)
class Measured:
    """What a calibration comes to on one part.

    Args:
        ece_before: Expected calibration error of the network's own probabilities.
        ece_after: The same of those that are served.
        answered: What the threshold leaves; None without one.
    """

    ece_before: float
    ece_after: float
    answered: Answered | None

    def figures(self, ece_before: str, ece_after: str, coverage: str, precision: str) -> dict[str, float]:
        """Return the figures under these names; without an answered picture there is no precision."""
        figures = {ece_before: self.ece_before, ece_after: self.ece_after}
        if self.answered:
            figures[coverage] = self.answered.coverage
            if self.answered.precision is not None:
                figures[precision] = self.answered.precision
        return figures

    def summary(self, ece_after: str, coverage: str) -> Summary:
        """Return the lines of a summary, under the metrics' names."""
        lines: Summary = [(ece_after, f"{self.ece_after:.4f} (before the temperature {self.ece_before:.4f})")]
        return [*lines, (coverage, _answered_line(self.answered))] if self.answered else lines


def fit_calibration(validation: PredictionTable, precision_target: float) -> Calibration:
    """Fit the temperature and, where a precision is wanted, the threshold to the network's predictions.

    A precision that no threshold reaches gives the threshold 1, with a warning: whoever asked for it would rather get
    no answer than a wrong one, and the best guesses stand in an answer that is abstained from as well.
    """
    temperature = fit_temperature(validation.probabilities, validation.true)
    if not precision_target:
        return Calibration(temperature)
    curve = coverage_curve(Calibration(temperature).served(validation))
    threshold = curve.smallest(precision_target)
    if threshold is None:
        best = curve.best()
        warning = (
            f"WARNING: no threshold reaches precision_target={precision_target:g} on the validation part; the best, "
            f"{best.threshold:.4f}, has {best.right} of {best.number} answers right. The model's threshold is 1: "
            "it abstains from every answer that isn't certain. Take a lower target, or train a better model."
        )
        say_notes([warning])
        threshold = 1.0
    return Calibration(temperature, threshold)


def _answered_line(answered: Answered) -> str:
    precision = "" if answered.precision is None else f", of which {answered.precision:.4f} are right"
    return f"{answered.coverage:.4f} answered at threshold {answered.threshold:.4f}{precision}"
