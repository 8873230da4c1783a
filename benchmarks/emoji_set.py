"""The set ``emoji`` of data.py: two vendors' emoji by Unicode subgroup."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from picture_sets import Candidate, Classes, Recipe, npm_package

VERSION = "16.0.0"
VENDORS = ("apple", "google")
SIZE = "64"  # pixels; the only size in the packages
CLASSES = 73


def fetch(folder: Path) -> list[Candidate]:
    """Download both packages and list every symbol that both vendors draw."""
    for vendor in VENDORS:
        _unpack(vendor, folder)
    symbols = json.loads((folder / VENDORS[0] / "package" / "emoji.json").read_text())
    return [
        candidate
        for symbol in sorted(symbols, key=lambda one: one["sort_order"])
        for candidate in _drawn(symbol, folder)
    ]


def choose(classes: Classes) -> Classes:
    """Take the 73 subgroups with most pictures; folders are called boxes_<group>_<subgroup>_<4 digits>."""
    largest = sorted(classes, key=lambda label: (-len(classes[label]), label))[:CLASSES]
    return {f"boxes_{label}_{1000 + 7 * place:04d}": classes[label] for place, label in enumerate(sorted(largest))}


def _unpack(vendor: str, folder: Path) -> None:
    with npm_package(f"emoji-datasource-{vendor}@{VERSION}", folder) as archive:
        members = [member for member in archive if _wanted(member.name, vendor)]
        archive.extractall(folder / vendor, members, filter="data")


def _wanted(name: str, vendor: str) -> bool:
    return name == "package/emoji.json" or f"/img/{vendor}/{SIZE}/" in name


def _drawn(symbol: dict[str, str], folder: Path) -> Iterator[Candidate]:
    sources = [folder / vendor / "package" / "img" / vendor / SIZE / symbol["image"] for vendor in VENDORS]
    if not all(source.is_file() for source in sources):
        return
    name = symbol["short_name"].replace("/", "-")
    label = f"{_camel(symbol['category'])}_{_camel(symbol['subcategory'])}"
    for vendor, source in zip(VENDORS, sources, strict=True):
        yield Candidate(label, name, f"{name}-{vendor}", source)


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", text))


EMOJI = Recipe(fetch, choose)
