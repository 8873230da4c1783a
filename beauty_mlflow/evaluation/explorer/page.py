"""One HTML file that needs nothing else: its style, its script, its data and its pictures are in it."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from beauty_mlflow.data.page_policy import page_policy

_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")  # half a surrogate pair has no UTF-8
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def render(document: Mapping[str, Any], thumbnails: Sequence[str] = ()) -> str:
    """Return the page.

    Its policy lets no other script or style run than its own, which it knows by their hashes, and nothing be fetched;
    names and paths are data in it, which can't end the element that holds them.

    Args:
        document: What JSON can hold, as of ``payload.describe``.
        thumbnails: Base64 of a WebP each.
    """
    style, script = _asset("explorer.css"), _script()
    parts = {
        "policy": page_policy(style, script),
        "style": style,
        "script": script,
        "data": to_json(document),
        "thumbnails": "\n".join(thumbnails),
    }
    return _PLACE.sub(lambda place: parts[place[1]], _asset("page.html"))


def to_json(document: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """Return JSON that has UTF-8, without <, > and &, so that no HTML can be in it."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _script() -> str:
    """Return the scripts as one, in a scope of its own."""
    folder = files(__package__) / "assets"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".js"))
    return '"use strict";\n(() => {\n' + "\n".join(_asset(name) for name in names) + "\n})();\n"


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
