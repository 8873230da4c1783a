"""groups.yaml: the groups, with the reason for each merge as a comment."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from beauty_mlflow.evaluation.grouping.finding import Grouping
from beauty_mlflow.evaluation.grouping.merges import Members, Merge
from beauty_mlflow.files import write_text

FIRST_LINE = "# Groups found by `beauty group` from what a model confuses. Unedited: sha256 "
NAMED = 3  # members of a group in a comment


def write_groups(grouping: Grouping, source: str, path: Path) -> None:
    """Write the groups as ``read_groups`` reads them, each below the merges that made it.

    Args:
        grouping: The groups.
        source: The model that they were found from, in words.
        path: The file.
    """
    text = _text(grouping, source)
    write_text(path, f"{FIRST_LINE}{_digest(text.encode())}\n{text}")


def is_groups_file(path: Path) -> bool:
    """Return whether ``write_groups`` has written a file, and nobody has edited it since."""
    first, _, rest = path.read_bytes().partition(b"\n")
    return first.decode(errors="replace") == f"{FIRST_LINE}{_digest(rest)}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(grouping: Grouping, source: str) -> str:
    n, pictures = len(grouping.table.classes), len(grouping.table)
    before, after = (grouping.accuracy(grouping.hits[step])["accuracy"] for step in (0, grouping.taken))
    at_random = grouping.random_hits.mean() / pictures
    lines = [
        f"# The model: {source}; its answers for the {pictures} validation pictures.",
        f"# {n} classes -> {grouping.classes}. Accuracy there: {before:.4f} -> {after:.4f}, probabilities summed;",
        f"# with random groups of the same sizes {at_random:.4f}.",
        "# Each merge: its place in the order, the classes left and the accuracy after it, and the pictures of the one",
        "# taken for the other, and back.",
    ]
    for name, members in grouping.groups.items():
        lines += ["", *_reasons(grouping, members), _yaml(name, members)]
    return "\n".join(lines) + "\n"


def _reasons(grouping: Grouping, members: Sequence[str]) -> Iterable[str]:
    classes = grouping.table.classes
    for step, merge in enumerate(grouping.merges, start=1):
        if classes[merge.left[0]] in members:
            accuracy = grouping.hits[step] / len(grouping.table)
            yield f"# {step}. ({len(classes) - step} left, {accuracy:.4f}) {describe(merge, classes)}"


def describe(merge: Merge, classes: Sequence[str]) -> str:
    """Say in words on one line what was merged, and why."""
    left, right = _names(merge.left, classes), _names(merge.right, classes)
    if not merge.confused:
        return f"{left} and {right}: not confused; merged because fewer classes were asked for"
    there = f"{_share(merge.there, merge.of_left)} of {left} taken for {right}"
    return f"{there}, {_share(merge.back, merge.of_right)} back"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "0 of 0"


def _names(labels: Members, classes: Sequence[str]) -> str:
    shown = " + ".join(_printable(classes[label]) for label in labels[:NAMED])
    return f"{shown} + {len(labels) - NAMED} more" if len(labels) > NAMED else shown


def _printable(name: str) -> str:
    """Return a name that stays on its line."""
    return name if name.isprintable() else ascii(name)


def _yaml(name: str, members: Sequence[str]) -> str:
    return yaml.safe_dump({name: list(members)}, allow_unicode=True, width=10_000, default_flow_style=False).rstrip(
        "\n"
    )
