"""Keeping passwords and tokens out of whatever is stored or printed."""

import re

HIDDEN = "***"

# scheme://user:secret@host; the second form is a secret with a slash in it, which isn't valid but gets typed.
# The lengths are bounded so that long texts take time in proportion to their length.
_USER_INFO = re.compile(
    r"""([a-z][a-z0-9+.-]{0,30}://)"""
    r"""(?:[^\s/?#'"<>]*@|[^\s/?#:@'"<>]+:(?!\d+(?:[/?#]|$))[^\s'"<>]{0,300}@)""",
    re.IGNORECASE,
)
_QUERY_SECRET = re.compile(
    r"""([?&;](?:[\w.-]{0,60}(?:token|password|passwd|secret|key|signature|credential)[\w.-]{0,60}|sig|pwd)=)"""
    r"""[^\s&;#'"<>]+""",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


def redact(text: str) -> str:
    """Replace credentials in a text by ``***``.

    Found are the user information of every URI (``https://user:token@host``, ``postgresql://user:password@host``),
    secrets in a URI's query (``?token=…``), and the values of HTTP's Authorization header. Redacting twice gives
    the same as once.
    """
    text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY_SECRET.sub(rf"\1{HIDDEN}", text)
    return _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
