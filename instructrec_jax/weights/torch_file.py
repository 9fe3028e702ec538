"""Reads PyTorch's .bin files safely and without PyTorch.

`torch.save` writes an uncompressed zip archive: <name>/data.pkl, a pickle of
the state dict whose tensors point to storages, and <name>/data/<key>, the bytes
of each storage. A pickle may call anything. This reader accepts only the few
names that a state dict of plain tensors needs.
"""

import collections
import io
import math
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from instructrec_jax.errors import InputError, is_refusal
from instructrec_jax.weights import tensor

_STORAGES = {
  "FloatStorage": tensor.DTYPES["float32"],
  "BFloat16Storage": tensor.DTYPES["bfloat16"],
  "HalfStorage": tensor.DTYPES["float16"],
}
# The largest pickle of names and shapes, and byteorder beside it.
_MOST = 64 << 20
# More elements than any tensor has.
_ELEMENTS = 2**48
_LOCAL_HEADER = 30  # Bytes of a zip entry's header before its name.


class _Storage(NamedTuple):
  dtype: np.dtype
  key: str
  elements: int


class _View(NamedTuple):
  """A tensor's place in a storage. Offset and strides are in elements."""

  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def read(path: str | os.PathLike) -> dict[str, tensor.Tensor]:
  """Returns the file's tensors, unread.

  Raises:
    InputError: It is not a state dict of float32, float16 or bfloat16 tensors
      in the format of PyTorch 1.6 and later, or is cut off.
  """
  path = Path(path)
  try:
    with zipfile.ZipFile(path) as archive:
      entries = {
        entry.filename.partition("/")[2]: entry for entry in archive.infolist()
      }
      for name in ("data.pkl", "byteorder"):
        if name in entries and entries[name].file_size > _MOST:
          raise InputError(
            f"{path}: {name} has {entries[name].file_size:,} bytes: expected "
            f"{_MOST:,} at most, as it holds names only"
          )
      pickled = archive.read(entries["data.pkl"])
      order = entries.get("byteorder")
      little = order is None or archive.read(order) == b"little"
      starts = {
        name.removeprefix("data/"): _start(archive.fp, entry)
        for name, entry in entries.items()
        if name.startswith("data/") and not entry.compress_type
      }
  except InputError:
    raise
  except Exception as error:  # Damage raises errors of no common class.
    if is_refusal(error):
      raise
    raise InputError(
      f"{path}: expected a file of torch.save since PyTorch 1.6 (a zip archive "
      "with data.pkl in it); it is another file or cut off"
    ) from None
  if not little or sys.byteorder != "little":
    raise InputError(f"{path}: expected a little-endian file and machine")
  try:
    views = _Unpickler(io.BytesIO(pickled), path).load()
  except InputError:
    raise
  except Exception as error:  # A pickle may raise anything.
    said = " ".join(str(error).split()) or type(error).__name__
    raise InputError(f"{path}: its pickle is corrupt ({said:.100})") from None
  if not isinstance(views, dict) or not all(
    isinstance(name, str) and isinstance(view, _View)
    for name, view in views.items()
  ):
    raise InputError(f"{path}: expected a state dict of names and tensors")
  return {
    name: _tensor(path, name, view, starts) for name, view in views.items()
  }


def _start(file: Any, entry: zipfile.ZipInfo) -> int:
  """Returns where in the archive an uncompressed entry's bytes begin."""
  file.seek(entry.header_offset + _LOCAL_HEADER - 4)
  name, extra = np.frombuffer(file.read(4), "<u2")
  return entry.header_offset + _LOCAL_HEADER + int(name) + int(extra)


def _tensor(
  path: Path, name: str, view: _View, starts: dict[str, int]
) -> tensor.Tensor:
  storage = view.storage
  if len(view.shape) != len(view.strides) or storage.key not in starts:
    raise InputError(f"{path} is corrupt: {name!r:.80} has no storage")
  sizes = [max(1, size) for size in view.shape]
  if (
    min(view.shape, default=0) < 0
    or max(math.prod(sizes), *view.strides, storage.elements) > _ELEMENTS
  ):
    raise InputError(f"{path} is corrupt: {name!r:.80} has no shape")
  last = view.offset + sum(
    (size - 1) * stride
    for size, stride in zip(view.shape, view.strides, strict=True)
  )
  inside = min(view.strides, default=0) >= 0 <= view.offset
  if math.prod(view.shape) and not (inside and last < storage.elements):
    raise InputError(f"{path} is corrupt: {name!r:.80} exceeds its storage")
  start, itemsize = starts[storage.key], storage.dtype.itemsize
  if start + storage.elements * itemsize > path.stat().st_size:
    raise InputError(f"{path} is cut off: {name!r:.80} is incomplete")

  def slices(index: tensor.Index) -> np.ndarray:
    if not math.prod(view.shape):
      return np.zeros(view.shape, storage.dtype)[index]
    # Map and copy each time, so that nothing stays in memory.
    flat = np.memmap(path, storage.dtype, "r", start, (storage.elements,))
    strides = [stride * itemsize for stride in view.strides]
    array = np.lib.stride_tricks.as_strided(
      flat[view.offset :], view.shape, strides, writeable=False
    )
    return np.array(array[index], order="C")

  return tensor.Tensor(view.shape, storage.dtype, slices)


class _Unpickler(pickle.Unpickler):
  """Accepts only the names that a state dict of plain tensors needs."""

  def __init__(self, file: io.BytesIO, path: Path):
    super().__init__(file)
    self._path = path

  def find_class(self, module: str, name: str) -> Any:
    """Returns the object for a name in the pickle."""
    known = {
      ("collections", "OrderedDict"): collections.OrderedDict,
      ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
      ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    }
    if module == "torch" and name in _STORAGES:
      return _STORAGES[name]
    if (module, name) in known:
      return known[module, name]
    raise InputError(
      f"{self._path} asks for {module:.80}.{name:.80}, which is not allowed in "
      f"a state dict of weights: expected tensors of {', '.join(_STORAGES)}"
    )

  def persistent_load(self, pid: Any) -> _Storage:
    """Returns the storage that a tensor points to."""
    kind, dtype, key, _, elements = pid
    if kind != "storage" or not isinstance(dtype, np.dtype):
      raise pickle.UnpicklingError(f"unknown reference {pid!r}")
    return _Storage(dtype, str(key), int(elements))


def _rebuild_tensor(
  storage: _Storage, offset: Any, shape: Any, strides: Any, *_: Any
) -> _View:
  if not isinstance(storage, _Storage):
    raise pickle.UnpicklingError("a tensor without a storage")
  return _View(
    storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides))
  )


def _rebuild_parameter(data: _View, *_: Any) -> _View:
  return data
