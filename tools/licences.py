"""Compare the licences of what users install with those that are allowed (tools/audit.toml).

usage: python tools/licences.py [EXTRA ...]

Looked at are the installed packages that beauty-mlflow needs with these extras; by default all but dev, and gpu, whose
libraries are NVIDIA's own. Developers' tools aren't handed on, so they aren't looked at.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("cpu", "onnx", "postgresql", "ray")
RULES = Path(__file__).with_name("audit.toml")


def main() -> None:
    """End with status 1 and the packages' names where a licence isn't allowed."""
    rules = tomllib.loads(RULES.read_text("utf-8"))["licences"]
    found = packages("beauty-mlflow", set(sys.argv[1:] or EXTRAS))
    refused = [problem for name in sorted(found) if (problem := judge(name, found[name], rules))]
    missing = sorted(name for name, package in found.items() if package is None)
    if missing:
        print(f"WARNING: not installed here, so not checked: {', '.join(missing)}", file=sys.stderr)
    if refused:
        sys.exit("\n".join(refused))
    print(f"licences: {len(found) - len(missing)} packages, all allowed")


def packages(root: str, extras: set[str]) -> dict[str, Distribution | None]:
    """Return what a package needs on this platform, itself included; None for what isn't installed."""
    found: dict[str, Distribution | None] = {}
    done: dict[str, set[str]] = {}
    waiting = [(root, extras)]
    while waiting:
        name, wanted = waiting.pop()
        wanted = {"", *wanted}
        if wanted <= done.setdefault(name, set()):
            continue
        done[name] |= wanted
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        waiting += [
            (canonicalize_name(needed.name), set(needed.extras))
            for needed in map(Requirement, found[name].requires or ())
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in wanted)
        ]
    return found


def judge(name: str, package: Distribution | None, rules: Mapping[str, Mapping[str, str]]) -> str:
    """Return what is wrong with a package's licence; empty where nothing is."""
    if package is None or name in rules["packages"]:
        return ""
    said = list(statements(package))
    if any(allows(statement, rules) for statement in said):
        return ""
    words = " / ".join(said) or "nothing"
    return (
        f"error: the licence of {name} {package.version} says {words}, which {RULES.name} doesn't allow. Take another "
        "package, or write there why it may be used."
    )


def statements(package: Distribution) -> Iterator[str]:
    """Yield what the metadata say of the licence, the most exact first."""
    metadata = package.metadata
    if metadata.get("License-Expression"):
        yield metadata["License-Expression"]
        return
    text = (metadata.get("License") or "").strip()
    if text and "\n" not in text and text != "UNKNOWN":
        yield text
    kinds = [line.rpartition("::")[2].strip() for line in metadata.get_all("Classifier") or () if "License ::" in line]
    if kinds:
        yield " AND ".join(kinds)


def allows(statement: str, rules: Mapping[str, Mapping[str, str]]) -> bool:
    """Return whether an SPDX expression, or what stands for one, is allowed."""
    if "(" in statement and statement.lower() not in rules["words"]:
        return False  # nested expressions are for a person to read
    return any(
        all(rules["words"].get(term.lower(), term) in rules["allowed"] for term in alternative.split(" AND "))
        for alternative in statement.split(" OR ")
    )


if __name__ == "__main__":
    main()
