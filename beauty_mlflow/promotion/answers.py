"""What two models answered about the same pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import DataError
from beauty_mlflow.promotion.statistics import mcnemar

Names = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered about n pictures.

    Attributes:
        true: [n], the pictures' classes.
        predicted: [n], the model's answers.
        classes: All classes that the model tells apart.
    """

    true: Names
    predicted: Names
    classes: tuple[str, ...]

    @property
    def right(self) -> Flags:
        """Which answers are right, bool [n]."""
        found: Flags = self.predicted == self.true
        return found

    def of(self, rows: Flags) -> "Answers":
        """Return the answers about some of the pictures."""
        return Answers(self.true[rows], self.predicted[rows], self.classes)


@dataclass(frozen=True, eq=False)
class Pair:
    """A candidate and a champion, asked about the same pictures.

    Attributes:
        candidate: Its answers.
        champion: The champion's, in the same order.
    """

    candidate: Answers
    champion: Answers

    @property
    def gained(self) -> int:
        """Pictures that only the candidate has right."""
        return int((self.candidate.right & ~self.champion.right).sum())

    @property
    def lost(self) -> int:
        """Pictures that only the champion has right."""
        return int((self.champion.right & ~self.candidate.right).sum())

    @property
    def gain(self) -> float:
        """By how much the candidate's accuracy is higher."""
        return (self.gained - self.lost) / len(self.candidate.true)

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test, two-sided."""
        return mcnemar(self.gained, self.lost)

    def of(self, rows: Flags) -> "Pair":
        """Return both about some of the pictures."""
        return Pair(self.candidate.of(rows), self.champion.of(rows))


@dataclass(frozen=True)
class ClassChanges:
    """How the classes of two models differ.

    Attributes:
        added: Those that the candidate alone knows.
        removed: Those that the champion alone knows.
        left_out: Pictures of them.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: int

    def notes(self) -> Iterator[str]:
        """Yield what must be said, in sentences."""
        for words, names in (("new", self.added), ("gone", self.removed)):
            if names:
                yield f"Classes that are {words}: {', '.join(names)}."
        if self.left_out:
            yield f"{self.left_out} pictures of classes that aren't shared were left out."


def pair(candidate: Answers, champion: Answers) -> tuple[Pair, ClassChanges]:
    """Bring two models together on the pictures of the classes that both know.

    Raises:
        DataError: The pictures aren't the same, or no class is shared.
    """
    if not np.array_equal(candidate.true, champion.true):
        raise DataError("The two models were asked about different pictures; compare them on the same ones.")
    shared = set(candidate.classes) & set(champion.classes)
    if not shared:
        raise DataError("The two models share no class, so nothing can be compared.")
    rows: Flags = np.isin(candidate.true, sorted(shared))
    added, removed = (tuple(sorted(set(one.classes) - shared)) for one in (candidate, champion))
    return Pair(candidate, champion).of(rows), ClassChanges(added, removed, int((~rows).sum()))
