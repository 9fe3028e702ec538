"""The .safetensors format: a JSON header, then the arrays' bytes.

https://github.com/huggingface/safetensors#format: eight bytes with the length
of the header, little-endian; the header, {name: {dtype, shape, data_offsets}};
the data, in C order, without gaps. This module, unlike the package, keeps only
one tensor in memory.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.weights import tensor

_CODES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_DTYPES = {code: tensor.DTYPES[name] for code, name in _CODES.items()}
# More elements than any tensor has.
_ELEMENTS = 2**48
_CODE_OF = {dtype: code for code, dtype in _DTYPES.items()}


def read(path: str | os.PathLike) -> dict[str, tensor.Tensor]:
  """Returns the file's tensors, unread.

  Raises:
    InputError: It is not such a file, is cut off, or has a tensor that is not
      float32, float16 or bfloat16.
  """
  path = Path(path)
  size = path.stat().st_size
  with path.open("rb") as f:
    length = int.from_bytes(f.read(8), "little")
    if not 2 <= length <= size - 8:
      raise InputError(f"{path} is not a .safetensors file, or is cut off")
    try:
      header = json.loads(f.read(length))
    except (ValueError, RecursionError):
      header = None
  if not isinstance(header, dict):
    raise InputError(f"{path} is not a .safetensors file")
  header.pop("__metadata__", None)
  return {
    name: _tensor(path, name, entry, 8 + length, size)
    for name, entry in header.items()
  }


def _tensor(
  path: Path, name: str, entry: Any, start: int, size: int
) -> tensor.Tensor:
  code, shape, (begin, end) = _entry(path, name, entry)
  if code not in _DTYPES:
    raise InputError(
      f"{path}: expected {name!r:.80} to be one of {', '.join(_DTYPES)}, got "
      f"{code:.80}"
    )
  dtype, begin, end = _DTYPES[code], start + begin, start + end
  if end > size or end - begin != math.prod(shape) * dtype.itemsize:
    raise InputError(
      f"{path} is cut off or corrupt: {name!r:.80} {list(shape)!s:.80} should "
      f"end at byte {end}, but the file has {size} bytes"
    )

  def slices(index: tensor.Index) -> np.ndarray:
    if begin == end:
      return np.zeros(shape, dtype)[index]
    # Map and copy each time, so that nothing stays in memory.
    return np.array(np.memmap(path, dtype, "r", begin, shape)[index])

  return tensor.Tensor(shape, dtype, slices)


def _entry(
  path: Path, name: str, entry: Any
) -> tuple[str, tuple[int, ...], tuple[int, int]]:
  """Returns the dtype, shape and offsets of a tensor.

  Raises:
    InputError: One of them is missing, or is not what it must be.
  """
  entry = entry if isinstance(entry, dict) else {}
  code, shape, offsets = (
    entry.get(key) for key in ("dtype", "shape", "data_offsets")
  )
  if (
    not isinstance(code, str)
    or not _are_sizes(shape)
    or not _are_sizes(offsets)
    or len(offsets) != 2
    or math.prod(max(1, n) for n in shape) > _ELEMENTS
  ):
    raise InputError(
      f"{path} is corrupt: expected {name!r:.80} to have a dtype, a shape and "
      f"two data_offsets, got {json.dumps(entry):.100}"
    )
  return code, tuple(shape), (offsets[0], offsets[1])


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
  return isinstance(value, list) and all(
    type(each) is int and each >= 0 for each in value
  )


def write(
  path: str | os.PathLike,
  tensors: Mapping[str, tensor.Tensor],
  written: Callable[[int], None],
) -> None:
  """Writes tensors to a file, with one in memory at a time.

  Args:
    path: The file.
    tensors: Tensors by name, in the order of the file.
    written: Called with the bytes of each.
  """
  header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
  end = 0
  for name, value in tensors.items():
    begin, end = end, end + value.nbytes
    header[name] = {
      "dtype": _CODE_OF[value.dtype],
      "shape": list(value.shape),
      "data_offsets": [begin, end],
    }
  text = json.dumps(header, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 8)  # The data starts at a multiple of 8.
  with Path(path).open("wb") as f:
    f.write(len(text).to_bytes(8, "little") + text)
    for value in tensors.values():
      f.write(value.read().view(np.uint8).reshape(-1).data)
      written(value.nbytes)
