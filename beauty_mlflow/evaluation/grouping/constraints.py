"""Which classes may not come into one group: what a user says in a YAML file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from beauty_mlflow.data.strict_yaml import read_yaml
from beauty_mlflow.errors import DataError, did_you_mean
from beauty_mlflow.evaluation.clustering import family

_Names = list[StrictStr]


class Constraints(BaseModel):
    """What must stay apart.

    Attributes:
        keep_apart: Lists of classes of which no two may be in one group.
        within_family: Only classes of one family (what a name says before its first underscore) may be in one group.
        families: The same with families of the user's own; a class in none of them stays alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_apart: list[Annotated[_Names, Field(min_length=2)]] = []
    within_family: StrictBool = False
    families: dict[StrictStr, Annotated[_Names, Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.families and "within_family" in self.model_fields_set:
            message = "within_family and families both say what the families are; give one of them"
            raise ValueError(message)
        for names in self.keep_apart:
            if twice := _twice(names):
                message = f"keep_apart: '{twice}' can't be kept apart from itself; expected different classes"
                raise ValueError(message)
        if twice := _twice(name for names in self.families.values() for name in names):
            message = f"families: '{twice}' stands there twice; expected each class in one family at most"
            raise ValueError(message)
        return self

    def apart(self, classes: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which of the classes may not come into one group: [n, n], symmetric, the diagonal False.

        Raises:
            DataError: A constraint names a class that there isn't.
        """
        place = {name: label for label, name in enumerate(classes)}
        named = [*(name for names in self.keep_apart for name in names), *self._family_of()]
        if unknown := [name for name in dict.fromkeys(named) if name not in place]:
            raise DataError(
                f"the constraints name {len(unknown)} classes that the model doesn't have: '{unknown[0]}'."
                f"{did_you_mean(unknown[0], classes)} Expected names out of its {len(classes)} classes."
            )
        families = np.array([self._family(name) for name in classes], dtype=object)
        apart: npt.NDArray[np.bool_] = families[:, None] != families[None, :]
        for names in self.keep_apart:
            labels = [place[name] for name in names]
            apart[np.ix_(labels, labels)] = True
        np.fill_diagonal(apart, val=False)
        return apart

    def alone(self, classes: Sequence[str]) -> list[str]:
        """Return the classes that the user's own families leave out, which therefore stay alone."""
        known = self._family_of()
        return [name for name in classes if known and name not in known]

    def _family(self, name: str) -> str:
        """Return what two classes must have in common."""
        if self.families:
            known = self._family_of()
            return f"family {known[name]}" if name in known else f"class {name}"
        return family(name) if self.within_family else ""

    def _family_of(self) -> dict[str, str]:
        return {name: title for title, names in self.families.items() for name in names}


def read_constraints(source: str) -> Constraints:
    """Read a YAML file of constraints; an empty name is none.

    Raises:
        DataError: It can't be read, is no YAML of this form, or contradicts itself; the message names file and key.
    """
    if not source:
        return Constraints()
    form = "keep_apart: [[class, class], …] and within_family: true or families: {family: [class, …]}"
    content = read_yaml(source, "constraints' file", expected="a YAML file", form=form)
    if not isinstance(content, dict) or not content:
        raise DataError(f"the constraints' file '{source}' is no mapping; expected {form}")
    try:
        return Constraints.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_sentence(detail) for detail in error.errors())
        raise DataError(f"the constraints' file '{source}': {problems}. Expected {form}.") from None


def _sentence(detail: ErrorDetails) -> str:
    place = ".".join(map(str, detail["loc"]))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("extra_forbidden", "invalid_key"):
        return f"unknown key {place}.{did_you_mean(place, Constraints.model_fields)}".rstrip(".")
    return f"{place}: {message[0].lower()}{message[1:]}, got {detail['input']!r}" if place else message


def _twice(names: Iterable[str]) -> str:
    return next((name for name, times in Counter(names).items() if times > 1), "")
