"""An array that is read, whole or in part, when it is asked for."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_dtypes
import numpy as np

from instructrec_jax.model import sharding

Index = tuple[slice, ...]

# What weights are stored as, by the name that users and formats give it.
DTYPES = {
  "float32": np.dtype(np.float32),
  "bfloat16": np.dtype(ml_dtypes.bfloat16),
  "float16": np.dtype(np.float16),
}


@dataclasses.dataclass(frozen=True)
class Tensor:
  """A named array's shape, its dtype, and how to read it.

  Nothing of the values is held here, so that a checkpoint's tensors can be
  listed, checked and handed on before the first is read.

  Attributes:
    shape: of the whole array.
    dtype: one of `DTYPES`' values.
    slices: reads the part that a tuple of slices, one an axis, names.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  slices: Callable[[Index], np.ndarray]

  @classmethod
  def of(cls, array: np.ndarray) -> "Tensor":
    """Returns an array that is in memory already."""
    return cls(array.shape, array.dtype, lambda index: array[index])

  @property
  def size(self) -> int:
    """Returns the number of elements."""
    return math.prod(self.shape)

  @property
  def nbytes(self) -> int:
    """Returns the number of bytes of the whole."""
    return self.size * self.dtype.itemsize

  @property
  def T(self) -> "Tensor":  # noqa: N802
    """Returns the transposed array, as unread as this one."""
    return Tensor(
      self.shape[::-1], self.dtype, lambda index: self.slices(index[::-1]).T
    )

  def astype(self, dtype: np.dtype) -> "Tensor":
    """Returns the array in another dtype, as unread as this one."""
    return Tensor(
      self.shape,
      np.dtype(dtype),
      lambda index: self.slices(index).astype(dtype, copy=False),
    )

  def read(self) -> np.ndarray:
    """Returns the whole array, in C order."""
    whole = (slice(None),) * len(self.shape)
    return np.asarray(self.slices(whole), self.dtype, order="C")

  def place(self, expected: jax.ShapeDtypeStruct) -> jax.Array:
    """Returns the array on the devices; reads only what this process needs.

    Args:
      expected: its shape and the dtype to have; with a sharding or, for one
        device, without.
    """
    place = expected.sharding or jax.sharding.SingleDeviceSharding(
      jax.devices()[0]
    )
    parts: dict[str, np.ndarray] = {}

    def part(index: Index) -> np.ndarray:
      # Devices along the mesh's data axis mostly hold the same part.
      key = str(index)
      if key not in parts:
        parts[key] = np.asarray(self.slices(index), expected.dtype, order="C")
      return parts[key]

    return jax.make_array_from_callback(self.shape, place, part)


def place_all(tensors: Mapping[str, Tensor], expected: Any) -> Any:
  """Returns tensors on the devices, one after the other.

  Args:
    tensors: by name, a path joined by "/".
    expected: tree of `jax.ShapeDtypeStruct` with the same names.
  """
  return jax.tree_util.tree_map_with_path(
    lambda path, like: tensors[sharding.path_name(path)].place(like), expected
  )
