import io
import os
import pickle
import pickletools
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.torch_file import read_torch_file

MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture(scope="module")
def torch_names():
    """Modules named like PyTorch's, so that pickles can name what lives there."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        """Stand for PyTorch's function; only its name is pickled."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    yield torch
    for name, module in before.items():
        sys.modules.pop(name)
        if module is not None:
            sys.modules[name] = module


@dataclass(frozen=True)
class Tensor:
    key: str
    storage: np.ndarray
    layout: tuple


@dataclass(frozen=True)
class Storage:
    tensor: Tensor


class TorchPickler(pickle.Pickler):
    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        torch, storage = sys.modules["torch"], obj.tensor.storage
        kind = torch.FloatStorage if storage.dtype == np.float32 else torch.LongStorage
        return ("storage", kind, obj.tensor.key, "cpu", len(storage), None)

    def reducer_override(self, obj):
        if not isinstance(obj, Tensor):
            return NotImplemented
        arguments = (Storage(obj), *obj.layout, False, OrderedDict())
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


@pytest.fixture(scope="module")
def write(torch_names):
    """Make a function that writes tensors (storage, offset, shape, strides) in PyTorch's legacy format."""

    def write(tensors, *, magic=MAGIC, protocol=1001):
        stream = io.BytesIO()
        for header in (magic, protocol, {"little_endian": True}):
            pickle.dump(header, stream, protocol=2)
        named = OrderedDict(
            (name, Tensor(f"key-{name}", storage, layout)) for name, (storage, *layout) in tensors.items()
        )
        TorchPickler(stream, protocol=2).dump(named)
        pickle.dump([tensor.key for tensor in named.values()], stream, protocol=2)
        for tensor in named.values():
            stream.write(len(tensor.storage).to_bytes(8, "little") + tensor.storage.tobytes())
        return stream.getvalue()

    return write


def plain(array):
    array = np.ascontiguousarray(array)
    return array.ravel(), 0, array.shape, tuple(step // array.itemsize for step in array.strides)


def test_tensors_come_back(write):
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    count = np.array([7], dtype=np.int64)
    tensors = read_torch_file(write({"kernel": plain(kernel), "count": (count, 0, (), ())}))
    np.testing.assert_array_equal(tensors["kernel"], kernel)
    assert tensors["count"].shape == ()
    assert tensors["count"] == 7


@settings(max_examples=25)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_strides_are_honoured(write, shape, data):
    """Ignoring them would silently mix the weights up."""
    order = data.draw(st.permutations(range(len(shape))))
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    stored = np.ascontiguousarray(array.transpose(order))
    strides = [0] * len(shape)
    for position, axis in enumerate(order):
        strides[axis] = stored.strides[position] // stored.itemsize
    tensors = read_torch_file(write({"x": (stored.ravel(), 0, tuple(shape), tuple(strides))}))
    np.testing.assert_array_equal(tensors["x"], array)


def test_offsets_are_honoured(write):
    storage = np.arange(10, dtype=np.float32)
    tensors = read_torch_file(write({"x": (storage, 4, (2, 2), (2, 1))}))
    np.testing.assert_array_equal(tensors["x"], [[4, 5], [6, 7]])


@pytest.mark.parametrize(
    "layout", [(0, (11,), (1,)), (8, (3,), (1,)), (-1, (2,), (1,)), (0, (2, 2), (10, 1)), (5, (2,), (-1,))]
)
def test_a_tensor_beyond_its_storage_is_refused(write, layout):
    with pytest.raises(WeightsError, match="a tensor reaches outside its storage"):
        read_torch_file(write({"x": (np.zeros(10, np.float32), *layout)}))


@pytest.mark.parametrize(("magic", "protocol"), [(1, 1001), (MAGIC, 1002)])
def test_another_format_is_refused(write, magic, protocol):
    with pytest.raises(WeightsError, match="expected its magic number and protocol 1001"):
        read_torch_file(write({"x": plain(np.zeros(2, np.float32))}, magic=magic, protocol=protocol))


@settings(max_examples=25)
@given(st.data())
def test_a_file_cut_short_is_refused(write, data):
    content = write({"x": plain(np.arange(6, dtype=np.float32))})
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(WeightsError, match="Damaged PyTorch weights file"):
        read_torch_file(content[:length])


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    """The name is never looked up, so nothing runs."""
    target = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(target),)

    content = pickle.dumps(Evil(), protocol=2)
    assert "mkdir" in str([argument for _, argument, _ in pickletools.genops(content)])
    with pytest.raises(WeightsError, match=r"asks for (posix|nt)\.mkdir: expected tensors and nothing else"):
        read_torch_file(content)
    assert not target.exists()
