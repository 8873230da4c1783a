"""Which model a folder holds."""

from pathlib import Path

import yaml

MODEL_RECORD = "MLmodel"
REGISTERED_NOTE = "registered_model_meta"  # MLflow leaves it beside a registered model that it fetches


def find_model_version(folder: Path) -> str:
    """Return which model a package folder belongs to.

    `<name>/<version>` where MLflow fetched a registered model (it leaves a note beside the model), else the
    logged model's id, else nothing.
    """
    root = next((place for place in (folder, *folder.parents[:2]) if (place / MODEL_RECORD).is_file()), None)
    if root is None:
        return ""
    note = read_yaml(root / REGISTERED_NOTE)
    name, version = note.get("model_name"), note.get("model_version")
    if isinstance(name, str) and isinstance(version, str | int):  # both are null where the logged model's id was given
        return f"{name}/{version}"
    model_id = read_yaml(root / MODEL_RECORD).get("model_id")
    return model_id if isinstance(model_id, str) else ""


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping in a file that a stranger may have written; an empty one where it holds none."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
