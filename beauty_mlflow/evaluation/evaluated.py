"""What an evaluator is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.suspects import Suspects, find_suspects
from beauty_mlflow.progress import Progress, silent_progress


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One part's predictions, and what else may be shown with them.

    Attributes:
        table: The predictions.
        data: The folder that the table's paths are relative to; None where nobody is to look at the pictures.
        groups: The group of each class that is in one.
        made_of: The classes that each group of a grouped split was made of, by its name, which may be one of them.
        progress: What is told how far reading many pictures is.
        beside: What a second model said about the same pictures, in the same order and of the same classes.
        trained_on: Whether the model was trained on these pictures, so that their probabilities say nothing about
            new ones.
    """

    table: PredictionTable
    data: Location | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    beside: PredictionTable | None = None
    trained_on: bool = False
    made_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    progress: Progress = silent_progress

    @cached_property
    def suspects(self) -> Suspects:
        """The pictures worth a look; several evaluators show them."""
        return find_suspects(self.table, trained_on=self.trained_on)

    @cached_property
    def proposals(self) -> dict[int, str]:
        """The data's own class that a picture likely mislabelled was taken for, by its row, the surest first.

        One that was taken for a group of several classes may be of any of them and has none.
        """
        rows = self.suspects.mislabelled
        taken_for = [self.table.classes[label] for label in self.table.predicted[rows]]
        own = [self.made_of.get(name, [name]) for name in taken_for]
        return {row: names[0] for row, names in zip(rows.tolist(), own, strict=True) if len(names) == 1}

    @property
    def notes(self) -> list[str]:
        """What must be said beside the files."""
        found = len(self.suspects.mislabelled)
        without = found - len(self.proposals)
        if not without:
            return []
        are = f"{without} of the {found} pictures that are likely mislabelled were taken for groups of several classes"
        return [f"{are}, so that corrections.csv proposes nothing for them; suspects.csv lists them"]

    def files(self, rows: Iterable[int]) -> list[Location]:
        """Return the pictures' files by their rows, for evaluators that are asked only where there is ``data``."""
        assert self.data is not None
        return [self.data / self.table.paths[row] for row in rows]
