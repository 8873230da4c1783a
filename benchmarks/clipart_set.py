"""The set ``clipart`` of data.py: Open Clip Art by its categories."""

from pathlib import Path

from picture_sets import Candidate, Classes, Recipe, SetError, run

PACKAGE = "openclipart-png"
PICTURES = Path("usr/share/openclipart/png")
LEAST = 40  # pictures a class


def fetch(folder: Path) -> list[Candidate]:
    """Download the package and list the pictures in categories of the second level and below them."""
    folder.chmod(0o755)  # apt-get downloads as a user of its own where it can
    print(f"downloading {PACKAGE}", flush=True)
    run("apt-get", "download", PACKAGE, folder=folder)
    archives = list(folder.glob("*.deb"))
    if len(archives) != 1:
        raise SetError(f"apt-get left {len(archives)} packages instead of one {PACKAGE}")
    run("dpkg", "-x", archives[0].name, "unpacked", folder=folder)
    root = folder / "unpacked" / PICTURES
    return [
        Candidate("-".join(inside[:2]), str(path), "_".join(inside[2:]).removesuffix(".png"), path)
        for path in sorted(root.rglob("*.png"))
        if len(inside := path.relative_to(root).parts) > 2
    ]


def choose(classes: Classes) -> Classes:
    """Take the categories that have enough pictures."""
    return {label: candidates for label, candidates in classes.items() if len(candidates) >= LEAST}


CLIPART = Recipe(fetch, choose)
