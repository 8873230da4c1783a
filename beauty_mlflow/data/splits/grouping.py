"""Groupings: merging classes, so that a coarser model can be compared on the same pictures."""

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files

from beauty_mlflow.data.readers.naming import THESIS_NAMES, class_names
from beauty_mlflow.data.splits.manifest import Split, sort_rows
from beauty_mlflow.data.strict_yaml import load_yaml, read_yaml
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError, did_you_mean

THESIS = "thesis"
THESIS_CLASSES = 73


def read_groups(source: str) -> Mapping[str, list[str]]:
    """Read a YAML file of ``group: [classes]``; ``thesis`` means the one of the thesis, shipped with us.

    Raises:
        DataError: the file is missing or isn't such a mapping, or a class is in two groups or twice in one.
    """
    if source == THESIS:
        shipped = files("beauty_mlflow") / "data" / "thesis" / "groups.yaml"
        return _checked(source, load_yaml(shipped.read_text("utf-8")))
    expected = f"a YAML file or the word {THESIS}"
    return _checked(source, read_yaml(source, "grouping", expected=expected, form="group: [classes]"))


def group_split(
    split: Split, groups: Mapping[str, list[str]], *, allow_missing: bool = False
) -> tuple[Split, list[str]]:
    """Merge the classes of each group; every picture keeps its part, a class in no group stays itself.

    Args:
        split: The split to group.
        groups: Group name to class names; or to names of folders as in the thesis, if all are of that form.
        allow_missing: Leave classes out that the split doesn't have, and say so: for a documented grouping,
            of which the data may be a part.

    Returns:
        The grouped split, its classes sorted anew, and sentences that the user must read. Its option ``groups`` names
        the classes that there were before any grouping, where groups are grouped again, too.

    Raises:
        DataError: a class is unknown, a group is called like a class outside it, or fewer than two classes
            are left.
    """
    groups, notes = _without_prefixes(split, groups)
    unknown = [name for members in groups.values() for name in members if name not in split.classes]
    if unknown and not allow_missing:
        raise DataError(
            f"the grouping names {len(unknown)} classes that the split doesn't have: '{unknown[0]}'."
            f"{did_you_mean(unknown[0], split.classes)} Expected names out of the split's "
            f"{len(split.classes)} classes."
        )
    group_of = {name: group for group, members in groups.items() for name in members if name in split.classes}
    _check_names(split, groups, group_of)
    table = split.table.assign(**{"class": [group_of.get(name, name) for name in split.table["class"]]})
    classes = tuple(sorted({group_of.get(name, name) for name in split.classes}))
    if len(classes) == 1:
        raise DataError(f"the grouping leaves one class alone, '{classes[0]}'; expected at least two")
    options = {**split.options, "groups": _composed(recorded_groups(split), groups)}
    notes.append(f"{len(group_of)} of {len(split.classes)} classes were merged, which gives {len(classes)}.")
    if unknown:
        notes.append(f"{len(unknown)} classes of the grouping aren't in the data: {name_some(unknown)}.")
    if groups == read_groups(THESIS):
        notes.append(_thesis_note())
    return Split(split.folder, sort_rows(table), classes, options, split.quarantined, split.dropped), notes


def groups_of_classes(split: Split, source: str) -> tuple[dict[str, str], list[str]]:
    """Return the group of each class that is in one, leaving the classes as they are, and what must be said.

    Args:
        split: Whose classes.
        source: As of ``read_groups``; of the thesis's grouping the split may have a part.

    Raises:
        DataError: As ``read_groups``; or a class is unknown.
    """
    groups, notes = _without_prefixes(split, read_groups(source))
    unknown = sorted({name for members in groups.values() for name in members} - set(split.classes))
    if unknown and source != THESIS:
        raise DataError(f"the grouping '{source}' names classes that the split doesn't have: {name_some(unknown)}")
    if unknown:
        notes = [*notes, f"{len(unknown)} classes of the grouping aren't in the data: {name_some(unknown)}."]
    known = {name: group for group, members in groups.items() for name in members if name in split.classes}
    return known, notes


def recorded_groups(split: Split) -> Mapping[str, list[str]]:
    """Return the classes that each group of a grouped split was made of; nothing for a split of all classes."""
    groups = split.options.get("groups")
    return groups if isinstance(groups, Mapping) else {}


def _composed(before: Mapping[str, list[str]], groups: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the members of each group, earlier groups replaced by theirs."""
    merged = {name for members in before.values() for name in members}
    regrouped = {name for members in groups.values() for name in members}
    kept = {group: list(members) for group, members in before.items() if group not in regrouped}
    now = {
        # what is in an earlier group isn't a class of its own any more
        group: [old for name in members for old in before.get(name, [] if name in merged else [name])]
        for group, members in groups.items()
    }
    return kept | {group: members for group, members in now.items() if members}


def _without_prefixes(split: Split, groups: Mapping[str, list[str]]) -> tuple[Mapping[str, list[str]], list[str]]:
    members = {name for names in groups.values() for name in names}
    shown = {} if members & set(split.classes) else class_names(members)
    if all(shown.get(name, name) == name for name in members):
        return groups, []
    stripped = {group: [shown[name] for name in names] for group, names in groups.items()}
    return stripped, [f"All names in the grouping are called {THESIS_NAMES}; prefix and digits were dropped."]


def _thesis_note() -> str:
    groups = read_groups(THESIS)
    left = THESIS_CLASSES - sum(len(members) for members in groups.values()) + len(groups)
    return (
        f"In the thesis's own data, which has {THESIS_CLASSES} classes, its documented groups give {left} and not the "
        f"42 that it reports: the page that ends its list of groups is lost, so that only {len(groups)} are known. "
        "The groups' names are ours."
    )


def _check_names(split: Split, groups: Mapping[str, list[str]], group_of: Mapping[str, str]) -> None:
    for group in groups:
        if group in split.classes and group_of.get(group) != group:
            raise DataError(
                f"the group '{group}' is called like a class that isn't in it; rename the group or add the class to it"
            )


def _checked(source: str, groups: object) -> dict[str, list[str]]:
    if not isinstance(groups, dict) or not groups:
        raise DataError(f"the grouping '{source}' is no mapping; expected YAML lines like group: [class, class]")
    for group, members in groups.items():
        if not isinstance(group, str) or not group.strip():
            raise DataError(f"the grouping '{source}' has the group {group!r}; expected a name (put it in quotes)")
        if not isinstance(members, list) or not members or not all(isinstance(name, str) for name in members):
            raise DataError(f"the group '{group}' of '{source}' is no list of class names; expected [class, class]")
    times = Counter(name for members in groups.values() for name in members)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        owners = sorted(group for group, members in groups.items() if twice[0] in members)
        raise DataError(
            f"the grouping '{source}' has the class '{twice[0]}' twice, in {' and '.join(owners)}; expected it once"
        )
    return groups
