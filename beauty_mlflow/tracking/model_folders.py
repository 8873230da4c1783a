"""Whether this package logged a model, as its MLmodel file says: read as what a stranger may have written."""

from pathlib import Path

from beauty_mlflow.errors import ModelError
from beauty_mlflow.serving.package import DESCRIPTION_FILE
from beauty_mlflow.serving.versions import MODEL_RECORD, read_yaml
from beauty_mlflow.tracking.failures import shorten
from beauty_mlflow.tracking.packaging import LOADER

LOADERS = (LOADER, "beauty_mlflow.serving.pyfunc")  # the second is that of the first models


def loader_of(folder: Path) -> str:
    """Return the module that MLflow would load a model with; empty where its MLmodel file names none."""
    return _text(_flavor(folder).get("loader_module"))


def package_in(folder: Path, uri: str) -> Path:
    """Return the folder of the package (model.keras, serving.json) in that of a fetched model.

    Raises:
        ModelError: The model is none of this package.
    """
    package = folder / _text(_flavor(folder).get("data"))
    if loader_of(folder) not in LOADERS:
        reason = f"its loader is '{shorten(loader_of(folder), 100)}', which could be any code"
    elif not package.resolve().is_relative_to(folder.resolve()):
        reason = "its MLmodel file leads out of its folder"
    elif not (package / DESCRIPTION_FILE).is_file():
        reason = f"it holds no {DESCRIPTION_FILE}"
    else:
        return package
    raise ModelError(f"The model {uri} isn't one that this package logged: {reason}. It is not loaded.")


def _flavor(folder: Path) -> dict[str, object]:
    try:
        flavor = read_yaml(folder / MODEL_RECORD)["flavors"]["python_function"]  # type: ignore[index]
    except (LookupError, TypeError):
        return {}
    return flavor if isinstance(flavor, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""  # a few aliases of YAML make lists that as a text fill the memory
