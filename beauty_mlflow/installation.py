"""What is installed, against what the package says that it needs."""

import platform
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PACKAGE = "beauty-mlflow"
TENSORFLOW = ("tensorflow-cpu", "tensorflow")  # of one import name; both together overwrite each other
_DEVELOPMENT = "dev"


@dataclass(frozen=True)
class Installation:
    """What is there.

    Attributes:
        python: Python's version.
        versions: Of the packages that are needed, or used where they are there, by name.
        problems: A sentence for each that is missing or outside of its range.
    """

    python: str
    versions: dict[str, str]
    problems: list[str]


def look_at_installation(project: Path | None = None) -> Installation:
    """Compare the packages of this environment with the ranges that this package's own metadata gives.

    Args:
        project: The checkout, whose pyproject.toml says it where the package isn't installed itself.
    """
    needed, needed_python = _requirements(project)
    versions: dict[str, str] = {}
    problems: list[str] = []
    python = platform.python_version()
    if python not in SpecifierSet(needed_python):
        problems.append(f"Python is {python}, needed is {needed_python}")
    for name, found in _applicable(needed):
        version = _version(name)
        if version:
            versions[name] = version
        optional = any(one.marker and "extra" in str(one.marker) for one in found)
        if not version and not optional:
            problems.append(f"{name} is missing, needed is {found[0].specifier}")
        elif version and not any(version in one.specifier for one in found):
            problems.append(f"{name} is {version}, needed is {found[0].specifier}")
    builds = [name for name in TENSORFLOW if name in versions]
    if len(builds) != 1:
        problems.append(
            f"{' and '.join(builds)} overwrite each other: keep one"
            if builds
            else f"none of {' and '.join(TENSORFLOW)}"
        )
    return Installation(python, versions, problems)


def _requirements(project: Path | None) -> tuple[list[Requirement], str]:
    try:
        known = metadata.metadata(PACKAGE)
        return [Requirement(text) for text in metadata.requires(PACKAGE) or ()], known["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        if project is None:
            raise
    described = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    extras = described["optional-dependencies"].items()
    optional = [_of_extra(text, extra) for extra, texts in extras for text in texts]
    return [*map(Requirement, described["dependencies"]), *optional], described["requires-python"]


def _of_extra(text: str, extra: str) -> Requirement:
    """Return an extra's requirement as a package's metadata has it."""
    bare, _, marker = text.partition(";")
    condition = f'({marker.strip()}) and extra == "{extra}"' if marker else f'extra == "{extra}"'
    return Requirement(f"{bare}; {condition}")


def _applicable(needed: Iterable[Requirement]) -> Iterator[tuple[str, list[Requirement]]]:
    """Yield what applies to this machine by name, without what is for developers alone."""
    found: dict[str, list[Requirement]] = {}
    for one in needed:
        extras = ("", *_extras_of(one))
        if _DEVELOPMENT not in extras and (
            one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)
        ):
            found.setdefault(one.name, []).append(one)
    yield from sorted(found.items())


def _extras_of(one: Requirement) -> list[str]:
    words = str(one.marker or "").split('"')
    return [words[i + 1] for i, word in enumerate(words[:-1]) if word.endswith("extra == ")]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
