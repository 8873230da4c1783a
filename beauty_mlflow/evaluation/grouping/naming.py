"""What groups are called: by their members."""

import re
from collections.abc import Collection, Iterable, Sequence

from beauty_mlflow.evaluation.clustering import family

LONGEST = 60  # characters of the members' names; figures and the MLflow UI show about forty


def name_groups(groups: Iterable[Sequence[str]], classes: Collection[str]) -> dict[str, list[str]]:
    """Return each group under a name that no other has, nor any class.

    Args:
        groups: Of two or more classes each, in order.
        classes: All class names.

    Returns:
        Name to members. ``Family_A+B+C`` where all are of one family, else ``Family_A+Other_B``; the members that there
        is no room for are counted: ``Family_A+B+7_more``.
    """
    named: dict[str, list[str]] = {}
    for members in groups:
        name = _free(_joined(members), {*classes, *named})
        named[name] = list(members)
    return named


def _joined(members: Sequence[str]) -> str:
    families = {family(name) for name in members}
    prefix = f"{families.pop()}_" if len(families) == 1 and all("_" in name for name in members) else ""
    shown = [_on_one_line(name.removeprefix(prefix)) for name in members]
    fitting = max(1, sum(len(prefix + "+".join(shown[: count + 1])) <= LONGEST for count in range(len(shown))))
    rest = len(shown) - fitting
    text = f"{prefix}{'+'.join(shown[:fitting])}"
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    return f"{text}+{rest}_more" if rest else text


def _on_one_line(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip()


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken or not free.strip():
        number += 1
        free = f"{name}_group{number}"
    return free
