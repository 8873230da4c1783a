"""Which model a folder holds."""

from pathlib import Path

import yaml


def find_model_version(folder: Path) -> str:
    """Return which model a package folder belongs to.

    `<name>/<version>` where MLflow fetched a registered model (it leaves a note beside the model), else the
    logged model's id, else nothing.
    """
    root = next((place for place in (folder, *folder.parents[:2]) if (place / "MLmodel").is_file()), None)
    if root is None:
        return ""
    note = _read_yaml(root / "registered_model_meta")
    name, version = note.get("model_name"), note.get("model_version")
    if isinstance(name, str) and isinstance(version, str | int):  # both are null where the logged model's id was given
        return f"{name}/{version}"
    model_id = _read_yaml(root / "MLmodel").get("model_id")
    return model_id if isinstance(model_id, str) else ""


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
