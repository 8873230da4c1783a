"""What every job's parameters have in common.

A job's parameter class is the one place for a parameter's name, type, default, limits and help: the command's
options, MLproject's entry point and the logged parameters are all made from it. Nothing heavy is imported here.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from beauty_mlflow.data.sources.s3_uri import is_s3, parse_s3
from beauty_mlflow.data.wording import is_strange, shown
from beauty_mlflow.errors import DataError, ParameterError, did_you_mean


def _strict_boolean(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            message = "expected true or false"
            raise ValueError(message)
        return value == "true"
    return value


def existing(expected: str, *, far: bool = False) -> AfterValidator:
    """Return a validator of a path that has to be there, or empty; an error says what was expected.

    With ``far`` it may be a URI of S3 as well, of which only the form is looked at.
    """

    def check(value: str, info: ValidationInfo) -> str:
        if far and is_s3(value):
            return _checked_s3(value)
        if value and not recalled(info) and not Path(value).exists():
            message = f"'{value}' doesn't exist; expected {expected}"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def existing_file(expected: str, *words: str) -> AfterValidator:
    """Return a validator of a file that has to be there, or empty, or one of the words; as ``existing``."""

    def check(value: str, info: ValidationInfo) -> str:
        if value and value not in words and not recalled(info) and not Path(value).is_file():
            message = f"'{value}' doesn't exist; expected {expected}"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _checked_s3(uri: str) -> str:
    try:
        parse_s3(uri)
    except DataError as error:
        raise ValueError(str(error)) from None
    return uri


def recalled(info: ValidationInfo) -> bool:
    """Return whether the values are an earlier command's, whose files may be gone by now."""
    return bool(info.context and info.context.get("recalled"))


Switch = Annotated[bool, BeforeValidator(_strict_boolean)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
ExistingPath = Annotated[
    str, existing("a folder of class folders, a split folder, a table or a manifest; or s3://bucket/prefix", far=True)
]


# what names a file is written absolute in a command that somebody may run from another folder
PATHS = frozenset({"constraints", "corrections", "data", "extend", "groups", "out", "weights"})


class Parameters(BaseModel):
    """Base of the jobs' parameter classes; frozen, and without room for an unknown name."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    job: ClassVar[str]
    positional: ClassVar[tuple[str, ...]] = ()  # words that a command line may also give without the option's name

    @classmethod
    def parse(cls, values: Mapping[str, object], *, recalled: bool = False) -> Self:
        """Validate values as they come from a command line.

        Args:
            values: By name; a name that is missing takes its default.
            recalled: The values are an earlier command's; that its files exist isn't asked again.

        Raises:
            ParameterError: naming each parameter, what was expected, what came and where to read more.
        """
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            hints = "".join(did_you_mean(name, cls.model_fields) for name in unknown)
            raise ParameterError(f"{cls.job} has no parameter {', '.join(unknown)}.{hints}")
        try:
            return cls.model_validate(values, context={"recalled": recalled})
        except ValidationError as error:
            problems = "; ".join(_sentence(cls, detail) for detail in error.errors())
            raise ParameterError(f"{problems}. `beauty {cls.job} --help` lists the parameters.") from None
        except UnicodeEncodeError:  # pydantic's own errors can't hold such a value
            strange = [f"{name} is '{shown(str(value))}'" for name, value in values.items() if is_strange(str(value))]
            raise ParameterError(
                f"{', '.join(strange)}, which isn't UTF-8 and doesn't exist or isn't what is expected there. `beauty "
                f"{cls.job} --help` lists the parameters."
            ) from None

    def as_text(self) -> dict[str, str]:
        """Return every parameter as the text that a command line would take."""
        return {name: to_text(getattr(self, name)) for name in type(self).model_fields}

    def changed(self) -> dict[str, object]:
        """Return the parameters that differ from their defaults."""
        return {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if field.is_required() or getattr(self, name) != field.default
        }

    def command(self) -> str:
        """Return the MLflow command that does this again."""
        entry = "" if self.job == "main" else f" -e {self.job}"
        given = [f" -P {name}={shlex.quote(self._portable(name, value))}" for name, value in self.changed().items()]
        return f"mlflow run .{entry}{''.join(given)}"

    def _portable(self, name: str, value: object) -> str:
        text = to_text(value)
        return str(Path(text).absolute()) if name in PATHS and text and Path(text).exists() else text


@dataclass(frozen=True)
class Job:
    """One command: its parameters and what it does with them.

    ``run`` returns the summary's lines as (name, value), in the order to print.
    """

    parameters: type[Parameters]
    run: Callable[[Any], "Summary"]


Summary = list[tuple[str, object]]


def to_text(value: object) -> str:
    """Return a parameter's value as Python prints it, booleans as true and false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the words that a parameter takes, if it takes only certain words."""
    if get_origin(field.annotation) is Literal:
        return tuple(str(choice) for choice in get_args(field.annotation))
    return ()


def mlflow_type(field: FieldInfo) -> str:
    """Return the label that MLproject gives the parameter: int, float or string."""
    return {int: "int", float: "float"}.get(field.annotation, "string")  # type: ignore[arg-type]


def is_switch(field: FieldInfo) -> bool:
    """Return whether the parameter takes true or false, a bare option meaning true."""
    return field.annotation is bool


def known(names: Iterable[str], what: str) -> Callable[[str], str]:
    """Return a validator that accepts only the given names and suggests the nearest for others."""
    accepted = tuple(names)

    def check(value: str) -> str:
        if value not in accepted:
            message = f"'{value}' is no {what}.{did_you_mean(value, accepted)} Known: {', '.join(accepted)}"
            raise ValueError(message)
        return value

    return check


def _sentence(cls: type[Parameters], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "missing":
        field = cls.model_fields[name]
        return f"{name} is missing: {(field.description or '').rstrip('.')}"
    message = detail["msg"].removeprefix("Value error, ")
    if not name:
        return message
    if message.startswith("'"):
        return f"{name}: {message}"
    return f"{name}: {message[0].lower()}{message[1:]}, got '{detail['input']}'"
