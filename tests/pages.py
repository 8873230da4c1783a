"""Commands and code of a documentation page, for tests that run what the page says."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def page(name):
    """The text of a page."""
    return (DOCS / name).read_text("utf-8")


def section(text, title):
    """What stands on a page below a title (a heading, or a line that begins in bold) up to the next one."""
    parts = re.split(r"^(?:#+ (.+)|\*\*(.+?)\*\*.*)$", text, flags=re.MULTILINE)
    found = {heading or bold: body for heading, bold, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}
    return found[title]


def steps(text):
    """Every command of the console blocks with the output that is shown for it."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            length = next(number for number, line in enumerate(lines, start=1) if not line.endswith("\\"))
            yield "\n".join(lines[:length]), "\n".join(lines[length:])


def blocks(text, language):
    """The fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
