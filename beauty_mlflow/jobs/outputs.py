"""Names of files to write, and what may not be there yet."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from beauty_mlflow.errors import DataError


def _manifest_name(value: str) -> str:
    if Path(value).suffix != ".csv":
        message = f"'{value}' is no name for a manifest; expected a file name that ends in .csv"
        raise ValueError(message)
    return value


ManifestName = Annotated[str, AfterValidator(_manifest_name)]


def require_absent(out: Path) -> None:
    """Raise DataError where there is something already."""
    if out.exists() or out.is_symlink():
        raise DataError(f"'{out}' exists and isn't replaced; move it away, or give out another name")
