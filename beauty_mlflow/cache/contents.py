"""All that the cache holds: entries, which are arrays, and files."""

from collections.abc import Sequence
from pathlib import Path

from beauty_mlflow.cache import filed, inventory
from beauty_mlflow.cache.inventory import Stored


def scan(folder: Path, kind: str = "") -> list[Stored]:
    """Return what there is of a kind, or of all kinds if it is empty; what is partial first, then by time of use."""
    files = filed.batches(folder) if kind in {"", filed.KIND} else []
    found = [*inventory.scan(folder, kind), *files]
    return sorted(found, key=lambda stored: (stored.whole, stored.used, stored.place.name))


def sweep(folder: Path) -> None:
    """Remove what is left of an interrupted removal, or of a file that was half written."""
    inventory.sweep(folder)
    filed.remove_stale(folder)


def listed(found: Sequence[Stored]) -> list[Stored]:
    """Return what a scan has found as people want to see it, the files in one line."""
    files = [one for one in found if isinstance(one, filed.FileBatch)]
    others = [one for one in found if not isinstance(one, filed.FileBatch)]
    return [*others, *([filed.together(files)] if files else [])]
