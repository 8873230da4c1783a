import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from beauty_mlflow.errors import ParameterError, did_you_mean

Strategy = Literal["stratified", "thesis"]
CopiesRule = Literal["together", "drop", "ignore"]

_ROUNDING = 1e-6
_THESIS_RATIOS = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class SplitOptions:
    """How pictures are divided into parts.

    Attributes:
        strategy: ``stratified``, a seeded placement a class, or ``thesis``, sorted file names cut at
            round(0.8 n) and round(0.9 n), which takes no notice of duplicates.
        train: Share of the training part; with ``val`` and ``test`` it sums to 1.
        val: Share of the validation part.
        test: Share of the test part.
        duplicates: Copies, exact and near: ``together`` in one part; ``drop`` all but the first in each
            class; ``ignore``, only count them.
        group_by: A column of a table, or a regular expression searched in the path (its first group, or all
            that it matches): pictures for which that is equal show one product and stay together.
        extend: An older manifest whose pictures keep their parts.
        corrections: Path to the class that a picture is given instead of the data's, or to ``drop``; None for none.
        seed: Decides the placement.
        strict: A broken picture is an error.

    Raises:
        ParameterError: a value is unknown, ratios are wrong, or options contradict each other.
    """

    strategy: Strategy = "stratified"
    train: float = 0.8
    val: float = 0.1
    test: float = 0.1
    duplicates: CopiesRule = "together"
    group_by: str = ""
    extend: Path | None = None
    corrections: Mapping[str, str] | None = None
    seed: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        _check_word("strategy", self.strategy, get_args(Strategy))
        _check_word("duplicates", self.duplicates, get_args(CopiesRule))
        if not all(ratio > 0 for ratio in self.ratios) or not abs(sum(self.ratios) - 1) <= _ROUNDING:
            raise ParameterError(
                f"train, val and test are {self.train}, {self.val} and {self.test}; expected positive ratios "
                "that sum to 1"
            )
        if self.strategy == "thesis":
            self._check_thesis()

    @property
    def ratios(self) -> tuple[float, float, float]:
        """The shares of train, val and test."""
        return self.train, self.val, self.test

    @property
    def copies(self) -> CopiesRule:
        """What is done with duplicates: the thesis's cut implies that nothing is."""
        return "ignore" if self.strategy == "thesis" else self.duplicates

    def product_pattern(self) -> "re.Pattern[str]":
        """Return ``group_by`` as a regular expression; ParameterError if it is none."""
        try:
            return re.compile(self.group_by)
        except re.error as error:
            raise ParameterError(
                f"group_by is '{self.group_by}': neither a column of the data nor a regular expression ({error})"
            ) from None

    def record(self) -> dict[str, object]:
        """Return the options as the manifest's sidecar keeps them."""
        record = asdict(self) | {"duplicates": self.copies, "extend": str(self.extend or "")}
        return record if self.corrections else {name: record[name] for name in record if name != "corrections"}

    def _check_thesis(self) -> None:
        contradictions = {
            f"train={self.train}, val={self.val}, test={self.test}": self.ratios != _THESIS_RATIOS,
            "duplicates=drop": self.duplicates == "drop",
            f"group_by={self.group_by}": bool(self.group_by),
            f"extend={self.extend}": self.extend is not None,
        }
        for option, given in contradictions.items():
            if given:
                raise ParameterError(
                    f"strategy=thesis cuts 80, 10 and 10 % by file name alone, so {option} contradicts it. "
                    "Leave it out or take strategy=stratified."
                )


def _check_word(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ParameterError(f"{name} is '{value}'; expected one of {', '.join(known)}.{did_you_mean(value, known)}")
