"""What a page of ours may do, whatever names are in it."""

import base64
import hashlib


def page_policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy: only this style and script, known by their hashes, and pictures inside."""
    return (
        f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
