"""What a page of ours may do, whatever names are in it."""

import base64
import hashlib


def page_policy(style: str, script: str, *, drawing: bool = False) -> str:
    """Return a Content-Security-Policy: only this style and script, known by their hashes, and pictures inside.

    Args:
        style: The page's.
        script: The page's; empty where it has none.
        drawing: Whether the script is one that writes styles of its own and makes pictures to save, as plotly does.
            Then any style may be in the page; none can fetch anything.
    """
    images, styles = ("data: blob:", "'unsafe-inline'") if drawing else ("data:", _source(style))
    return (
        f"default-src 'none'; img-src {images}; style-src {styles}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
