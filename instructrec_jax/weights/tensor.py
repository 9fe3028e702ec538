"""An array that is read lazily, whole or in part."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_dtypes
import numpy as np

from instructrec_jax.model import sharding

Index = tuple[slice, ...]

# The dtypes of stored weights, by name.
DTYPES = {
  "float32": np.dtype(np.float32),
  "bfloat16": np.dtype(ml_dtypes.bfloat16),
  "float16": np.dtype(np.float16),
}


@dataclasses.dataclass(frozen=True)
class Tensor:
  """An array's shape, its dtype, and a function that reads it.

  It holds no values, so a checkpoint's tensors can be listed and checked before
  any is read.

  Attributes:
    shape: The shape of the whole array.
    dtype: One of `DTYPES`' values.
    slices: Reads the part given by a tuple of slices, one for each axis.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  slices: Callable[[Index], np.ndarray]

  @classmethod
  def of(cls, array: np.ndarray) -> "Tensor":
    """Returns a tensor of an array in memory."""
    return cls(array.shape, array.dtype, lambda index: array[index])

  @property
  def size(self) -> int:
    """Returns the number of elements."""
    return math.prod(self.shape)

  @property
  def nbytes(self) -> int:
    """Returns the number of bytes."""
    return self.size * self.dtype.itemsize

  @property
  def T(self) -> "Tensor":  # noqa: N802
    """Returns the transposed tensor, without reading it."""
    return Tensor(
      self.shape[::-1], self.dtype, lambda index: self.slices(index[::-1]).T
    )

  def astype(self, dtype: np.dtype) -> "Tensor":
    """Returns the tensor in another dtype, without reading it."""
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
    """Returns the array on the devices. Each process reads only its part.

    Args:
      expected: The shape and the new dtype, with a sharding or, for one device,
        without.
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
  """Puts tensors on the devices, one after the other.

  Args:
    tensors: Tensors by name, a path joined by "/".
    expected: A tree of `jax.ShapeDtypeStruct` with the same names.
  """
  return jax.tree_util.tree_map_with_path(
    lambda path, like: tensors[sharding.path_name(path)].place(like), expected
  )
