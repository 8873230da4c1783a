"""One HTML file that needs nothing else: its style, its script, its data and its pictures are in it."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

_ESCAPED = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
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
        "policy": (
            f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "script": script,
        "data": to_json(document),
        "thumbnails": "\n".join(thumbnails),
    }
    return _PLACE.sub(lambda place: parts[place[1]], _asset("page.html"))


def to_json(document: Mapping[str, Any]) -> str:
    """Return JSON in ASCII without <, > and &, so that no HTML can be in it."""
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)


def _script() -> str:
    """Return the scripts as one, in a scope of its own."""
    folder = files(__package__) / "assets"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".js"))
    return '"use strict";\n(() => {\n' + "\n".join(_asset(name) for name in names) + "\n})();\n"


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
