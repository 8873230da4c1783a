"""Keeping passwords and tokens out of whatever is stored or printed."""

import re

HIDDEN = "***"

# The lengths are bounded so that long texts take time in proportion to their length.
_SCHEME = r"[a-z][a-z0-9+.-]{0,30}://"
_NEXT = rf"[^\w\s+.-]{_SCHEME}"  # the URI after this one, of a list without spaces
_NAME = r"""(?:[^\s/?#:'"<>]|['"<>](?=\w))*"""  # a quote before anything but a word is the end of what it stands round
_PORT = rf"\d+(?:[/?#]|[^\w\s+.-]{{0,2}}{_NEXT}|$)"
# What gets typed holds slashes and quotes, valid or not: a password goes up to the last @ before a space or a URI.
_PASSWORD = rf"(?:(?:(?!{_NEXT})\S){{0,300}}|\S{{0,300}}|[^\s/?#]*)"
_USER_INFO = re.compile(
    rf"({_SCHEME})(?!{re.escape(HIDDEN)}@)(?:{_NAME}:(?!{_PORT}){_PASSWORD}|{_NAME})@", re.IGNORECASE
)
_QUERY_SECRET = re.compile(
    r"""([?&;](?:[\w.-]{0,60}(?:token|password|passwd|secret|key|signature|credential)[\w.-]{0,60}|sig|pwd)=)"""
    r"""((?:[^\s&;#]|;(?![\w.-]{1,60}=))+)""",
    re.IGNORECASE,
)
_QUOTES, _AFTER_QUOTES = "'\"<>", ")]},.:;"
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


def redact(text: str) -> str:
    """Replace credentials in a text by ``***``.

    Found are the user information of every URI (``https://user:token@host``, ``postgresql://user:password@host``),
    secrets in a URI's query (``?token=…``), and the values of HTTP's Authorization header. Where it can't be told
    whether something belongs to a password, it is replaced, too. Redacting twice gives the same as once.
    """
    text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY_SECRET.sub(_without_value, text)
    return _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)


def _without_value(found: re.Match[str]) -> str:
    """Return a query's secret without its value, but with the quote that closes what stands round the URI."""
    name, value = found.groups()
    inside = value.rstrip(_AFTER_QUOTES)
    secret = inside.rstrip(_QUOTES)
    return f"{name}{HIDDEN}{value[len(secret) :] if secret != inside else ''}"
