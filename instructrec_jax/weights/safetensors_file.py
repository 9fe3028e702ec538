"""The .safetensors format: a header of JSON, then the arrays' bytes.

https://github.com/huggingface/safetensors#format: eight bytes with the length
of the header, little-endian; the header, {name: {dtype, shape, data_offsets}};
the data, in C order, without holes. Reading and writing it here, rather than
with the package, keeps one tensor in memory instead of the file.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.weights import tensor

_CODES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_DTYPES = {code: tensor.DTYPES[name] for code, name in _CODES.items()}
_CODE_OF = {dtype: code for code, dtype in _DTYPES.items()}


def read(path: str | os.PathLike) -> dict[str, tensor.Tensor]:
  """Returns the file's tensors, unread.

  Raises:
    InputError: if it is no such file, is cut off, or has a tensor that is no
      float32, float16 or bfloat16.
  """
  path = Path(path)
  size = path.stat().st_size
  with path.open("rb") as f:
    length = int.from_bytes(f.read(8), "little")
    if not 2 <= length <= size - 8:
      raise InputError(f"{path} is no .safetensors file, or is cut off")
    try:
      header = json.loads(f.read(length))
    except ValueError:
      raise InputError(f"{path} is no .safetensors file") from None
  header.pop("__metadata__", None)
  return {
    name: _tensor(path, name, entry, 8 + length, size)
    for name, entry in header.items()
  }


def _tensor(
  path: Path, name: str, entry: dict, start: int, size: int
) -> tensor.Tensor:
  if entry["dtype"] not in _DTYPES:
    raise InputError(
      f"{path}: {name} is {entry['dtype']}, expected one of "
      f"{', '.join(_DTYPES)}"
    )
  dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
  begin, end = (start + offset for offset in entry["data_offsets"])
  if end > size or end - begin != math.prod(shape) * dtype.itemsize:
    raise InputError(
      f"{path} is cut off or broken: {name} {list(shape)} should end at byte "
      f"{end}, the file has {size}"
    )

  def slices(index: tensor.Index) -> np.ndarray:
    # Mapped anew each time, and copied: nothing stays in memory by itself.
    return np.array(np.memmap(path, dtype, "r", begin, shape)[index])

  return tensor.Tensor(shape, dtype, slices)


def write(
  path: str | os.PathLike,
  tensors: Mapping[str, tensor.Tensor],
  written: Callable[[int], None],
) -> None:
  """Writes tensors to a file, holding one at a time.

  Args:
    path: the file.
    tensors: by name, in the order of the file.
    written: is told the bytes of each.
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
  text += b" " * (-len(text) % 8)  # The data begin at a multiple of 8.
  with Path(path).open("wb") as f:
    f.write(len(text).to_bytes(8, "little") + text)
    for value in tensors.values():
      f.write(value.read().view(np.uint8).reshape(-1).data)
      written(value.nbytes)
