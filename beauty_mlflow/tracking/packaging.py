"""The folder that MLflow keeps as a model: two flavors over one Keras file, and the code that answers with it.

No pickle is inside: the pyfunc flavor names a loader module and its data, the keras flavor the same .keras file.
"""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Object, ParamSchema, ParamSpec, Property, Schema

import beauty_mlflow
from beauty_mlflow.serving import package as served

with warnings.catch_warnings():  # about type hints of MLflow's own, each time it is first imported
    warnings.simplefilter("ignore", UserWarning)
    import mlflow.pyfunc

LOADER = "beauty_mlflow.tracking.loader"
DATA = "data/package"
COLUMN = "image"
TOP = 5
# What the loader imports; it travels with the model, so that the model loads where this package isn't installed
CODE = (
    "__init__.py",
    "errors.py",
    "files.py",
    "hardware.py",
    "leftovers.py",
    "temporary.py",
    "data/__init__.py",
    "data/decoder_limits.py",
    "data/images.py",
    "data/regular.py",
    "networks/__init__.py",
    "networks/keras_file.py",
    "serving",
    "tracking/__init__.py",
    "tracking/loader.py",
)


def build(folder: Path, package: Path, *, example: bytes, model: Any) -> None:  # noqa: ANN401 - MLflow is untyped
    """Write the model's folder.

    Args:
        folder: Made here; must not exist.
        package: What serving.package.save_package wrote.
        example: One real picture's file, the input example.
        model: mlflow.models.Model with the ids of the run and the logged model.
    """
    model.add_flavor("keras", data=DATA, save_exported_model=False, **_keras_versions())
    with tempfile.TemporaryDirectory() as temporary:
        mlflow.pyfunc.save_model(
            folder,
            loader_module=LOADER,
            data_path=_copy_package(package, Path(temporary)),
            code_paths=[str(_copy_code(Path(temporary)))],
            mlflow_model=model,
            signature=signature(),
            input_example=pd.DataFrame({COLUMN: [example]}),
            pip_requirements=requirements(),
        )


def requirements() -> list[str]:
    """Return what a machine needs to load and serve the model, pinned to the versions installed here.

    mlflow-skinny is the part of MLflow that does both; mlflow itself would bring its tracking server's packages too.

    Raises:
        ModelError: As serving.package.requirements.
    """
    return [f"mlflow-skinny=={mlflow.__version__}", *served.requirements()]


def signature() -> ModelSignature:
    """Return what the model takes and gives.

    The column `image` holds the bytes of picture files; the parameter `top` is how many classes an answer gives.
    """
    guess = Object([Property("label", DataType.string), Property("probability", DataType.double)])
    answer = [
        ColSpec(DataType.string, "label", required=False),
        ColSpec(DataType.double, "probability", required=False),
        ColSpec(Array(guess), "top"),
        ColSpec(DataType.boolean, "abstained"),
        ColSpec(DataType.string, "error", required=False),
        ColSpec(DataType.string, "model_version"),
    ]
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.binary, COLUMN)]),
        outputs=Schema(answer),
        params=ParamSchema([ParamSpec("top", DataType.long, TOP)]),
    )


def _keras_versions() -> dict[str, str]:
    import keras

    return {"keras_version": keras.__version__, "keras_backend": keras.backend.backend()}


def _copy_package(package: Path, temporary: Path) -> str:
    target = temporary / Path(DATA).name
    target.mkdir()
    for name in (served.MODEL_FILE, served.DESCRIPTION_FILE):
        shutil.copyfile(package / name, target / name)
    return str(target)


def _copy_code(temporary: Path) -> Path:
    origin = Path(beauty_mlflow.__file__).parent
    target = temporary / origin.name
    for part in CODE:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (origin / part).is_dir():
            shutil.copytree(origin / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(origin / part, target / part)
    return target
