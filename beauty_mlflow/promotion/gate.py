"""What a model must show before it replaces the one in use."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from beauty_mlflow.errors import GateError, did_you_mean
from beauty_mlflow.toml import read_toml

DEFAULTS = Path(__file__).with_name("gates.toml")
LARGEST_CLASS: Literal["largest_class"] = "largest_class"


class Gate(BaseModel):
    """The conditions of a promotion; ``gates.toml`` says what each means.

    Attributes:
        minimum_accuracy: From 0 to 1, or ``largest_class``.
        minimum_gain: In accuracy, from 0 to 1.
        level: Of the tests, above 0 and below 1.
        macro_f1_change: The interval of the change must reach this at least.
        recall_loss: That a class or group may have, from 0 to 1.
        largest_megabytes: 0 is no limit.
        slowest_milliseconds: For one picture; 0 is no limit.
        class_changes: Whether classes may differ.
        require_manifest: Whether a model without its training's manifest is refused.
        minimum_pictures: To decide on.
        groups: A grouping file (or ``thesis``) whose groups are looked at beside the classes; empty is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_accuracy: Annotated[float, Field(ge=0, le=1)] | Literal["largest_class"] = LARGEST_CLASS
    minimum_gain: float = Field(0.0, ge=0, le=1)
    level: float = Field(0.05, gt=0, lt=1)
    macro_f1_change: float = Field(0.0, ge=-1, le=1)
    recall_loss: float = Field(0.05, ge=0, le=1)
    largest_megabytes: float = Field(0.0, ge=0, allow_inf_nan=False)
    slowest_milliseconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    class_changes: bool = False
    require_manifest: bool = True
    minimum_pictures: int = Field(30, ge=1)
    groups: str = ""


def read_gate(path: Path = DEFAULTS) -> Gate:
    """Read a gate file; what it doesn't say is as in the package's own.

    Raises:
        GateError: It can't be read, is no TOML, or says something that can't be; the message names file and key.
    """
    content = read_toml(path, "gate file", GateError)
    try:
        return Gate.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_sentence(detail) for detail in error.errors())
        raise GateError(f"{path}: {problems}. The keys are {', '.join(Gate.model_fields)}.") from None


def _sentence(detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    if name not in Gate.model_fields:
        return f"unknown key {name}.{did_you_mean(name, Gate.model_fields)}"
    if name == "minimum_accuracy":
        return f"{name}: expected a number from 0 to 1 or '{LARGEST_CLASS}', got {detail['input']!r}"
    return f"{name}: {detail['msg'][0].lower()}{detail['msg'][1:]}, got {detail['input']!r}"
