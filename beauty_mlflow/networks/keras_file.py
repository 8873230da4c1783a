"""Loading a .keras file, whoever wrote it: what it holds is looked at, then Keras reads it in safe mode."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from beauty_mlflow.errors import ModelError

_WEIGHTS = "model.weights.h5"
_MEMBERS = frozenset({"metadata.json", "config.json", _WEIGHTS})
_LARGEST_EXPANSION = 4  # Keras stores its members as they are; weights that somebody compressed shrink little
_HARMLESS = 64 * 2**20  # bytes; InceptionV3's configuration has 0.2 million
_LARGEST_ARRAY = 2**30  # bytes: each is in memory once more as it is read; the largest of VGG16 has 4 * 10**8
_LONGEST_REASON = 400


def load_keras_file(path: Path) -> Any:  # noqa: ANN401 - Keras is untyped
    """Return the network in a .keras file, not compiled.

    Nothing in the file is run or unpickled, and no other file is read. What the network asks for when it is built or
    run isn't looked at: memory and time are the machine's to limit.

    Raises:
        ModelError: The file is missing, damaged, or holds code, the path of another file, or a decompression bomb.
    """
    if not path.is_file():
        raise ModelError(f"{path} doesn't exist; expected a Keras file.")
    try:
        _check_members(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file raises whatever the zip, JSON, HDF5 and Keras readers do
        raise ModelError(
            f"{path} can't be loaded ({brief(error)}): it is damaged, of another version of Keras, or holds code or "
            "the path of another file, which are never loaded. Expected a network of Keras's own layers, as model.save "
            "writes it."
        ) from error


def _check_members(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        _check_sizes(path, sizes)
        check_arrays(io.BytesIO(archive.read(_WEIGHTS)), sizes[_WEIGHTS])


def check_arrays(weights: Path | io.BytesIO, size: int) -> None:
    """Look at what the arrays of a weights file say of themselves, before any is read.

    Args:
        weights: The file, HDF5.
        size: Of the file, in bytes.

    Raises:
        ValueError: One is huge, or together they are out of proportion to the file.
    """
    sizes: list[int] = []

    def note(_: str, found: object) -> None:
        if isinstance(found, h5py.Dataset):  # of a compressed one a whole chunk is unpacked, which may be larger
            chunk = math.prod(found.chunks or ()) * found.dtype.itemsize
            sizes.append(max(found.nbytes, chunk))

    with h5py.File(weights, "r") as file:
        file.visititems(note)
    unpacked = sum(sizes)
    if unpacked > max(_HARMLESS, _LARGEST_EXPANSION * size):
        message = f"the arrays in its {size} bytes of weights unpack to {unpacked}, which is a decompression bomb"
        raise ValueError(message)
    if max(sizes, default=0) > _LARGEST_ARRAY:
        message = f"it holds an array of {max(sizes)} bytes, expected at most {_LARGEST_ARRAY}"
        raise ValueError(message)


def _check_sizes(path: Path, sizes: dict[str, int]) -> None:
    unknown = sorted(sizes.keys() - _MEMBERS)
    if unknown:
        message = f"it holds '{unknown[0]}', expected {', '.join(sorted(_MEMBERS))} alone"
        raise ValueError(message)
    size, unpacked = path.stat().st_size, sum(sizes.values())
    if unpacked > max(_HARMLESS, _LARGEST_EXPANSION * size) or sizes.get("config.json", 0) > _HARMLESS:
        message = f"its {size} bytes unpack to {unpacked}, which is a decompression bomb"
        raise ValueError(message)


def brief(error: Exception) -> str:
    """Return what one of Keras's errors says in one line of bounded length."""
    innermost = str(error).rpartition("Exception encountered: ")[2]  # round it Keras prints whole configurations
    text = " ".join(innermost.split()).rstrip(".") or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} [...]"
