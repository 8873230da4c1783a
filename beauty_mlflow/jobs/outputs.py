from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _manifest_name(value: str) -> str:
    if Path(value).suffix != ".csv":
        message = f"'{value}' is no name for a manifest; expected a file name that ends in .csv"
        raise ValueError(message)
    return value


ManifestName = Annotated[str, AfterValidator(_manifest_name)]
