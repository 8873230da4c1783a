"""Reading the TOML files that users write."""

import tomllib
from pathlib import Path
from typing import Any

from beauty_mlflow.errors import InputError
from beauty_mlflow.files import read_typed


def read_toml(path: Path, what: str, error: type[InputError], *, hint: str = "") -> dict[str, Any]:
    """Return a file's content.

    Args:
        path: The file.
        what: It is, in words.
        error: Is raised where it can't be read or is no TOML; the message names the file.
        hint: What to give instead, where there is no such file.
    """
    try:
        return tomllib.loads(read_typed(path))
    except OSError as found:
        missing = hint and isinstance(found, FileNotFoundError)
        problem = f"doesn't exist; {hint}" if missing else f"can't be read: {found.strerror}"
        raise error(f"The {what} '{path}' {problem}.") from None
    except UnicodeDecodeError:
        raise error(f"The {what} '{path}' isn't UTF-8 text; expected a TOML file.") from None
    except (ValueError, RecursionError) as found:  # TOMLDecodeError, a number of 5000 digits, brackets in brackets
        raise error(f"The {what} '{path}' is no TOML: {found}.") from None
