"""A folder of class folders with everything in it that went wrong for somebody, and what becomes of each file.

By hand: ``python tests/hostile/corpus.py FOLDER`` makes it, to be looked at or given to any command.
"""

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contents import CONTENTS, EMPTY, UNKNOWN
from making import encode, noise

PICTURES = 6  # of each class that has nothing but ordinary pictures: enough for three parts
CLASSES = (
    "ordinary",
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "-rf",
    "--data",
    "+1",
    "comma, \"quotes\" and 'more'",
    "caf\u00e9",
    "cafe\u0301",
    "\u202egpj.exe",
    "\u05e9\u05dc\u05d5\u05dd",
    "new\nline",
    "carriage\rreturn",
    "tab\there",
    "$(touch hacked)",
    "`touch hacked`",
    '"><script>alert(1)',
    "{{7*7}} %s {0}",
    "train; DROP TABLE runs",
    "back\\slash",
    "1.0",
    "nan",
    "x" * 255,
    "\u00e4" * 127 + "x",
)
NAMES = (
    "two words.jpg",
    " leading.jpg",
    "trailing .jpg ",
    "comma, semicolon; tab\t.jpg",
    "\"double\" and 'single'.jpg",
    "new\nline.jpg",
    "carriage\rreturn.jpg",
    "-dash.jpg",
    "--data",
    "=cmd|' calc'!A0.jpg",
    "@SUM(1+1).jpg",
    "+1.jpg",
    "$(touch hacked).jpg",
    "`touch hacked`.jpg",
    "a;touch hacked;.jpg",
    "*.jpg",
    "[abc]?.jpg",
    "{a,b}.jpg",
    "~.jpg",
    "%41%00.jpg",
    "back\\slash.jpg",
    "..\\..\\up.jpg",
    "...jpg",
    ".hidden.jpg",
    "a.jpg.exe",
    "bell\x07 and \x1b[31mred.jpg",
    "\u202egpj.exe",
    "\u200fmark.jpg",
    "\u2028line.jpg",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "\u4e2d\u6587.jpg",
    "\U0001f389.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    "&amp;.jpg",
    "CON.jpg",
    "x" * 251 + ".jpg",
    "\u00e4" * 125 + ".jpg",
)
NOT_UTF8 = (b"caf\xe9.jpg", b"\xff\xfe.jpg", b"half a surrogate \xed\xa0\x80.jpg")
NOT_UTF8_CLASS = b"bo\xeete"
BAD_NAME = "its name isn't UTF-8"
NOWHERE = "a link that leads nowhere"
OUT = "a link that leads out of the data folder"
NO_FILE = "not a regular file"
HUGE = 3_000_000_000  # bytes, none of them on the disk


@dataclass(frozen=True)
class Corpus:
    """What was made.

    Attributes:
        folder: The class folders are in it.
        reasons: Every file's path, with words of the reason for which it is left out; empty where it is read.
        contents: The paths of those whose bytes alone matter, so that they can be sent to a server.
        ignored: How many files and folders of the system there are, which have no row anywhere.
    """

    folder: Path
    reasons: Mapping[str, str]
    contents: tuple[str, ...]
    ignored: int


def make_corpus(folder: Path) -> Corpus:
    """Make the corpus in a new folder; what leads out of it leads to a file beside it."""
    folder.mkdir(parents=True)
    reasons: dict[str, str] = {}
    for number, name in enumerate(CLASSES):
        reasons |= _ordinary(folder, name, 1000 + PICTURES * number)
    reasons |= _contents(folder / "contents") | _names(folder / "names")
    reasons |= _ordinary(folder, "places", 900) | _places(folder / "places")
    reasons |= _not_utf8(folder)
    (folder / "=HYPERLINK(1)" / "+broken.jpg").write_bytes(b"")
    reasons["=HYPERLINK(1)/+broken.jpg"] = EMPTY
    return Corpus(folder, reasons, tuple(f"contents/{content.name}" for content in CONTENTS), _clutter(folder))


def make_ordinary(folder: Path, classes: int, pictures: int) -> None:
    """Make a folder of ordinary pictures, to compare with."""
    for number in range(classes):
        _ordinary(folder, f"class {number}", 5000 + pictures * number, pictures)


def _ordinary(folder: Path, name: str, seed: int, pictures: int = PICTURES) -> dict[str, str]:
    (folder / name).mkdir(parents=True)
    for number in range(pictures):
        (folder / name / f"{number}.jpg").write_bytes(encode(noise(seed + number), "JPEG"))
    return {f"{name}/{number}.jpg": "" for number in range(pictures)}


def _not_utf8(folder: Path) -> dict[str, str]:
    inside = folder / os.fsdecode(NOT_UTF8_CLASS)
    inside.mkdir()
    (inside / "0.jpg").write_bytes(encode(noise(4000), "JPEG"))
    return {NOT_UTF8_CLASS.decode("utf-8", "replace"): BAD_NAME}


def _contents(folder: Path) -> dict[str, str]:
    folder.mkdir()
    for content in CONTENTS:
        (folder / content.name).write_bytes(content.make())
    return {f"{folder.name}/{content.name}": content.reason for content in CONTENTS}


def _names(folder: Path) -> dict[str, str]:
    folder.mkdir()
    shown = []
    for number, name in enumerate((*map(os.fsencode, NAMES), *NOT_UTF8)):
        (folder / os.fsdecode(name)).write_bytes(encode(noise(2000 + number), "JPEG"))
        shown.append(name.decode("utf-8", "replace"))
    reasons = [*[""] * len(NAMES), *[BAD_NAME] * len(NOT_UTF8)]
    return {f"{folder.name}/{name}": reason for name, reason in zip(shown, reasons, strict=True)}


def _places(folder: Path) -> dict[str, str]:
    """Make what isn't simply a file: links, pipes, devices, folders called like pictures, files that take no room."""
    outside = folder.parent.with_name("outside.jpg")
    outside.write_bytes(encode(noise(3000), "JPEG"))
    (folder / "folder.jpg" / "deeper.png").mkdir(parents=True)
    (folder / "folder.jpg" / "deeper.png" / "inside.jpg").write_bytes(encode(noise(3001), "JPEG"))
    links = {
        "out.jpg": (outside, OUT),
        "out relative.jpg": ("../../outside.jpg", OUT),
        "out folder": (outside.parent, OUT),
        "root": ("/", OUT),
        "secrets.jpg": ("/etc/passwd", OUT),
        "inside.jpg": ("folder.jpg/deeper.png/inside.jpg", ""),
        "up": ("..", "a link to a folder, which isn't followed"),
        "itself.jpg": ("itself.jpg", NOWHERE),
        "one.jpg": ("other.jpg", NOWHERE),
        "other.jpg": ("one.jpg", NOWHERE),
        "nowhere.jpg": ("gone.jpg", NOWHERE),
    }
    for name, (target, _) in links.items():
        (folder / name).symlink_to(target)
    nodes = {"pipe.jpg": stat.S_IFIFO, "socket.jpg": stat.S_IFSOCK}
    for name, kind in nodes.items():
        os.mknod(folder / name, kind | 0o600)
    made = {
        "folder.jpg/deeper.png/inside.jpg": "",
        **{name: reason for name, (_, reason) in links.items()},
        **dict.fromkeys(nodes, NO_FILE),
        **_device(folder / "device.jpg"),
        **_unreadable(folder / "unreadable.jpg"),
        **_sparse(folder / "film.mov", b"\0\0\0\x20ftypisom", UNKNOWN),
        **_sparse(folder / "large.jpg", b"\xff\xd8\xff\xe0", "bytes; expected at most"),
    }
    return {f"{folder.name}/{name}": reason for name, reason in made.items()}


def _device(path: Path) -> dict[str, str]:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        return {}
    return {path.name: NO_FILE}


def _unreadable(path: Path) -> dict[str, str]:
    path.write_bytes(encode(noise(3002), "JPEG"))
    path.chmod(0)
    return {path.name: "permission denied"}


def _sparse(path: Path, begin: bytes, reason: str) -> dict[str, str]:
    with path.open("wb") as stream:
        stream.write(begin)
        stream.truncate(HUGE)
    return {path.name: reason}


def _clutter(folder: Path) -> int:
    names = (
        ".DS_Store",
        "ordinary/.DS_Store",
        "ordinary/Thumbs.db",
        "ordinary/desktop.ini",
        "ordinary/._0.jpg",
        "__MACOSX/x.jpg",
        ".git/x.jpg",
        "ordinary/.hidden/x.jpg",
        "ordinary/__MACOSX/._0.jpg",
    )
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not ours")
    return len(names)


if __name__ == "__main__":
    made = make_corpus(Path(sys.argv[1]))
    for path, reason in made.reasons.items():
        sys.stdout.write(f"{path!r}: {reason or 'read'}\n")
