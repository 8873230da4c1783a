"""What a user must read about a split: copies, products and classes that aren't as they should be."""

import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

from beauty_mlflow.data.wording import name_some


def duplicate_notes(table: pd.DataFrame) -> list[str]:
    """Return sentences that count the copies in a manifest's table: exact, near, and in several classes."""
    copies = table[table["duplicate_group"] != ""]
    exact = table[table["sha256"].duplicated(keep=False)]
    near = copies.groupby("duplicate_group")["sha256"].nunique()
    counted = (
        f"Duplicates: {len(copies)} of {len(table)} pictures have copies. {len(exact)} are exact copies, in "
        f"{exact['sha256'].nunique()} groups; {int((near > 1).sum())} groups hold near copies."
    )
    notes = [counted]
    classes = copies.groupby("duplicate_group")["class"].nunique()
    mixed = copies[copies["duplicate_group"].isin(classes.index[classes > 1])]
    if len(mixed):
        several = mixed.sort_values(["duplicate_group", "class", "path"])["path"].to_list()
        notes.append(
            f"WARNING: {mixed['duplicate_group'].nunique()} groups of copies ({len(mixed)} pictures) are in "
            "more than one class, so that one of their labels is wrong or the classes overlap: "
            f"{name_some(several)}."
        )
    return notes


def straddling_notes(table: pd.DataFrame) -> list[str]:
    """Return sentences that count the groups of copies, and products, with pictures in more than one part."""
    notes = []
    for column, word in (("duplicate_group", "groups of copies"), ("product", "products")):
        rows = table[table[column] != ""]
        parts = rows.groupby(column)["part"].nunique()
        several = rows[rows[column].isin(parts.index[parts > 1])]
        if len(several):
            notes.append(
                f"WARNING: {several[column].nunique()} {word} ({len(several)} pictures) stand in more than "
                "one part, so that validation and test figures are too good."
            )
    return notes


def class_notes(classes: Iterable[str]) -> list[str]:
    """Return sentences about classes whose names differ only in case or in how Unicode writes an accent."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(name)
    return [
        f"WARNING: {len(names)} classes have nearly the same name: {', '.join(map(repr, names))}."
        for names in alike.values()
        if len(names) > 1
    ]


def missing_parts(table: pd.DataFrame, classes: Sequence[str], parts: Sequence[str]) -> dict[str, list[str]]:
    """Return for each class the parts that hold no picture of it; only classes that lack some."""
    present = set(zip(table["class"], table["part"], strict=True))
    missing = {name: [part for part in parts if (name, part) not in present] for name in classes}
    return {name: lacking for name, lacking in missing.items() if lacking}
