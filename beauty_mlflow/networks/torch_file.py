"""Reads a legacy PyTorch weights file without PyTorch, and without running what a pickle may hold.

The format: four pickles (magic number, protocol, sizes of types, the tensors' names and layouts), one more
with the storages' keys, then each storage as its number of elements and the raw numbers, little-endian. It is
the only pickle that this package reads; the caller knows the file's checksum.
"""

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    size: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a state dict by name, in PyTorch's layouts.

    Raises:
        WeightsError: If it is no such file, is cut short, or holds anything but tensors of float32 and int64.
    """
    stream = io.BytesIO(content)
    try:
        _check_header(stream)
        tensors = _load(stream)
        sizes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        storages = {key: _read_storage(stream, sizes[key]) for key in _load(stream)}
        return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise WeightsError(f"Damaged PyTorch weights file: {type(error).__name__}: {error}") from error


def _check_header(stream: io.BytesIO) -> None:
    magic, protocol, _sizes_of_types = (_load(stream) for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL):
        raise WeightsError("Not a legacy PyTorch weights file: expected its magic number and protocol 1001.")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or a function
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise WeightsError(f"The PyTorch weights file asks for {module}.{name}: expected tensors and nothing else.")

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - whatever the file holds
        _, dtype, key, _, size, _ = pid
        return _Storage(key, dtype, size)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _load(stream: io.BytesIO) -> Any:  # noqa: ANN401 - whatever the file holds
    return _Unpickler(stream).load()


def _read_storage(stream: io.BytesIO, storage: _Storage) -> npt.NDArray[Any]:
    size = int.from_bytes(stream.read(8), "little")
    content = stream.read(storage.size * storage.dtype.itemsize)
    if size != storage.size or len(content) != storage.size * storage.dtype.itemsize:
        raise WeightsError(f"Damaged PyTorch weights file: storage {storage.key} should hold {storage.size} numbers.")
    return np.frombuffer(content, storage.dtype)


def _view(tensor: _Tensor, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Lay the tensor out by its strides: they aren't always those of a contiguous array."""
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((side - 1) * stride for side, stride in steps)
    if min(tensor.offset, *tensor.strides, 0) < 0 or last >= len(storage) or math.prod(tensor.shape) == 0:
        raise WeightsError("Damaged PyTorch weights file: a tensor reaches outside its storage.")
    steps_in_bytes = [stride * storage.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, steps_in_bytes)
    return np.ascontiguousarray(view).reshape(tensor.shape)
